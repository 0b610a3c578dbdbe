#pragma once
// What drawing is made of: points, colours, paints, and the exact coverage of pixels by outlines, in integers only.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include <limn/image/image.hpp>
#include <limn_kernels/config.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::image {

/// Every length and position below counts 1/256 of a pixel: pixel (column, row) covers [256 column, 256 column + 256).
inline constexpr int pixel_unit = 256;

struct Point {
  int x = 0, y = 0;
};

struct Rgba {
  std::uint8_t r = 0, g = 0, b = 0;
  std::uint8_t alpha = 255;  ///< 0 leaves the image as it is, 255 covers it
};

/// One colour, or a linear gradient from `from` (at `start` and before) to `to` (at `end` and beyond). Both points lie
/// within 65536 pixels of the corner.
struct Paint {
  Paint(Rgba colour) : from(colour), to(colour) {}  // NOLINT(google-explicit-constructor): a colour is a paint
  Paint(Rgba first, Point first_at, Rgba last, Point last_at) : from(first), to(last), start(first_at), end(last_at) {}

  Rgba from, to;
  Point start, end;
};

namespace detail {

inline constexpr int lines_per_pixel = 16;  // horizontal scan lines in a row of pixels
inline constexpr int line_step = pixel_unit / lines_per_pixel;
inline constexpr int full_cover = pixel_unit * lines_per_pixel;  // a wholly covered pixel
inline constexpr int farthest = 1 << 24;                         // coordinates beyond 65536 pixels are an error

inline void check_image(const char* op, const Image& image) {
  if (image.channels != 3) fail(op, "the image has ", image.channels, " channels but drawing wants 3 (RGB)");
}

inline void check_point(const char* op, Point p) {
  if (std::max(std::abs(static_cast<std::int64_t>(p.x)), std::abs(static_cast<std::int64_t>(p.y))) > farthest) {
    fail(op, "point (", p.x, ", ", p.y, ") is over 65536 pixels from the corner");
  }
}

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) {  // b > 0
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

inline std::int64_t isqrt(
    std::int64_t n) {  // exact for 0 <= n < 2^52: the square root of a double is correctly rounded
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
  while (root * root > n) --root;
  while ((root + 1) * (root + 1) <= n) ++root;
  return root;
}

inline std::int64_t doubled_area(std::span<const Point> points) {  // positive when clockwise on the screen
  std::int64_t area = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point a = points[i], b = points[(i + 1) % points.size()];
    area += std::int64_t{a.x} * b.y - std::int64_t{b.x} * a.y;
  }
  return area;
}

inline Rgba mix(Rgba a, Rgba b, std::int64_t t) {  // t in [0, 256]
  const auto channel = [t](int from, int to) {
    return static_cast<std::uint8_t>((from * (256 - t) + to * t + 128) >> 8);
  };
  return {channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b), channel(a.alpha, b.alpha)};
}

inline Rgba colour_at(const Paint& paint, index_t column, index_t row) {
  const std::int64_t dx = paint.end.x - paint.start.x, dy = paint.end.y - paint.start.y;
  const std::int64_t length = dx * dx + dy * dy;
  if (length == 0) return paint.from;
  const std::int64_t px = column * pixel_unit + pixel_unit / 2 - paint.start.x;
  const std::int64_t py = row * pixel_unit + pixel_unit / 2 - paint.start.y;
  return mix(paint.from, paint.to, std::clamp<std::int64_t>(floor_div(256 * (px * dx + py * dy), length), 0, 256));
}

inline void blend(std::uint8_t* rgb, Rgba colour, int cover) {  // cover in [0, full_cover]
  const int whole = full_cover * 255, weight = cover * colour.alpha;
  if (weight == whole) {
    rgb[0] = colour.r, rgb[1] = colour.g, rgb[2] = colour.b;
    return;
  }
  const auto channel = [=](int under, int over) {
    return static_cast<std::uint8_t>((under * (whole - weight) + over * weight + whole / 2) / whole);
  };
  rgb[0] = channel(rgb[0], colour.r);
  rgb[1] = channel(rgb[1], colour.g);
  rgb[2] = channel(rgb[2], colour.b);
}

/// Sums signed areas: each scan line holds the points where an outline crosses it; all to the right of a crossing
/// gains (or loses) one. Exact along a line, 16 lines a row; outlines may come in any order, so nothing is sorted.
class Coverage {
 public:
  /// Ready for outlines within [low, high]; what lies outside the image is clipped.
  Coverage(const Image& image, Point low, Point high) {
    const auto pixels = [](std::int64_t at, std::int64_t limit) {
      return std::clamp<std::int64_t>(floor_div(at, pixel_unit), 0, limit);
    };
    left_ = pixels(low.x, image.width);
    top_ = pixels(low.y, image.height);
    width_ = pixels(std::int64_t{high.x} + pixel_unit, image.width) - left_;
    height_ = pixels(std::int64_t{high.y} + pixel_unit, image.height) - top_;
    sums_.assign(static_cast<std::size_t>(std::max<index_t>(0, width_ + 2) * std::max<index_t>(0, height_)), 0);
  }

  /// Scan lines [first_line(y), first_line(y2)) have their heights in [y, y2).
  [[nodiscard]] std::int64_t first_line(std::int64_t y) const {
    const std::int64_t line = floor_div(y - top_ * pixel_unit - line_step / 2 + line_step - 1, line_step);
    return std::clamp<std::int64_t>(line, 0, height_ * lines_per_pixel);
  }
  [[nodiscard]] std::int64_t line_y(std::int64_t line) const {
    return top_ * pixel_unit + line * line_step + line_step / 2;
  }

  void cross(std::int64_t line, std::int64_t x, int direction) {
    const std::int64_t inside = std::clamp<std::int64_t>(x - left_ * pixel_unit, 0, width_ * pixel_unit);
    const auto part = static_cast<int>(inside % pixel_unit);
    int* at = sums_.data() + line / lines_per_pixel * (width_ + 2) + inside / pixel_unit;
    at[0] += direction * (pixel_unit - part);
    at[1] += direction * part;
  }

  void edge(Point a, Point b, int direction) {
    if (a.y == b.y) return;
    if (a.y > b.y) std::swap(a, b), direction = -direction;
    const std::int64_t last = first_line(b.y), dy = std::int64_t{b.y} - a.y;
    const std::int64_t slope = floor_div((std::int64_t{b.x} - a.x) * 65536, dy);  // 16 fraction bits
    for (std::int64_t line = first_line(a.y); line < last; ++line) {
      cross(line, a.x + ((slope * (line_y(line) - a.y)) >> 16), direction);
    }
  }

  /// The half of an ellipse left (side -1) or right (+1) of its centre, between two heights relative to the centre.
  void arc(Point centre, std::int64_t rx, std::int64_t ry, int side, std::int64_t from, std::int64_t to,
           int direction) {
    if (ry <= 0) return;
    for (std::int64_t line = first_line(centre.y + from), last = first_line(centre.y + to); line < last; ++line) {
      const std::int64_t y = line_y(line) - centre.y;
      const std::int64_t half = isqrt(std::max<std::int64_t>(0, ry * ry - y * y)) * rx / ry;
      cross(line, centre.x + side * half, direction);
    }
  }

  void ellipse(Point centre, std::int64_t rx, std::int64_t ry, int direction) {
    arc(centre, rx, ry, -1, -ry, ry, direction);
    arc(centre, rx, ry, 1, -ry, ry, -direction);
  }

  void paint(Image& image, const Paint& paint) const {
    const bool by_row = paint.start.x == paint.end.x;  // one colour a row
    for (index_t row = 0; row < height_; ++row) {
      const int* sums = sums_.data() + row * (width_ + 2);
      std::uint8_t* rgb = image.pixels.data() + ((top_ + row) * image.width + left_) * 3;
      const Rgba row_colour = colour_at(paint, left_, top_ + row);
      int sum = 0;
      for (index_t column = 0; column < width_; ++column, rgb += 3) {
        sum += sums[column];
        const int cover = std::clamp(sum, 0, full_cover);
        if (cover == 0) continue;
        blend(rgb, by_row ? row_colour : colour_at(paint, left_ + column, top_ + row), cover);
      }
    }
  }

 private:
  index_t left_ = 0, top_ = 0, width_ = 0, height_ = 0;  // pixels
  std::vector<int> sums_;                                // [height, width + 2] differences along a row
};

inline Coverage around(const char* op, const Image& image, Point low, Point high) {
  check_image(op, image);
  check_point(op, low);
  check_point(op, high);
  return Coverage(image, low, high);
}

}  // namespace detail

}  // namespace limn::inline LIMN_ABI::image
