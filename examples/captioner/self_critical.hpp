#pragma once
// Self-critical training (Rennie et al. 2017, "Self-critical sequence training for image captioning"): captions are
// sampled, scored against the references, and made likelier or less likely by how they compare with the other samples
// of their image, whose mean is the baseline (Luo 2020, "A better variant of self-critical sequence training").

#include <optional>
#include <string>
#include <vector>

#include <limn/metrics/cider.hpp>
#include <limn/models/caption_batch.hpp>
#include <limn/text/normalise.hpp>

namespace limn::captioner {

class Captioner;
class Source;

class SelfCritical {
 public:
  /// Counts the n-grams of every training caption. The reward of a caption is CIDEr-D + bleu * (mean of its sentence
  /// BLEU-1..4); the sentence's end counts as a word of both, so that captions are finished.
  SelfCritical(const Source& source, index_t samples, double bleu, index_t longest);

  struct Step {
    Tensor<float> loss;    ///< -mean over words of advantage * log p(word)
    double reward = 0;     ///< sum over samples
    index_t captions = 0;  ///< how many
  };
  /// One step on training images with these features.
  [[nodiscard]] Step operator()(const Captioner& captioner, const models::ImageFeatures<float>& features,
                                const std::vector<index_t>& images, Generator& generator);

 private:
  [[nodiscard]] double reward(const text::Tokens& caption, index_t image);

  std::vector<std::vector<text::Tokens>> references_;  // [training image], each with its end
  std::optional<metrics::CiderD> cider_;
  index_t samples_, longest_;
  double bleu_;
};

}  // namespace limn::captioner
