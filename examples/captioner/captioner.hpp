#pragma once
// Captioner: a decoder (merge or attention), its vocabulary, and where its features come from; saved and loaded as one
// file.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <limn/generate/beam.hpp>
#include <limn/generate/sample.hpp>
#include <limn/image/image.hpp>
#include <limn/io/checkpoint.hpp>
#include <limn/models/caption_attention.hpp>
#include <limn/models/caption_merge.hpp>
#include <limn/text/vocabulary.hpp>

#include "captioner/encoder.hpp"
#include "captioner/familiarity.hpp"
#include "captioner/own_encoder.hpp"

namespace limn::captioner {

/// What a captioner is, as the checkpoint's architecture says it.
struct Architecture {
  std::string model = "merge-concat";  ///< merge-add, merge-concat or attention
  index_t units = 256;
  index_t embedding = 256;  ///< attention only: the merge model's embedding is `units` wide
  double dropout = 0.4;
  std::string encoder;   ///< as make_encoder takes it, or "cnn": a SmallCNN trained with the decoder
  index_t features = 0;  ///< numbers of the pooled vector (merge) or of a place (attention)
  index_t vocabulary = 0;
  OwnEncoderConfig own;   ///< for encoder "cnn"
  index_t no_repeat = 0;  ///< no run of so many words is to be said twice; 0: any may be

  [[nodiscard]] bool attends() const { return model == "attention"; }
  [[nodiscard]] io::Json to_json() const;
  [[nodiscard]] static Architecture from_json(const io::Json& json, const std::string& where);
};

class Captioner {
 public:
  Captioner(const Architecture& architecture, text::Vocabulary vocabulary, std::uint64_t seed);
  /// A checkpoint that training wrote (best or last), or the folder of a run. Throws one line when it is damaged or
  /// holds NaN.
  [[nodiscard]] static Captioner load(const std::string& checkpoint);

  [[nodiscard]] const Architecture& architecture() const { return architecture_; }
  [[nodiscard]] const text::Vocabulary& vocabulary() const { return vocabulary_; }
  [[nodiscard]] bool reads_pictures() const { return architecture_.encoder == "cnn"; }
  /// The share of each layer's inputs that training drops.
  void set_dropout(double dropout);
  /// How its own network's pictures are prepared; only when reads_pictures().
  void set_picture(index_t side, index_t squeezed);
  void set_no_repeat(index_t words) { architecture_.no_repeat = words; }
  /// How its feature vectors are scaled: (x - mean) * scale.
  void set_feature_scaling(const Tensor<float>& mean, const Tensor<float>& scale);

  /// The captioner's own network takes the weights of a checkpoint that `captioner distill` wrote.
  void load_encoder(const std::string& checkpoint) { load_own_encoder(checkpoint, *cnn_); }
  /// From now on training leaves the captioner's own network as it is.
  void freeze_encoder();
  /// Pixels [N, 3, side, side] -> features by the captioner's own network; only when reads_pictures().
  [[nodiscard]] models::ImageFeatures<float> look(const Tensor<float>& pixels) const;
  /// Logits [positions, vocabulary].
  [[nodiscard]] Tensor<float> logits(const models::ImageFeatures<float>& features, const models::CaptionBatch& batch,
                                     Generator* generator) const;
  /// The best captions of image `row` of the features, best first. The options' start and end are the vocabulary's.
  [[nodiscard]] std::vector<generate::Hypothesis> describe(const models::ImageFeatures<float>& features, index_t row,
                                                           const generate::BeamOptions& options) const;
  /// One sampled caption of at most `longest` words for each entry of `rows`, which says the image.
  [[nodiscard]] std::vector<generate::Hypothesis> sample(const models::ImageFeatures<float>& features,
                                                         const std::vector<index_t>& rows, index_t longest,
                                                         Generator& generator) const;
  /// What it learned from, where the checkpoint says it.
  [[nodiscard]] const std::optional<Familiarity>& familiarity() const { return familiarity_; }
  void set_familiarity(std::optional<Familiarity> familiarity) { familiarity_ = std::move(familiarity); }
  [[nodiscard]] std::string words(const generate::Hypothesis& hypothesis) const;

  void train(bool training);
  [[nodiscard]] std::vector<Tensor<float>> parameters();
  [[nodiscard]] io::NamedTensors<float> tensors();
  /// Writes model and vocabulary alone: what captioning needs. `weights`: the encoder's files, as given, for a hint.
  void save(const std::string& path, const std::vector<std::string>& weights, bool half = false);
  /// The encoder's weights files as they were named in training.
  [[nodiscard]] const std::vector<std::string>& encoder_weights() const { return encoder_weights_; }

  template <class V>
  void members(V&& visit) {
    if (cnn_) visit("cnn", *cnn_);
    if (merge_) visit("decoder", *merge_);
    if (attention_) visit("decoder", *attention_);
    if (familiarity_) visit("familiarity", *familiarity_);
  }

 private:
  Architecture architecture_;
  text::Vocabulary vocabulary_;
  std::optional<models::SmallCNN<float>> cnn_;
  std::optional<models::MergeCaptioner<float>> merge_;
  std::optional<models::AttentionCaptioner<float>> attention_;
  std::optional<Familiarity> familiarity_;
  std::vector<std::string> encoder_weights_;
  bool frozen_ = false;
};

/// The encoder of a captioner that does not read pictures itself: from `given` weights, or those named in training,
/// looked for as named, beside the checkpoint and in $LIMN_SHARED (default ../shared).
[[nodiscard]] std::unique_ptr<Encoder> encoder_of(const Captioner& captioner, const std::string& checkpoint,
                                                  const std::vector<std::string>& given);

/// Features of pictures by either way.
[[nodiscard]] models::ImageFeatures<float> features_of(const Captioner& captioner, const Encoder* encoder,
                                                       const std::vector<image::Image>& pictures);

}  // namespace limn::captioner
