#pragma once
// Beam search (and greedy search: a beam of one) over a decoder that says one word at a time.

#include <algorithm>
#include <cmath>
#include <vector>

#include <limn/autograd/no_grad.hpp>
#include <limn/core/create.hpp>
#include <limn/generate/hypothesis.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/softmax.hpp>

namespace limn::inline LIMN_ABI::generate {

struct BeamOptions {
  index_t beam = 3;
  index_t nbest = 1;                        ///< how many hypotheses to return, at most `beam`
  index_t min_length = 1, max_length = 20;  ///< words, the end not counted
  double length_exponent = 0.7;  ///< hypotheses are ranked by log-probability / length^exponent; 0: by log-probability
  std::int64_t start = 1, end = 2;
  std::vector<std::int64_t> forbidden = {};  ///< words never said (padding, unknown)
  index_t no_repeat_ngram_size = 0;          ///< no run of so many words is said twice; 0: any may be
};

namespace detail {

/// The words that would end a run of `size` words which is in `words` already.
[[nodiscard]] inline std::vector<std::int64_t> repeating(const std::vector<std::int64_t>& words, index_t size) {
  std::vector<std::int64_t> found;
  const std::ptrdiff_t before = size - 1, count = static_cast<std::ptrdiff_t>(words.size());
  for (std::ptrdiff_t i = 0; size > 0 && i + before < count; ++i)
    if (std::equal(words.begin() + i, words.begin() + i + before, words.end() - before))
      found.push_back(words[static_cast<std::size_t>(i + before)]);
  return found;
}

}  // namespace detail

/// The best hypotheses for ONE image, best first. `state` is the decoder's state with one row; next(state, ids) ->
/// logits [rows, vocabulary] advances it; state.select(rows) reorders it. A state with a tensor `attention` has it
/// recorded.
template <class State, class Next>
[[nodiscard]] std::vector<Hypothesis> beam_search(State state, Next&& next, const BeamOptions& options) {
  if (options.no_repeat_ngram_size < 0)
    fail("beam_search", "no_repeat_ngram_size = ", options.no_repeat_ngram_size, " is negative");
  if (options.min_length < 0 || options.min_length > options.max_length)
    fail("beam_search", "min_length = ", options.min_length, " is not in 0..max_length = ", options.max_length);
  if (options.beam < 1 || options.nbest < 1 || options.nbest > options.beam)
    fail("beam_search", "beam ", options.beam, " and nbest ", options.nbest, " must be positive, nbest at most beam");
  NoGradGuard no_grad;
  const auto rank = [&](const Hypothesis& h, std::size_t length) {
    return h.log_probability / std::pow(static_cast<double>(std::max<std::size_t>(1, length)), options.length_exponent);
  };
  const auto better = [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; };
  const std::size_t beam = static_cast<std::size_t>(options.beam);

  std::vector<Hypothesis> live(1), finished;
  std::vector<std::int64_t> last(1, options.start);
  for (index_t length = 0; length <= options.max_length && !live.empty(); ++length) {
    const auto log_p =
        log_softmax(to(next(state, from<std::int64_t>(last, Shape{static_cast<index_t>(last.size())})), cpu_device));
    if constexpr (requires { state.attention.defined(); })
      if (state.attention.defined()) state.attention = to(state.attention, cpu_device);
    const index_t vocabulary = log_p.size(1);

    struct Candidate {
      double log_probability;
      index_t row;
      std::int64_t word;
    };
    std::vector<Candidate> candidates;
    for (index_t row = 0; row < static_cast<index_t>(live.size()); ++row) {
      const auto* p = log_p.data() + row * vocabulary;
      std::vector<std::int64_t> words, never = options.forbidden;
      for (const std::int64_t w :
           detail::repeating(live[static_cast<std::size_t>(row)].words, options.no_repeat_ngram_size))
        never.push_back(w);
      for (std::int64_t w = 0; w < vocabulary; ++w) {
        const bool stop = w == options.end;
        if (w == options.start || (length == options.max_length && !stop) || (length < options.min_length && stop))
          continue;
        if (std::find(never.begin(), never.end(), w) == never.end()) words.push_back(w);
      }
      const std::size_t keep = std::min(words.size(), 2 * beam);
      // Ties go to the smaller id: the result does not depend on the sorting algorithm.
      std::partial_sort(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(keep), words.end(),
                        [p](std::int64_t a, std::int64_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
      for (std::size_t k = 0; k < keep; ++k)
        candidates.push_back(
            {live[static_cast<std::size_t>(row)].log_probability + static_cast<double>(p[words[k]]), row, words[k]});
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.log_probability > b.log_probability; });

    std::vector<Hypothesis> grown;
    std::vector<index_t> rows;
    last.clear();
    for (const Candidate& candidate : candidates) {
      if (grown.size() == beam) break;
      Hypothesis h = live[static_cast<std::size_t>(candidate.row)];
      h.log_probability = candidate.log_probability;
      if (candidate.word == options.end) {
        h.score = rank(h, h.words.size() + 1);
        finished.push_back(std::move(h));
        continue;
      }
      h.words.push_back(candidate.word);
      if constexpr (requires { state.attention.defined(); }) {
        if (state.attention.defined()) {
          const index_t places = state.attention.size(1);
          const auto* weights = state.attention.data() + candidate.row * places;
          h.attention.emplace_back(weights, weights + places);
        }
      }
      grown.push_back(std::move(h));
      rows.push_back(candidate.row);
      last.push_back(candidate.word);
    }
    live = std::move(grown);
    if (!live.empty()) state = state.select(rows);

    std::stable_sort(finished.begin(), finished.end(), better);
    if (finished.size() > beam) finished.resize(beam);
    // A live hypothesis only loses probability; at best it keeps it up to the longest length.
    if (finished.size() == beam && !live.empty()) {
      const double hope =
          rank(live[0], options.length_exponent > 0 ? static_cast<std::size_t>(options.max_length) + 1 : 1);
      if (hope <= finished.back().score) break;
    }
  }
  if (finished.empty())
    for (Hypothesis& h : live) {
      h.score = rank(h, h.words.size());
      finished.push_back(h);
    }
  std::stable_sort(finished.begin(), finished.end(), better);
  if (finished.size() > static_cast<std::size_t>(options.nbest))
    finished.resize(static_cast<std::size_t>(options.nbest));
  return finished;
}

}  // namespace limn::inline LIMN_ABI::generate
