// Which pictures are grey, and which words name what they do not show.
#include <doctest/doctest.h>

#include "captioner/colours.hpp"

using namespace limn;
using namespace limn::captioner;

TEST_CASE("a picture is grey whatever its channels, if no more than one pixel in a hundred is coloured") {
  CHECK(is_grey(image::Image(3, 2, 1, 90)));
  CHECK(is_grey(image::Image(3, 2, 2, 90)));
  for (const index_t channels : {3, 4}) {
    image::Image picture(20, 10, channels, 120);
    CHECK(is_grey(picture));
    for (index_t row = 0; row < 10; ++row)
      for (index_t column = 0; column < 20; ++column) picture.at(row, column, 2) = 128;  // as JPEG may leave it
    CHECK(is_grey(picture));
    picture.at(0, 0, 0) = 200;
    picture.at(7, 19, 1) = 100;
    CHECK(is_grey(picture));
    picture.at(3, 3, 2) = 129;
    CHECK_FALSE(is_grey(picture));
  }
}

TEST_CASE("colours are those of the vocabulary but black, grey and white") {
  const text::Vocabulary vocabulary =
      text::Vocabulary::build({{"a", "red", "dog", "and", "a", "black", "one"}, {"the", "white", "sky", "is", "blue"}});
  std::vector<std::string> words;
  for (const std::int64_t id : colour_words(vocabulary)) words.push_back(vocabulary.word(id));
  std::sort(words.begin(), words.end());
  CHECK(words == std::vector<std::string>{"blue", "red"});
}
