#pragma once
// Sampling: sentences drawn from a decoder's distribution, many at once.

#include <cmath>

#include <limn/autograd/no_grad.hpp>
#include <limn/core/create.hpp>
#include <limn/core/random.hpp>
#include <limn/generate/hypothesis.hpp>
#include <limn/ops/arithmetic.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/softmax.hpp>

namespace limn::inline LIMN_ABI::generate {

struct SampleOptions {
  index_t max_length = 20;  ///< words, the end not counted
  double temperature = 1;   ///< logits are divided by it: below 1 the likely words become likelier
  std::int64_t start = 1, end = 2;
};

/// One sentence for each of the `rows` rows of `state`, each word drawn by its probability given the words before.
/// next(state, ids) -> logits [rows, vocabulary] advances the state; state.select(rows) drops the rows that ended. A
/// sentence that has not ended after max_length words is cut: its log-probability is that of its words.
template <class State, class Next>
[[nodiscard]] std::vector<Hypothesis> sample(State state, Next&& next, index_t rows, const SampleOptions& options,
                                             Generator& generator) {
  if (rows < 0 || options.max_length < 1 || !(options.temperature > 0))
    fail("sample", rows, " rows, max_length ", options.max_length, " and temperature ", options.temperature,
         "; rows must not be negative, the others positive");
  NoGradGuard no_grad;
  std::vector<Hypothesis> sentences(static_cast<std::size_t>(rows));
  std::vector<index_t> live;  // the sentence of each row of the state; -1: it has ended
  for (index_t i = 0; i < rows; ++i) live.push_back(i);
  index_t going = rows;
  std::vector<std::int64_t> last(static_cast<std::size_t>(rows), options.start);

  for (index_t length = 0; length <= options.max_length && going > 0; ++length) {
    const Tensor<float> logits =
        to(next(state, from<std::int64_t>(last, Shape{static_cast<index_t>(last.size())})), cpu_device);
    const Tensor<float> probability = softmax(options.temperature == 1 ? logits : logits * (1 / options.temperature));
    const index_t vocabulary = probability.size(1);
    for (std::size_t row = 0; row < live.size(); ++row) {
      if (live[row] < 0) continue;
      const float* p = probability.data() + static_cast<index_t>(row) * vocabulary;
      // The first word whose cumulated probability exceeds u; rounding may leave the sum below u: then the last one.
      double left = generator.uniform();
      index_t word = 0;
      for (; word + 1 < vocabulary; ++word) {
        left -= static_cast<double>(p[word]);
        if (left < 0) break;
      }
      Hypothesis& sentence = sentences[static_cast<std::size_t>(live[row])];
      const bool ends = word == options.end;
      if (!ends && length == options.max_length) {  // no room for this word
        sentence.ended = false;
        live[row] = -1;
        --going;
        continue;
      }
      sentence.log_probability += std::log(static_cast<double>(p[word]));
      sentence.score = sentence.log_probability;
      if (ends) {
        live[row] = -1;
        --going;
        continue;
      }
      sentence.words.push_back(word);
      last[row] = word;
    }
    if (going * 4 > static_cast<index_t>(live.size()) * 3 || going == 0) continue;  // few have ended: not worth a copy
    std::vector<index_t> kept, of;
    std::vector<std::int64_t> words;
    for (std::size_t row = 0; row < live.size(); ++row)
      if (live[row] >= 0) {
        kept.push_back(static_cast<index_t>(row));
        of.push_back(live[row]);
        words.push_back(last[row]);
      }
    state = state.select(kept);
    live = std::move(of);
    last = std::move(words);
  }
  return sentences;
}

}  // namespace limn::inline LIMN_ABI::generate
