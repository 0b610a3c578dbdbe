#pragma once
// Pictures as the sheets show them.

#include <algorithm>
#include <string>
#include <vector>

#include <limn/core/random.hpp>
#include <limn/image/encode.hpp>
#include <limn/image/resize.hpp>

namespace limn::app {

/// The picture as the bytes of a file: PNG where it is small (a drawing, say), else JPEG with at most `most` pixels a
/// side. Encoded anew, so that browsers show the very pixels that a model read, whatever the file's orientation tag
/// says.
[[nodiscard]] inline std::string sheet_image(const image::Image& picture, index_t most = 640) {
  const index_t longest = std::max(picture.width, picture.height);
  if (longest <= std::min<index_t>(most, 256)) return image::encode_png(picture);
  if (longest <= most) return image::encode_jpeg(picture);
  const auto scaled = [&](index_t side) { return std::max<index_t>(1, side * most / longest); };
  return image::encode_jpeg(
      image::resize(picture, scaled(picture.width), scaled(picture.height), image::Filter::bilinear));
}

/// At most `count` of `size` items, drawn by the seed, in rising order: what a sheet of samples shows.
[[nodiscard]] inline std::vector<index_t> sample(index_t size, index_t count, std::uint64_t seed) {
  Generator draw(seed);
  std::vector<index_t> items = permutation(size, draw);
  items.resize(static_cast<std::size_t>(std::min(size, count)));
  std::sort(items.begin(), items.end());
  return items;
}

}  // namespace limn::app
