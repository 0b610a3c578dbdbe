#pragma once
// From JPEG coefficients to pixels with the integer arithmetic of libjpeg ("islow" transform, "fancy" upsampling), so
// that limn sees the same bytes as programs built on it, Pillow among them.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <limn/image/jpeg_entropy.hpp>

namespace limn::inline LIMN_ABI::image::detail {

/// Unsigned, so that damaged files may overflow; sums are read back as signed.
struct JpegTransform {
  using Word = std::uint32_t;

  /// One pass over 8 numbers, left scaled by 2^13 (Loeffler, Ligtenberg, Moschytz 1989, with 13-bit constants).
  static std::array<Word, 8> pass(const std::array<Word, 8>& x) {
    const Word even = (x[2] + x[6]) * 4433;
    const Word e2 = even - x[6] * 15137, e3 = even + x[2] * 6270;
    const Word e0 = (x[0] + x[4]) << 13, e1 = (x[0] - x[4]) << 13;
    const Word s0 = e0 + e3, s3 = e0 - e3, s1 = e1 + e2, s2 = e1 - e2;
    const Word sum = (x[7] + x[3] + x[5] + x[1]) * 9633;
    const Word z1 = (x[7] + x[1]) * 7373, z2 = (x[5] + x[3]) * 20995;
    const Word z3 = sum - (x[7] + x[3]) * 16069, z4 = sum - (x[5] + x[1]) * 3196;
    const Word o0 = x[7] * 2446 - z1 + z3, o1 = x[5] * 16819 - z2 + z4;
    const Word o2 = x[3] * 25172 - z2 + z3, o3 = x[1] * 12299 - z1 + z4;
    return {s0 + o3, s1 + o2, s2 + o1, s3 + o0, s3 - o0, s2 - o1, s1 - o2, s0 - o3};
  }
  [[nodiscard]] static Word rounded(Word x, int bits) {
    return static_cast<Word>(static_cast<std::int32_t>(x + (Word{1} << (bits - 1))) >> bits);
  }
  [[nodiscard]] static std::uint8_t sample(Word x, int bits) {
    return static_cast<std::uint8_t>(std::clamp(static_cast<std::int32_t>(rounded(x, bits)) + 128, 0, 255));
  }
};

/// The 8x8 samples of a block, into rows `stride` apart. `quantum`: the quantisation table in rows and columns.
inline void inverse_dct(const JpegBlock& block, const std::array<std::uint16_t, 64>& quantum, std::uint8_t* to,
                        index_t stride) {
  using Word = JpegTransform::Word;
  const auto dequantised = [&](std::size_t i) {
    return static_cast<Word>(std::int32_t{static_cast<std::int16_t>(block[i] * quantum[i])});
  };
  std::array<std::array<Word, 8>, 8> columns;
  bool flat = true;  // nothing but the DC coefficient
  for (std::size_t c = 0; c < 8; ++c) {
    std::array<Word, 8> x;
    Word rest = 0;
    for (std::size_t r = 0; r < 8; ++r) {
      x[r] = dequantised(8 * r + c);
      if (r > 0) rest |= x[r];
    }
    if (rest == 0) {
      columns[c].fill(x[0] << 2);
      flat = flat && (c == 0 || x[0] == 0);
      continue;
    }
    flat = false;
    columns[c] = JpegTransform::pass(x);
    for (Word& value : columns[c]) value = JpegTransform::rounded(value, 11);
  }
  for (std::size_t r = 0; r < 8; ++r, to += stride) {
    if (flat) {
      std::fill_n(to, 8, JpegTransform::sample(columns[0][r], 5));
      continue;
    }
    std::array<Word, 8> x;
    for (std::size_t c = 0; c < 8; ++c) x[c] = columns[c][r];
    x = JpegTransform::pass(x);
    for (std::size_t c = 0; c < 8; ++c) to[c] = JpegTransform::sample(x[c], 18);
  }
}

/// One component: its samples, in whole blocks.
struct JpegPlane {
  index_t width = 0, height = 0;  // of the samples that count
  index_t stride = 0;
  std::vector<std::uint8_t> samples;

  [[nodiscard]] const std::uint8_t* row(index_t r) const {
    return samples.data() + std::clamp<index_t>(r, 0, height - 1) * stride;
  }
};

/// Twice as wide: each sample 3/4 of the nearer one, 1/4 of the farther, rounded down and up in turn.
inline void upsample_row(const std::uint8_t* from, index_t n, std::uint8_t* to) {
  *to++ = from[0];
  *to++ = static_cast<std::uint8_t>((3 * from[0] + from[1] + 2) >> 2);
  for (index_t i = 1; i < n - 1; ++i) {
    *to++ = static_cast<std::uint8_t>((3 * from[i] + from[i - 1] + 1) >> 2);
    *to++ = static_cast<std::uint8_t>((3 * from[i] + from[i + 1] + 2) >> 2);
  }
  *to++ = static_cast<std::uint8_t>((3 * from[n - 1] + from[n - 2] + 1) >> 2);
  *to++ = from[n - 1];
}

/// Twice as wide, between two rows: 9/16, 3/16, 3/16, 1/16 of the nearest four.
inline void upsample_rows(const std::uint8_t* near, const std::uint8_t* far, index_t n, std::uint8_t* to) {
  const auto sum = [&](index_t i) { return 3 * near[i] + far[i]; };
  *to++ = static_cast<std::uint8_t>((4 * sum(0) + 8) >> 4);
  *to++ = static_cast<std::uint8_t>((3 * sum(0) + sum(1) + 7) >> 4);
  for (index_t i = 1; i < n - 1; ++i) {
    *to++ = static_cast<std::uint8_t>((3 * sum(i) + sum(i - 1) + 8) >> 4);
    *to++ = static_cast<std::uint8_t>((3 * sum(i) + sum(i + 1) + 7) >> 4);
  }
  *to++ = static_cast<std::uint8_t>((3 * sum(n - 1) + sum(n - 2) + 8) >> 4);
  *to++ = static_cast<std::uint8_t>((4 * sum(n - 1) + 7) >> 4);
}

/// Row `row` of the full image from a plane that is `across` times narrower and `down` times lower. `to` has room for
/// plane.width * across samples.
inline void upsampled_row(const JpegPlane& plane, index_t across, index_t down, index_t row, std::uint8_t* to) {
  const index_t source = row / down;
  const std::uint8_t* const near = plane.row(source);
  const bool upper = row % 2 == 0;
  const std::uint8_t* const far = plane.row(upper ? source - 1 : source + 1);
  if (across == 2 && down == 1 && plane.width > 2) return upsample_row(near, plane.width, to);
  if (across == 2 && down == 2 && plane.width > 2) return upsample_rows(near, far, plane.width, to);
  if (across == 1 && down == 2) {
    for (index_t i = 0; i < plane.width; ++i)
      to[i] = static_cast<std::uint8_t>((3 * near[i] + far[i] + (upper ? 1 : 2)) >> 2);
    return;
  }
  if (across == 1) {
    std::copy_n(near, plane.width, to);
    return;
  }
  for (index_t i = 0; i < plane.width; ++i) to = std::fill_n(to, across, near[i]);
}

/// YCbCr (ITU-R 601-2, full range) to RGB in 16-bit fixed point.
inline void ycc_to_rgb(int y, int cb, int cr, std::uint8_t* rgb) {
  cb -= 128;
  cr -= 128;
  const auto clamped = [](int v) { return static_cast<std::uint8_t>(std::clamp(v, 0, 255)); };
  rgb[0] = clamped(y + ((91881 * cr + 32768) >> 16));
  rgb[1] = clamped(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
  rgb[2] = clamped(y + ((116130 * cb + 32768) >> 16));
}

/// Stored CMYK is inverted, as Adobe writes it: 255 is no ink.
inline void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb) {
  const int white = cmyk[3];
  for (std::size_t c = 0; c < 3; ++c) {
    const int ink = (255 - cmyk[c]) * white + 128;
    rgb[c] = static_cast<std::uint8_t>(std::clamp(white - (((ink >> 8) + ink) >> 8), 0, 255));
  }
}

}  // namespace limn::inline LIMN_ABI::image::detail
