#pragma once
// Answerer: a model that answers questions about pictures, its words and answers, and what it sees through; saved and
// loaded as one file.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <limn/image/image.hpp>
#include <limn/io/checkpoint.hpp>
#include <limn/models/vqa_small.hpp>
#include <limn/text/vocabulary.hpp>

#include "captioner/encoder.hpp"
#include "captioner/own_encoder.hpp"

namespace limn::vqa {

/// What an answerer is, as the checkpoint's architecture says it.
struct Architecture {
  models::VqaSmallConfig model;
  std::string encoder = "cnn";  ///< "cnn": trained with the answerer; "none"; else as captioner::make_encoder takes it
  captioner::OwnEncoderConfig own = {{{32, 32, 64, 96, 96}, {2, 1, 2, 2, 1}}, 64};  ///< for "cnn"

  [[nodiscard]] io::Json to_json() const;
  [[nodiscard]] static Architecture from_json(const io::Json& json, const std::string& where);
};

class Answerer {
 public:
  Answerer(const Architecture& architecture, text::Vocabulary vocabulary, std::vector<std::string> answers,
           std::uint64_t seed);
  /// A checkpoint that training wrote (best or last), or the folder of a run. Throws one line when it is damaged.
  [[nodiscard]] static Answerer load(const std::string& checkpoint);

  [[nodiscard]] const Architecture& architecture() const { return architecture_; }
  [[nodiscard]] const text::Vocabulary& vocabulary() const { return vocabulary_; }
  [[nodiscard]] const std::vector<std::string>& answers() const { return answers_; }
  /// The number of an answer, or -1.
  [[nodiscard]] index_t answer_id(const std::string& answer) const;
  [[nodiscard]] bool reads_pictures() const { return architecture_.encoder == "cnn"; }
  /// The share of each layer's inputs that training drops.
  void set_dropout(double dropout) { architecture_.model.dropout = model_->config.dropout = dropout; }
  void set_feature_scaling(const Tensor<float>& mean, const Tensor<float>& scale);

  /// Ids of a question's words, at least one; how many of them are known.
  struct Encoded {
    std::vector<index_t> ids;
    index_t known = 0;
  };
  [[nodiscard]] Encoded encode(const std::string& question) const;

  /// What the model reads (pixels_of(...) for "cnn", else an encoder's grid) and the questions -> answers.
  [[nodiscard]] models::VqaAnswer<float> operator()(const Tensor<float>& input, const models::QuestionBatch& batch,
                                                    Generator* generator = nullptr) const;

  void train(bool training);
  [[nodiscard]] std::vector<Tensor<float>> parameters();
  [[nodiscard]] io::NamedTensors<float> tensors();
  /// What a checkpoint says besides the tensors: words, answers and where the encoder's weights were.
  [[nodiscard]] io::Json extra(const std::vector<std::string>& weights) const;
  /// Writes the model alone.
  void save(const std::string& path, const std::vector<std::string>& weights, bool half = false);
  [[nodiscard]] const std::vector<std::string>& encoder_weights() const { return encoder_weights_; }

  template <class V>
  void members(V&& visit) {
    if (cnn_) visit("cnn", *cnn_);
    visit("model", *model_);
  }

 private:
  Architecture architecture_;
  text::Vocabulary vocabulary_;
  std::vector<std::string> answers_;
  std::optional<models::SmallCNN<float>> cnn_;
  std::optional<models::VqaSmall<float>> model_;
  std::vector<std::string> encoder_weights_;
};

/// What the answerer reads of pictures, by its own network or the encoder.
[[nodiscard]] Tensor<float> input_of(const Answerer& answerer, const captioner::Encoder* encoder,
                                     const std::vector<image::Image>& pictures);

}  // namespace limn::vqa
