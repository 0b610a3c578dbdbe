// The files that `scenes` writes: two layouts, complete, and the same bytes every time.
#include "../../examples/scenes/dataset.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <unistd.h>

#include <doctest/doctest.h>

using namespace limn;
using namespace limn::scenes;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("limn_scenes_" + std::to_string(::getpid()));
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
};

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::istringstream in(text_of(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("a dataset has every image, five captions an image, the split lists and the questions") {
  const Folder folder;
  index_t calls = 0;
  write_dataset(folder.path, {.counts = {5, 3, 2}, .seed = 40, .progress = [&calls](index_t, index_t) { ++calls; }});
  CHECK(calls == 10);

  const std::vector<std::string> tokens = lines_of(folder.path / "Flickr8k.token.txt");
  REQUIRE(tokens.size() == 50);
  CHECK(tokens[0] == "train_0.png#0\t" + captions(make_scene(40, Split::train))[0] + " .");
  CHECK(tokens[49] == "test_1.png#4\t" + captions(make_scene(41, Split::test))[4] + " .");
  CHECK(lines_of(folder.path / "Flickr_8k.trainImages.txt").size() == 5);
  CHECK(lines_of(folder.path / "Flickr_8k.devImages.txt") ==
        std::vector<std::string>{"val_0.png", "val_1.png", "val_2.png"});
  CHECK(lines_of(folder.path / "Flickr_8k.testImages.txt").size() == 2);

  const Scene last = make_scene(42, Split::val);
  CHECK(text_of(folder.path / "images" / "val_2.png") == image::encode_png(draw(last)));
  CHECK(text_of(folder.path / "val" / "images" / "2.png") == image::encode_png(draw(last)));

  std::size_t asked = 0;
  for (std::uint64_t seed = 40; seed < 43; ++seed) asked += questions(make_scene(seed, Split::val)).size();
  const std::vector<std::string> rows = lines_of(folder.path / "val" / "questions.json");
  REQUIRE(rows.size() == asked);
  const Question first = questions(make_scene(40, Split::val))[0];
  CHECK(rows[0] == "[[\"" + first.text + "\", \"" + first.answer + "\", 0],");
  CHECK(rows.back().substr(rows.back().size() - 5) == ", 2]]");
  CHECK(lines_of(folder.path / "answers.txt") == all_answers());
}

TEST_CASE("writing again over a dataset gives the same bytes") {
  const Folder folder;
  write_dataset(folder.path, {.counts = {3, 1, 1}});
  const std::string tokens = text_of(folder.path / "Flickr8k.token.txt"),
                    image = text_of(folder.path / "images" / "train_2.png");
  write_dataset(folder.path, {.counts = {3, 1, 1}});
  CHECK(text_of(folder.path / "Flickr8k.token.txt") == tokens);
  CHECK(text_of(folder.path / "images" / "train_2.png") == image);
}

TEST_CASE("an empty split is an empty list, not a missing file") {
  const Folder folder;
  write_dataset(folder.path, {.counts = {1, 0, 0}});
  CHECK(text_of(folder.path / "test" / "questions.json") == "[]\n");
  CHECK(text_of(folder.path / "Flickr_8k.testImages.txt").empty());
}

TEST_CASE("a folder that cannot be made is an error that names it") {
  const Folder folder;
  std::ofstream(folder.path).put('x');  // a file in its place
  CHECK_THROWS_WITH_AS(write_dataset(folder.path, {.counts = {1, 1, 1}}), doctest::Contains(folder.path.c_str()),
                       Error);
}

TEST_CASE("a contact sheet shows scene after scene") {
  const image::Image sheet = contact_sheet({.columns = 3, .rows = 2, .size = 32, .seed = 9, .split = Split::test});
  CHECK(sheet.width == 3 * 34 + 2);
  CHECK(sheet.height == 2 * 34 + 2);
  const image::Image fifth = draw(make_scene(13, Split::test), {.size = 32});
  for (index_t row = 0; row < 32; ++row) {
    for (index_t column = 0; column < 32; ++column) {
      CHECK(sheet.at(36 + row, 36 + column, 0) == fifth.at(row, column, 0));
    }
  }
}
