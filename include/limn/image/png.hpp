#pragma once
// PNG (ISO/IEC 15948) into samples: chunks, filters, interlacing and packing. Inflating is the caller's.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <limn/image/bytes.hpp>

namespace limn::inline LIMN_ABI::image {

namespace detail {

/// The CRC-32 of PNG and zlib (ISO 3309).
[[nodiscard]] inline std::uint32_t crc32(Bytes bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t c = n;
      for (int k = 0; k < 8; ++k) c = (c & 1) ? 0xedb88320u ^ (c >> 1) : c >> 1;
      t[n] = c;
    }
    return t;
  }();
  std::uint32_t c = 0xffffffffu;
  for (const std::byte b : bytes) c = table[(c ^ std::to_integer<std::uint32_t>(b)) & 255] ^ (c >> 8);
  return ~c;
}

struct PngHeader {
  index_t width = 0, height = 0;
  int depth = 0, colour = 0;  // colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
  bool interlaced = false;

  [[nodiscard]] index_t channels() const { return colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1; }
  [[nodiscard]] index_t row_bytes(index_t columns) const { return (columns * channels() * depth + 7) / 8; }
};

/// Every other part of the image that an interlaced file holds one after another; a plain file has one, the whole.
struct PngPass {
  index_t first_column, first_row, column_step, row_step;
};
inline constexpr PngPass png_whole[1] = {{0, 0, 1, 1}};
inline constexpr PngPass png_adam7[7] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                         {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
[[nodiscard]] inline index_t pass_extent(index_t full, index_t first, index_t step) {
  return full > first ? (full - first + step - 1) / step : 0;
}

[[nodiscard]] inline PngHeader parse_png_header(Bytes data, const DecodeLimits& limits, const std::string& name) {
  if (data.size() != 13) fail_damaged(name, "its header has the wrong length");
  PngHeader h;
  h.width = big_endian32(data, 0);
  h.height = big_endian32(data, 4);
  check_size(h.width, h.height, limits, name);
  h.depth = static_cast<int>(byte_at(data, 8));
  h.colour = static_cast<int>(byte_at(data, 9));
  h.interlaced = byte_at(data, 12) == 1;
  const bool packed = h.depth == 1 || h.depth == 2 || h.depth == 4;
  const bool known = h.colour == 0 || h.colour == 2 || h.colour == 3 || h.colour == 4 || h.colour == 6;
  const bool fits = h.depth == 8 || (h.depth == 16 && h.colour != 3) || (packed && (h.colour == 0 || h.colour == 3));
  if (!known || !fits || byte_at(data, 10) != 0 || byte_at(data, 11) != 0 || byte_at(data, 12) > 1)
    fail_damaged(name, "its header gives a depth, colour type or method that PNG does not have");
  return h;
}

/// Undoes the filter of one row in place; `above` is the row before or zeros, `step` the bytes of a pixel.
inline void unfilter_png_row(int filter, std::uint8_t* row, const std::uint8_t* above, index_t bytes, index_t step,
                             const std::string& name) {
  const auto add = [](std::uint8_t a, int b) { return static_cast<std::uint8_t>(a + b); };
  switch (filter) {
    case 0:
      return;
    case 1:
      for (index_t i = step; i < bytes; ++i) row[i] = add(row[i], row[i - step]);
      return;
    case 2:
      for (index_t i = 0; i < bytes; ++i) row[i] = add(row[i], above[i]);
      return;
    case 3:
      for (index_t i = 0; i < bytes; ++i) row[i] = add(row[i], ((i < step ? 0 : row[i - step]) + above[i]) / 2);
      return;
    case 4:
      for (index_t i = 0; i < bytes; ++i) {
        const int left = i < step ? 0 : row[i - step], up = above[i], corner = i < step ? 0 : above[i - step];
        const int to_left = std::abs(up - corner), to_up = std::abs(left - corner);
        const int to_corner = std::abs(left + up - 2 * corner);
        const int nearest = to_left <= to_up && to_left <= to_corner ? left : to_up <= to_corner ? up : corner;
        row[i] = add(row[i], nearest);
      }
      return;
    default:
      fail_damaged(name, "a row has an unknown filter");
  }
}

/// Sample i of an unfiltered row.
[[nodiscard]] inline std::uint16_t png_sample(const std::uint8_t* row, index_t i, int depth) {
  if (depth == 8) return row[i];
  if (depth == 16) return static_cast<std::uint16_t>(row[2 * i] << 8 | row[2 * i + 1]);
  const index_t bit = i * depth;
  return static_cast<std::uint16_t>(row[bit / 8] >> (8 - depth - bit % 8) & ((1 << depth) - 1));
}

/// The chunks that matter. Others are skipped: transparency, gamma and metadata change no sample.
struct PngChunks {
  PngHeader header;
  std::array<std::array<std::uint8_t, 3>, 256> palette{};
  std::vector<std::byte> data;  // all IDAT chunks joined
};

[[nodiscard]] inline PngChunks read_png_chunks(Bytes file, const DecodeLimits& limits, const std::string& name) {
  PngChunks png;
  for (std::size_t i = 0; i < 256; ++i) png.palette[i].fill(static_cast<std::uint8_t>(i));  // where PLTE has no entry
  bool has_palette = false;
  for (std::size_t at = 8;;) {
    if (file.size() - at < 12) fail_truncated(name);
    const std::size_t length = big_endian32(file, at);
    if (length > file.size() - at - 12) fail_truncated(name);
    const std::string_view type(reinterpret_cast<const char*>(file.data()) + at + 4, 4);
    const Bytes data = file.subspan(at + 8, length);
    const bool critical = (static_cast<unsigned char>(type[0]) & 0x20) == 0;
    if (critical && crc32(file.subspan(at + 4, length + 4)) != big_endian32(file, at + 8 + length))
      fail_damaged(name, "a checksum is wrong");
    if ((at == 8) != (type == "IHDR")) fail_damaged(name, "its header is not the first chunk");
    at += length + 12;
    if (type == "IHDR") {
      png.header = parse_png_header(data, limits, name);
    } else if (type == "PLTE") {
      if (length % 3 != 0 || length > 768) fail_damaged(name, "its palette has the wrong length");
      for (std::size_t i = 0; i < length; ++i) png.palette[i / 3][i % 3] = static_cast<std::uint8_t>(byte_at(data, i));
      has_palette = true;
    } else if (type == "IDAT") {
      png.data.insert(png.data.end(), data.begin(), data.end());
    } else if (type == "IEND") {
      break;
    } else if (critical) {
      fail_damaged(name, "it holds a critical chunk that PNG does not have");
    }
  }
  if (png.header.colour == 3 && !has_palette) fail_damaged(name, "its palette is missing");
  return png;
}

/// zlib data into out; the number of bytes written, or -1.
using Inflate = int (*)(char* out, int out_size, const char* in, int in_size);

[[nodiscard]] inline Samples decode_png(Bytes file, const DecodeLimits& limits, const std::string& name,
                                        Inflate inflate) {
  const PngChunks png = read_png_chunks(file, limits, name);
  const PngHeader& h = png.header;
  const std::span<const PngPass> passes =
      h.interlaced ? std::span<const PngPass>(png_adam7) : std::span<const PngPass>(png_whole);
  index_t needed = 0;
  for (const PngPass& pass : passes) {
    const index_t columns = pass_extent(h.width, pass.first_column, pass.column_step);
    if (columns > 0) needed += pass_extent(h.height, pass.first_row, pass.row_step) * (1 + h.row_bytes(columns));
  }
  // Deflate makes at most 1032 bytes of one (RFC 1951: 258 from 2 bits): a header that lies is refused here.
  constexpr index_t slack = 1 << 16;  // encoders may pad the end
  const index_t most = (index_t{1} << 31) - 1;
  if (needed / 1032 > static_cast<index_t>(png.data.size())) fail_truncated(name);
  if (needed > most - slack || static_cast<index_t>(png.data.size()) > most)
    fail(name, "the image has ", needed, " bytes of pixels, more than this decoder takes; shrink the image");
  std::vector<std::uint8_t> raw(static_cast<std::size_t>(needed + slack));
  const int got = inflate(reinterpret_cast<char*>(raw.data()), static_cast<int>(needed + slack),
                          reinterpret_cast<const char*>(png.data.data()), static_cast<int>(png.data.size()));
  if (got < needed) fail_damaged(name, "its compressed pixels end too early or are not valid");

  Samples result;
  result.width = h.width;
  result.height = h.height;
  result.channels = h.colour == 3 ? 3 : h.channels();
  result.bits = h.depth == 16 ? 16 : 8;
  result.values.resize(static_cast<std::size_t>(h.width * h.height * result.channels));
  const int stretch = h.depth < 8 ? 255 / ((1 << h.depth) - 1) : 1;
  const index_t step = std::max<index_t>(1, h.channels() * h.depth / 8);
  std::uint8_t* row = raw.data();
  for (const PngPass& pass : passes) {
    const index_t columns = pass_extent(h.width, pass.first_column, pass.column_step);
    const index_t rows = pass_extent(h.height, pass.first_row, pass.row_step);
    if (columns == 0) continue;
    const index_t bytes = h.row_bytes(columns);
    const std::vector<std::uint8_t> zeros(static_cast<std::size_t>(bytes));
    const std::uint8_t* above = zeros.data();
    for (index_t r = 0; r < rows; ++r, row += bytes + 1) {
      std::uint8_t* const samples = row + 1;
      unfilter_png_row(row[0], samples, above, bytes, step, name);
      above = samples;
      const index_t target_row = pass.first_row + r * pass.row_step;
      for (index_t c = 0; c < columns; ++c) {
        const index_t target = target_row * h.width + pass.first_column + c * pass.column_step;
        std::uint16_t* const to = result.values.data() + target * result.channels;
        if (h.colour == 3) {
          const auto& colour = png.palette[png_sample(samples, c, h.depth)];
          std::copy(colour.begin(), colour.end(), to);
          continue;
        }
        for (index_t k = 0; k < result.channels; ++k)
          to[k] = static_cast<std::uint16_t>(png_sample(samples, c * result.channels + k, h.depth) * stretch);
      }
    }
  }
  return result;
}

}  // namespace detail

}  // namespace limn::inline LIMN_ABI::image
