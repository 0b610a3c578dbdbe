#include <doctest/doctest.h>

#include <limn/image/decode.hpp>
#include <limn/image/encode.hpp>

#include "make_jpeg.hpp"
#include "make_png.hpp"
#include "support/temporary_folder.hpp"

using namespace limn;
using image::Image;

namespace {

Image gradient(index_t width, index_t height, index_t channels) {
  Image x(width, height, channels);
  for (std::size_t i = 0; i < x.pixels.size(); ++i) x.pixels[i] = static_cast<std::uint8_t>(i * 7 + i / 50);
  return x;
}

}  // namespace

TEST_CASE("decode: files that are no images give one line with file, cause and remedy") {
  const test::TemporaryFolder folder;
  const auto message = [&](const std::string& name, const std::string& bytes) -> std::string {
    test::put_file(folder / name, bytes);
    try {
      (void)image::decode_file(folder / name);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string at = folder.path().string() + "/";
  CHECK(message("empty.jpg", "") == at + "empty.jpg: the image file is empty; fetch or copy it again");
  CHECK(message("text.png", "these are words, no pixels\n") ==
        at + "text.png: not a PNG, JPEG, BMP or PNM image, whatever its name says; convert it to one of these");
  CHECK(message("a.bmp", "BM no bitmap").find("damaged") != std::string::npos);
  CHECK(message("a.ppm", "P6 60000 60000 255\n").find("the limit is") != std::string::npos);
  CHECK(message("b.ppm", "P6 600 600 255\nabc").find("cut short") != std::string::npos);
  CHECK_THROWS_WITH_AS((void)image::decode_file(folder / "none.png"),
                       doctest::Contains("none.png: cannot open the file"), Error);
  CHECK_THROWS_WITH_AS((void)image::decode_file(folder.path()), doctest::Contains("this is a folder"), Error);
}

TEST_CASE("decode: the ending of the name does not matter, and BMP and PNM work") {
  const test::TemporaryFolder folder;
  const Image x = gradient(13, 9, 3);
  test::put_file(folder / "a.jpg", image::encode_png(x));
  CHECK(image::decode_file(folder / "a.jpg") == x);
  test::put_file(folder / "b", image::encode_bmp(x));
  CHECK(image::decode_file(folder / "b") == x);
  test::put_file(folder / "c", "P6\n13 9\n255\n" + std::string(x.pixels.begin(), x.pixels.end()));
  CHECK(image::decode_file(folder / "c") == x);
}

TEST_CASE("decode: a limit on pixels is obeyed by every format") {
  const Image x = gradient(20, 20, 3);
  for (const std::string& file : {image::encode_png(x), image::encode_jpeg(x), image::encode_bmp(x)}) {
    CHECK_THROWS_WITH_AS((void)image::decode_bytes(test::as_bytes(file), "x", {.max_pixels = 399}),
                         doctest::Contains("the limit is 399"), Error);
    CHECK(image::decode_bytes(test::as_bytes(file), "x", {.max_pixels = 400}).width == 20);
  }
}

TEST_CASE("decode: thousands of damaged files either decode or throw Error") {
  test::Blocks blocks(6);
  for (std::size_t b = 0; b < blocks.size(); ++b)
    for (std::size_t k = 0; k < 64; ++k)
      blocks[b][k] = static_cast<std::int16_t>(k % (b + 2) == 0 ? 5 - int(k % 9) : 0);
  const std::vector<std::string> seeds = {
      image::encode_png(gradient(11, 9, 3)),
      test::make_png({.width = 6, .height = 5, .depth = 4, .colour = 3, .interlaced = true, .palette = "abcdefghi"},
                     std::vector<std::uint16_t>(30, 2)),
      test::make_png({.width = 5, .height = 5, .depth = 16, .colour = 6}, std::vector<std::uint16_t>(100, 777)),
      image::encode_jpeg(gradient(33, 17, 3), {.jpeg_quality = 50}),
      test::sequential_jpeg(24, 16, blocks, 2),
      test::progressive_jpeg(24, 16, blocks),
      image::encode_bmp(gradient(7, 5, 3)),
      "P6\n4 3\n255\n" + std::string(36, 'x')};
  std::uint64_t state = 2026;
  const auto next = [&](std::size_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>((state >> 33) % n);
  };
  int decoded = 0, refused = 0;
  for (int round = 0; round < 8000; ++round) {
    std::string file = seeds[static_cast<std::size_t>(round) % seeds.size()];
    const std::size_t changes = 1 + next(4);
    for (std::size_t c = 0; c < changes; ++c) {
      const std::size_t at = next(file.size());
      switch (next(5)) {
        case 0:
          file[at] = static_cast<char>(next(256));
          break;
        case 1:
          file[at] = static_cast<char>(file[at] ^ (1 << next(8)));
          break;
        case 2:
          file.erase(at, 1 + next(8));
          break;
        case 3:
          file.insert(at, 1 + next(8), static_cast<char>(next(2) ? 255 : next(256)));
          break;
        default:
          file[at] = next(2) ? '\0' : '\xff';
      }
      if (file.size() < 4) file.resize(4);
    }
    if (file.compare(1, 3, "PNG") == 0)  // checksums that fit let the damage through to the decoder
      for (std::size_t at = 8; file.size() - at >= 12;) {
        const std::size_t length = image::detail::big_endian32(test::as_bytes(file), at);
        if (length > file.size() - at - 12) break;
        const auto body = test::as_bytes(file).subspan(at + 4, length + 4);
        file.replace(at + 8 + length, 4, test::big_endian(image::detail::crc32(body)));
        at += length + 12;
      }
    try {
      const Image x = image::decode_bytes(test::as_bytes(file), "x", {.max_pixels = 1 << 16});
      decoded += static_cast<index_t>(x.pixels.size()) == x.width * x.height * 3;
    } catch (const Error& error) {
      refused += std::string(error.what()).find('\n') == std::string::npos;
    }
  }
  CHECK(decoded + refused == 8000);
  CHECK(decoded > 500);
  CHECK(refused > 500);
}
