#pragma once
// MobileNetV2 1.0 (Sandler et al. 2018), batch norm folded into the convolutions, under torchvision's names.

#include <limn/nn/conv.hpp>
#include <limn/nn/linear.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/pool2d.hpp>
#include <limn/ops/reduce.hpp>

namespace limn::inline LIMN_ABI::models {

/// How a 3x3 convolution of stride 2 pads an even extent: one row and column all around (PyTorch), or none at the top
/// and left and one at the bottom and right (TensorFlow's SAME).
enum class StridePadding : std::uint8_t { symmetric, tensorflow };

/// Expand with 1x1, filter depthwise, project with 1x1; added to its input where the shapes agree.
template <class T = float>
struct InvertedResidual {
  bool expands, residual;
  nn::Conv2d<T> expand, depthwise, project;

  InvertedResidual(index_t in, index_t out, index_t stride, index_t expansion, StridePadding padding,
                   Generator& generator)
      : expands(expansion != 1), residual(stride == 1 && in == out) {
    const index_t wide = in * expansion;
    if (expands) expand = nn::Conv2d<T>(in, wide, 1, generator);
    const bool late = stride == 2 && padding == StridePadding::tensorflow;
    depthwise = nn::Conv2d<T>(wide, wide, 3, generator,
                              {.stride = stride, .padding = late ? 0 : 1, .groups = wide, .padding_end = 1});
    project = nn::Conv2d<T>(wide, out, 1, generator);
  }
  template <class V>
  void members(V&& visit) {
    if (expands) visit("conv.0.0", expand);
    visit(expands ? "conv.1.0" : "conv.0.0", depthwise);
    visit(expands ? "conv.2" : "conv.1", project);
  }
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    const Tensor<T> wide = expands ? relu6(expand(x)) : x;
    const Tensor<T> y = project(relu6(depthwise(wide)));
    return residual ? x + y : y;
  }
};

template <class T = float>
struct MobileNetV2 {
  nn::Conv2d<T> stem, head;
  std::vector<InvertedResidual<T>> blocks;  ///< features.1 .. features.17
  nn::Linear<T> classifier;

  explicit MobileNetV2(Generator& generator, StridePadding padding = StridePadding::tensorflow, index_t classes = 1000)
      : stem(3, 32, 3, generator,
             {.stride = 2, .padding = padding == StridePadding::tensorflow ? 0 : 1, .padding_end = 1}),
        head(320, 1280, 1, generator),
        classifier(1280, classes, generator) {
    const index_t plan[7][4] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    index_t channels = 32;
    for (const auto& [expansion, out, repeats, stride] : plan)
      for (index_t i = 0; i < repeats; ++i) {
        blocks.emplace_back(channels, out, i == 0 ? stride : 1, expansion, padding, generator);
        channels = out;
      }
  }
  template <class V>
  void members(V&& visit) {
    visit("features.0.0", stem);
    for (std::size_t i = 0; i < blocks.size(); ++i) visit("features." + std::to_string(i + 1), blocks[i]);
    visit("features.18.0", head);
    visit("classifier.1", classifier);
  }
  /// x [N, 3, H, W] -> [N, 1280, H / 32, W / 32]
  [[nodiscard]] Tensor<T> features(const Tensor<T>& x) const {
    Tensor<T> y = relu6(stem(x));
    for (const InvertedResidual<T>& block : blocks) y = block(y);
    return relu6(head(y));
  }
  /// x [N, 3, H, W] -> logits [N, classes]
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const { return classifier(mean(features(x), {2, 3})); }
};

}  // namespace limn::inline LIMN_ABI::models
