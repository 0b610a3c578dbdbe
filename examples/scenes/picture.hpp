#pragma once
// Draws a scene: textured backgrounds, and objects like stickers, with a shadow, a white edge and a light from above.

#include <cstdint>
#include <span>
#include <vector>

#include <limn/image/draw.hpp>

#include "world.hpp"

namespace limn::scenes {

struct DrawOptions {
  index_t size = 64;  ///< side of the square image, in pixels; at least 16
};

namespace detail {

using image::Image;
using image::Paint;
using image::Point;
using image::Rgba;

inline constexpr std::array<Rgba, 8> colours = {{{226, 38, 46},
                                                 {250, 130, 20},
                                                 {252, 212, 30},
                                                 {40, 165, 60},
                                                 {40, 95, 225},
                                                 {130, 50, 180},
                                                 {250, 120, 185},
                                                 {34, 34, 40}}};

/// Soft tints for paper: a light and a darker tone of one hue.
inline constexpr std::array<std::array<Rgba, 2>, 6> papers = {{{{{240, 236, 226}, {216, 210, 196}}},
                                                               {{{222, 236, 246}, {190, 212, 228}}},
                                                               {{{232, 242, 224}, {204, 222, 192}}},
                                                               {{{246, 228, 226}, {228, 204, 200}}},
                                                               {{{234, 228, 244}, {210, 202, 226}}},
                                                               {{{228, 228, 228}, {200, 200, 202}}}}};

/// Everything below is given in world units and scaled to the image by this.
class Canvas {
 public:
  explicit Canvas(Image& target) : image(target), size_(target.width) {}
  [[nodiscard]] int scale(int length) const { return static_cast<int>(length * size_ / 64); }
  [[nodiscard]] Point at(int x, int y) const { return {scale(x), scale(y)}; }

  Image& image;

 private:
  index_t size_;
};

inline Rgba shade(Rgba colour, int percent) {  // over 100 lighter (towards white), under 100 darker
  const Rgba towards = percent > 100 ? Rgba{255, 255, 255} : Rgba{0, 0, 0};
  const int distance = percent > 100 ? percent - 100 : 100 - percent;
  return image::detail::mix(colour, towards, distance * 256 / 100);
}

inline Paint downward(const Canvas& canvas, Rgba top, Rgba bottom) {
  return {top, {0, 0}, bottom, canvas.at(0, world_side)};
}

inline void draw_grass(const Canvas& canvas, Rng& rng) {
  image::fill_image(canvas.image, downward(canvas, {150, 196, 96}, {98, 156, 62}));
  for (int i = 0; i < 70; ++i) {
    const int x = rng.below(world_side), y = rng.below(world_side);
    const int lean = rng.between(-unit, unit), height = rng.between(2 * unit, 4 * unit);
    const Rgba blade = rng.chance(50) ? Rgba{70, 128, 44, 150} : Rgba{190, 222, 120, 150};
    image::draw_line(canvas.image, canvas.at(x, y), canvas.at(x + lean, y - height), canvas.scale(180), blade);
  }
  image::add_noise(canvas.image, rng.next(), 7);
}

inline void draw_night(const Canvas& canvas, Rng& rng) {
  image::fill_image(canvas.image, downward(canvas, {12, 16, 44}, {44, 50, 98}));
  for (int i = 0; i < 34; ++i) {
    const int x = rng.below(world_side), y = rng.below(world_side), radius = rng.between(80, 170);
    const Rgba glow{255, 250, 220, static_cast<std::uint8_t>(rng.between(90, 230))};
    image::fill_circle(canvas.image, canvas.at(x, y), canvas.scale(radius), glow);
  }
}

inline void draw_sea(const Canvas& canvas, Rng& rng) {
  // Bands of light follow y + amplitude * sin x: a smooth function, so it needs no anti-aliasing.
  const int phase = rng.below(256), drift = rng.below(256);
  Image& image = canvas.image;
  std::vector<int> bend;
  for (index_t column = 0; column < image.width; ++column) {
    bend.push_back(image::sine_16384(static_cast<int>(column * world_side / image.width) / 20 + phase) / 16);
  }
  std::uint8_t* rgb = image.pixels.data();
  for (index_t row = 0; row < image.height; ++row) {
    const auto y = static_cast<int>(row * world_side / image.height);
    for (index_t column = 0; column < image.width; ++column, rgb += 3) {
      const int wave = y + bend[static_cast<std::size_t>(column)];
      const int light = image::sine_16384(wave / 10 + drift) + 16384;  // 0 to 32768
      const Rgba water = image::detail::mix({44, 130, 176}, {112, 190, 210}, light / 128);
      rgb[0] = water.r, rgb[1] = water.g, rgb[2] = water.b;
    }
  }
  image::add_noise(image, rng.next(), 3);
}

inline void draw_bricks(const Canvas& canvas, Rng& rng) {
  image::fill_image(canvas.image, Rgba{206, 196, 184});
  constexpr int high = 8 * unit, wide = 16 * unit, gap = unit / 2;
  for (int row = 0; row < 8; ++row) {
    for (int column = -1; column < 4; ++column) {
      const int x = column * wide + (row % 2 == 0 ? 0 : wide / 2), tone = rng.between(86, 106);
      const Rgba clay = shade({168, 104, 82}, tone);
      image::fill_rectangle(canvas.image, canvas.at(x + gap, row * high + gap),
                            canvas.at(x + wide - gap, row * high + high - gap), clay);
    }
  }
  image::add_noise(canvas.image, rng.next(), 6);
}

inline void draw_background(const Canvas& canvas, const Scene& scene) {
  Rng rng(scene.seed, 0xbac46u + static_cast<std::uint64_t>(scene.split));
  const std::array<Rgba, 2>& paper = rng.pick(papers);
  switch (scene.background) {
    case Background::plain:
      image::fill_image(canvas.image, downward(canvas, paper[0], shade(paper[0], 92)));
      image::add_noise(canvas.image, rng.next(), 2);
      break;
    case Background::striped: {
      const int width = rng.between(5 * unit, 7 * unit), angle = 32 * rng.below(4);
      image::fill_stripes(canvas.image, canvas.scale(width), angle, paper[0], paper[1]);
      break;
    }
    case Background::checkered:
      image::fill_checker(canvas.image, canvas.scale(8 * unit), paper[0], paper[1]);
      break;
    case Background::sunset: {
      const Point middle = canvas.at(0, rng.between(world_side * 4 / 10, world_side * 6 / 10));
      image::fill_image(canvas.image, Paint{{96, 64, 138}, {0, 0}, {232, 116, 118}, middle});
      const Rgba below = {255, 200, 112};
      const int from = middle.y / image::pixel_unit * image::pixel_unit;
      image::fill_rectangle(canvas.image, {0, from}, canvas.at(world_side, world_side),
                            Paint{{232, 116, 118}, {0, from}, below, canvas.at(0, world_side)});
      image::add_noise(canvas.image, rng.next(), 2);
      break;
    }
    case Background::grass:
      draw_grass(canvas, rng);
      break;
    case Background::night:
      draw_night(canvas, rng);
      break;
    case Background::sea:
      draw_sea(canvas, rng);
      break;
    case Background::brick:
      draw_bricks(canvas, rng);
      break;
  }
}

/// The outline of a shape that is a polygon; sizes are balanced so that all shapes look equally large.
inline std::vector<Point> outline(Shape shape, Point c, int r) {
  switch (shape) {
    case Shape::square:
      return image::regular_polygon(c, r * 124 / 100, 4, 32);
    case Shape::triangle:
      return image::regular_polygon({c.x, c.y + r * 20 / 100}, r * 118 / 100, 3);
    case Shape::star:
      return image::star_points({c.x, c.y + r * 6 / 100}, r * 112 / 100);
    case Shape::heart:
      return image::heart_points(c, r * 108 / 100);
    case Shape::cross:
      return image::cross_points(c, r, r * 72 / 100);
    case Shape::diamond:
      return image::regular_polygon(c, r * 108 / 100, 4);
    case Shape::circle:
    case Shape::ring:
      break;
  }
  return {};
}

/// Fills a shape grown by `edge` on every side and moved by `shift`.
inline void fill_shape(Image& image, const Object& object, Point c, int r, int edge, int shift, const Paint& paint) {
  c = {c.x + shift, c.y + shift};
  if (object.kind.shape == Shape::circle) return image::fill_circle(image, c, r + edge, paint);
  if (object.kind.shape == Shape::ring) return image::fill_ring(image, c, r + edge, r * 60 / 100 - edge, paint);
  image::fill_polygon(image, image::grown(outline(object.kind.shape, c, r), edge), paint);
}

inline void draw_object(const Canvas& canvas, const Object& object) {
  const Point c = canvas.at(object.x, object.y);
  const int r = canvas.scale(object.radius), edge = canvas.scale(unit * 9 / 8), shadow = canvas.scale(unit * 5 / 4);
  const Rgba colour = colours[static_cast<std::size_t>(object.kind.colour)];
  const Paint light(shade(colour, 112), {c.x, c.y - r}, shade(colour, 92), {c.x, c.y + r});
  fill_shape(canvas.image, object, c, r, edge, shadow, Rgba{0, 0, 0, 80});
  fill_shape(canvas.image, object, c, r, edge, 0, Rgba{255, 255, 255});
  fill_shape(canvas.image, object, c, r, 0, 0, light);
}

}  // namespace detail

/// Draws a scene over a square RGB image.
inline void draw_into(image::Image& image, const Scene& scene) {
  if (image.width != image.height || image.channels != 3 || image.width < 16) {
    fail("scenes::draw_into", "the image is ", image.width, "x", image.height, " with ", image.channels,
         " channels; a square RGB image of side 16 or more is wanted");
  }
  const detail::Canvas canvas(image);
  detail::draw_background(canvas, scene);
  for (std::size_t i = scene.objects.size(); i > 0; --i)
    detail::draw_object(canvas, scene.objects[i - 1]);  // inner last
}

/// The picture of a scene, RGB.
[[nodiscard]] inline image::Image draw(const Scene& scene, DrawOptions options = {}) {
  image::Image picture(options.size, options.size, 3);
  draw_into(picture, scene);
  return picture;
}

}  // namespace limn::scenes
