#include <doctest/doctest.h>

#include <limn/image/resize.hpp>

using namespace limn;
using image::Filter;
using image::Image;

namespace {

constexpr Filter filters[] = {Filter::nearest, Filter::box,     Filter::bilinear,
                              Filter::hamming, Filter::bicubic, Filter::lanczos};

Image noise(index_t width, index_t height, index_t channels) {
  Image x(width, height, channels);
  std::uint32_t state = 5;
  for (auto& p : x.pixels) p = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return x;
}

}  // namespace

TEST_CASE("Image: sizes and samples that do not fit are errors") {
  CHECK(Image().empty());
  CHECK_THROWS_AS(Image(0, 3, 3), Error);
  CHECK_THROWS_AS(Image(3, -1, 3), Error);
  CHECK_THROWS_AS(Image(index_t{1} << 40, 1, 3), Error);
  CHECK_THROWS_AS(Image(2, 2, 5), Error);
  CHECK_THROWS_WITH_AS(Image(2, 2, 3, std::vector<std::uint8_t>(11)),
                       "Image: 11 samples were given for 2x2 pixels of 3 channels", Error);
  Image x(4, 2, 3);
  x.at(1, 3, 2) = 9;
  CHECK(x.pixels.back() == 9);
  CHECK_THROWS_AS((void)x.at(2, 0, 0), Error);
  CHECK_THROWS_AS((void)x.at(0, 4, 0), Error);
  CHECK_THROWS_AS((void)x.at(0, 0, -1), Error);
}

TEST_CASE("resize: the same size changes nothing, one colour stays that colour") {
  const Image x = noise(9, 7, 3);
  for (const Filter filter : filters) {
    CHECK(image::resize(x, 9, 7, filter) == x);
    for (const index_t side : {1, 2, 5, 31})
      CHECK(image::resize(Image(9, 7, 3, 201), side, 8, filter) == Image(side, 8, 3, 201));
  }
}

TEST_CASE("resize: halving with box is the rounded mean of two, then of two") {
  const Image x = noise(6, 4, 1);
  const Image y = image::resize(x, 3, 2, Filter::box);
  for (index_t row = 0; row < 2; ++row)
    for (index_t column = 0; column < 3; ++column) {
      const auto pair = [&](index_t r) { return (x.at(r, 2 * column, 0) + x.at(r, 2 * column + 1, 0) + 1) / 2; };
      CHECK(y.at(row, column, 0) == (pair(2 * row) + pair(2 * row + 1) + 1) / 2);
    }
}

TEST_CASE("resize: nearest takes the pixel under the centre") {
  Image x(5, 1, 1);
  for (index_t i = 0; i < 5; ++i) x.at(0, i, 0) = static_cast<std::uint8_t>(i);
  CHECK(image::resize(x, 2, 1, Filter::nearest).pixels == std::vector<std::uint8_t>{1, 3});
  CHECK(image::resize(x, 7, 1, Filter::nearest).pixels == std::vector<std::uint8_t>{0, 1, 1, 2, 3, 3, 4});
}

TEST_CASE("resize: a mirrored or transposed image gives the mirrored or transposed result") {
  const Image x = noise(12, 12, 1);
  Image mirrored(12, 12, 1), transposed(12, 12, 1);
  for (index_t r = 0; r < 12; ++r)
    for (index_t c = 0; c < 12; ++c) {
      mirrored.at(r, 11 - c, 0) = x.at(r, c, 0);
      transposed.at(c, r, 0) = x.at(r, c, 0);
    }
  for (const Filter filter : {Filter::bilinear, Filter::hamming, Filter::bicubic, Filter::lanczos})
    for (const index_t side : {4, 7, 20}) {
      const Image y = image::resize(x, side, 12, filter), m = image::resize(mirrored, side, 12, filter);
      const Image t = image::resize(transposed, 12, side, filter);
      int mirrored_off = 0, transposed_off = 0;
      for (index_t r = 0; r < 12; ++r)
        for (index_t c = 0; c < side; ++c) {
          mirrored_off = std::max(mirrored_off, std::abs(y.at(r, c, 0) - m.at(r, side - 1 - c, 0)));
          transposed_off += y.at(r, c, 0) != t.at(c, r, 0);
        }
      CHECK(mirrored_off <= 1);
      CHECK(transposed_off == 0);
    }
}

TEST_CASE("resize: channels do not mix") {
  const Image x = noise(10, 6, 3);
  for (const Filter filter : filters) {
    const Image y = image::resize(x, 7, 9, filter);
    for (index_t c = 0; c < 3; ++c) {
      Image one(10, 6, 1);
      for (index_t i = 0; i < 60; ++i)
        one.pixels[static_cast<std::size_t>(i)] = x.pixels[static_cast<std::size_t>(3 * i + c)];
      const Image alone = image::resize(one, 7, 9, filter);
      bool same = true;
      for (index_t i = 0; i < 63; ++i)
        same = same && alone.pixels[static_cast<std::size_t>(i)] == y.pixels[static_cast<std::size_t>(3 * i + c)];
      CHECK(same);
    }
  }
}

TEST_CASE("resize: sizes and names that do not exist are errors") {
  CHECK_THROWS_AS((void)image::resize(noise(3, 3, 3), 0, 3, Filter::bicubic), Error);
  CHECK_THROWS_AS((void)image::resize(noise(3, 3, 3), 3, 1 << 21, Filter::bicubic), Error);
  CHECK_THROWS_AS((void)image::resize(Image(), 3, 3, Filter::bicubic), Error);
  CHECK(image::filter_named("lanczos", "x") == Filter::lanczos);
  CHECK_THROWS_WITH_AS((void)image::filter_named("cubic", "config"), doctest::Contains("config: no resize filter"),
                       Error);
}

TEST_CASE("to_grey: weights of ITU-R 601 and back to three equal channels") {
  const Image x(4, 1, 3, std::vector<std::uint8_t>{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255});
  const Image grey = image::to_grey(x);
  CHECK(grey.pixels == std::vector<std::uint8_t>{76, 150, 29, 255});
  CHECK(image::to_rgb(grey).pixels == std::vector<std::uint8_t>{76, 76, 76, 150, 150, 150, 29, 29, 29, 255, 255, 255});
  CHECK(image::to_rgb(Image(1, 1, 4, std::vector<std::uint8_t>{1, 2, 3, 0})).pixels ==
        std::vector<std::uint8_t>{1, 2, 3});
  CHECK_THROWS_AS((void)image::to_grey(Image(1, 1, 4)), Error);
}
