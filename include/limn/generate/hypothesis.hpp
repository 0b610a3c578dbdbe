#pragma once
// A generated sentence: what beam search and sampling return.

#include <cstdint>
#include <vector>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::generate {

struct Hypothesis {
  std::vector<std::int64_t> words;                 ///< without start and end
  double log_probability = 0;                      ///< sum over the words and the end
  double score = 0;                                ///< what it was ranked by; of a sample its log-probability
  std::vector<std::vector<float>> attention = {};  ///< where each word looked, when the state tells
  bool ended = true;                               ///< false: cut at the longest length
};

}  // namespace limn::inline LIMN_ABI::generate
