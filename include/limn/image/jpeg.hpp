#pragma once
// The outline of a JPEG file (ITU T.81): its size, its end, and tables that no decoder should be handed.

#include <limn/image/png.hpp>

namespace limn::inline LIMN_ABI::image::detail {

struct JpegOutline {
  index_t width = 0, height = 0, components = 0;
  bool adobe = false;   // an Adobe segment says how colours are stored
  std::size_t end = 0;  // of the image in the file, past its last marker
};

/// The position after the entropy-coded data that begins at `at`: that of the next marker.
[[nodiscard]] inline std::size_t skip_jpeg_scan(Bytes file, std::size_t at, const std::string& name) {
  for (; at + 1 < file.size(); ++at) {
    if (byte_at(file, at) != 0xff) continue;
    const std::uint32_t next = byte_at(file, at + 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;  // neither a stuffed 0 nor a restart
  }
  fail_truncated(name);
}

/// Huffman tables: 16 counts of codes of each length, then as many symbols, at most 256.
inline void check_jpeg_huffman(Bytes segment, const std::string& name) {
  while (!segment.empty()) {
    if (segment.size() < 17) fail_damaged(name, "a Huffman table is too short");
    std::size_t symbols = 0;
    for (std::size_t i = 1; i <= 16; ++i) symbols += byte_at(segment, i);
    if (symbols > 256 || symbols > segment.size() - 17) fail_damaged(name, "a Huffman table has too many codes");
    segment = segment.subspan(17 + symbols);
  }
}

/// Walks the segments of a file that begins with SOI, up to EOI. Throws when it ends before.
[[nodiscard]] inline JpegOutline outline_jpeg(Bytes file, const DecodeLimits& limits, const std::string& name) {
  JpegOutline result;
  bool has_frame = false;
  index_t scans = 0;
  for (std::size_t at = 2;;) {
    if (file.size() - at < 2) fail_truncated(name);
    if (byte_at(file, at) != 0xff) fail_damaged(name, "a marker is missing");
    const std::uint32_t marker = byte_at(file, at + 1);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    at += 2;
    if (marker == 0xd9) {  // EOI
      result.end = at;
      break;
    }
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;  // markers without a segment
    if (marker == 0 || marker == 0xd8) fail_damaged(name, "a marker is wrong");
    if (file.size() - at < 2) fail_truncated(name);
    const std::size_t length = big_endian16(file, at);
    if (length < 2) fail_damaged(name, "a segment is too short");
    if (length > file.size() - at) fail_truncated(name);
    const Bytes segment = file.subspan(at + 2, length - 2);
    at += length;
    if (marker == 0xc4) {
      check_jpeg_huffman(segment, name);
    } else if (marker == 0xee && segment.size() >= 12 && std::memcmp(segment.data(), "Adobe", 5) == 0) {
      result.adobe = true;
    } else if (marker == 0xda) {
      if (!has_frame) fail_damaged(name, "pixels come before the header");
      if (++scans > 500) fail_damaged(name, "it has more than 500 scans");
      at = skip_jpeg_scan(file, at, name);
    } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc) {
      if (has_frame) fail_damaged(name, "it has two headers");
      if (marker > 0xc2)
        fail(name,
             "a JPEG of a kind that is not supported (lossless, hierarchical or arithmetic); convert it to a baseline "
             "JPEG");
      if (segment.size() < 6 || segment.size() != 6 + 3 * byte_at(segment, 5))
        fail_damaged(name, "its header has the wrong length");
      if (byte_at(segment, 0) != 8) fail(name, "a JPEG of 12 bits a sample is not supported; convert it to 8 bits");
      has_frame = true;
      result.height = big_endian16(segment, 1);
      result.width = big_endian16(segment, 3);
      result.components = byte_at(segment, 5);
      check_size(result.width, result.height, limits, name);
      if (result.components != 1 && result.components != 3 && result.components != 4)
        fail_damaged(name, "it has neither 1 nor 3 nor 4 components");
    }
  }
  if (scans == 0) fail_damaged(name, "it holds no pixels");
  // A block of 64 pixels takes a bit or more: a header that lies is refused before anything is allocated.
  if (result.width * result.height / 512 > static_cast<index_t>(result.end)) fail_truncated(name);
  return result;
}

}  // namespace limn::inline LIMN_ABI::image::detail
