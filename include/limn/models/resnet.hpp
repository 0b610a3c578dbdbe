#pragma once
// ResNet-50 v2 (He, Zhang, Ren, Sun 2016, pre-activation) up to its third stage: 1024 feature planes of stride 16
// ("C4").

#include <limn/nn/conv.hpp>
#include <limn/nn/norm.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/pool2d.hpp>

namespace limn::inline LIMN_ABI::models {

/// y = x + conv3(conv2(conv1(relu(bn1 x)))), the shortcut projected from relu(bn1 x) in the first unit of a stage.
template <class T = float>
struct PreActivationBottleneck {
  bool projects;
  nn::BatchNorm2d<T> bn1, bn2, bn3;
  nn::Conv2d<T> conv1, conv2, conv3, downsample;

  PreActivationBottleneck(index_t in, index_t narrow, index_t out, index_t stride, bool first, Generator& generator)
      : projects(first),
        bn1(in),
        bn2(narrow),
        bn3(narrow),
        conv1(in, narrow, 1, generator, {}, false),
        conv2(narrow, narrow, 3, generator, {.stride = stride, .padding = 1}, false),
        conv3(narrow, out, 1, generator, {}, false) {
    if (first) downsample = nn::Conv2d<T>(in, out, 1, generator, {.stride = stride}, false);
  }
  template <class V>
  void members(V&& visit) {
    visit("bn1", bn1);
    visit("conv1", conv1);
    visit("bn2", bn2);
    visit("conv2", conv2);
    visit("bn3", bn3);
    visit("conv3", conv3);
    if (projects) visit("downsample.0", downsample);
  }
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    const Tensor<T> active = relu(bn1(x));
    const Tensor<T> y = conv3(relu(bn3(conv2(relu(bn2(conv1(active)))))));
    return y + (projects ? downsample(active) : x);
  }
};

template <class T = float>
struct ResNet50v2C4 {
  nn::BatchNorm2d<T> bn_data, bn1, norm_c4;
  nn::Conv2d<T> conv1;
  std::vector<PreActivationBottleneck<T>> layer1, layer2, layer3;

  explicit ResNet50v2C4(Generator& generator)
      : bn_data(3), bn1(64), norm_c4(1024), conv1(3, 64, 7, generator, {.stride = 2, .padding = 3}, false) {
    const auto stage = [&](std::vector<PreActivationBottleneck<T>>& units, index_t count, index_t in, index_t narrow,
                           index_t stride) {
      for (index_t i = 0; i < count; ++i)
        units.emplace_back(i == 0 ? in : 4 * narrow, narrow, 4 * narrow, i == 0 ? stride : 1, i == 0, generator);
    };
    stage(layer1, 3, 64, 64, 1);
    stage(layer2, 4, 256, 128, 2);
    stage(layer3, 6, 512, 256, 2);
  }
  template <class V>
  void members(V&& visit) {
    visit("bn_data", bn_data);
    visit("conv1", conv1);
    visit("bn1", bn1);
    visit("layer1", layer1);
    visit("layer2", layer2);
    visit("layer3", layer3);
    visit("norm_c4", norm_c4);
  }
  /// x [N, 3, H, W] -> [N, 1024, H / 16, W / 16]
  [[nodiscard]] Tensor<T> features(const Tensor<T>& x) const {
    Tensor<T> y = max_pool2d(relu(bn1(conv1(bn_data(x)))), 3, {.stride = 2, .padding = 1});
    for (const auto* stage : {&layer1, &layer2, &layer3})
      for (const auto& unit : *stage) y = unit(y);
    return relu(norm_c4(y));
  }
};

}  // namespace limn::inline LIMN_ABI::models
