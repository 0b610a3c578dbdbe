// Captions and splits of both layouts, and every way in which a folder can be wrong.

#include <limn/data/flickr8k.hpp>

#include "support/shared.hpp"
#include "support/temporary_folder.hpp"

using namespace limn;
using namespace limn::data;

namespace {

/// A folder with images a.jpg .. (each one byte) and the captions file `name`.
struct Folder {
  test::TemporaryFolder folder;
  Folder(const std::string& name, const std::string& captions, const std::string& images = "abc") {
    std::filesystem::create_directory(folder / "images");
    for (const char c : images) test::put_file(folder / ("images/" + std::string(1, c) + ".jpg"), "x");
    test::put_file(folder / name, captions);
  }
  void put(const std::string& name, const std::string& text) const { test::put_file(folder / name, text); }
  [[nodiscard]] CaptionData read(const CaptionDataOptions& options = {}) const {
    return read_flickr8k(folder.path(), options);
  }
  /// The message of the Error without the folder's path.
  [[nodiscard]] std::string error(const CaptionDataOptions& options = {}) const {
    try {
      const CaptionData data = read(options);
      return "no error";
    } catch (const Error& e) {
      std::string text = e.what();
      for (std::size_t at; (at = text.find(folder.path().string())) != std::string::npos;)
        text.replace(at, folder.path().string().size(), "DIR");
      return text;
    }
  }
};

const std::string tokens = "a.jpg#0\tA dog .\na.jpg#1\tTwo dogs\nb.jpg#0\tA cat\nc.jpg#0\tA cow\n";

}  // namespace

TEST_CASE("flickr8k: the official layout gives captions in order and the splits of the lists") {
  const Folder f("Flickr8k.token.txt", tokens);
  f.put("Flickr_8k.trainImages.txt", "c.jpg\na.jpg\n");
  f.put("Flickr_8k.devImages.txt", "b.jpg\n");
  const CaptionData data = f.read();
  REQUIRE(data.images.size() == 3);
  CHECK(data.official);
  CHECK(data.images[0].captions == std::vector<std::string>{"A dog .", "Two dogs"});
  CHECK(data.images[1].path == f.folder / "images/b.jpg");
  CHECK(data.split("train") == std::vector<index_t>{2, 0});
  CHECK(data.split("dev") == std::vector<index_t>{1});
  CHECK_THROWS_WITH_AS(static_cast<void>(data.split("test")),
                       "captions: the split test was not read; name it in the options", Error);
  CHECK(data.notes.empty());
}

TEST_CASE("flickr8k: byte order mark, CRLF, blank lines and a missing last line end change nothing") {
  const Folder f("Flickr8k.token.txt",
                 "\xEF\xBB\xBF"
                 "a.jpg#0\tA dog .\r\n\r\nb.jpg#0\tA cat");
  f.put("Flickr_8k.trainImages.txt",
        "\xEF\xBB\xBF"
        "a.jpg\r\n");
  f.put("Flickr_8k.devImages.txt", "b.jpg \r\n\r\n");
  const CaptionData data = f.read();
  CHECK(data.images[0].captions == std::vector<std::string>{"A dog ."});
  CHECK(data.images[1].captions == std::vector<std::string>{"A cat"});
  CHECK(data.split("dev") == std::vector<index_t>{1});
}

TEST_CASE("flickr8k: Kaggle's CSV keeps commas, quotes and line ends inside quotes") {
  const Folder f("captions.txt",
                 "image,caption\na.jpg,A dog\na.jpg,\"One , \"\"two\"\" , three\"\nb.jpg,\"a\nb\"\nb.jpg,x, "
                 "y\nc.jpg,it's \"so\"\n");
  const CaptionData data = f.read({.splits = {"train"}});
  CHECK_FALSE(data.official);
  CHECK(data.images[0].captions == std::vector<std::string>{"A dog", "One , \"two\" , three"});
  CHECK(data.images[1].captions == std::vector<std::string>{"a\nb", "x, y"});
  CHECK(data.images[2].captions == std::vector<std::string>{"it's \"so\""});
}

TEST_CASE("flickr8k: without lists the ratio splits all images, whatever their order in the file") {
  std::string forward = "image,caption\n", backward = forward, names;
  for (char c = 'a'; c < 'a' + 20; ++c) names += c;
  for (const char c : names) forward += std::string(1, c) + ".jpg,dog\n";
  for (auto c = names.rbegin(); c != names.rend(); ++c) backward += std::string(1, *c) + ".jpg,dog\n";
  const auto split_files = [](const CaptionData& data, const std::string& split) {
    std::vector<std::string> files;
    for (const index_t i : data.split(split)) files.push_back(data.images[static_cast<std::size_t>(i)].file);
    std::sort(files.begin(), files.end());
    return files;
  };
  const CaptionData a = Folder("captions.txt", forward, names).read(),
                    b = Folder("captions.txt", backward, names).read();
  const CaptionData other = Folder("captions.txt", forward, names).read({.seed = 1});
  CHECK(a.split("train").size() == 16);
  CHECK(a.split("dev").size() == 2);
  CHECK(a.split("test").size() == 2);
  for (const char* split : {"train", "dev", "test"}) CHECK(split_files(a, split) == split_files(b, split));
  CHECK(split_files(a, "train") != split_files(other, "train"));
}

TEST_CASE("flickr8k: an image that is missing matters only when its split is wanted") {
  const Folder f("Flickr8k.token.txt", tokens + "d.jpg#0\tA bird\ne.jpg#0\tA bee\n");
  f.put("Flickr_8k.trainImages.txt", "a.jpg\nb.jpg\n");
  f.put("Flickr_8k.devImages.txt", "c.jpg\n");
  f.put("Flickr_8k.testImages.txt", "d.jpg\ne.jpg\n");
  CHECK(f.error() == "no error");
  CHECK(f.error({.splits = {"test"}}) ==
        "DIR/Flickr8k.token.txt: 2 of 2 images of the split test are not in DIR/images (the first: d.jpg); add the "
        "images or "
        "remove their lines");
  CHECK(f.error({.splits = {"test"}, .need_images = false}) == "no error");
}

TEST_CASE("flickr8k: empty captions are left out, counted and named once") {
  const Folder f("Flickr8k.token.txt", "a.jpg#0\tA dog\na.jpg#1\t \na.jpg#2\nb.jpg#0\t...\nc.jpg#0\tA cow\n");
  f.put("Flickr_8k.trainImages.txt", "a.jpg\nb.jpg\n");
  f.put("Flickr_8k.devImages.txt", "c.jpg\n");
  const CaptionData data = f.read();
  CHECK(data.split("train") == std::vector<index_t>{0});
  REQUIRE(data.notes.size() == 2);
  CHECK(data.notes[0].find("3 empty caption(s) left out, the first in line 2") != std::string::npos);
  CHECK(data.notes[1].find("1 image(s) without a caption left out") != std::string::npos);
}

TEST_CASE("flickr8k: each damage gives one line with file, cause and remedy") {
  CHECK(Folder("notes.txt", "x").error() == "DIR: holds neither Flickr8k.token.txt nor captions.txt; add one of them");
  CHECK(Folder("Flickr8k.token.txt", "").error() ==
        "DIR/Flickr8k.token.txt: holds no captions; check that this is the right file");
  CHECK(Folder("Flickr8k.token.txt", "a.jpg#0\tA dog\nb.jpg A cat\n").error() ==
        "DIR/Flickr8k.token.txt: line 2: \"name.jpg#0<tab>caption\" is wanted; there is no tab");
  CHECK(Folder("Flickr8k.token.txt", "a.jpg#0\tA dog\n\na.jpg#1\tA \xFF dog\n").error() ==
        "DIR/Flickr8k.token.txt: line 3: not valid UTF-8; save the file as UTF-8");
  CHECK(Folder("Flickr8k.token.txt", "../a.jpg#0\tA dog\n").error() ==
        "DIR/Flickr8k.token.txt: line 1: the image name holds a '/'; names are without folders");
  CHECK(Folder("captions.txt", "image,caption\na.jpg\n").error() ==
        "DIR/captions.txt: line 2: \"image,caption\" is wanted; there is no comma");
  CHECK(Folder("captions.txt", "image,caption\na.jpg,x\nb.jpg,\"y\nc.jpg,z\n").error() ==
        "DIR/captions.txt: line 3: the quote that opens here is never closed; close or remove it");
  CHECK(
      Folder("captions.txt", "image,caption\na.jpg,x\nz.jpg,y\n").error({.splits = {"train"}, .ratio = {100, 0, 0}}) ==
      "DIR/captions.txt: 1 of 2 images of the split train are not in DIR/images (the first: z.jpg); add the images or "
      "remove "
      "their lines");
  const Folder f("Flickr8k.token.txt", tokens);
  f.put("Flickr_8k.trainImages.txt", "a.jpg\n");
  CHECK(f.error() ==
        "DIR/Flickr_8k.devImages.txt: the list of this split is missing, while other splits have theirs; add it or "
        "choose another "
        "split");
  f.put("Flickr_8k.devImages.txt", "b.jpg\nq.jpg\n");
  CHECK(f.error() ==
        "DIR/Flickr_8k.devImages.txt: line 2: the image q.jpg has no captions; add them to the captions file or remove "
        "this line");
  CHECK(f.error({.splits = {"all"}}) == "--split: there is no split named all; choose train, dev or test");
  CHECK_THROWS_WITH_AS(static_cast<void>(read_flickr8k("nowhere")),
                       "nowhere: there is no such folder; name one with Flickr8k.token.txt or captions.txt and images/",
                       Error);
}

TEST_CASE("parse_split_ratio: accepts three percentages that sum to 100 and nothing else") {
  CHECK(parse_split_ratio("80/10/10") == std::array<index_t, 3>{80, 10, 10});
  CHECK(parse_split_ratio("100/0/0") == std::array<index_t, 3>{100, 0, 0});
  for (const char* text : {"", "80/20", "80/10/11", "0/50/50", "80/10/10/0", "a/b/c", "-80/90/90", "80//20",
                           "999999999999/0/0", "80/10/10 "})
    CHECK_THROWS_AS(static_cast<void>(parse_split_ratio(text)), Error);
}

TEST_CASE("flickr8k: the shared photographs have 6000 training and 1000 dev images with five captions each") {
  if (!test::have_shared("data/flickr8k")) return;
  const CaptionData data = read_flickr8k(test::shared_path("data/flickr8k"));
  CHECK(data.split("train").size() == 6000);
  CHECK(data.split("dev").size() == 1000);
  CHECK(data.notes.empty());
  for (const char* split : {"train", "dev"})
    for (const index_t i : data.split(split)) REQUIRE(data.images[static_cast<std::size_t>(i)].captions.size() == 5);
}
