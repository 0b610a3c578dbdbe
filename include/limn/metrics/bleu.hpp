#pragma once
// BLEU of a corpus (Papineni et al. 2002) in the two forms that papers quote, and Google's GLEU.

#include <cmath>
#include <cstdlib>
#include <limits>

#include <limn/metrics/ngrams.hpp>

namespace limn::inline LIMN_ABI::metrics {

/// What BLEU needs to know, of a sentence or summed over a corpus.
struct BleuStatistics {
  std::vector<index_t> matches;        // [k]: (k+1)-grams of the hypotheses that are in a reference, clipped
  std::vector<index_t> totals;         // [k]: (k+1)-grams of the hypotheses
  std::vector<index_t> totals_least1;  // the same, but at least 1 for each sentence, as NLTK counts
  index_t length = 0;                  // words in the hypotheses
  index_t reference_length = 0;        // words in the references closest in length; of two equally close the shorter

  void operator+=(const BleuStatistics& other) {
    for (std::size_t k = 0; k < matches.size(); ++k) {
      matches[k] += other.matches[k];
      totals[k] += other.totals[k];
      totals_least1[k] += other.totals_least1[k];
    }
    length += other.length;
    reference_length += other.reference_length;
  }
};

/// Statistics of each sentence for n-grams of orders 1..n.
[[nodiscard]] inline std::vector<BleuStatistics> bleu_statistics(const std::vector<Tokens>& hypotheses,
                                                                 const std::vector<std::vector<Tokens>>& references,
                                                                 int n = 4) {
  detail::check_corpus("bleu", hypotheses, references);
  if (n < 1) fail("bleu", "n-grams of order ", n, " do not exist");
  NgramIds ids;
  std::vector<BleuStatistics> result;
  result.reserve(hypotheses.size());
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    BleuStatistics s;
    s.length = static_cast<index_t>(hypotheses[i].size());
    const std::vector<NgramCounts> hypothesis = ids.count(hypotheses[i], n);
    std::vector<std::vector<index_t>> best(hypothesis.size());  // per n-gram: the most that one reference holds
    for (std::size_t k = 0; k < hypothesis.size(); ++k) best[k].assign(hypothesis[k].size(), 0);
    index_t closest = -1;
    for (const Tokens& reference : references[i]) {
      const auto length = static_cast<index_t>(reference.size());
      const index_t distance = std::abs(length - s.length), known = std::abs(closest - s.length);
      if (closest < 0 || distance < known || (distance == known && length < closest)) closest = length;
      const std::vector<NgramCounts> counts = ids.count(reference, n);
      for (std::size_t k = 0; k < hypothesis.size(); ++k) {
        std::size_t at = 0;
        detail::merge_counts(hypothesis[k], counts[k], [&](index_t of_hypothesis, index_t of_reference, std::uint32_t) {
          if (of_hypothesis == 0) return;
          best[k][at] = std::max(best[k][at], std::min(of_hypothesis, of_reference));
          ++at;
        });
      }
    }
    s.reference_length = closest;
    for (std::size_t k = 0; k < hypothesis.size(); ++k) {
      index_t matches = 0;
      for (const index_t count : best[k]) matches += count;
      const index_t total = std::max(index_t{0}, s.length - static_cast<index_t>(k));
      s.matches.push_back(matches);
      s.totals.push_back(total);
      s.totals_least1.push_back(std::max(index_t{1}, total));
    }
    result.push_back(std::move(s));
  }
  return result;
}

/// The sum over all sentences.
[[nodiscard]] inline BleuStatistics sum(const std::vector<BleuStatistics>& sentences) {
  if (sentences.empty()) fail("bleu", "there is nothing to score: no hypotheses");
  BleuStatistics all = sentences[0];
  for (std::size_t i = 1; i < sentences.size(); ++i) all += sentences[i];
  return all;
}

/// exp(1 - r/c) for a corpus of c words against closest references of r words; 1 when c > r; 0 when c = 0.
[[nodiscard]] inline double brevity_penalty(index_t length, index_t reference_length) {
  if (length > reference_length) return 1;
  if (length == 0) return 0;
  return std::exp(1 - static_cast<double>(reference_length) / static_cast<double>(length));
}

/// What to do with an n-gram precision of zero; numbered as in NLTK, methods of Chen and Cherry (2014).
enum class BleuSmoothing {
  none,       // 0: the smallest normal double, which makes BLEU about 1e-78 or less but not 0
  epsilon,    // 1: 0.1 matches
  add_one,    // 2: one more match and one more n-gram, for all orders but the first
  nist,       // 3: 1/2, 1/4, ... matches, halved at each order that has none
  by_length,  // 4: as 3, scaled by log(words in the corpus) / 5
};

/// The modified n-gram precisions after smoothing.
[[nodiscard]] inline std::vector<double> bleu_precisions(const BleuStatistics& s,
                                                         BleuSmoothing smoothing = BleuSmoothing::none) {
  std::vector<double> p;
  double halving = 1;
  for (std::size_t k = 0; k < s.matches.size(); ++k) {
    const auto matches = static_cast<double>(s.matches[k]), total = static_cast<double>(s.totals_least1[k]);
    double value = matches / total;
    if (smoothing == BleuSmoothing::add_one && k > 0) value = (matches + 1) / (total + 1);
    if (s.matches[k] == 0) {
      if (smoothing == BleuSmoothing::none) value = std::numeric_limits<double>::min();
      if (smoothing == BleuSmoothing::epsilon) value = 0.1 / total;
      if (smoothing == BleuSmoothing::nist) value = 1 / ((halving *= 2) * total);
      if (smoothing == BleuSmoothing::by_length && s.length > 1)
        value = std::log(static_cast<double>(s.length)) / ((halving *= 2) * 5 * total);
    }
    p.push_back(value);
  }
  return p;
}

/// NLTK's corpus_bleu: brevity_penalty * exp(sum_k weights[k] * log precision[k]); 0 when not one word matches. Counts
/// are summed over the corpus before dividing. `weights` may have fewer entries than the statistics have orders; {0.5,
/// 0.5} is BLEU-2.
[[nodiscard]] inline double nltk_bleu(const BleuStatistics& s, const std::vector<double>& weights,
                                      BleuSmoothing smoothing = BleuSmoothing::none) {
  if (weights.size() > s.matches.size())
    fail("nltk_bleu", weights.size(), " weights, but the statistics have ", s.matches.size(), " orders");
  if (s.matches.empty() || s.matches[0] == 0) return 0;
  const std::vector<double> p = bleu_precisions(s, smoothing);
  double logarithm = 0;
  for (std::size_t k = 0; k < weights.size(); ++k)
    if (p[k] > 0) logarithm += weights[k] * std::log(p[k]);
  return brevity_penalty(s.length, s.reference_length) * std::exp(logarithm);
}

/// The COCO caption evaluation's BLEU-1..n: precisions (matches + 1e-15) / (totals + 1e-9), their geometric mean, and
/// its brevity penalty. result[k] is BLEU-(k+1). This is what captioning papers report.
[[nodiscard]] inline std::vector<double> coco_bleu(const BleuStatistics& s) {
  constexpr double tiny = 1e-15, small = 1e-9;
  const double ratio = (static_cast<double>(s.length) + tiny) / (static_cast<double>(s.reference_length) + small);
  const double penalty = ratio < 1 ? std::exp(1 - 1 / ratio) : 1;
  std::vector<double> result;
  double product = 1;
  for (std::size_t k = 0; k < s.matches.size(); ++k) {
    product *= (static_cast<double>(s.matches[k]) + tiny) / (static_cast<double>(s.totals[k]) + small);
    result.push_back(std::pow(product, 1 / static_cast<double>(k + 1)) * penalty);
  }
  return result;
}

/// BLEU-1..4 of a corpus by coco_bleu. hypotheses [N]; references [N], each with at least one sentence.
[[nodiscard]] inline std::vector<double> corpus_bleu(const std::vector<Tokens>& hypotheses,
                                                     const std::vector<std::vector<Tokens>>& references) {
  return coco_bleu(sum(bleu_statistics(hypotheses, references, 4)));
}

/// GLEU (Wu et al. 2016, section 4.3) of a corpus: matches / max(n-grams of hypothesis, of reference) over orders 1..4,
/// of each sentence's best reference, matches and maxima summed over the corpus.
[[nodiscard]] inline double corpus_gleu(const std::vector<Tokens>& hypotheses,
                                        const std::vector<std::vector<Tokens>>& references) {
  detail::check_corpus("gleu", hypotheses, references);
  NgramIds ids;
  index_t matches = 0, totals = 0;
  const auto ngrams = [](const std::vector<NgramCounts>& counts) {
    index_t n = 0;
    for (const NgramCounts& order : counts)
      for (const auto& entry : order) n += entry.second;
    return n;
  };
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    const std::vector<NgramCounts> hypothesis = ids.count(hypotheses[i], 4);
    const index_t of_hypothesis = ngrams(hypothesis);
    index_t best_matches = 0, best_total = 0;
    for (const Tokens& sentence : references[i]) {
      const std::vector<NgramCounts> reference = ids.count(sentence, 4);
      index_t overlap = 0;
      for (std::size_t k = 0; k < 4; ++k)
        detail::merge_counts(hypothesis[k], reference[k],
                             [&](index_t a, index_t b, std::uint32_t) { overlap += std::min(a, b); });
      const index_t total = std::max(of_hypothesis, ngrams(reference));
      if (total > 0 && (best_total == 0 || overlap * best_total > best_matches * total))
        best_matches = overlap, best_total = total;
    }
    matches += best_matches;
    totals += best_total;
  }
  return totals == 0 ? 0 : static_cast<double>(matches) / static_cast<double>(totals);
}

}  // namespace limn::inline LIMN_ABI::metrics
