// Whole pictures as a network reads them that was trained from cuts.
#include <doctest/doctest.h>

#include <limn/image/encode.hpp>

#include "captioner/own_encoder.hpp"
#include "captioner/pictures.hpp"
#include "support/temporary_folder.hpp"

using namespace limn;
using namespace limn::captioner;

namespace {

/// Red rises to the right, green downwards, blue is noise.
image::Image picture_of(index_t width, index_t height, std::uint64_t seed) {
  Generator draw(seed);
  image::Image picture(width, height, 3);
  for (index_t r = 0; r < height; ++r)
    for (index_t c = 0; c < width; ++c) {
      picture.at(r, c, 0) = static_cast<std::uint8_t>(3 * c);
      picture.at(r, c, 1) = static_cast<std::uint8_t>(3 * r);
      picture.at(r, c, 2) = static_cast<std::uint8_t>(draw.below(256));
    }
  return picture;
}

const OwnEncoderConfig larger{models::SmallCNNConfig::vgg16_quarter(), 48, 60};

}  // namespace

TEST_CASE("a picture is read as validation reads it in training, where pictures come from files") {
  const test::TemporaryFolder folder;
  std::vector<image::Image> pictures;
  std::vector<View> views;
  for (const auto& [width, height] : {std::pair<index_t, index_t>{80, 50}, {60, 60}, {31, 77}}) {
    pictures.push_back(picture_of(width, height, static_cast<std::uint64_t>(width)));
    const std::string name = std::to_string(width) + ".png";
    image::encode_file(folder / name, pictures.back());
    views.push_back({name, folder / name, {}});
  }
  const PictureSet set(views, 60, true);
  const Tensor<float> alone = pixels_of(pictures, larger), there = set.whole_pixels({0, 1, 2}, 48);
  REQUIRE(alone.shape() == Shape{3, 3, 48, 48});
  for (index_t i = 0; i < alone.numel(); ++i) REQUIRE(alone.data()[i] == there.data()[i]);
}

TEST_CASE("whole pictures are stretched between the pixels of the square that they are squeezed to") {
  const Tensor<float> x = pixels_of({picture_of(60, 60, 1)}, larger);  // already such a square
  for (index_t r = 0; r < 48; ++r)
    for (index_t c = 0; c < 48; ++c) {
      const double right = (static_cast<double>(c) + 0.5) * 60 / 48 - 0.5,
                   down = (static_cast<double>(r) + 0.5) * 60 / 48 - 0.5;
      CHECK(x.at({0, 0, r, c}) == doctest::Approx(3 * right / 63.75 - 2).epsilon(1e-5));
      CHECK(x.at({0, 1, r, c}) == doctest::Approx(3 * down / 63.75 - 2).epsilon(1e-5));
    }
}

TEST_CASE("without a size to be squeezed to, pictures of the right size are read as they are") {
  const image::Image picture = picture_of(48, 48, 2);
  const Tensor<float> x = pixels_of({picture}, OwnEncoderConfig{models::SmallCNNConfig::vgg16_quarter(), 48});
  for (index_t r = 0; r < 48; ++r)
    for (index_t c = 0; c < 48; ++c)
      REQUIRE(x.at({0, 2, r, c}) == static_cast<float>(picture.at(r, c, 2)) / 63.75f - 2);
}

TEST_CASE("a cut has the size that the network shrinks evenly, and its square is larger") {
  for (const index_t picture : {64, 128, 160, 176, 192}) {
    CHECK(cut_side(picture) % shrinkage(models::SmallCNNConfig::vgg16_quarter()) == 0);
    CHECK(cut_side(picture) <= picture);
    CHECK(squeezed_side(picture) > picture);
    CHECK_NOTHROW(check_picture(picture, models::SmallCNNConfig::vgg16_quarter()));
    CHECK_THROWS_AS(check_picture(picture + 8, models::SmallCNNConfig::vgg16_quarter()), Error);
  }
}
