#pragma once
// Image encoders by name: each with its own preprocessing, its weights under every name we know, and its features.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <limn/core/random.hpp>
#include <limn/image/image.hpp>
#include <limn/nn/linear.hpp>

namespace limn::captioner {

/// One network, or several side by side ("mobilenet+resnet50"), whose feature planes are stacked.
class Encoder {
 public:
  virtual ~Encoder() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Numbers at each place of the grid; the pooled vector has as many (but see vgg*, whose pooled vector is fc2's).
  [[nodiscard]] virtual index_t channels() const = 0;
  [[nodiscard]] virtual index_t pooled_size() const = 0;
  struct Features {
    Tensor<float> pooled;  ///< [N, pooled_size]
    Tensor<float> grid;    ///< [N, 49, channels]: 7 x 7 places in reading order
  };
  /// Of pictures of any size; the features are on the CPU.
  [[nodiscard]] virtual Features operator()(const std::vector<image::Image>& images) const = 0;
  /// Of pixels [N, 3, height, width] as they are, red, green and blue of 0 to 255, where the network is.
  [[nodiscard]] virtual Features of_pixels(const Tensor<float>& pixels) const = 0;
  virtual void to(Device device) = 0;
  /// The layer that answers with a class's logits, where there is one that reads the pooled features.
  struct Classifier {
    nn::Linear<float> layer;
    index_t first = 0;  ///< the feature where those that it reads begin
  };
  [[nodiscard]] virtual std::optional<Classifier> classifier() const { return {}; }
  /// Prepares the weights for many pictures; for a few it takes longer than it saves.
  virtual void prepack() = 0;
};

/// The mean of planes [N, C, h, w] over their places, and the planes averaged (or repeated) to 7 x 7.
[[nodiscard]] Encoder::Features features_of_planes(const Tensor<float>& planes);

/// The names that make_encoder takes, for help texts.
[[nodiscard]] std::vector<std::string> encoder_names();

/// `names`: one name or several joined with '+'; `weights`: one file a name, in that order. Without a file an encoder
/// has random weights from seed 0 (`allow_random`), which is good for measuring time alone.
[[nodiscard]] std::unique_ptr<Encoder> make_encoder(const std::string& names, const std::vector<std::string>& weights,
                                                    bool allow_random = false);

/// The encoder that a checkpoint was trained with: from `given` weights, or those named in training (`named`), looked
/// for as named, beside the checkpoint and in $LIMN_SHARED (default ../shared).
[[nodiscard]] std::unique_ptr<Encoder> find_encoder(const std::string& names, const std::vector<std::string>& named,
                                                    const std::string& checkpoint,
                                                    const std::vector<std::string>& given);

}  // namespace limn::captioner
