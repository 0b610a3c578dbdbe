#pragma once
// A small convolutional encoder, trained from pixels together with the captioner: for pictures of simple worlds.

#include <limn/nn/conv.hpp>
#include <limn/nn/norm.hpp>
#include <limn/ops/activation.hpp>

namespace limn::inline LIMN_ABI::models {

/// 3x3 convolutions with batch norm and ReLU; those of stride 2 halve the picture.
struct SmallCNNConfig {
  std::vector<index_t> widths = {24, 48, 96, 96};
  std::vector<index_t> strides = {2, 2, 2, 1};
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
    for (std::size_t i = 0; i < convs.size(); ++i) y = relu(norms[i](convs[i](y)));
    return y;
  }
};

}  // namespace limn::inline LIMN_ABI::models
