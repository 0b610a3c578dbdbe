#pragma once
// Image: 8-bit pixels in memory, row by row, the channels of a pixel side by side (HWC).

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <limn_kernels/config.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::image {

/// pixels[(row * width + column) * channels + channel]. Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
/// A default Image is empty (0 x 0 x 0).
struct Image {
  index_t width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  /// All samples are `value`.
  Image(index_t w, index_t h, index_t c, std::uint8_t value = 0)
      : width(w), height(h), channels(c), pixels(checked_size(w, h, c), value) {}
  /// Takes over `samples`, which must have w * h * c elements.
  Image(index_t w, index_t h, index_t c, std::vector<std::uint8_t> samples)
      : width(w), height(h), channels(c), pixels(std::move(samples)) {
    if (pixels.size() != checked_size(w, h, c))
      fail("Image", pixels.size(), " samples were given for ", w, "x", h, " pixels of ", c, " channels");
  }

  [[nodiscard]] bool empty() const { return pixels.empty(); }

  /// Sample `channel` of the pixel in `row` and `column`; throws outside the image.
  [[nodiscard]] std::uint8_t& at(index_t row, index_t column, index_t channel) {
    return pixels[checked_index(row, column, channel)];
  }
  [[nodiscard]] std::uint8_t at(index_t row, index_t column, index_t channel) const {
    return pixels[checked_index(row, column, channel)];
  }

  friend bool operator==(const Image&, const Image&) = default;

 private:
  [[nodiscard]] static std::size_t checked_size(index_t w, index_t h, index_t c) {
    constexpr index_t longest = index_t{1} << 30;  // w * h * c stays below 2^63
    if (w < 1 || h < 1 || w > longest || h > longest) fail("Image", "a size of ", w, "x", h, " pixels is not possible");
    if (c < 1 || c > 4) fail("Image", c, " channels; 1 to 4 are possible");
    return static_cast<std::size_t>(w * h * c);
  }
  [[nodiscard]] std::size_t checked_index(index_t row, index_t column, index_t channel) const {
    if (row < 0 || row >= height || column < 0 || column >= width || channel < 0 || channel >= channels)
      fail("Image", "row ", row, ", column ", column, ", channel ", channel, " is outside of ", width, "x", height, "x",
           channels);
    return static_cast<std::size_t>((row * width + column) * channels + channel);
  }
};

}  // namespace limn::inline LIMN_ABI::image
