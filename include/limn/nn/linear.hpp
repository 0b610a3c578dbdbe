#pragma once
// Linear: y = x w^T + b.

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
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const { return linear(x, weight, bias); }
};

}  // namespace limn::inline LIMN_ABI::nn
