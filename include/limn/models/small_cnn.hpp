#pragma once
// A small convolutional encoder, trained from pixels: for pictures of simple worlds or, VGG-shaped and taught by a
// larger encoder, for photographs.

#include <algorithm>

#include <limn/nn/conv.hpp>
#include <limn/nn/norm.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/pool2d.hpp>

namespace limn::inline LIMN_ABI::models {

/// 3x3 convolutions with batch norm and ReLU; those of stride 2, and a max pool behind one, halve the picture.
struct SmallCNNConfig {
  std::vector<index_t> widths = {24, 48, 96, 96};
  std::vector<index_t> strides = {2, 2, 2, 1};
  std::vector<index_t> pools = {};  ///< a 2x2 max pool follows the convolutions of these indices

  /// The 13 convolutions of VGG16 without its last pool, a quarter as wide, the last three half as wide: [3, 112, 112]
  /// -> [256, 7, 7].
  [[nodiscard]] static SmallCNNConfig vgg16_quarter() {
    return {{16, 16, 32, 32, 64, 64, 64, 128, 128, 128, 256, 256, 256}, std::vector<index_t>(13, 1), {1, 3, 6, 9}};
  }
};

template <class T = float>
struct SmallCNN {
  SmallCNNConfig config;
  std::vector<nn::Conv2d<T>> convs;
  std::vector<nn::BatchNorm2d<T>> norms;

  SmallCNN(const SmallCNNConfig& chosen, Generator& generator) : config(chosen) {
    if (config.widths.size() != config.strides.size())
      fail("SmallCNN", config.widths.size(), " widths but ", config.strides.size(), " strides");
    index_t channels = 3;
    for (std::size_t i = 0; i < config.widths.size(); ++i) {
      convs.emplace_back(channels, config.widths[i], 3, generator,
                         Conv2dOptions{.stride = config.strides[i], .padding = 1}, false);
      convs.back().weight = nn::kaiming_normal<T>(convs.back().weight.shape(), generator);
      norms.emplace_back(config.widths[i]);
      channels = config.widths[i];
    }
  }
  template <class V>
  void members(V&& visit) {
    visit("convs", convs);
    visit("norms", norms);
  }
  /// x [N, 3, H, W] -> [N, C, h, w]
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    Tensor<T> y = x;
    for (std::size_t i = 0; i < convs.size(); ++i) {
      y = relu(norms[i](convs[i](y)));
      if (std::find(config.pools.begin(), config.pools.end(), static_cast<index_t>(i)) != config.pools.end())
        y = max_pool2d(y, 2);
    }
    return y;
  }
};

}  // namespace limn::inline LIMN_ABI::models
