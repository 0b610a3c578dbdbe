#include <doctest/doctest.h>

#include <sys/resource.h>
#include <csignal>

#include <limn/image/decode.hpp>
#include <limn/image/encode.hpp>

#include "support/temporary_folder.hpp"

using namespace limn;
using image::Image;

TEST_CASE("encode_file: the ending chooses the format and the pixels come back") {
  const test::TemporaryFolder folder;
  Image x(30, 20, 3);
  for (std::size_t i = 0; i < x.pixels.size(); ++i) x.pixels[i] = static_cast<std::uint8_t>(i / 8);
  for (const char* name : {"a.png", "a.BMP"}) {
    image::encode_file(folder / name, x);
    CHECK(image::decode_file(folder / name) == x);
  }
  image::encode_file(folder / "a.jpeg", x, {.jpeg_quality = 95});
  CHECK(image::decode_file(folder / "a.jpeg").width == 30);
  CHECK(folder.count() == 3);
  CHECK_THROWS_WITH_AS(image::encode_file(folder / "a.gif", x), doctest::Contains("use .png, .jpg or .bmp"), Error);
}

TEST_CASE("encode: equal images give equal bytes; impossible ones are refused") {
  const Image x(9, 9, 3, 4);
  CHECK(image::encode_png(x) == image::encode_png(x));
  CHECK(image::encode_jpeg(x) == image::encode_jpeg(x));
  CHECK_THROWS_AS((void)image::encode_png(Image()), Error);
  CHECK_THROWS_AS((void)image::encode_jpeg(x, {.jpeg_quality = 0}), Error);
  CHECK_THROWS_WITH_AS((void)image::encode_jpeg(Image(65536, 1, 1)), doctest::Contains("limit is 65535"), Error);
}

TEST_CASE("encode_file: a folder that is not there is named") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(image::encode_file(folder / "none/a.png", Image(2, 2, 3)),
                       doctest::Contains("cannot create the file: No such file or directory; check the path"), Error);
}

TEST_CASE("encode_file: when the disk takes no more, the old file stays and nothing else is left") {
  const test::TemporaryFolder folder;
  const Image old(2, 2, 3, 7);
  image::encode_file(folder / "a.bmp", old);
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit small = before;
  small.rlim_cur = 4096;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    image::encode_file(folder / "a.bmp", Image(200, 200, 3, 9));
  } catch (const Error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(message.find("a.bmp.tmp: cannot write the file: File too large") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(image::decode_file(folder / "a.bmp") == old);
  CHECK(folder.count() == 1);
}
