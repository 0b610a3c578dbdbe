#pragma once
// LayerNorm: normalisation of each item over its last dimensions.

#include <limn/nn/init.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/norm.hpp>

namespace limn::inline LIMN_ABI::nn {

/// torch.nn.LayerNorm (Ba, Kiros, Hinton 2016); begins with weight 1 and bias 0.
template <class T = float>
struct LayerNorm {
  Tensor<T> weight, bias;  ///< [normalized_shape]; bias may be undefined
  LayerNormOptions options;

  LayerNorm() = default;
  explicit LayerNorm(const Dims& normalized_shape, LayerNormOptions chosen = {}, bool with_bias = true)
      : weight(parameter(ones<T>(Shape(normalized_shape)))), options(chosen) {
    if (with_bias) bias = parameter(zeros<T>(Shape(normalized_shape)));
  }
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  /// x [..., normalized_shape] -> the same shape
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    return layer_norm(x, weight.shape(), weight, bias, options);
  }
};

}  // namespace limn::inline LIMN_ABI::nn
