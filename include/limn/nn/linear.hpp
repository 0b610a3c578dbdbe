#pragma once
// Linear: y = x w^T + b.

#include <functional>
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
    if (packed_ && !grad_enabled() && stamp_.holds(weight)) return packed_(x, bias);
    return linear(x, weight, bias);
  }

  /// Copies the weight into the order in which the kernel reads it, for calls under NoGradGuard
  /// (docs/kernels/gemm.md says what that gains). After a write to the weight the copy is no longer used: call
  /// prepack() again (docs/decisions/0009-packed-weights.md).
  ///
  /// prepack<bf16>() keeps the copy in half as many bytes, prepack<std::int8_t>() in a quarter, as
  /// torch.ao.quantization.quantize_dynamic does: float in and out, and in between an error of some 2^-9 and 2^-7 of
  /// the result's size (docs/kernels/reduced_precision.md). Layers of float only.
  template <class E = T>
  requires std::is_same_v<E, T> ||
      (std::is_same_v<T, float>&& kernels::is_reduced<E>)void prepack(const PrepackOptions& wanted = {}) {
    packed_ = nullptr;
    stamp_ = Stamp<T>(weight);
    if (!wanted.linear || !stamp_.holds(weight)) return;
    const auto copy =
        std::make_shared<const kernels::PackedMatrix<E>>(weight.size(1), weight.size(0), true, weight.data());
    packed_ = [copy](const Tensor<T>& x, const Tensor<T>& b) { return linear(x, *copy, b); };
  }

 private:
  std::function<Tensor<T>(const Tensor<T>& x, const Tensor<T>& b)> packed_;
  Stamp<T> stamp_;
};

}  // namespace limn::inline LIMN_ABI::nn
