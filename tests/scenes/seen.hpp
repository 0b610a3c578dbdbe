#pragma once
// What can be seen in a picture, found from its pixels alone: the tests compare it with what scenes claim.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "../../examples/scenes/scenes.hpp"

namespace limn::test {

struct Seen {
  std::string colour, shape, size;
  double x = 0, y = 0;                              // middle of the bounding box, 0 to 1
  double left = 0, top = 0, right = 0, bottom = 0;  // bounding box, 0 to 1
};

namespace detail {

struct Blob {
  std::vector<index_t> pixels;
  index_t left = 1 << 20, top = 1 << 20, right = 0, bottom = 0;
};

/// The colour name of a pixel of an object's face: the faces run from 12 % lighter to 8 % darker than the colour.
inline int face_colour(const std::uint8_t* rgb) {
  constexpr std::array<std::array<int, 3>, 8> faces = {{{226, 38, 46},
                                                        {250, 130, 20},
                                                        {252, 212, 30},
                                                        {40, 165, 60},
                                                        {40, 95, 225},
                                                        {130, 50, 180},
                                                        {250, 120, 185},
                                                        {34, 34, 40}}};
  int best = -1, least = 30;
  for (int i = 0; i < 8; ++i) {
    for (int step = -2; step <= 3; ++step) {  // 4 % of the way to black or to white each
      int far = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        const int face = faces[static_cast<std::size_t>(i)][c], end = step < 0 ? 0 : 255;
        far += std::abs(rgb[c] - (face + (end - face) * std::abs(step) * 4 / 100));
      }
      if (far < least) best = i, least = far;
    }
  }
  return best;
}

/// The shape whose outline is nearest in width at five heights; a ring is a circle with a hole of 0.36 of its area.
inline std::string shape_of(const Blob& blob, const std::vector<int>& owner, int id, index_t side) {
  struct Outline {
    const char* shape;
    std::array<double, 5> widths;  // of the box's width, at 0.1, 0.3, 0.5, 0.7 and 0.9 of its height
  };
  constexpr std::array<Outline, 7> outlines = {{{"circle", {0.6, 0.92, 1, 0.92, 0.6}},
                                                {"square", {1, 1, 1, 1, 1}},
                                                {"triangle", {0.1, 0.3, 0.5, 0.7, 0.9}},
                                                {"diamond", {0.2, 0.6, 1, 0.6, 0.2}},
                                                {"cross", {0.36, 0.36, 1, 0.36, 0.36}},
                                                {"heart", {0.8, 1, 0.9, 0.59, 0.22}},
                                                {"star", {0.09, 0.27, 0.74, 0.52, 0.58}}}};
  const index_t w = blob.right - blob.left + 1, h = blob.bottom - blob.top + 1;
  double least = 1e9;
  std::string shape;
  for (const Outline& outline : outlines) {
    double far = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const index_t row =
          blob.top + static_cast<index_t>((0.1 + 0.2 * static_cast<double>(i)) * static_cast<double>(h));
      index_t first = blob.right + 1, last = blob.left;
      for (index_t x = blob.left; x <= blob.right; ++x) {
        if (owner[static_cast<std::size_t>(row * side + x)] != id) continue;
        first = std::min(first, x), last = x;
      }
      far += std::abs(static_cast<double>(last - first + 1) / static_cast<double>(w) - outline.widths[i]);
    }
    if (far < least) least = far, shape = outline.shape;
  }
  const double ratio = static_cast<double>(blob.pixels.size()) / static_cast<double>(w * h);
  return shape == "circle" && ratio < 0.522 ? "ring" : shape;
}

}  // namespace detail

/// The objects in a picture: connected patches of one of the eight colours, largest first.
inline std::vector<Seen> look_at(const image::Image& picture, const image::Image& empty) {
  const index_t side = picture.width;
  std::vector<int> face(static_cast<std::size_t>(side * side), -1), owner(face.size(), -1);
  for (std::size_t i = 0; i < face.size(); ++i) {
    bool same = true, shadow = true;  // a shadow lets 175/255 of the background through
    for (std::size_t c = 0; c < 3; ++c) {
      const int now = picture.pixels[3 * i + c], before = empty.pixels[3 * i + c];
      same = same && now == before;
      shadow = shadow && std::abs(now * 255 - before * 175) <= 3 * 255;
    }
    if (!same && !shadow) face[i] = detail::face_colour(&picture.pixels[3 * i]);
  }
  std::vector<Seen> seen;
  std::vector<std::size_t> area;
  for (index_t start = 0; start < side * side; ++start) {
    const int colour = face[static_cast<std::size_t>(start)];
    if (colour < 0 || owner[static_cast<std::size_t>(start)] >= 0) continue;
    detail::Blob blob;
    std::vector<index_t> open = {start};
    owner[static_cast<std::size_t>(start)] = static_cast<int>(start);
    while (!open.empty()) {
      const index_t at = open.back(), x = at % side, y = at / side;
      open.pop_back();
      blob.pixels.push_back(at);
      blob.left = std::min(blob.left, x), blob.right = std::max(blob.right, x);
      blob.top = std::min(blob.top, y), blob.bottom = std::max(blob.bottom, y);
      for (const index_t next :
           {x > 0 ? at - 1 : at, x + 1 < side ? at + 1 : at, y > 0 ? at - side : at, y + 1 < side ? at + side : at}) {
        const auto n = static_cast<std::size_t>(next);
        if (owner[n] >= 0 || face[n] != colour) continue;
        owner[n] = static_cast<int>(start);
        open.push_back(next);
      }
    }
    if (static_cast<index_t>(blob.pixels.size()) * 150 < side * side) continue;  // a trace of shadow or of grass
    const double unit = 1.0 / static_cast<double>(side);
    Seen one;
    one.colour = std::string(scenes::colour_names[static_cast<std::size_t>(colour)]);
    one.shape = detail::shape_of(blob, owner, static_cast<int>(start), side);
    one.left = unit * static_cast<double>(blob.left), one.right = unit * static_cast<double>(blob.right + 1);
    one.top = unit * static_cast<double>(blob.top), one.bottom = unit * static_cast<double>(blob.bottom + 1);
    one.x = (one.left + one.right) / 2, one.y = (one.top + one.bottom) / 2;
    one.size = std::max(one.right - one.left, one.bottom - one.top) > 0.31 ? "large" : "small";
    const auto place = static_cast<std::ptrdiff_t>(
        std::find_if(area.begin(), area.end(), [&](std::size_t a) { return a < blob.pixels.size(); }) - area.begin());
    area.insert(area.begin() + place, blob.pixels.size());
    seen.insert(seen.begin() + place, one);
  }
  return seen;
}

inline std::vector<Seen> look_at(const scenes::Scene& scene, index_t size = 192) {
  scenes::Scene nothing = scene;
  nothing.objects.clear();
  return look_at(scenes::draw(scene, {.size = size}), scenes::draw(nothing, {.size = size}));
}

/// "above" and so on of two objects, by the axis along which they are farther apart; "inside" when a box holds the
/// other.
inline std::string relation_of(const Seen& one, const Seen& other) {
  if (one.left > other.left && one.right < other.right && one.top > other.top && one.bottom < other.bottom)
    return "inside";
  const double dx = one.x - other.x, dy = one.y - other.y;
  if (std::abs(dx) > std::abs(dy)) return dx < 0 ? "left" : "right";
  return dy < 0 ? "above" : "below";
}

/// "top left", "middle", ...: by thirds of the picture.
inline std::string place_of(const Seen& one) {
  const std::string row = one.y < 0.4 ? "top" : one.y > 0.6 ? "bottom" : "";
  const std::string column = one.x < 0.4 ? "left" : one.x > 0.6 ? "right" : "";
  if (row.empty() && column.empty()) return "middle";
  return row + (row.empty() || column.empty() ? "" : " ") + column;
}

}  // namespace limn::test
