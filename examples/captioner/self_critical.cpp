#include "captioner/self_critical.hpp"

#include <limn/metrics/bleu.hpp>
#include <limn/ops/cross_entropy.hpp>

#include "captioner/captioner.hpp"
#include "captioner/source.hpp"

namespace limn::captioner {
namespace {

const std::string end_word = ".";  // no cleaned caption holds it

/// Mean over n = 1..4 of sentence BLEU-n, zero matches counted as 0.1.
double sentence_bleu(const text::Tokens& caption, const std::vector<text::Tokens>& references) {
  const metrics::BleuStatistics statistics = metrics::sum(metrics::bleu_statistics({caption}, {references}));
  double sum = 0;
  for (std::size_t n = 1; n <= 4; ++n)
    sum += metrics::nltk_bleu(statistics, std::vector<double>(n, 1 / static_cast<double>(n)),
                              metrics::BleuSmoothing::epsilon);
  return sum / 4;
}

}  // namespace

SelfCritical::SelfCritical(const Source& source, index_t samples, double bleu, index_t longest)
    : samples_(samples), longest_(longest), bleu_(bleu) {
  for (index_t i = 0; i < source.training_size(); ++i) {
    auto& of_image = references_.emplace_back(source.training_captions(0, i));
    for (text::Tokens& caption : of_image) caption.push_back(end_word);
  }
  cider_.emplace(references_);
}

double SelfCritical::reward(const text::Tokens& caption, index_t image) {
  const auto i = static_cast<std::size_t>(image);
  const double cider = (*cider_)(caption, i);
  return bleu_ > 0 ? cider + bleu_ * sentence_bleu(caption, references_[i]) : cider;
}

SelfCritical::Step SelfCritical::operator()(const Captioner& captioner, const models::ImageFeatures<float>& features,
                                            const std::vector<index_t>& images, Generator& generator) {
  std::vector<index_t> owners;
  for (std::size_t k = 0; k < images.size(); ++k)
    owners.insert(owners.end(), static_cast<std::size_t>(samples_), static_cast<index_t>(k));
  const auto sampled = captioner.sample(features, owners, longest_ - 2, generator);

  std::vector<std::vector<index_t>> captions;
  std::vector<double> rewards;
  Step step;
  for (std::size_t s = 0; s < sampled.size(); ++s) {
    auto& ids = captions.emplace_back(1, text::Vocabulary::start);
    ids.insert(ids.end(), sampled[s].words.begin(), sampled[s].words.end());
    text::Tokens words = captioner.vocabulary().decode(ids);
    if (sampled[s].ended) {
      ids.push_back(text::Vocabulary::end);
      words.push_back(end_word);
    }
    rewards.push_back(reward(words, images[static_cast<std::size_t>(owners[s])]));
    step.reward += rewards.back();
    ++step.captions;
  }

  const auto batch = models::CaptionBatch::of(captions, owners, text::Vocabulary::pad, longest_);
  const index_t steps = batch.ids.size(1);
  const Tensor<float> advantage({batch.targets.numel()});
  for (index_t p = 0; p < advantage.numel(); ++p) {
    const index_t caption = batch.positions[static_cast<std::size_t>(p)] / steps, first = caption / samples_ * samples_;
    double others = 0;
    for (index_t other = first; other < first + samples_; ++other)
      if (other != caption) others += rewards[static_cast<std::size_t>(other)];
    advantage.data()[p] =
        static_cast<float>(rewards[static_cast<std::size_t>(caption)] - others / static_cast<double>(samples_ - 1));
  }
  const Tensor<float> loss =
      cross_entropy<float>(captioner.logits(features, batch, nullptr), batch.targets, {.reduction = Reduction::none});
  step.loss = mean(loss * to(advantage, loss.device()));
  return step;
}

}  // namespace limn::captioner
