#pragma once
// PNG files of every depth and colour type, uncompressed, for the tests of the decoder.

#include <cstdint>
#include <string>
#include <vector>

#include <limn/image/png.hpp>

namespace limn::test {

inline std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string png_chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(image::detail::crc32(as_bytes(body)));
}

/// zlib data that stores `raw` as it is.
inline std::string zlib_stored(const std::string& raw) {
  std::string out = "\x78\x01";
  for (std::size_t at = 0;;) {
    const std::size_t length = std::min<std::size_t>(raw.size() - at, 65535);
    const bool last = at + length == raw.size();
    out += last ? '\1' : '\0';
    for (const std::size_t word : {length, ~length}) {
      out += static_cast<char>(word & 255);
      out += static_cast<char>(word >> 8 & 255);
    }
    out += raw.substr(at, length);
    at += length;
    if (last) break;
  }
  std::uint32_t a = 1, b = 0;
  for (const char c : raw) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return out + big_endian(b << 16 | a);
}

struct PngOptions {
  index_t width = 1, height = 1;
  int depth = 8, colour = 2;
  bool interlaced = false;
  std::string palette = {};  // RGB triples
  std::string extra = {};    // chunks between header and pixels
};

inline std::string png_header(const PngOptions& o) {
  std::string h = big_endian(static_cast<std::uint32_t>(o.width)) + big_endian(static_cast<std::uint32_t>(o.height));
  h += static_cast<char>(o.depth);
  h += static_cast<char>(o.colour);
  h += std::string(2, '\0');
  h += o.interlaced ? '\1' : '\0';
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", h);
}

/// samples: HWC values of o.depth bits; a channel for each of the colour type (a palette index has one).
inline std::string make_png(const PngOptions& o, const std::vector<std::uint16_t>& samples) {
  const index_t channels = o.colour == 2 ? 3 : o.colour == 4 ? 2 : o.colour == 6 ? 4 : 1;
  std::string raw;
  const auto add_pass = [&](const image::detail::PngPass& pass) {
    if (o.width <= pass.first_column) return;
    for (index_t row = pass.first_row; row < o.height; row += pass.row_step) {
      raw += '\0';
      std::string line;
      int used = 0;  // bits of the last byte
      for (index_t column = pass.first_column; column < o.width; column += pass.column_step)
        for (index_t c = 0; c < channels; ++c) {
          const unsigned value = samples[static_cast<std::size_t>((row * o.width + column) * channels + c)];
          if (o.depth == 16) line += static_cast<char>(value >> 8);
          if (o.depth >= 8) {
            line += static_cast<char>(value & 255);
            continue;
          }
          if (used == 0) line += '\0';
          line.back() = static_cast<char>(static_cast<unsigned char>(line.back()) | value << (8 - o.depth - used));
          used = (used + o.depth) % 8;
        }
      raw += line;
    }
  };
  if (o.interlaced)
    for (const auto& pass : image::detail::png_adam7) add_pass(pass);
  else
    add_pass(image::detail::png_whole[0]);
  return png_header(o) + o.extra + (o.palette.empty() ? "" : png_chunk("PLTE", o.palette)) +
         png_chunk("IDAT", zlib_stored(raw)) + png_chunk("IEND", "");
}

}  // namespace limn::test
