#pragma once
// METEOR with its exact and stem stages, without synonyms: "METEOR (exact + stem)".

#include <cmath>
#include <unordered_map>

#include <limn/metrics/ngrams.hpp>
#include <limn/text/porter_stemmer.hpp>

namespace limn::inline LIMN_ABI::metrics {

/// Constants of Banerjee and Lavie 2005. {0.81, 0.83, 0.28} are those tuned for English in Lavie and Agarwal 2007.
struct MeteorOptions {
  double alpha = 0.9;  // weight of recall against precision
  double beta = 3;     // exponent of the fragmentation
  double gamma = 0.5;  // largest share that fragmentation takes away
};

namespace detail {

/// A sentence as numbers: equal words have equal `words`, words of one stem equal `stems`.
struct MeteorSentence {
  std::vector<int> words, stems;
};

class MeteorWords {
 public:
  [[nodiscard]] MeteorSentence number(const Tokens& sentence) {
    MeteorSentence result;
    for (const std::string& word : sentence) {
      const auto entry = words_.try_emplace(word, static_cast<int>(words_.size()), 0);
      if (entry.second)
        entry.first->second.second =
            stems_.try_emplace(text::porter_stem(word), static_cast<int>(stems_.size())).first->second;
      result.words.push_back(entry.first->second.first);
      result.stems.push_back(entry.first->second.second);
    }
    return result;
  }

 private:
  std::unordered_map<std::string, std::pair<int, int>> words_;
  std::unordered_map<std::string, int> stems_;
};

/// Which word of the reference each word of the hypothesis is matched with; -1 for none.
using Alignment = std::vector<int>;

/// Runs of matched words that are neighbours, in the same order, in both sentences.
[[nodiscard]] inline int count_chunks(const Alignment& alignment) {
  int chunks = 0;
  for (std::size_t i = 0; i < alignment.size(); ++i)
    if (alignment[i] >= 0 && (i == 0 || alignment[i - 1] < 0 || alignment[i - 1] + 1 != alignment[i])) ++chunks;
  return chunks;
}

/// One stage: matches the words still free whose keys are equal, as many as there can be, in as few chunks as a search
/// that keeps the 32 best partial alignments finds. Hypothesis words go from left to right.
inline void align_stage(const std::vector<int>& hypothesis, const std::vector<int>& reference, Alignment& alignment) {
  constexpr std::size_t beam = 32;
  struct State {
    Alignment alignment;
    std::vector<bool> used;
    int chunks;
  };
  State start{alignment, std::vector<bool>(reference.size(), false), 0};
  for (const int at : alignment)
    if (at >= 0) start.used[static_cast<std::size_t>(at)] = true;
  std::vector<State> states{start}, next;
  for (std::size_t i = 0; i < hypothesis.size(); ++i) {
    if (alignment[i] >= 0) continue;
    index_t left = 0;  // words of this key that come later in the hypothesis and are free
    for (std::size_t later = i + 1; later < hypothesis.size(); ++later)
      left += alignment[later] < 0 && hypothesis[later] == hypothesis[i] ? 1 : 0;
    next.clear();
    for (const State& state : states) {
      index_t open = 0;
      for (std::size_t j = 0; j < reference.size(); ++j) {
        if (state.used[j] || reference[j] != hypothesis[i]) continue;
        ++open;
        next.push_back(state);
        next.back().alignment[i] = static_cast<int>(j);
        next.back().used[j] = true;
      }
      if (open <= left) next.push_back(state);  // leaving this word free loses no match
    }
    for (State& state : next) state.chunks = count_chunks(state.alignment);
    const auto fewer = [](const State& a, const State& b) { return a.chunks < b.chunks; };
    std::stable_sort(next.begin(), next.end(), fewer);
    if (next.size() > beam) next.resize(beam);
    states.swap(next);
  }
  alignment = states.front().alignment;
}

[[nodiscard]] inline double meteor_score(const MeteorSentence& hypothesis, const MeteorSentence& reference,
                                         const MeteorOptions& o) {
  Alignment alignment(hypothesis.words.size(), -1);
  align_stage(hypothesis.words, reference.words, alignment);
  align_stage(hypothesis.stems, reference.stems, alignment);
  const auto matches =
      static_cast<double>(std::count_if(alignment.begin(), alignment.end(), [](int at) { return at >= 0; }));
  if (matches == 0) return 0;
  const double precision = matches / static_cast<double>(hypothesis.words.size());
  const double recall = matches / static_cast<double>(reference.words.size());
  const double mean = precision * recall / (o.alpha * precision + (1 - o.alpha) * recall);
  return mean * (1 - o.gamma * std::pow(count_chunks(alignment) / matches, o.beta));
}

}  // namespace detail

/// METEOR of each sentence: the best over its references of F * (1 - gamma * (chunks / matches)^beta), where
/// F = P R / (alpha P + (1 - alpha) R), P = matches / words of the hypothesis, R = matches / words of the reference
/// (Banerjee and Lavie, "METEOR: an automatic metric for MT evaluation", 2005; Lavie and Agarwal, WMT 2007).
///
/// Words are matched in two stages, equal words first, then words of equal Porter stem. There is no synonym stage and
/// no table of paraphrases, so values are below those of the METEOR 1.5 program and must be called "exact + stem". Of
/// alignments with as many matches the one with the fewest chunks counts.
[[nodiscard]] inline std::vector<double> meteor_sentences(const std::vector<Tokens>& hypotheses,
                                                          const std::vector<std::vector<Tokens>>& references,
                                                          const MeteorOptions& options = {}) {
  detail::check_corpus("meteor", hypotheses, references);
  detail::MeteorWords words;
  std::vector<double> result;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    const detail::MeteorSentence hypothesis = words.number(hypotheses[i]);
    double best = 0;
    for (const Tokens& reference : references[i])
      best = std::max(best, detail::meteor_score(hypothesis, words.number(reference), options));
    result.push_back(best);
  }
  return result;
}

/// The mean over the corpus.
[[nodiscard]] inline double meteor(const std::vector<Tokens>& hypotheses,
                                   const std::vector<std::vector<Tokens>>& references,
                                   const MeteorOptions& options = {}) {
  double sum = 0;
  for (const double score : meteor_sentences(hypotheses, references, options)) sum += score;
  return sum / static_cast<double>(hypotheses.size());
}

}  // namespace limn::inline LIMN_ABI::metrics
