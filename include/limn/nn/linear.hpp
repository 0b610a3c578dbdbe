#pragma once
// Linear: y = x w^T + b.

#include <memory>

#include <limn/core/stamp.hpp>
#include <limn/nn/init.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/matmul.hpp>

namespace limn::inline LIMN_ABI::nn {

template <class T = float>
struct Linear {
  Tensor<T> weight;  ///< [out, in]
  Tensor<T> bias;    ///< [out]; undefined without bias

  Linear() = default;
  Linear(index_t in, index_t out, Generator& generator, bool with_bias = true)
      : weight(fan_in_uniform<T>({out, in}, in, generator)) {
    if (with_bias) bias = fan_in_uniform<T>({out}, in, generator);
  }
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  /// x [..., in] -> [..., out]
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    if (packed_ && !grad_enabled() && stamp_.holds(weight)) return linear(x, *packed_, bias);
    return linear(x, weight, bias);
  }

  /// Copies the weight into the order in which the kernel reads it, for calls under NoGradGuard
  /// (docs/kernels/gemm.md says what that gains). After a write to the weight the copy is no longer used: call
  /// prepack() again (docs/decisions/0009-packed-weights.md).
  void prepack(const PrepackOptions& wanted = {}) {
    packed_ = nullptr;
    stamp_ = Stamp<T>(weight);
    if (!wanted.linear || !stamp_.holds(weight)) return;
    packed_ = std::make_shared<const kernels::PackedMatrix<T>>(weight.size(1), weight.size(0), true, weight.data());
  }

 private:
  std::shared_ptr<const kernels::PackedMatrix<T>> packed_;
  Stamp<T> stamp_;
};

}  // namespace limn::inline LIMN_ABI::nn
