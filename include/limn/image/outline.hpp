#pragma once
// Outlines of simple shapes as polygons, in integers only: regular polygons, stars, hearts, crosses, and growing them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <limn/image/coverage.hpp>
#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::image {

/// A full turn, for angles: 0 points right, a quarter (64) points down, as y does.
inline constexpr int full_turn = 256;

/// Sine of an angle in 1/256 turns, times 16384, rounded to nearest. Cosine: sine_16384(angle + 64).
[[nodiscard]] int sine_16384(int angle);

/// The corners of a regular polygon inside a circle; the first lies at `angle` (192 = straight up).
[[nodiscard]] std::vector<Point> regular_polygon(Point centre, int radius, int corners, int angle = 192);

/// A star whose `spikes` reach `radius`, its notches `notch_percent` of it; the first spike lies at `angle`.
[[nodiscard]] std::vector<Point> star_points(Point centre, int radius, int spikes = 5, int notch_percent = 45,
                                             int angle = 192);

/// A heart that fits a square of side 2 radius.
[[nodiscard]] std::vector<Point> heart_points(Point centre, int radius);

/// An upright cross of reach `radius` and arms `thickness` wide.
[[nodiscard]] std::vector<Point> cross_points(Point centre, int radius, int thickness);

/// A simple polygon moved outwards by `distance` on every side (inwards when negative); its corners stay sharp, but for
/// very sharp ones, which reach at most 2.5 distances.
[[nodiscard]] std::vector<Point> grown(std::span<const Point> points, int distance);

namespace detail {

/// sin(2 pi i / 256) * 16384 for a quarter of a turn.
inline constexpr std::array<int, 65> quarter_sine = {
    0,     402,   804,   1205,  1606,  2006,  2404,  2801,  3196,  3590,  3981,  4370,  4756,
    5139,  5520,  5897,  6270,  6639,  7005,  7366,  7723,  8076,  8423,  8765,  9102,  9434,
    9760,  10080, 10394, 10702, 11003, 11297, 11585, 11866, 12140, 12406, 12665, 12916, 13160,
    13395, 13623, 13842, 14053, 14256, 14449, 14635, 14811, 14978, 15137, 15286, 15426, 15557,
    15679, 15791, 15893, 15986, 16069, 16143, 16207, 16261, 16305, 16340, 16364, 16379, 16384};

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
  // x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t (Weisstein, "Heart Curve", MathWorld): 32 wide, 29
  // high.
  std::vector<Point> points;
  for (int t = 0; t < full_turn; t += 4) {
    const auto cosine = [](int angle) { return std::int64_t{sine_16384(angle + 64)}; };
    const std::int64_t sine = sine_16384(t);
    const std::int64_t x = 16 * (sine * sine * sine / (16384 * 16384));
    const std::int64_t y = 13 * cosine(t) - 5 * cosine(2 * t) - 2 * cosine(3 * t) - cosine(4 * t) + 5 * 8192;
    const auto scaled = [radius](std::int64_t v) {
      return static_cast<int>(detail::floor_div(v * radius, 16 * 16384));
    };
    points.push_back({centre.x + scaled(x), centre.y - scaled(y)});
  }
  return points;
}

inline std::vector<Point> cross_points(Point centre, int radius, int thickness) {
  const int r = radius, h = thickness / 2;
  std::vector<Point> points = {{-h, -r}, {h, -r}, {h, -h}, {r, -h}, {r, h},   {h, h},
                               {h, r},   {-h, r}, {-h, h}, {-r, h}, {-r, -h}, {-h, -h}};
  for (Point& p : points) p = {centre.x + p.x, centre.y + p.y};
  return points;
}

inline std::vector<Point> grown(std::span<const Point> points, int distance) {
  std::vector<Point> corners;
  for (const Point p : points) {
    detail::check_point("grown", p);
    if (corners.empty() || p.x != corners.back().x || p.y != corners.back().y) corners.push_back(p);
  }
  while (corners.size() > 1 && corners[0].x == corners.back().x && corners[0].y == corners.back().y) corners.pop_back();
  const std::int64_t outwards = detail::doubled_area(corners) > 0 ? 1 : -1;
  constexpr std::int64_t one = 4096;  // of a unit normal
  const auto normal = [outwards](Point a, Point b) {
    const std::int64_t dx = std::int64_t{b.x} - a.x, dy = std::int64_t{b.y} - a.y;
    const std::int64_t length = detail::isqrt(dx * dx + dy * dy);
    return std::pair{outwards * dy * one / length, -outwards * dx * one / length};
  };
  const std::size_t n = corners.size();
  std::vector<Point> result;
  for (std::size_t i = 0; n > 2 && i < n; ++i) {
    const auto before = normal(corners[(i + n - 1) % n], corners[i]), after = normal(corners[i], corners[(i + 1) % n]);
    const std::int64_t x = before.first + after.first, y = before.second + after.second;
    const std::int64_t cosine = (before.first * after.first + before.second * after.second) / one;
    const std::int64_t divisor = std::max(one + cosine, one * 2 * 4 / 25);  // mitre length is sqrt(2 / (1 + cosine))
    result.push_back({static_cast<int>(corners[i].x + x * distance / divisor),
                      static_cast<int>(corners[i].y + y * distance / divisor)});
  }
  return result;
}

}  // namespace limn::inline LIMN_ABI::image
