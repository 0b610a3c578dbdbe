#pragma once
// The outer form of a JPEG file (ITU T.81, annex B): its segments, up to the end marker.

#include <cstdint>
#include <string>
#include <vector>

#include <limn/image/bytes.hpp>

namespace limn::inline LIMN_ABI::image::detail {

/// A marker, what its segment holds, and, of a scan, the coded pixels behind it.
struct JpegSegment {
  std::uint32_t marker = 0;
  Bytes data, scan;
};

/// The length of the coded pixels that begin at `at`: up to a marker that is no restart.
[[nodiscard]] inline std::size_t jpeg_scan_length(Bytes file, std::size_t at, const std::string& name) {
  for (std::size_t i = at; i + 1 < file.size(); ++i) {
    if (byte_at(file, i) != 0xff) continue;
    const std::uint32_t next = byte_at(file, i + 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return i - at;
  }
  fail_truncated(name);
}

/// All segments of a file that begins with SOI, up to EOI. Throws when the file ends before.
[[nodiscard]] inline std::vector<JpegSegment> jpeg_segments(Bytes file, const std::string& name) {
  std::vector<JpegSegment> segments;
  std::size_t scans = 0;
  for (std::size_t at = 2;;) {
    if (file.size() - at < 2) fail_truncated(name);
    if (byte_at(file, at) != 0xff) fail_damaged(name, "a marker is missing");
    const std::uint32_t marker = byte_at(file, at + 1);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    at += 2;
    if (marker == 0xd9) return segments;
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;  // markers without a segment
    if (marker == 0 || marker == 0xd8) fail_damaged(name, "a marker is wrong");
    if (file.size() - at < 2) fail_truncated(name);
    const std::size_t length = big_endian16(file, at);
    if (length < 2) fail_damaged(name, "a segment is too short");
    if (length > file.size() - at) fail_truncated(name);
    segments.push_back({marker, file.subspan(at + 2, length - 2), {}});
    at += length;
    if (marker != 0xda) continue;
    if (++scans > 500) fail_damaged(name, "it has more than 500 scans");  // each costs the time of a whole image
    segments.back().scan = file.subspan(at, jpeg_scan_length(file, at, name));
    at += segments.back().scan.size();
  }
}

}  // namespace limn::inline LIMN_ABI::image::detail
