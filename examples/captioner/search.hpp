#pragma once
// How captions are looked for, as `captioner caption` and `captioner eval` are told.

#include <optional>

#include "captioner/captioner.hpp"

namespace limn::captioner {

struct Search {
  double length_exponent = 0.7;        ///< captions are ranked by log-probability / length^this
  index_t shortest = 1, longest = 30;  ///< words of a caption
  std::optional<index_t> no_repeat;    ///< no run of so many words twice; 0: any; none: as the checkpoint says

  /// Throws Error unless some caption is long enough and short enough.
  void check() const {
    if (shortest > longest)
      fail("--min-length", "no caption has at least ", shortest, " and at most ", longest,
           " words; raise --max-length");
  }
  [[nodiscard]] generate::BeamOptions with(const Captioner& captioner, index_t beam) const {
    return {.beam = beam,
            .min_length = shortest,
            .max_length = longest,
            .length_exponent = length_exponent,
            .no_repeat_ngram_size = no_repeat.value_or(captioner.architecture().no_repeat)};
  }
};

}  // namespace limn::captioner
