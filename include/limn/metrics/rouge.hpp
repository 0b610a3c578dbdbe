#pragma once
// ROUGE-L (Lin 2004) as the COCO caption evaluation computes it.

#include <limn/metrics/ngrams.hpp>

namespace limn::inline LIMN_ABI::metrics {

namespace detail {

/// Words in the longest common subsequence.
[[nodiscard]] inline index_t longest_common_subsequence(const Tokens& a, const Tokens& b) {
  std::vector<index_t> row(b.size() + 1, 0);  // row[j]: of a's words so far and the first j of b
  for (const std::string& word : a) {
    index_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const index_t above = row[j];
      row[j] = word == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace detail

/// ROUGE-L of each sentence: (1 + b^2) p r / (r + b^2 p) with b = 1.2, where p is the best precision and r the best
/// recall of the longest common subsequence, taken over the references separately; 0 when nothing is common.
[[nodiscard]] inline std::vector<double> rouge_l_sentences(const std::vector<Tokens>& hypotheses,
                                                           const std::vector<std::vector<Tokens>>& references) {
  detail::check_corpus("rouge_l", hypotheses, references);
  constexpr double beta2 = 1.2 * 1.2;
  std::vector<double> result;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    double precision = 0, recall = 0;
    for (const Tokens& reference : references[i]) {
      const auto common = static_cast<double>(detail::longest_common_subsequence(hypotheses[i], reference));
      if (common == 0) continue;
      precision = std::max(precision, common / static_cast<double>(hypotheses[i].size()));
      recall = std::max(recall, common / static_cast<double>(reference.size()));
    }
    result.push_back(precision == 0 ? 0 : (1 + beta2) * precision * recall / (recall + beta2 * precision));
  }
  return result;
}

/// The mean over the corpus.
[[nodiscard]] inline double rouge_l(const std::vector<Tokens>& hypotheses,
                                    const std::vector<std::vector<Tokens>>& references) {
  double sum = 0;
  for (const double score : rouge_l_sentences(hypotheses, references)) sum += score;
  return sum / static_cast<double>(hypotheses.size());
}

}  // namespace limn::inline LIMN_ABI::metrics
