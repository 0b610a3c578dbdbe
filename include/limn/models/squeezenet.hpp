#pragma once
// SqueezeNet 1.1 (Iandola et al. 2016), under torchvision's names.

#include <limn/nn/conv.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/concat.hpp>
#include <limn/ops/pool2d.hpp>

namespace limn::inline LIMN_ABI::models {

/// Squeeze with 1x1, expand with 1x1 beside 3x3.
template <class T = float>
struct Fire {
  nn::Conv2d<T> squeeze, expand1x1, expand3x3;

  Fire(index_t in, index_t squeezed, index_t expanded, Generator& generator)
      : squeeze(in, squeezed, 1, generator),
        expand1x1(squeezed, expanded, 1, generator),
        expand3x3(squeezed, expanded, 3, generator, {.padding = 1}) {}
  template <class V>
  void members(V&& visit) {
    visit("squeeze", squeeze);
    visit("expand1x1", expand1x1);
    visit("expand3x3", expand3x3);
  }
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    const Tensor<T> s = relu(squeeze(x));
    return concat<T>({relu(expand1x1(s)), relu(expand3x3(s))}, 1);
  }
};

template <class T = float>
struct SqueezeNet {
  nn::Conv2d<T> stem, classifier;
  std::vector<Fire<T>> fires;  ///< features.3, 4, 6, 7, 9, 10, 11, 12

  explicit SqueezeNet(Generator& generator, index_t classes = 1000)
      : stem(3, 64, 3, generator, {.stride = 2}), classifier(512, classes, 1, generator) {
    const index_t plan[8][3] = {{64, 16, 64},   {128, 16, 64},  {128, 32, 128}, {256, 32, 128},
                                {256, 48, 192}, {384, 48, 192}, {384, 64, 256}, {512, 64, 256}};
    for (const auto& [in, squeezed, expanded] : plan) fires.emplace_back(in, squeezed, expanded, generator);
  }
  template <class V>
  void members(V&& visit) {
    const char* names[8] = {"features.3", "features.4",  "features.6",  "features.7",
                            "features.9", "features.10", "features.11", "features.12"};
    visit("features.0", stem);
    for (std::size_t i = 0; i < fires.size(); ++i) visit(names[i], fires[i]);
    visit("classifier.1", classifier);
  }
  /// x [N, 3, H, W] -> [N, 512, h, w]; 13 x 13 for 224 x 224
  [[nodiscard]] Tensor<T> features(const Tensor<T>& x) const {
    const Pool2dOptions pool{.stride = 2, .ceil_mode = true};
    Tensor<T> y = max_pool2d(relu(stem(x)), 3, pool);
    for (std::size_t i = 0; i < fires.size(); ++i) {
      y = fires[i](y);
      if (i == 1 || i == 3) y = max_pool2d(y, 3, pool);
    }
    return y;
  }
  /// x [N, 3, H, W] -> logits [N, classes]
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    return flatten(adaptive_avg_pool2d(relu(classifier(features(x))), 1), 1);
  }
};

}  // namespace limn::inline LIMN_ABI::models
