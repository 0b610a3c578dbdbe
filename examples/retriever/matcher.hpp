#pragma once
// Matcher: a dual encoder, its words, and where its image features come from; saved and loaded as one file.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <limn/image/image.hpp>
#include <limn/io/checkpoint.hpp>
#include <limn/models/dual_encoder.hpp>
#include <limn/text/vocabulary.hpp>

#include "captioner/features.hpp"
#include "captioner/own_encoder.hpp"

namespace limn::retriever {

/// What a matcher is, as the checkpoint's architecture says it.
struct Architecture {
  models::DualEncoderConfig model;
  std::string encoder;                             ///< as captioner::make_encoder takes it
  std::optional<captioner::OwnEncoderConfig> own;  ///< set when the encoder is in the matcher's own checkpoint

  [[nodiscard]] io::Json to_json() const;
  [[nodiscard]] static Architecture from_json(const io::Json& json, const std::string& where);
};

/// Probability that an image and a text belong together: 1 / (1 + exp(-(slope * similarity + offset))), where one pair
/// in two does.
struct Calibration {
  double slope = 10, offset = -3;
  [[nodiscard]] double operator()(double similarity) const;
  /// Logistic regression by Newton's method: `same` are similarities of pairs, `other` of strangers; each side counts
  /// half.
  [[nodiscard]] static Calibration fit(const std::vector<double>& same, const std::vector<double>& other);
};

class Matcher {
 public:
  static constexpr index_t longest = 40;  ///< words of a text; more are not read

  Matcher(const Architecture& architecture, text::Vocabulary vocabulary, std::uint64_t seed);
  /// A checkpoint that training wrote, or the folder of a run. Throws one line when it is damaged.
  [[nodiscard]] static Matcher load(const std::string& checkpoint);

  [[nodiscard]] const Architecture& architecture() const { return architecture_; }
  [[nodiscard]] const text::Vocabulary& vocabulary() const { return vocabulary_; }
  [[nodiscard]] models::DualEncoder<float>& model() { return model_; }
  [[nodiscard]] const models::DualEncoder<float>& model() const { return model_; }

  /// Ids of a text's words, at least one; how many of them are known.
  struct Encoded {
    std::vector<index_t> ids;
    index_t known = 0;
  };
  [[nodiscard]] Encoded encode(const std::string& text) const;
  [[nodiscard]] bool reads_grid() const { return architecture_.model.grid; }
  /// Throws, naming `path`, when these are not the features that the model reads.
  void require_features(const captioner::FeatureFile& file, const std::string& path) const;
  /// The share of each layer's inputs that training drops.
  void set_dropout(double dropout) { architecture_.model.dropout = model_.config.dropout = dropout; }
  /// What the model reads of an image's features: the places of the grid or the pooled vector.
  template <class Features>
  [[nodiscard]] const Tensor<float>& input(const Features& features) const {
    return reads_grid() ? features.grid : features.pooled;
  }
  /// Unit vectors [N, shared] of input(features), and of encoded texts.
  [[nodiscard]] Tensor<float> image_vectors(const Tensor<float>& input) const;
  [[nodiscard]] Tensor<float> text_vectors(const std::vector<std::vector<index_t>>& texts) const;
  /// 16 hexadecimal digits that differ between models: an index is of one model alone.
  [[nodiscard]] std::string fingerprint();

  Calibration calibration;

  void train(bool training) { nn::train(model_, training); }
  /// Those that training moves: the encoder is none of them.
  [[nodiscard]] std::vector<Tensor<float>> parameters() { return nn::parameters<float>(model_); }
  [[nodiscard]] io::NamedTensors<float> tensors();
  [[nodiscard]] io::Json extra(const std::vector<std::string>& weights) const;
  /// Writes the model alone.
  void save(const std::string& path, const std::vector<std::string>& weights, bool half = false);
  [[nodiscard]] const std::vector<std::string>& encoder_weights() const { return encoder_weights_; }
  /// The matcher's own encoder takes the weights of a checkpoint that `captioner distill` wrote.
  void load_encoder(const std::string& checkpoint) { captioner::load_own_encoder(checkpoint, *cnn_); }
  /// What turns images into features: its own, or one found by captioner::find_encoder for `checkpoint`.
  [[nodiscard]] std::unique_ptr<captioner::Encoder> encoder(const std::string& checkpoint,
                                                            const std::vector<std::string>& given) const;

 private:
  Architecture architecture_;
  text::Vocabulary vocabulary_;
  models::DualEncoder<float> model_;
  std::optional<models::SmallCNN<float>> cnn_;
  std::vector<std::string> encoder_weights_;
};

/// Word vectors: words.txt-like list (one a line) and a tensor with a row for each.
class WordVectors {
 public:
  /// A folder that holds one .safetensors with embedding.weight and one .txt.
  explicit WordVectors(const std::string& folder);
  [[nodiscard]] index_t width() const { return vectors_.size(1); }
  /// Fills the rows of known words; returns how many there were.
  index_t fill(const text::Vocabulary& vocabulary, const Tensor<float>& embedding) const;

 private:
  std::map<std::string, index_t> rows_;
  Tensor<float> vectors_;
};

}  // namespace limn::retriever
