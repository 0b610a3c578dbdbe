#include <doctest/doctest.h>

#include <limn/image/decode.hpp>
#include <limn/image/encode.hpp>

#include "make_png.hpp"

using namespace limn;
using image::Image;
using image::Samples;

namespace {

std::vector<std::uint16_t> ramp(index_t count, int depth) {
  std::vector<std::uint16_t> values;
  for (index_t i = 0; i < count; ++i) values.push_back(static_cast<std::uint16_t>((i * 40503 + i / 7) % (1 << depth)));
  return values;
}

Samples decode(const std::string& file) { return image::decode_samples(test::as_bytes(file), "test.png"); }

}  // namespace

TEST_CASE("png: every depth and colour type decodes to its samples, interlaced or not") {
  for (const bool interlaced : {false, true})
    for (const int colour : {0, 2, 4, 6})
      for (const int depth : {1, 2, 4, 8, 16}) {
        if (colour != 0 && depth < 8) continue;
        for (const index_t width : {1, 3, 5, 8, 13}) {
          const test::PngOptions o{
              .width = width, .height = 7, .depth = depth, .colour = colour, .interlaced = interlaced};
          const index_t channels = colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1;
          const auto values = ramp(width * 7 * channels, depth);
          const Samples got = decode(test::make_png(o, values));
          CAPTURE(colour);
          CAPTURE(depth);
          CAPTURE(width);
          CAPTURE(interlaced);
          CHECK(got.width == width);
          CHECK(got.height == 7);
          CHECK(got.channels == channels);
          CHECK(got.bits == (depth == 16 ? 16 : 8));
          std::vector<std::uint16_t> wanted = values;
          const int stretch = depth < 8 ? 255 / ((1 << depth) - 1) : 1;
          for (auto& v : wanted) v = static_cast<std::uint16_t>(v * stretch);
          CHECK(got.values == wanted);
        }
      }
}

TEST_CASE("png: a palette gives its colours, and grey where it has no entry") {
  for (const int depth : {1, 2, 4, 8}) {
    const test::PngOptions o{.width = 2, .height = 1, .depth = depth, .colour = 3, .palette = "abc"};
    const Samples got = decode(test::make_png(o, {0, 1}));
    CHECK(got.channels == 3);
    CHECK(got.values == std::vector<std::uint16_t>{'a', 'b', 'c', 1, 1, 1});
  }
}

TEST_CASE("png: transparency and gamma chunks change no colour") {
  const test::PngOptions o{.width = 1,
                           .height = 1,
                           .colour = 3,
                           .palette = "abc",
                           .extra = test::png_chunk("gAMA", test::big_endian(100000)) + test::png_chunk("tEXt", "x")};
  CHECK(decode(test::make_png(o, {0})).values == std::vector<std::uint16_t>{'a', 'b', 'c'});
}

TEST_CASE("png: RGB drops alpha, clips 16-bit grey and keeps the high byte of other 16-bit samples") {
  const auto rgb = [](const test::PngOptions& o, const std::vector<std::uint16_t>& values) {
    return image::decode_bytes(test::as_bytes(test::make_png(o, values)), "test.png").pixels;
  };
  using Pixels = std::vector<std::uint8_t>;
  CHECK(rgb({.colour = 6}, {1, 2, 3, 0}) == Pixels{1, 2, 3});
  CHECK(rgb({.colour = 4}, {9, 0}) == Pixels{9, 9, 9});
  CHECK(rgb({.width = 2, .depth = 16, .colour = 0}, {200, 300}) == Pixels{200, 200, 200, 255, 255, 255});
  CHECK(rgb({.depth = 16, .colour = 2}, {0x1234, 0xff00, 0x00ff}) == Pixels{0x12, 0xff, 0});
}

TEST_CASE("png: what encode_png writes comes back, with every filter it chooses") {
  for (const index_t channels : {1, 2, 3, 4}) {
    Image x(37, 29, channels);
    for (std::size_t i = 0; i < x.pixels.size(); ++i)
      x.pixels[i] = static_cast<std::uint8_t>(i % 3 == 0 ? i * i / 50 : i / 9);
    const Samples got = decode(image::encode_png(x));
    CHECK(got.channels == channels);
    CHECK(std::equal(got.values.begin(), got.values.end(), x.pixels.begin(), x.pixels.end()));
  }
}

TEST_CASE("png: a file cut anywhere is an error that says so") {
  const std::string file = image::encode_png(Image(20, 10, 3, 77));
  for (std::size_t length = 9; length < file.size(); ++length)
    CHECK_THROWS_WITH_AS(decode(file.substr(0, length)),
                         "test.png: the image file is cut short; fetch or copy it again", Error);
}

TEST_CASE("png: a header that lies is refused before memory is taken") {
  const auto message = [](const test::PngOptions& o) -> std::string {
    const std::string file =
        test::png_header(o) + test::png_chunk("IDAT", test::zlib_stored("\1\2\3")) + test::png_chunk("IEND", "");
    try {
      (void)decode(file);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({.width = 65535, .height = 65535}) ==
        "test.png: the header claims 65535x65535 pixels, but the limit is 178956970; shrink the image or fetch it "
        "again");
  CHECK(message({.width = 0, .height = 5}).find("a size of 0 pixels") != std::string::npos);
  CHECK(message({.width = 13000, .height = 13000}).find("cut short") != std::string::npos);
  CHECK(message({.width = 9, .height = 9}).find("end too early") != std::string::npos);
  CHECK(message({.depth = 3}).find("does not have") != std::string::npos);
  CHECK(message({.colour = 3}).find("palette is missing") != std::string::npos);
}

TEST_CASE("png: a wrong checksum or an unknown critical chunk is an error") {
  const test::PngOptions o{.width = 4, .height = 4};
  std::string file = test::make_png(o, ramp(48, 8));
  file[60] = static_cast<char>(file[60] ^ 1);
  CHECK_THROWS_WITH_AS(decode(file),
                       "test.png: the image file is damaged (a checksum is wrong); fetch or copy it again", Error);
  CHECK_THROWS_AS(decode(test::make_png({.extra = test::png_chunk("ABCD", "")}, {1, 2, 3})), Error);
}
