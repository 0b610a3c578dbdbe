#pragma once
// CIDEr-D (Vedantam, Zitnick, Parikh 2015) as the COCO caption evaluation computes it.

#include <cmath>
#include <numeric>

#include <limn/metrics/ngrams.hpp>

namespace limn::inline LIMN_ABI::metrics {

namespace detail {

/// A sentence as tf-idf weights of its n-grams, one list for each order 1..4.
struct CiderVector {
  std::vector<std::vector<std::pair<std::uint32_t, double>>> weights;  // [order], by rising id
  std::vector<double> norms;
  index_t bigrams = 0;  // stands for the length
};

/// sum over n-grams of min(h, r) * r / (|h| |r|) * exp(-(difference of lengths)^2 / (2 * 6^2)), mean over the orders.
[[nodiscard]] inline double cider_similarity(const CiderVector& h, const CiderVector& r) {
  const auto delta = static_cast<double>(h.bigrams - r.bigrams);
  const double penalty = std::exp(-delta * delta / (2 * 6.0 * 6.0));
  double sum = 0;
  for (std::size_t k = 0; k < h.weights.size(); ++k) {
    double value = 0;
    std::size_t j = 0;
    for (const auto& entry : h.weights[k]) {
      while (j < r.weights[k].size() && r.weights[k][j].first < entry.first) ++j;
      if (j == r.weights[k].size()) break;
      if (r.weights[k][j].first == entry.first)
        value += std::min(entry.second, r.weights[k][j].second) * r.weights[k][j].second;
    }
    if (h.norms[k] != 0 && r.norms[k] != 0) value /= h.norms[k] * r.norms[k];
    sum += value * penalty;
  }
  return sum / static_cast<double>(h.weights.size());
}

}  // namespace detail

/// CIDEr-D against one corpus of references, which are counted once: for scoring many sentences, as a reward needs it.
/// The weight of an n-gram that occurs t times is t * (log N - log max(1, d)) where d of the N images of THIS corpus
/// have it in a reference: scores of different corpora do not compare, and a corpus of one image scores 0.
class CiderD {
 public:
  /// references [N images], each with at least one sentence.
  explicit CiderD(const std::vector<std::vector<Tokens>>& references)
      : log_images_(std::log(static_cast<double>(references.size()))), images_with_(orders) {
    std::vector<std::vector<std::vector<NgramCounts>>> counts;  // [image][reference][order]
    for (const auto& sentences : references) {
      auto& of_image = counts.emplace_back();
      for (const Tokens& sentence : sentences) of_image.push_back(ids_.count(sentence, orders));
      for (std::size_t k = 0; k < orders; ++k) {
        std::vector<std::uint32_t> present;
        for (const auto& sentence : of_image)
          for (const auto& entry : sentence[k]) present.push_back(entry.first);
        std::sort(present.begin(), present.end());
        present.erase(std::unique(present.begin(), present.end()), present.end());
        for (const std::uint32_t id : present) ++images_with_[k][id];
      }
    }
    for (const auto& of_image : counts) {
      auto& vectors = references_.emplace_back();
      for (const auto& sentence : of_image) vectors.push_back(weigh(sentence));
    }
  }

  /// The score of a sentence for image `image`: ten times the mean similarity to its references.
  [[nodiscard]] double operator()(const Tokens& hypothesis, std::size_t image) {
    if (image >= references_.size())
      fail("cider_d", "there is no image ", image, " among ", references_.size(), " with references");
    const detail::CiderVector vector = weigh(ids_.count(hypothesis, orders));
    double sum = 0;
    for (const detail::CiderVector& reference : references_[image]) sum += detail::cider_similarity(vector, reference);
    return 10 * sum / static_cast<double>(references_[image].size());
  }

 private:
  static constexpr int orders = 4;

  [[nodiscard]] detail::CiderVector weigh(const std::vector<NgramCounts>& sentence) const {
    detail::CiderVector vector;
    for (std::size_t k = 0; k < orders; ++k) {
      auto& weights = vector.weights.emplace_back();
      double squares = 0;
      for (const auto& entry : sentence[k]) {
        const auto found = images_with_[k].find(entry.first);
        const double df = found == images_with_[k].end() ? 0 : std::log(static_cast<double>(found->second));
        const double weight = static_cast<double>(entry.second) * (log_images_ - df);
        weights.emplace_back(entry.first, weight);
        squares += weight * weight;
        if (k == 1) vector.bigrams += entry.second;
      }
      vector.norms.push_back(std::sqrt(squares));
    }
    return vector;
  }

  double log_images_;
  NgramIds ids_;
  std::vector<std::unordered_map<std::uint32_t, index_t>> images_with_;  // [order]: images that have an n-gram
  std::vector<std::vector<detail::CiderVector>> references_;
};

/// CIDEr-D of each sentence, its document frequencies from these references. hypotheses [N], references [N].
[[nodiscard]] inline std::vector<double> cider_d_sentences(const std::vector<Tokens>& hypotheses,
                                                           const std::vector<std::vector<Tokens>>& references) {
  detail::check_corpus("cider_d", hypotheses, references);
  CiderD score(references);
  std::vector<double> result;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) result.push_back(score(hypotheses[i], i));
  return result;
}

/// The mean over the corpus.
[[nodiscard]] inline double cider_d(const std::vector<Tokens>& hypotheses,
                                    const std::vector<std::vector<Tokens>>& references) {
  const std::vector<double> scores = cider_d_sentences(hypotheses, references);
  return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

}  // namespace limn::inline LIMN_ABI::metrics
