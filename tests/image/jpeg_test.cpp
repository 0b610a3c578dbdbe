#include <cmath>

#include <doctest/doctest.h>

#include <limn/image/decode.hpp>
#include <limn/image/encode.hpp>

#include "make_jpeg.hpp"
#include "make_png.hpp"

using namespace limn;
using image::Image;

namespace {

Image decode(const std::string& file) { return image::decode_bytes(test::as_bytes(file), "test.jpg"); }

std::string message_of(const std::string& file) {
  try {
    (void)decode(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

test::Blocks some_blocks(std::size_t count) {
  test::Blocks blocks(count);
  std::uint32_t state = 7;
  const auto next = [&](std::uint32_t n) { return (state = state * 1664525 + 1013904223) >> 8 & (n - 1); };
  for (auto& block : blocks) {
    block.fill(0);
    block[0] = static_cast<std::int16_t>(static_cast<int>(next(512)) - 256);
    const std::uint32_t kinds = next(4);  // some blocks have no AC coefficient, some nearly all
    for (std::size_t k = 1; k < 64 && kinds > 0; ++k)
      if (next(kinds == 1 ? 32 : 2) == 0) block[k] = static_cast<std::int16_t>(static_cast<int>(next(16)) - 8);
  }
  return blocks;
}

/// The inverse transform by its definition (T.81, A.3.3).
double reference_sample(const image::detail::JpegBlock& block, std::size_t row, std::size_t column) {
  constexpr double pi = 3.14159265358979323846;
  double sum = 0;
  for (std::size_t k = 0; k < 64; ++k) {
    const std::size_t at = image::detail::jpeg_zigzag[k], v = at / 8, u = at % 8;
    const double quantum = static_cast<double>(1 + k / 4);
    const double scale = (u == 0 ? std::sqrt(0.5) : 1) * (v == 0 ? std::sqrt(0.5) : 1) / 4;
    sum += scale * block[at] * quantum *
           std::cos((2 * static_cast<double>(column) + 1) * static_cast<double>(u) * pi / 16) *
           std::cos((2 * static_cast<double>(row) + 1) * static_cast<double>(v) * pi / 16);
  }
  return std::clamp(sum + 128, 0.0, 255.0);
}

}  // namespace

TEST_CASE("jpeg: samples are within one of the inverse transform by its definition") {
  const test::Blocks blocks = some_blocks(15);
  const Image got = decode(test::sequential_jpeg(37, 21, blocks));
  REQUIRE(got.width == 37);
  REQUIRE(got.height == 21);
  double worst = 0;
  for (index_t row = 0; row < 21; ++row)
    for (index_t column = 0; column < 37; ++column) {
      const auto& block = blocks[static_cast<std::size_t>(row / 8 * 5 + column / 8)];
      const double wanted =
          reference_sample(block, static_cast<std::size_t>(row % 8), static_cast<std::size_t>(column % 8));
      worst = std::max(worst, std::fabs(wanted - got.at(row, column, 1)));
    }
  CHECK(worst < 1);
}

TEST_CASE("jpeg: a progressive file gives the pixels of the sequential one") {
  const test::Blocks blocks = some_blocks(40);
  CHECK(decode(test::progressive_jpeg(64, 40, blocks)) == decode(test::sequential_jpeg(64, 40, blocks)));
}

TEST_CASE("jpeg: restart markers change no pixel") {
  const test::Blocks blocks = some_blocks(40);
  const Image plain = decode(test::sequential_jpeg(64, 40, blocks));
  for (const std::size_t interval : {1U, 3U, 8U, 39U, 100U})
    CHECK(decode(test::sequential_jpeg(64, 40, blocks, interval)) == plain);
}

TEST_CASE("jpeg: a missing restart marker is an error, not a shifted picture") {
  std::string file = test::sequential_jpeg(64, 40, some_blocks(40), 8);
  const std::size_t at = file.find("\xff\xd1");
  REQUIRE(at != std::string::npos);
  file[at + 1] = '\xd2';
  CHECK(message_of(file).find("a part of its pixels is missing") != std::string::npos);
}

TEST_CASE("jpeg: colours survive, with and without subsampled chroma, at any size") {
  for (const int quality : {90, 100})  // above 90 the encoder does not subsample
    for (const index_t width : {1, 2, 3, 5, 16, 17, 33})
      for (const index_t height : {1, 2, 7, 16, 31}) {
        Image x(width, height, 3);
        for (index_t row = 0; row < height; ++row)
          for (index_t column = 0; column < width; ++column) {
            x.at(row, column, 0) = static_cast<std::uint8_t>(60 + 3 * column);
            x.at(row, column, 1) = static_cast<std::uint8_t>(200 - 3 * row);
            x.at(row, column, 2) = static_cast<std::uint8_t>(100 + column + row);
          }
        const Image got = decode(image::encode_jpeg(x, {.jpeg_quality = quality}));
        REQUIRE(got.width == width);
        REQUIRE(got.height == height);
        int worst = 0;
        for (std::size_t i = 0; i < x.pixels.size(); ++i)
          worst = std::max(worst, std::abs(x.pixels[i] - got.pixels[i]));
        CAPTURE(quality);
        CAPTURE(width);
        CAPTURE(height);
        CHECK(worst <= (quality == 100 ? 3 : 12));
      }
}

TEST_CASE("jpeg: grey stays one channel in samples and becomes three in RGB") {
  const std::string file = test::sequential_jpeg(8, 8, some_blocks(1));
  CHECK(image::decode_samples(test::as_bytes(file), "x").channels == 1);
  const Image rgb = decode(file);
  CHECK(rgb.channels == 3);
  CHECK(rgb.at(3, 3, 0) == rgb.at(3, 3, 2));
}

TEST_CASE("jpeg: a file cut anywhere is an error that says so") {
  for (const std::string& file :
       {test::sequential_jpeg(24, 16, some_blocks(6)), test::progressive_jpeg(24, 16, some_blocks(6)),
        image::encode_jpeg(Image(9, 9, 3, 50))})
    for (std::size_t length = 3; length < file.size(); ++length)
      CHECK(message_of(file.substr(0, length)) == "test.jpg: the image file is cut short; fetch or copy it again");
}

TEST_CASE("jpeg: pixels that end too early are an error though the end marker is there") {
  const std::string file = test::sequential_jpeg(24, 16, some_blocks(6));
  CHECK(message_of(file.substr(0, file.size() - 40) + "\xff\xd9").find("cut short") != std::string::npos);
}

TEST_CASE("jpeg: a header that lies is refused before memory is taken") {
  std::string file = image::encode_jpeg(Image(9, 9, 3, 50));
  const std::size_t frame = file.find("\xff\xc0") + 5;
  const auto with_size = [&](const char* height_width) {
    return message_of(std::string(file).replace(frame, 4, height_width, 4));
  };
  CHECK(with_size("\xff\xff\xff\xff") ==
        "test.jpg: the header claims 65535x65535 pixels, but the limit is 178956970; shrink the image or fetch it "
        "again");
  CHECK(with_size("\x30\x00\x30\x00").find("cut short") != std::string::npos);
  CHECK(with_size("\x00\x00\x00\x09").find("a size of 0 pixels") != std::string::npos);
}

TEST_CASE("jpeg: kinds that are not supported are named") {
  std::string file = image::encode_jpeg(Image(9, 9, 3, 50));
  const std::size_t frame = file.find("\xff\xc0");
  std::string other = file;
  other[frame + 1] = '\xc9';
  CHECK(message_of(other).find("arithmetic") != std::string::npos);
  other = file;
  other[frame + 4] = 12;
  CHECK(message_of(other).find("12 bits a sample") != std::string::npos);
}

TEST_CASE("jpeg: four components are inverted ink, whether or not the file says so") {
  // One grey block with a DC of 0 (128 in each component): ink 127 of each colour on 128 of white.
  std::string head = test::jpeg_head(8, 8, false);
  const std::size_t frame = head.find("\xff\xc0");
  const std::string components = std::string("\x04\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00", 13);
  const std::string four = test::jpeg_segment(0xc0, std::string("\x08\x00\x08\x00\x08", 5) + components);
  head.replace(frame, 13, four);
  test::JpegWriter w;
  for (int c = 0; c < 4; ++c) {
    w.symbol(0);
    w.symbol(0);
  }
  const std::string scan =
      test::jpeg_segment(0xda, std::string("\x04\x01\x00\x02\x00\x03\x00\x04\x00\x00\x3f\x00", 12));
  const std::string tail = scan + w.take() + "\xff\xd9";
  const Image plain = decode(head + tail);
  CHECK(plain.at(0, 0, 0) == 128 - (127 * 128 + 127) / 255);
  const std::string adobe = test::jpeg_segment(0xee, std::string("Adobe\0\x64\0\0\0\0\0", 12));
  CHECK(decode(head.substr(0, 2) + adobe + head.substr(2) + tail) == plain);
}
