#pragma once
// Resizing and greyscale with the integer arithmetic of Pillow 9: equal bytes, not just similar pictures.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include <limn/image/image.hpp>

namespace limn::inline LIMN_ABI::image {

/// `nearest` takes one pixel; the others weigh all pixels under the filter, which widens when the image shrinks.
enum class Filter { nearest, box, bilinear, hamming, bicubic, lanczos };

/// The filter of this name in lower case; throws Error naming `where` when there is none.
[[nodiscard]] Filter filter_named(std::string_view name, const std::string& where);

/// The image at another size. Every channel by itself: alpha is not premultiplied.
[[nodiscard]] Image resize(const Image& image, index_t width, index_t height, Filter filter);

/// Brightness of an RGB image by ITU-R 601-2 (0.299 R + 0.587 G + 0.114 B in 16 bits); grey stays as it is.
[[nodiscard]] Image to_grey(const Image& image);
/// Grey copied to three channels; alpha dropped; RGB stays as it is.
[[nodiscard]] Image to_rgb(const Image& image);

namespace detail {

[[nodiscard]] inline double filter_support(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bicubic:
      return 2;
    case Filter::lanczos:
      return 3;
    default:
      return 1;
  }
}

[[nodiscard]] inline double sinc(double x) {
  const double angle = x * 3.14159265358979323846;
  return x == 0 ? 1 : std::sin(angle) / angle;
}

[[nodiscard]] inline double filter_weight(Filter filter, double x) {
  if (filter == Filter::box) return x > -0.5 && x <= 0.5 ? 1 : 0;
  if (filter == Filter::lanczos) return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  x = std::fabs(x);
  if (filter == Filter::bicubic) {
    constexpr double a = -0.5;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  }
  if (x >= 1) return 0;
  if (filter == Filter::bilinear) return 1 - x;
  if (x == 0) return 1;
  const double angle = x * 3.14159265358979323846;
  return std::sin(angle) / angle * (0.54 + 0.46 * std::cos(angle));
}

/// For each output position the first input position and the fixed-point weights from there.
struct Taps {
  index_t width = 0;  // weights stored for each output position
  std::vector<index_t> first, count;
  std::vector<std::int32_t> weight;
};

inline constexpr int tap_bits = 32 - 8 - 2;

[[nodiscard]] inline Taps make_taps(index_t in, index_t out, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = filter_support(filter) * stretch;
  Taps taps;
  taps.width = static_cast<index_t>(std::ceil(support)) * 2 + 1;
  taps.first.resize(static_cast<std::size_t>(out));
  taps.count.resize(static_cast<std::size_t>(out));
  taps.weight.resize(static_cast<std::size_t>(out * taps.width));
  std::vector<double> weights(static_cast<std::size_t>(taps.width));
  for (index_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const index_t first = std::max<index_t>(0, static_cast<index_t>(centre - support + 0.5));
    const index_t last = std::min(in, static_cast<index_t>(centre + support + 0.5));
    const double shrink = 1.0 / stretch;
    double sum = 0;
    for (index_t k = 0; k < last - first; ++k) {
      const double w = filter_weight(filter, (static_cast<double>(k + first) - centre + 0.5) * shrink);
      weights[static_cast<std::size_t>(k)] = w;
      sum += w;
    }
    taps.first[static_cast<std::size_t>(i)] = first;
    taps.count[static_cast<std::size_t>(i)] = last - first;
    for (index_t k = 0; k < last - first; ++k) {
      double w = weights[static_cast<std::size_t>(k)];
      if (sum != 0) w /= sum;
      taps.weight[static_cast<std::size_t>(i * taps.width + k)] =
          static_cast<std::int32_t>((w < 0 ? -0.5 : 0.5) + w * (1 << tap_bits));
    }
  }
  return taps;
}

[[nodiscard]] inline std::uint8_t from_fixed(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> tap_bits, 0, 255));
}

/// [rows, in, channels] -> [rows, out, channels]
[[nodiscard]] inline Image resize_rows(const Image& image, index_t out, Filter filter) {
  const Taps taps = make_taps(image.width, out, filter);
  const index_t channels = image.channels;
  Image result(out, image.height, channels);
  std::uint8_t* to = result.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    const std::uint8_t* const line = image.pixels.data() + row * image.width * channels;
    for (index_t i = 0; i < out; ++i) {
      const std::int32_t* const weight = taps.weight.data() + i * taps.width;
      const std::uint8_t* const from = line + taps.first[static_cast<std::size_t>(i)] * channels;
      const index_t count = taps.count[static_cast<std::size_t>(i)];
      for (index_t c = 0; c < channels; ++c) {
        std::int32_t sum = 1 << (tap_bits - 1);
        for (index_t k = 0; k < count; ++k) sum += from[k * channels + c] * weight[k];
        *to++ = from_fixed(sum);
      }
    }
  }
  return result;
}

/// [in, width * channels] -> [out, width * channels]
[[nodiscard]] inline Image resize_columns(const Image& image, index_t out, Filter filter) {
  const Taps taps = make_taps(image.height, out, filter);
  const index_t line = image.width * image.channels;
  Image result(image.width, out, image.channels);
  std::vector<std::int32_t> sums(static_cast<std::size_t>(line));
  for (index_t i = 0; i < out; ++i) {
    std::fill(sums.begin(), sums.end(), 1 << (tap_bits - 1));
    for (index_t k = 0; k < taps.count[static_cast<std::size_t>(i)]; ++k) {
      const std::int32_t weight = taps.weight[static_cast<std::size_t>(i * taps.width + k)];
      const std::uint8_t* const from = image.pixels.data() + (taps.first[static_cast<std::size_t>(i)] + k) * line;
      for (index_t j = 0; j < line; ++j) sums[static_cast<std::size_t>(j)] += from[j] * weight;
    }
    std::uint8_t* const to = result.pixels.data() + i * line;
    for (index_t j = 0; j < line; ++j) to[j] = from_fixed(sums[static_cast<std::size_t>(j)]);
  }
  return result;
}

/// Input positions of `nearest`. Pillow adds up the step, and the rounding of that sum decides ties.
[[nodiscard]] inline std::vector<index_t> nearest_positions(index_t in, index_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  double at = step * 0.5;
  std::vector<index_t> result(static_cast<std::size_t>(out));
  for (index_t& position : result) {
    position = std::min(in - 1, static_cast<index_t>(at));
    at += step;
  }
  return result;
}

[[nodiscard]] inline Image resize_nearest(const Image& image, index_t width, index_t height) {
  const std::vector<index_t> columns = nearest_positions(image.width, width);
  const index_t channels = image.channels;
  Image result(width, height, channels);
  std::uint8_t* to = result.pixels.data();
  for (const index_t row : nearest_positions(image.height, height)) {
    const std::uint8_t* const line = image.pixels.data() + row * image.width * channels;
    for (const index_t column : columns) to = std::copy_n(line + column * channels, channels, to);
  }
  return result;
}

}  // namespace detail

inline Filter filter_named(std::string_view name, const std::string& where) {
  constexpr std::pair<std::string_view, Filter> filters[] = {
      {"nearest", Filter::nearest}, {"box", Filter::box},         {"bilinear", Filter::bilinear},
      {"hamming", Filter::hamming}, {"bicubic", Filter::bicubic}, {"lanczos", Filter::lanczos}};
  for (const auto& filter : filters)
    if (filter.first == name) return filter.second;
  fail(where, "no resize filter is named '", name, "'; there are nearest, box, bilinear, hamming, bicubic and lanczos");
}

inline Image resize(const Image& image, index_t width, index_t height, Filter filter) {
  if (image.empty()) fail("resize", "the image is empty");
  if (width < 1 || height < 1 || width > (1 << 20) || height > (1 << 20))
    fail("resize", "a size of ", width, "x", height, " was asked for; sides of 1 to 1048576 are possible");
  if (width == image.width && height == image.height) return image;
  if (filter == Filter::nearest) return detail::resize_nearest(image, width, height);
  if (height == image.height) return detail::resize_rows(image, width, filter);
  if (width == image.width) return detail::resize_columns(image, height, filter);
  return detail::resize_columns(detail::resize_rows(image, width, filter), height, filter);
}

inline Image to_grey(const Image& image) {
  if (image.channels == 1) return image;
  if (image.channels != 3) fail("to_grey", "the image has ", image.channels, " channels; 1 or 3 are wanted");
  Image grey(image.width, image.height, 1);
  const std::uint8_t* rgb = image.pixels.data();
  for (std::uint8_t& y : grey.pixels) {
    y = static_cast<std::uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16);
    rgb += 3;
  }
  return grey;
}

inline Image to_rgb(const Image& image) {
  if (image.channels == 3) return image;
  if (image.empty()) fail("to_rgb", "the image is empty");
  Image rgb(image.width, image.height, 3);
  const bool grey = image.channels < 3;
  const std::uint8_t* from = image.pixels.data();
  for (std::uint8_t* to = rgb.pixels.data(); to != rgb.pixels.data() + rgb.pixels.size(); to += 3) {
    to[0] = from[0];
    to[1] = from[grey ? 0 : 1];
    to[2] = from[grey ? 0 : 2];
    from += image.channels;
  }
  return rgb;
}

}  // namespace limn::inline LIMN_ABI::image
