#pragma once
// What the decoders share: big-endian numbers, limits, and the wording of their errors.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <limn_kernels/config.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::image {

/// What a decoder refuses before it allocates anything.
struct DecodeLimits {
  index_t max_pixels = 178'956'970;  ///< where Pillow, too, refuses
  index_t max_file_bytes = index_t{1} << 30;
};

/// Pixels as a file has them (HWC). Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; palettes come as RGB,
/// fewer than 8 bits stretched to 8.
struct Samples {
  index_t width = 0, height = 0, channels = 0;
  int bits = 8;  ///< 8 or 16: values go to 255 or to 65535
  std::vector<std::uint16_t> values;
};

namespace detail {

using Bytes = std::span<const std::byte>;

[[nodiscard]] inline std::uint32_t byte_at(Bytes bytes, std::size_t i) {
  return std::to_integer<std::uint32_t>(bytes[i]);
}
[[nodiscard]] inline std::uint32_t big_endian16(Bytes bytes, std::size_t i) {
  return byte_at(bytes, i) << 8 | byte_at(bytes, i + 1);
}
[[nodiscard]] inline std::uint32_t big_endian32(Bytes bytes, std::size_t i) {
  return big_endian16(bytes, i) << 16 | big_endian16(bytes, i + 2);
}

[[noreturn]] inline void fail_truncated(const std::string& name) {
  fail(name, "the image file is cut short; fetch or copy it again");
}
[[noreturn]] inline void fail_damaged(const std::string& name, const char* what) {
  fail(name, "the image file is damaged (", what, "); fetch or copy it again");
}

inline void check_size(index_t width, index_t height, const DecodeLimits& limits, const std::string& name) {
  if (width < 1 || height < 1) fail_damaged(name, "its header gives a size of 0 pixels");
  if (width > limits.max_pixels / height)
    fail(name, "the header claims ", width, "x", height, " pixels, but the limit is ", limits.max_pixels,
         "; shrink the image or fetch it again");
}

}  // namespace detail

}  // namespace limn::inline LIMN_ABI::image
