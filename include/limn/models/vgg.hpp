#pragma once
// VGG 11, 13, 16 and 19, with and without batch norm (Simonyan and Zisserman 2015), under torchvision's names.

#include <functional>

#include <limn/nn/conv.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/norm.hpp>
#include <limn/ops/conv2d_relu.hpp>
#include <limn/ops/dropout.hpp>

namespace limn::inline LIMN_ABI::models {

struct VGGConfig {
  std::vector<index_t> widths;  ///< output channels of each 3x3 convolution; 0 stands for a 2x2 max pool
  bool batch_norm = false;
  index_t classes = 1000;
  index_t hidden = 4096;  ///< units of the two hidden fully connected layers
  index_t grid = 7;       ///< side of the grid that the adaptive pool hands to the classifier
  double dropout = 0.5;

  /// The published configurations: depth 11, 13, 16 or 19.
  [[nodiscard]] static VGGConfig of_depth(index_t depth, bool batch_norm = false) {
    const index_t first = depth == 11 ? 1 : 2, later = depth == 16 ? 3 : depth == 19 ? 4 : 2;
    if (depth != 11 && depth != 13 && depth != 16 && depth != 19)
      fail("VGG", "depth ", depth, " is none of 11, 13, 16 and 19");
    VGGConfig config;
    config.batch_norm = batch_norm;
    const index_t repeats[5] = {first, first, later, later, later}, widths[5] = {64, 128, 256, 512, 512};
    for (int stage = 0; stage < 5; ++stage) {
      config.widths.insert(config.widths.end(), static_cast<std::size_t>(repeats[stage]), widths[stage]);
      config.widths.push_back(0);
    }
    return config;
  }
};

/// features: convolutions (+ batch norm), ReLU, pools; adaptive average pool; classifier: two hidden layers and the
/// output.
template <class T = float>
struct VGG {
  struct Layer {
    index_t index;  ///< torchvision's position in `features`
    nn::Conv2d<T> conv;
    nn::BatchNorm2d<T> norm;
  };
  VGGConfig config;
  std::vector<Layer> layers;
  nn::Linear<T> fc1, fc2, fc3;
  bool training = true;

  VGG(const VGGConfig& chosen, Generator& generator) : config(chosen) {
    index_t channels = 3, index = 0;
    for (const index_t width : config.widths) {
      if (width == 0) {
        ++index;
        continue;
      }
      Layer layer{index, nn::Conv2d<T>(channels, width, 3, generator, {.padding = 1}), {}};
      if (config.batch_norm) layer.norm = nn::BatchNorm2d<T>(width);
      layers.push_back(std::move(layer));
      index += config.batch_norm ? 3 : 2;
      channels = width;
    }
    fc1 = nn::Linear<T>(channels * config.grid * config.grid, config.hidden, generator);
    fc2 = nn::Linear<T>(config.hidden, config.hidden, generator);
    fc3 = nn::Linear<T>(config.hidden, config.classes, generator);
  }

  template <class V>
  void members(V&& visit) {
    for (Layer& layer : layers) {
      visit("features." + std::to_string(layer.index), layer.conv);
      if (config.batch_norm) visit("features." + std::to_string(layer.index + 1), layer.norm);
    }
    visit("classifier.0", fc1);
    visit("classifier.3", fc2);
    visit("classifier.6", fc3);
  }

  /// Sees the output of each pool and its index in torchvision's `features`.
  using Pooled = std::function<void(index_t index, const Tensor<T>& y)>;
  /// x [N, 3, H, W] -> [N, C, H / 32, W / 32]. Batch norm reads its running statistics.
  [[nodiscard]] Tensor<T> features(const Tensor<T>& x, const Pooled& pooled = nullptr) const {
    return walk(*this, x, pooled);
  }
  /// The same, but in training batch norm uses the batch's statistics and updates the running ones.
  [[nodiscard]] Tensor<T> features(const Tensor<T>& x, const Pooled& pooled = nullptr) {
    return walk(*this, x, pooled);
  }
  /// The classifier's input: [N, C, H, W] -> [N, C, grid, grid].
  [[nodiscard]] Tensor<T> pool(const Tensor<T>& features) const { return adaptive_avg_pool2d(features, config.grid); }
  /// The second hidden layer after its ReLU ("fc2" in Keras): what captioners read. grid [N, C, grid, grid] -> [N,
  /// hidden]. A generator makes dropout drop, in training.
  [[nodiscard]] Tensor<T> hidden(const Tensor<T>& grid, Generator* generator = nullptr) const {
    const bool drop = training && generator && config.dropout > 0;
    Tensor<T> y = relu(fc1(flatten(grid, 1)));
    if (drop) y = dropout(y, config.dropout, *generator);
    return relu(fc2(y));
  }
  /// x [N, 3, H, W] -> logits [N, classes].
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x, Generator* generator = nullptr) const {
    return classify(features(x), generator);
  }
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x, Generator* generator = nullptr) {
    return classify(features(x), generator);
  }

 private:
  template <class Self>
  [[nodiscard]] static Tensor<T> walk(Self& self, const Tensor<T>& x, const Pooled& pooled) {
    Tensor<T> y = x;
    std::size_t next = 0;
    index_t index = 0;
    bool fused = false;  // the layer before this pool has pooled
    const std::vector<index_t>& widths = self.config.widths;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) {
        if (!fused) y = max_pool2d(y, 2);
        if (pooled) pooled(index, y);
        fused = false;
        ++index;
        continue;
      }
      auto& layer = self.layers[next++];
      const nn::Conv2d<T>& conv = layer.conv;
      fused = !self.config.batch_norm && i + 1 < widths.size() && widths[i + 1] == 0;
      if (self.config.batch_norm)
        y = relu(layer.norm(conv(y)));
      else if (fused)
        y = conv2d_relu_max_pool2d(y, conv.weight, conv.bias, conv.options, conv.packed());
      else
        y = conv2d_relu(y, conv.weight, conv.bias, conv.options, conv.packed());
      index += self.config.batch_norm ? 3 : 2;
    }
    return y;
  }
  [[nodiscard]] Tensor<T> classify(const Tensor<T>& features, Generator* generator) const {
    Tensor<T> y = hidden(pool(features), generator);
    if (training && generator && config.dropout > 0) y = dropout(y, config.dropout, *generator);
    return fc3(y);
  }
};

}  // namespace limn::inline LIMN_ABI::models
