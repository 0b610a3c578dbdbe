#pragma once
// What a picture without colours does not show: a caption that names one is wrong, however likely the model thinks it,
// who knows shirts that are red.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <limn/image/image.hpp>
#include <limn/text/vocabulary.hpp>

namespace limn::captioner {

/// Whether the samples of a pixel differ by at most 8 of 255 in all but one of a hundred pixels: a grey photograph,
/// also one that JPEG has written in three channels.
[[nodiscard]] inline bool is_grey(const image::Image& picture) {
  if (picture.channels < 3) return true;
  const std::size_t channels = static_cast<std::size_t>(picture.channels);
  std::size_t coloured = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += channels) {
    const auto [low, high] = std::minmax({picture.pixels[i], picture.pixels[i + 1], picture.pixels[i + 2]});
    if (high - low > 8) ++coloured;
  }
  return 100 * coloured <= picture.pixels.size() / channels;
}

/// The words of a vocabulary that name colours other than black, grey and white.
[[nodiscard]] inline std::vector<std::int64_t> colour_words(const text::Vocabulary& vocabulary) {
  constexpr std::array colours{"beige",        "blue", "brown",     "colored", "colorful", "coloured",
                               "colourful",    "gold", "golden",    "green",   "maroon",   "multicolor",
                               "multicolored", "navy", "orange",    "pink",    "purple",   "red",
                               "tan",          "teal", "turquoise", "violet",  "yellow"};
  std::vector<std::int64_t> words;
  for (const char* colour : colours)
    if (vocabulary.contains(colour)) words.push_back(vocabulary.id(colour));
  return words;
}

}  // namespace limn::captioner
