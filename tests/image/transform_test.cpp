#include <doctest/doctest.h>

#include <limn/image/to_tensor.hpp>
#include <limn/image/transform.hpp>

using namespace limn;
using image::Image;
using image::Planes;
using image::Size;

namespace {

Image numbered(index_t width, index_t height) {
  Image x(width, height, 3);
  for (std::size_t i = 0; i < x.pixels.size(); ++i) x.pixels[i] = static_cast<std::uint8_t>(i % 251 + 1);
  return x;
}

}  // namespace

TEST_CASE("crop: what lies outside the image is 0") {
  const Image x = numbered(4, 3);
  const Image y = image::crop(x, -1, -2, {5, 8});
  CHECK(y.at(0, 3, 0) == 0);
  CHECK(y.at(1, 1, 0) == 0);
  CHECK(y.at(1, 2, 0) == x.at(0, 0, 0));
  CHECK(y.at(3, 5, 2) == x.at(2, 3, 2));
  CHECK(y.at(4, 5, 2) == 0);
  CHECK(y.at(3, 6, 2) == 0);
  CHECK(image::crop(x, 100, -100, {2, 2}) == Image(2, 2, 3));
  CHECK_THROWS_AS((void)image::crop(x, 0, 0, {0, 2}), Error);
}

TEST_CASE("size_with_shorter_side: the long side is cut, not rounded") {
  CHECK(image::size_with_shorter_side(Image(451, 300, 3), 224) == Size{224, 336});
  CHECK(image::size_with_shorter_side(Image(300, 451, 3), 224) == Size{336, 224});
  CHECK(image::size_with_shorter_side(Image(7, 7, 3), 5) == Size{5, 5});
}

TEST_CASE("clip_crop: an odd missing line goes first, an odd surplus line goes last") {
  const Image x = numbered(4, 5);
  const image::ClipOptions options{.crop_size = {6, 3}};
  const Image y = image::clip_crop(x, options);
  CHECK(y.at(0, 0, 0) == 0);
  CHECK(y.at(1, 0, 0) == x.at(0, 0, 0));
  CHECK(y.at(5, 2, 2) == x.at(4, 2, 2));
}

TEST_CASE("torchvision_crop: half a pixel goes to the even side, padding before the odd line") {
  const auto first_row = [](index_t height, index_t crop) {
    const Image x = numbered(1, height);
    const Image y = image::torchvision_crop(x, {.crop = {crop, 1}});
    return (y.at(0, 0, 0) - 1) / 3;
  };
  CHECK(first_row(5, 4) == 0);   // 0.5
  CHECK(first_row(7, 4) == 2);   // 1.5
  CHECK(first_row(9, 4) == 2);   // 2.5
  CHECK(first_row(11, 4) == 4);  // 3.5
  CHECK(first_row(8, 4) == 2);
  const Image padded = image::torchvision_crop(numbered(1, 2), {.crop = {5, 1}});
  CHECK(padded.at(0, 0, 0) == 0);
  CHECK(padded.at(1, 0, 0) == 1);
  CHECK(padded.at(3, 0, 0) == 0);
}

TEST_CASE("normalise: planes in order, (x - mean) / deviation") {
  const Image x(2, 1, 3, std::vector<std::uint8_t>{0, 51, 255, 255, 102, 0});
  const Planes y = image::normalise(x, {.mean = {0.5, 0, 0}, .deviation = {0.5, 1, 2}});
  CHECK(y.values[0] == -1.0f);
  CHECK(y.values[1] == 1.0f);
  CHECK(y.values[2] == doctest::Approx(0.2));
  CHECK(y.values[3] == doctest::Approx(0.4));
  CHECK(y.values[4] == doctest::Approx(0.5));
  CHECK(y.values[5] == 0.0f);
  CHECK_THROWS_AS((void)image::normalise(Image(2, 2, 1), {}), Error);
}

TEST_CASE("vilt_size: the long side is limited and both are multiples of the divisor") {
  CHECK(image::vilt_size(Image(640, 427, 3)) == Size{384, 576});  // 575.6
  CHECK(image::vilt_size(Image(427, 640, 3)) == Size{576, 384});
  CHECK(image::vilt_size(Image(2000, 500, 3)) == Size{160, 608});  // 639 at most: 639 x 160
  CHECK_THROWS_WITH_AS((void)image::vilt_size(Image(4000, 20, 3)), doctest::Contains("too narrow"), Error);
}

TEST_CASE("pad_batch: zeros after normalising, a mask on pixels, different channels refused") {
  const Planes a{1, 1, 2, {5, 6}}, b{1, 2, 1, {7, 8}};
  const image::PaddedBatch batch = image::pad_batch({a, b});
  CHECK(batch.values == std::vector<float>{5, 6, 0, 0, 7, 0, 8, 0});
  CHECK(batch.mask == std::vector<std::uint8_t>{1, 1, 0, 0, 1, 0, 1, 0});
  CHECK_THROWS_AS((void)image::pad_batch({a, {2, 1, 1, {1, 2}}}), Error);
  CHECK_THROWS_AS((void)image::pad_batch({}), Error);
}

TEST_CASE("keras: modes and layouts") {
  const Image x(1, 1, 3, std::vector<std::uint8_t>{10, 20, 255});
  const auto values = [&](image::KerasMode mode) {
    return image::keras(x, {.target_size = {1, 1}, .mode = mode}).values;
  };
  CHECK(values(image::KerasMode::caffe) == std::vector<float>{255 - 103.939f, 20 - 116.779f, 10 - 123.68f});
  CHECK(values(image::KerasMode::tf) == std::vector<float>{10 / 127.5f - 1, 20 / 127.5f - 1, 1});
  CHECK(values(image::KerasMode::raw) == std::vector<float>{10, 20, 255});
  CHECK(values(image::KerasMode::torch)[1] == doctest::Approx((20 / 255.0 - 0.456) / 0.224));
  const Image two(2, 1, 3, std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  const image::KerasOptions raw{.target_size = {1, 2}, .mode = image::KerasMode::raw};
  CHECK(image::keras(two, raw).values == std::vector<float>{1, 2, 3, 4, 5, 6});
  image::KerasOptions planar = raw;
  planar.layout = image::Layout::chw;
  CHECK(image::keras(two, planar).values == std::vector<float>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("processors: results have the size their options ask for") {
  const Image x = numbered(61, 47);
  const auto shape = [](const Planes& p) { return Size{p.height, p.width}; };
  CHECK(shape(image::blip(x)) == Size{384, 384});
  CHECK(shape(image::clip(x)) == Size{224, 224});
  CHECK(shape(image::clip(x, {.size = {30, 40}, .do_center_crop = false})) == Size{30, 40});
  CHECK(shape(image::torchvision(x)) == Size{224, 224});
  CHECK(shape(image::torchvision(x, {.resize = 0, .crop = {}})) == Size{47, 61});
  CHECK(shape(image::vilt(x)) == Size{384, 480});
  CHECK(shape(image::keras(x)) == Size{224, 224});
}

TEST_CASE("to_tensor: shapes follow the layout, and images of a batch must agree") {
  const Planes a{3, 1, 2, {1, 2, 3, 4, 5, 6}};
  Planes b = a;
  CHECK(image::to_tensor(a).shape() == Shape{3, 1, 2});
  const Tensor<float> x = image::to_tensor(std::vector<Planes>{a, b});
  CHECK(x.shape() == Shape{2, 3, 1, 2});
  CHECK(x.at({1, 2, 0, 1}) == 6);
  b.layout = image::Layout::hwc;
  CHECK(image::to_tensor(b).shape() == Shape{1, 2, 3});
  CHECK_THROWS_WITH_AS((void)image::to_tensor(std::vector<Planes>{a, b}), doctest::Contains("cannot be one batch"),
                       Error);
}
