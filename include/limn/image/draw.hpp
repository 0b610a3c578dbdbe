#pragma once
// Anti-aliased drawing into an Image, in integers only: the same calls give the same bytes on every compiler and machine.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <limn/image/image.hpp>
#include <limn_kernels/config.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::image {

/// Every length and position below counts 1/256 of a pixel: pixel (column, row) covers [256 column, 256 column + 256).
inline constexpr int pixel_unit = 256;

/// A full turn, for angles: 0 points right, a quarter (64) points down, as y does.
inline constexpr int full_turn = 256;

struct Point {
  int x = 0, y = 0;
};

struct Rgba {
  std::uint8_t r = 0, g = 0, b = 0;
  std::uint8_t alpha = 255;  ///< 0 leaves the image as it is, 255 covers it
};

/// One colour, or a linear gradient from `from` (at `start` and before) to `to` (at `end` and beyond).
struct Paint {
  Paint(Rgba colour) : from(colour), to(colour) {}  // NOLINT(google-explicit-constructor): a colour is a paint
  Paint(Rgba first, Point first_at, Rgba last, Point last_at) : from(first), to(last), start(first_at), end(last_at) {}

  Rgba from, to;
  Point start, end;
};

/// Sine of an angle in 1/256 turns, times 16384, rounded to nearest. Cosine: sine_16384(angle + 64).
[[nodiscard]] int sine_16384(int angle);

/// Area of a simple polygon (edges meet only at their ends; clockwise or not). Fewer than 3 points draw nothing.
void fill_polygon(Image& image, std::span<const Point> points, const Paint& paint);

void fill_ellipse(Image& image, Point centre, int radius_x, int radius_y, const Paint& paint);
void fill_circle(Image& image, Point centre, int radius, const Paint& paint);

/// The area between two circles of the same centre; inner <= outer.
void fill_ring(Image& image, Point centre, int outer, int inner, const Paint& paint);

void fill_rectangle(Image& image, Point top_left, Point bottom_right, const Paint& paint);

/// A radius over half of a side is taken as half of it.
void fill_rounded_rectangle(Image& image, Point top_left, Point bottom_right, int radius, const Paint& paint);

/// A straight stroke with square-cut ends. A line of no length draws nothing.
void draw_line(Image& image, Point from, Point to, int thickness, const Paint& paint);

/// The corners of a regular polygon inside a circle; the first lies at `angle` (192 = straight up).
[[nodiscard]] std::vector<Point> regular_polygon(Point centre, int radius, int corners, int angle = 192);

/// A star whose `spikes` reach `radius`, its notches `notch_percent` of it; the first spike lies at `angle`.
[[nodiscard]] std::vector<Point> star_points(Point centre, int radius, int spikes = 5, int notch_percent = 45,
                                             int angle = 192);

/// A heart that fits a square of side 2 radius.
[[nodiscard]] std::vector<Point> heart_points(Point centre, int radius);

/// An upright cross of reach `radius` and arms `thickness` wide.
[[nodiscard]] std::vector<Point> cross_points(Point centre, int radius, int thickness);

/// Whole-image backgrounds. Stripes are `width` across and run at `angle`; cells are squares of side `cell`.
void fill_image(Image& image, const Paint& paint);
void fill_stripes(Image& image, int width, int angle, Rgba first, Rgba second);
void fill_checker(Image& image, int cell, Rgba first, Rgba second);

/// Adds to each pixel (all its channels alike) a number in [-amplitude, amplitude] that depends on seed, row and column.
void add_noise(Image& image, std::uint64_t seed, int amplitude);

/// Copies `part` into `image` with its top left corner at (column, row); what falls outside is dropped.
void paste(Image& image, const Image& part, index_t column, index_t row);

namespace detail {

inline constexpr int lines_per_pixel = 16;                              // horizontal scan lines in a row of pixels
inline constexpr int line_step = pixel_unit / lines_per_pixel;          //
inline constexpr int full_cover = pixel_unit * lines_per_pixel;         // a wholly covered pixel
inline constexpr int farthest = 1 << 24;                                // coordinates beyond 65536 pixels are an error

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

inline std::int64_t isqrt(std::int64_t n) {  // exact for 0 <= n < 2^52: the square root of a double is correctly rounded
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
  while (root * root > n) --root;
  while ((root + 1) * (root + 1) <= n) ++root;
  return root;
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
  void arc(Point centre, std::int64_t rx, std::int64_t ry, int side, std::int64_t from, std::int64_t to, int direction) {
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
    const bool flat = paint.start.x == paint.end.x && paint.start.y == paint.end.y;
    for (index_t row = 0; row < height_; ++row) {
      const int* sums = sums_.data() + row * (width_ + 2);
      std::uint8_t* rgb = image.pixels.data() + ((top_ + row) * image.width + left_) * 3;
      int sum = 0;
      for (index_t column = 0; column < width_; ++column, rgb += 3) {
        sum += sums[column];
        const int cover = std::clamp(sum, 0, full_cover);
        if (cover == 0) continue;
        blend(rgb, flat ? paint.from : colour_at(paint, left_ + column, top_ + row), cover);
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

/// sin(2 pi i / 256) * 16384 for a quarter of a turn.
inline constexpr std::array<int, 65> quarter_sine = {
    0,     402,   804,   1205,  1606,  2006,  2404,  2801,  3196,  3590,  3981,  4370,  4756,  5139,  5520,  5897,  6270,
    6639,  7005,  7366,  7723,  8076,  8423,  8765,  9102,  9434,  9760,  10080, 10394, 10702, 11003, 11297, 11585, 11866,
    12140, 12406, 12665, 12916, 13160, 13395, 13623, 13842, 14053, 14256, 14449, 14635, 14811, 14978, 15137, 15286, 15426,
    15557, 15679, 15791, 15893, 15986, 16069, 16143, 16207, 16261, 16305, 16340, 16364, 16379, 16384};

inline Point polar(Point centre, std::int64_t radius, int angle) {
  const auto along = [&](int from, int sine) {
    return static_cast<int>(from + floor_div(radius * sine + 8192, 16384));
  };
  return {along(centre.x, sine_16384(angle + 64)), along(centre.y, sine_16384(angle))};
}

}  // namespace detail

inline int sine_16384(int angle) {
  const int a = ((angle % full_turn) + full_turn) % full_turn;
  const int half = a % 128;
  const int value = detail::quarter_sine[static_cast<std::size_t>(half <= 64 ? half : 128 - half)];
  return a < 128 ? value : -value;
}

inline void fill_polygon(Image& image, std::span<const Point> points, const Paint& paint) {
  if (points.size() < 3) return;
  Point low = points[0], high = points[0];
  std::int64_t area = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point a = points[i], b = points[(i + 1) % points.size()];
    detail::check_point("fill_polygon", a);
    low = {std::min(low.x, a.x), std::min(low.y, a.y)};
    high = {std::max(high.x, a.x), std::max(high.y, a.y)};
    area += std::int64_t{a.x} * b.y - std::int64_t{b.x} * a.y;
  }
  detail::Coverage coverage = detail::around("fill_polygon", image, low, high);
  for (std::size_t i = 0; i < points.size(); ++i) {
    coverage.edge(points[i], points[(i + 1) % points.size()], area > 0 ? -1 : 1);
  }
  coverage.paint(image, paint);
}

inline void fill_ellipse(Image& image, Point centre, int radius_x, int radius_y, const Paint& paint) {
  if (radius_x <= 0 || radius_y <= 0) return;
  detail::Coverage coverage = detail::around("fill_ellipse", image, {centre.x - radius_x, centre.y - radius_y},
                                             {centre.x + radius_x, centre.y + radius_y});
  coverage.ellipse(centre, radius_x, radius_y, 1);
  coverage.paint(image, paint);
}

inline void fill_circle(Image& image, Point centre, int radius, const Paint& paint) {
  fill_ellipse(image, centre, radius, radius, paint);
}

inline void fill_ring(Image& image, Point centre, int outer, int inner, const Paint& paint) {
  if (outer <= 0) return;
  if (inner > outer) fail("fill_ring", "the inner radius ", inner, " exceeds the outer ", outer);
  detail::Coverage coverage = detail::around("fill_ring", image, {centre.x - outer, centre.y - outer},
                                             {centre.x + outer, centre.y + outer});
  coverage.ellipse(centre, outer, outer, 1);
  coverage.ellipse(centre, inner, inner, -1);
  coverage.paint(image, paint);
}

inline void fill_rectangle(Image& image, Point top_left, Point bottom_right, const Paint& paint) {
  const std::array<Point, 4> corners = {
      {top_left, {bottom_right.x, top_left.y}, bottom_right, {top_left.x, bottom_right.y}}};
  fill_polygon(image, corners, paint);
}

inline void fill_rounded_rectangle(Image& image, Point top_left, Point bottom_right, int radius, const Paint& paint) {
  const Point low = top_left, high = bottom_right;
  const int r = std::clamp(radius, 0, std::max(0, std::min(high.x - low.x, high.y - low.y) / 2));
  if (high.x <= low.x || high.y <= low.y) return;
  detail::Coverage coverage = detail::around("fill_rounded_rectangle", image, low, high);
  coverage.edge({low.x, low.y + r}, {low.x, high.y - r}, 1);
  coverage.edge({high.x, low.y + r}, {high.x, high.y - r}, -1);
  coverage.arc({low.x + r, low.y + r}, r, r, -1, -r, 0, 1);
  coverage.arc({high.x - r, low.y + r}, r, r, 1, -r, 0, -1);
  coverage.arc({low.x + r, high.y - r}, r, r, -1, 0, r, 1);
  coverage.arc({high.x - r, high.y - r}, r, r, 1, 0, r, -1);
  coverage.paint(image, paint);
}

inline void draw_line(Image& image, Point from, Point to, int thickness, const Paint& paint) {
  detail::check_point("draw_line", from);
  detail::check_point("draw_line", to);
  const std::int64_t dx = std::int64_t{to.x} - from.x, dy = std::int64_t{to.y} - from.y;
  const std::int64_t length = detail::isqrt(dx * dx + dy * dy);
  if (length == 0) return;
  const auto nx = static_cast<int>(detail::floor_div(-dy * thickness, 2 * length));
  const auto ny = static_cast<int>(detail::floor_div(dx * thickness, 2 * length));
  const std::array<Point, 4> corners = {
      {{from.x + nx, from.y + ny}, {to.x + nx, to.y + ny}, {to.x - nx, to.y - ny}, {from.x - nx, from.y - ny}}};
  fill_polygon(image, corners, paint);
}

inline std::vector<Point> regular_polygon(Point centre, int radius, int corners, int angle) {
  std::vector<Point> points;
  for (int i = 0; i < corners; ++i) points.push_back(detail::polar(centre, radius, angle + i * full_turn / corners));
  return points;
}

inline std::vector<Point> star_points(Point centre, int radius, int spikes, int notch_percent, int angle) {
  std::vector<Point> points;
  for (int i = 0; i < 2 * spikes; ++i) {
    const std::int64_t reach = i % 2 == 0 ? radius : std::int64_t{radius} * notch_percent / 100;
    points.push_back(detail::polar(centre, reach, angle + i * full_turn / (2 * spikes)));
  }
  return points;
}

inline std::vector<Point> heart_points(Point centre, int radius) {
  // x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t (Weisstein, "Heart Curve", MathWorld): 32 wide, 29 high.
  std::vector<Point> points;
  for (int t = 0; t < full_turn; t += 4) {
    const auto cosine = [](int angle) { return std::int64_t{sine_16384(angle + 64)}; };
    const std::int64_t sine = sine_16384(t);
    const std::int64_t x = 16 * (sine * sine * sine / (16384 * 16384));
    const std::int64_t y = 13 * cosine(t) - 5 * cosine(2 * t) - 2 * cosine(3 * t) - cosine(4 * t) + 5 * 8192;
    const auto scaled = [radius](std::int64_t v) { return static_cast<int>(detail::floor_div(v * radius, 16 * 16384)); };
    points.push_back({centre.x + scaled(x), centre.y - scaled(y)});
  }
  return points;
}

inline std::vector<Point> cross_points(Point centre, int radius, int thickness) {
  const int r = radius, h = thickness / 2;
  std::vector<Point> points = {{-h, -r}, {h, -r}, {h, -h}, {r, -h}, {r, h}, {h, h},
                               {h, r},   {-h, r}, {-h, h}, {-r, h}, {-r, -h}, {-h, -h}};
  for (Point& p : points) p = {centre.x + p.x, centre.y + p.y};
  return points;
}

inline void fill_image(Image& image, const Paint& paint) {
  detail::check_image("fill_image", image);
  std::uint8_t* rgb = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    for (index_t column = 0; column < image.width; ++column, rgb += 3) {
      detail::blend(rgb, detail::colour_at(paint, column, row), detail::full_cover);
    }
  }
}

inline void fill_stripes(Image& image, int width, int angle, Rgba first, Rgba second) {
  detail::check_image("fill_stripes", image);
  if (width < 1) fail("fill_stripes", "stripes of width ", width, " (1/256 pixel): at least 1 is wanted");
  const std::int64_t along_x = -sine_16384(angle), along_y = sine_16384(angle + 64);  // across the stripes
  std::uint8_t* rgb = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    for (index_t column = 0; column < image.width; ++column, rgb += 3) {
      int cover = 0;  // of the second colour, from 4 x 4 points
      for (int sample = 0; sample < 16; ++sample) {
        const std::int64_t x = column * pixel_unit + 32 + 64 * (sample % 4), y = row * pixel_unit + 32 + 64 * (sample / 4);
        const std::int64_t across = detail::floor_div(x * along_x + y * along_y, 16384);
        if (detail::floor_div(across, width) & 1) cover += detail::full_cover / 16;
      }
      detail::blend(rgb, first, detail::full_cover);
      detail::blend(rgb, second, cover);
    }
  }
}

inline void fill_checker(Image& image, int cell, Rgba first, Rgba second) {
  detail::check_image("fill_checker", image);
  if (cell < 1) fail("fill_checker", "cells of side ", cell, " (1/256 pixel): at least 1 is wanted");
  // Along one axis, how much of a pixel lies in odd cells; a pixel's share of odd squares follows from the two axes.
  const auto odd_part = [cell](index_t at) {
    int odd = 0;
    for (int i = 0; i < 16; ++i) odd += static_cast<int>((at * pixel_unit + 8 + 16 * i) / cell & 1);
    return odd;
  };
  std::vector<int> across(static_cast<std::size_t>(image.width));
  for (index_t column = 0; column < image.width; ++column) across[static_cast<std::size_t>(column)] = odd_part(column);
  std::uint8_t* rgb = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    const int down = odd_part(row);
    for (index_t column = 0; column < image.width; ++column, rgb += 3) {
      const int odd = across[static_cast<std::size_t>(column)];
      detail::blend(rgb, first, detail::full_cover);
      detail::blend(rgb, second, (odd * (16 - down) + (16 - odd) * down) * (detail::full_cover / 256));
    }
  }
}

inline void add_noise(Image& image, std::uint64_t seed, int amplitude) {
  if (amplitude <= 0) return;
  const std::uint64_t values = 2 * static_cast<std::uint64_t>(amplitude) + 1;
  std::uint8_t* at = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    for (index_t column = 0; column < image.width; ++column) {
      std::uint64_t z = seed + (static_cast<std::uint64_t>(row) << 32 | static_cast<std::uint64_t>(column)) * 0x9e3779b97f4a7c15u;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;  // the finaliser of SplitMix64 (Steele, Lea, Flood 2014)
      z = (z ^ z >> 27) * 0x94d049bb133111ebu;
      const int add = static_cast<int>(((z ^ z >> 31) >> 32) * values >> 32) - amplitude;
      for (index_t channel = 0; channel < image.channels; ++channel, ++at) {
        *at = static_cast<std::uint8_t>(std::clamp(*at + add, 0, 255));
      }
    }
  }
}

inline void paste(Image& image, const Image& part, index_t column, index_t row) {
  if (image.channels != part.channels) {
    fail("paste", "the image has ", image.channels, " channels, the part ", part.channels);
  }
  const index_t first = std::max<index_t>(0, -column), last = std::min<index_t>(part.width, image.width - column);
  if (first >= last) return;
  for (index_t y = std::max<index_t>(0, -row); y < part.height && y + row < image.height; ++y) {
    const std::uint8_t* from = part.pixels.data() + (y * part.width + first) * part.channels;
    std::uint8_t* to = image.pixels.data() + ((y + row) * image.width + column + first) * image.channels;
    std::copy_n(from, (last - first) * part.channels, to);
  }
}

}  // namespace limn::inline LIMN_ABI::image
