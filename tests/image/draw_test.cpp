// Drawing: exact coverage where it can be computed, and the same bytes everywhere.
#include <limn/image/draw.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

using namespace limn;
using namespace limn::image;

namespace {

Image blank(index_t width, index_t height, std::uint8_t value = 0) { return {width, height, 3, value}; }

int red(const Image& image, index_t column, index_t row) {
  return image.pixels[static_cast<std::size_t>((row * image.width + column) * 3)];
}

/// Painted area in pixels, from a white drawing on black.
double area(const Image& image) {
  double sum = 0;
  for (index_t i = 0; i < image.width * image.height; ++i) sum += image.pixels[static_cast<std::size_t>(3 * i)];
  return sum / 255;
}

std::uint64_t fnv1a(const Image& image) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : image.pixels) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

constexpr Rgba white{255, 255, 255};
constexpr int px = pixel_unit;

}  // namespace

TEST_CASE("a rectangle on pixel borders covers its pixels wholly and no others") {
  Image image = blank(8, 6);
  fill_rectangle(image, {2 * px, 1 * px}, {5 * px, 4 * px}, white);
  for (index_t row = 0; row < 6; ++row) {
    for (index_t column = 0; column < 8; ++column) {
      const bool inside = column >= 2 && column < 5 && row >= 1 && row < 4;
      CHECK(red(image, column, row) == (inside ? 255 : 0));
    }
  }
}

TEST_CASE("a rectangle that covers a quarter of a pixel paints a quarter") {
  Image image = blank(4, 4);
  fill_rectangle(image, {px, px}, {px + px / 2, px + px / 2}, white);
  CHECK(red(image, 1, 1) == 64);
  CHECK(area(image) == doctest::Approx(0.25).epsilon(0.01));
}

TEST_CASE("painted areas equal the areas of the shapes") {
  const double pi = 3.14159265358979;
  const Point centre{40 * px + 77, 39 * px + 131};
  const int r = 30 * px;
  const auto drawn = [&](auto&& draw) {
    Image image = blank(80, 80);
    draw(image);
    return area(image);
  };
  CHECK(drawn([&](Image& i) { fill_circle(i, centre, r, white); }) == doctest::Approx(pi * 900).epsilon(0.001));
  CHECK(drawn([&](Image& i) { fill_ellipse(i, centre, r, r / 2, white); }) == doctest::Approx(pi * 450).epsilon(0.001));
  CHECK(drawn([&](Image& i) { fill_ring(i, centre, r, r / 2, white); }) == doctest::Approx(pi * 675).epsilon(0.001));
  CHECK(drawn([&](Image& i) { fill_polygon(i, regular_polygon(centre, r, 4), white); }) ==
        doctest::Approx(1800).epsilon(0.001));
  CHECK(drawn([&](Image& i) { fill_polygon(i, regular_polygon(centre, r, 3), white); }) ==
        doctest::Approx(900 * 3 * std::sqrt(3.0) / 4).epsilon(0.005));  // angles are rounded to 1/256 turn
  CHECK(drawn([&](Image& i) { fill_polygon(i, star_points(centre, r), white); }) ==
        doctest::Approx(5 * 900 * 0.45 * std::sin(pi / 5)).epsilon(0.005));
  CHECK(drawn([&](Image& i) { fill_polygon(i, heart_points(centre, r), white); }) ==
        doctest::Approx(180 * pi / 256 * 900).epsilon(0.01));
  CHECK(drawn([&](Image& i) { fill_polygon(i, cross_points(centre, r, r / 2), white); }) ==
        doctest::Approx(2 * 60 * 15 - 15 * 15).epsilon(0.001));
  CHECK(drawn([&](Image& i) {
          fill_rounded_rectangle(i, {5 * px, 9 * px}, {65 * px, 59 * px}, 10 * px, white);
        }) == doctest::Approx(3000 - (4 - pi) * 100).epsilon(0.001));
  CHECK(drawn([&](Image& i) {
          draw_line(i, {10 * px, 10 * px}, {40 * px, 50 * px}, 3 * px, white);
        }) == doctest::Approx(150).epsilon(0.01));
}

TEST_CASE("a polygon is the same drawn clockwise and anticlockwise") {
  const std::vector<Point> points = heart_points({20 * px, 20 * px}, 15 * px);
  Image one = blank(40, 40), other = blank(40, 40);
  fill_polygon(one, points, white);
  fill_polygon(other, std::vector<Point>(points.rbegin(), points.rend()), white);
  CHECK(one.pixels == other.pixels);
}

TEST_CASE("a shape partly or wholly outside the image is clipped") {
  Image image = blank(10, 10);
  fill_circle(image, {-50 * px, 5 * px}, 20 * px, white);
  fill_polygon(image, star_points({5 * px, 400 * px}, 30 * px), white);
  fill_rounded_rectangle(image, {12 * px, -9 * px}, {20 * px, 30 * px}, px, white);
  CHECK(area(image) == 0);
  fill_rectangle(image, {-99 * px, -99 * px}, {99 * px, 99 * px}, white);
  CHECK(area(image) == 100);
  Image half = blank(10, 10);
  fill_circle(half, {0, 5 * px}, 4 * px, white);
  CHECK(area(half) == doctest::Approx(3.14159 * 8).epsilon(0.005));
}

TEST_CASE("alpha mixes with what is there") {
  Image image = blank(2, 1, 100);
  fill_image(image, Rgba{200, 200, 200, 51});
  CHECK(red(image, 0, 0) == 120);
  fill_rectangle(image, {0, 0}, {px, px}, Rgba{0, 0, 0, 0});
  CHECK(red(image, 0, 0) == 120);
}

TEST_CASE("a gradient runs from its first colour to its last and stays there") {
  Image image = blank(8, 1);
  fill_image(image, Paint{{10, 0, 0}, {2 * px, 0}, {210, 0, 0}, {6 * px, 0}});
  CHECK(red(image, 0, 0) == 10);
  CHECK(red(image, 2, 0) == 35);
  CHECK(red(image, 4, 0) == 135);
  CHECK(red(image, 7, 0) == 210);
}

TEST_CASE("stripes and checkers give each colour its half, and grey where a border cuts a pixel") {
  Image stripes = blank(12, 3);
  fill_stripes(stripes, 3 * px, 64, Rgba{0, 0, 0}, white);  // upright
  CHECK(area(stripes) == 18);
  Image cells = blank(12, 12);
  fill_checker(cells, 3 * px / 2, Rgba{0, 0, 0}, white);
  CHECK(red(cells, 0, 0) == 0);
  CHECK(red(cells, 2, 0) == 255);
  CHECK(red(cells, 1, 0) == 128);
  CHECK(area(cells) == doctest::Approx(72).epsilon(0.01));
}

TEST_CASE("noise stays within its amplitude, depends on the seed and has no bias") {
  Image one = blank(64, 64, 128), other = one;
  add_noise(one, 1, 9);
  add_noise(other, 2, 9);
  CHECK(one.pixels != other.pixels);
  double sum = 0;
  for (const std::uint8_t value : one.pixels) {
    CHECK_MESSAGE(std::abs(value - 128) <= 9, "value ", int{value});
    sum += value - 128;
  }
  CHECK(std::abs(sum / static_cast<double>(one.pixels.size())) < 0.5);
}

TEST_CASE("a grown polygon lies outside by the distance on every side") {
  const std::vector<Point> square = {{0, 0}, {10 * px, 0}, {10 * px, 10 * px}, {0, 10 * px}};
  const std::vector<Point> bigger = grown(square, 2 * px), smaller = grown(square, -px);
  REQUIRE(bigger.size() == 4);
  CHECK(bigger[0].x == -2 * px);
  CHECK(bigger[0].y == -2 * px);
  CHECK(bigger[2].x == 12 * px);
  CHECK(smaller[2].y == 9 * px);
  CHECK(grown(std::vector<Point>{{0, 0}, {5, 5}}, px).empty());
}

TEST_CASE("paste drops what falls outside") {
  Image image = blank(4, 4);
  paste(image, blank(3, 3, 255), -1, 2);
  CHECK(area(image) == 4);
  CHECK(red(image, 1, 3) == 255);
  paste(image, blank(3, 3, 255), 9, 9);
  CHECK(area(image) == 4);
}

TEST_CASE("sine is right to the last digit") {
  for (int angle = -300; angle < 600; ++angle) {
    CHECK(sine_16384(angle) == std::lround(16384 * std::sin(2 * 3.14159265358979323846 * angle / 256)));
  }
}

TEST_CASE("the same calls draw the same bytes on every compiler") {
  Image image = blank(48, 40);
  fill_image(image, Paint{{250, 220, 180}, {0, 0}, {40, 60, 120}, {48 * px, 40 * px}});
  fill_checker(image, 1500, Rgba{0, 0, 0, 40}, Rgba{255, 255, 255, 40});
  fill_circle(image, {1234, 2345}, 1777, Rgba{200, 30, 40, 200});
  fill_ring(image, {8000, 6000}, 2500, 1200, Rgba{30, 30, 200});
  fill_polygon(image, grown(star_points({6000, 3000}, 2600), 111), Rgba{240, 240, 90});
  fill_polygon(image, heart_points({9500, 2500}, 1700), Rgba{240, 40, 190, 128});
  draw_line(image, {0, 10000}, {12000, 200}, 300, white);
  add_noise(image, 7, 5);
  CHECK(fnv1a(image) == 1159412966098326276u);
}

TEST_CASE("wrong images and absurd coordinates are refused with the reason") {
  Image grey(2, 2, 1);
  CHECK_THROWS_WITH_AS(fill_circle(grey, {0, 0}, px, white),
                       "fill_ellipse: the image has 1 channels but drawing wants 3 (RGB)", Error);
  Image image = blank(4, 4);
  CHECK_THROWS_WITH_AS(fill_rectangle(image, {0, 0}, {1 << 30, 5}, white),
                       "fill_polygon: point (1073741824, 5) is over 65536 pixels from the corner", Error);
  CHECK_THROWS_WITH_AS(fill_ring(image, {0, 0}, px, 2 * px, white),
                       "fill_ring: the inner radius 512 exceeds the outer 256", Error);
  CHECK_THROWS_AS(paste(image, grey, 0, 0), Error);
  CHECK_THROWS_AS(fill_checker(image, 0, white, white), Error);
  CHECK_THROWS_AS(fill_stripes(image, 10, 0, white, white), Error);
}
