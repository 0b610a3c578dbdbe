#pragma once
// Anti-aliased drawing into an Image, in integers only: the same calls give the same bytes on every compiler and
// machine.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <limn/image/coverage.hpp>
#include <limn/image/image.hpp>
#include <limn/image/outline.hpp>
#include <limn_kernels/config.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::image {

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

/// Whole-image backgrounds. Stripes are `width` (a pixel or more) across and run at `angle`; a cell's side is `cell`.
void fill_image(Image& image, const Paint& paint);
void fill_stripes(Image& image, int width, int angle, Rgba first, Rgba second);
void fill_checker(Image& image, int cell, Rgba first, Rgba second);

/// Adds to each pixel (all its channels alike) a number in [-amplitude, amplitude] that depends on seed, row and
/// column.
void add_noise(Image& image, std::uint64_t seed, int amplitude);

/// Copies `part` into `image` with its top left corner at (column, row); what falls outside is dropped.
void paste(Image& image, const Image& part, index_t column, index_t row);

inline void fill_polygon(Image& image, std::span<const Point> points, const Paint& paint) {
  if (points.size() < 3) return;
  Point low = points[0], high = points[0];
  for (const Point p : points) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y)};
  }
  detail::Coverage coverage = detail::around("fill_polygon", image, low, high);
  const int direction = detail::doubled_area(points) > 0 ? -1 : 1;
  for (std::size_t i = 0; i < points.size(); ++i) {
    coverage.edge(points[i], points[(i + 1) % points.size()], direction);
  }
  coverage.paint(image, paint);
}

inline void fill_ellipse(Image& image, Point centre, int radius_x, int radius_y, const Paint& paint) {
  if (radius_x <= 0 || radius_y <= 0) return;
  detail::check_point("fill_ellipse", centre);
  detail::check_point("fill_ellipse", {radius_x, radius_y});
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
  detail::check_point("fill_ring", centre);
  detail::check_point("fill_ring", {outer, outer});
  if (inner > outer) fail("fill_ring", "the inner radius ", inner, " exceeds the outer ", outer);
  detail::Coverage coverage =
      detail::around("fill_ring", image, {centre.x - outer, centre.y - outer}, {centre.x + outer, centre.y + outer});
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

inline void fill_image(Image& image, const Paint& paint) {
  detail::check_image("fill_image", image);
  const bool by_row = paint.start.x == paint.end.x;  // one colour a row
  std::uint8_t* rgb = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    const Rgba row_colour = detail::colour_at(paint, 0, row);
    for (index_t column = 0; column < image.width; ++column, rgb += 3) {
      detail::blend(rgb, by_row ? row_colour : detail::colour_at(paint, column, row), detail::full_cover);
    }
  }
}

inline void fill_stripes(Image& image, int width, int angle, Rgba first, Rgba second) {
  detail::check_image("fill_stripes", image);
  if (width < pixel_unit) fail("fill_stripes", "stripes of width ", width, "/256 pixel; at least one pixel is wanted");
  const std::int64_t along_x = -sine_16384(angle), along_y = sine_16384(angle + 64);  // across the stripes
  const std::int64_t period = 2 * std::int64_t{width}, half = pixel_unit / 2;
  std::uint8_t* rgb = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    for (index_t column = 0; column < image.width; ++column, rgb += 3) {
      const std::int64_t x = column * pixel_unit + half, y = row * pixel_unit + half;
      const std::int64_t across = (x * along_x + y * along_y) >> 14,
                         at = across - detail::floor_div(across, period) * period;
      // A pixel is as wide as its box across the stripes: exact when they are upright or level.
      const std::int64_t depth = at < width ? -std::min(at, width - at) : std::min(at - width, period - at);
      const auto cover = static_cast<int>(std::clamp<std::int64_t>(depth + half, 0, pixel_unit));
      detail::blend(rgb, first, detail::full_cover);
      detail::blend(rgb, second, cover * detail::lines_per_pixel);
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
      std::uint64_t z =
          seed + (static_cast<std::uint64_t>(row) << 32 | static_cast<std::uint64_t>(column)) * 0x9e3779b97f4a7c15u;
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
