#pragma once
// Conv2d, ConvTranspose2d.

#include <memory>

#include <limn/autograd/no_grad.hpp>
#include <limn/core/stamp.hpp>
#include <limn/nn/init.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/conv2d.hpp>

namespace limn::inline LIMN_ABI::nn {

template <class T = float>
struct Conv2d {
  Tensor<T> weight;  ///< [out, in / groups, kh, kw]
  Tensor<T> bias;    ///< [out]; undefined without bias
  Conv2dOptions options;

  Conv2d() = default;
  Conv2d(index_t in, index_t out, Pair kernel, Generator& generator, Conv2dOptions conv_options = {},
         bool with_bias = true)
      : options(conv_options) {
    if (options.groups < 1 || in % options.groups != 0)
      fail("Conv2d", in, " channels do not divide into groups=", options.groups);
    const index_t fan_in = in / options.groups * kernel.h * kernel.w;
    weight = fan_in_uniform<T>({out, in / options.groups, kernel.h, kernel.w}, fan_in, generator);
    if (with_bias) bias = fan_in_uniform<T>({out}, fan_in, generator);
  }
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  /// x [N, in, H, W] -> [N, out, OH, OW]
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const { return conv2d(x, weight, bias, options, packed()); }

  /// Transforms 3 x 3 kernels for Winograd's algorithm, for calls under NoGradGuard. After a write to the weight the
  /// transformed ones are no longer used: call prepack() again (docs/decisions/0009-packed-weights.md).
  void prepack(const PrepackOptions& wanted = {}) {
    packed_ = nullptr;
    stamp_ = Stamp<T>(weight);
    if (!wanted.winograd || !stamp_.holds(weight)) return;
    const auto fresh = std::make_shared<const kernels::PackedConv2d<T>>(
        limn::detail::conv2d_weights_shape(weight, options), weight.data());
    if (!fresh->empty()) packed_ = fresh;
  }
  /// What prepack() left, for conv2d and its fused forms; null where it is stale or a gradient may be recorded.
  [[nodiscard]] const kernels::PackedConv2d<T>* packed() const {
    return packed_ && !grad_enabled() && stamp_.holds(weight) ? packed_.get() : nullptr;
  }

 private:
  std::shared_ptr<const kernels::PackedConv2d<T>> packed_;
  Stamp<T> stamp_;
};

template <class T = float>
struct ConvTranspose2d {
  Tensor<T> weight;  ///< [in, out / groups, kh, kw]
  Tensor<T> bias;    ///< [out]; undefined without bias
  ConvTranspose2dOptions options;

  ConvTranspose2d() = default;
  ConvTranspose2d(index_t in, index_t out, Pair kernel, Generator& generator, ConvTranspose2dOptions conv_options = {},
                  bool with_bias = true)
      : options(conv_options) {
    if (options.groups < 1 || out % options.groups != 0)
      fail("ConvTranspose2d", out, " outputs do not divide into groups=", options.groups);
    const index_t fan_in = out / options.groups * kernel.h * kernel.w;
    weight = fan_in_uniform<T>({in, out / options.groups, kernel.h, kernel.w}, fan_in, generator);
    if (with_bias) bias = fan_in_uniform<T>({out}, fan_in, generator);
  }
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  /// x [N, in, H, W] -> [N, out, OH, OW]
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const { return conv_transpose2d(x, weight, bias, options); }
};

}  // namespace limn::inline LIMN_ABI::nn
