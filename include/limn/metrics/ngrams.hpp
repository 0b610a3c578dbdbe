#pragma once
// N-grams as numbers: what BLEU and CIDEr count.

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::metrics {

/// A sentence as its words.
using Tokens = std::vector<std::string>;

/// How often each n-gram occurs in a sentence: (id, count), by rising id.
using NgramCounts = std::vector<std::pair<std::uint32_t, index_t>>;

/// Gives every distinct n-gram of every order its own id. An n-gram is known by its first n-1 words' id and its last
/// word.
class NgramIds {
 public:
  /// Counts of the n-grams of orders 1..n of a sentence: result[k - 1] for order k.
  [[nodiscard]] std::vector<NgramCounts> count(const Tokens& sentence, int n) {
    std::vector<std::uint32_t> words, current;
    for (const std::string& word : sentence)
      words.push_back(words_.try_emplace(word, static_cast<std::uint32_t>(words_.size())).first->second);
    std::vector<NgramCounts> result(static_cast<std::size_t>(n));
    if (orders_.size() < result.size()) orders_.resize(result.size());
    current = words;
    for (std::size_t k = 0; k < result.size() && k < words.size(); ++k) {
      if (k > 0) {
        auto& ids = orders_[k];
        for (std::size_t i = 0; i + k < words.size(); ++i) {
          const std::uint64_t key = (std::uint64_t{current[i]} << 32) | words[i + k];
          current[i] = ids.try_emplace(key, static_cast<std::uint32_t>(ids.size())).first->second;
        }
        current.pop_back();
      }
      result[k] = counted(current);
    }
    return result;
  }

 private:
  [[nodiscard]] static NgramCounts counted(std::vector<std::uint32_t> ids) {
    std::sort(ids.begin(), ids.end());
    NgramCounts counts;
    for (const std::uint32_t id : ids) {
      if (counts.empty() || counts.back().first != id) counts.emplace_back(id, 0);
      ++counts.back().second;
    }
    return counts;
  }

  std::unordered_map<std::string, std::uint32_t> words_;
  std::vector<std::unordered_map<std::uint64_t, std::uint32_t>> orders_;
};

namespace detail {

/// Throws unless there is one non-empty list of references for each hypothesis.
inline void check_corpus(const char* metric, const std::vector<Tokens>& hypotheses,
                         const std::vector<std::vector<Tokens>>& references) {
  if (hypotheses.size() != references.size())
    fail(metric, hypotheses.size(), " hypotheses but references for ", references.size());
  if (hypotheses.empty()) fail(metric, "there is nothing to score: no hypotheses");
  for (std::size_t i = 0; i < references.size(); ++i)
    if (references[i].empty()) fail(metric, "hypothesis ", i, " has no references");
}

/// Calls visit(count in a or 0, count in b or 0, id) for each id in a or b.
template <class Visit>
void merge_counts(const NgramCounts& a, const NgramCounts& b, Visit&& visit) {
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const bool take_a = j == b.size() || (i < a.size() && a[i].first <= b[j].first);
    const bool take_b = i == a.size() || (j < b.size() && b[j].first <= a[i].first);
    const std::uint32_t id = take_a ? a[i].first : b[j].first;
    visit(take_a ? a[i].second : index_t{0}, take_b ? b[j].second : index_t{0}, id);
    i += take_a ? 1 : 0;
    j += take_b ? 1 : 0;
  }
}

}  // namespace detail

}  // namespace limn::inline LIMN_ABI::metrics
