// Questions about images from files: easy-VQA, DAQUAR, VQA v2, what is held out, and what is refused.
#include <doctest/doctest.h>

#include <set>

#include <limn/data/vqa.hpp>

#include "support/temporary_folder.hpp"

using namespace limn;
using namespace limn::data;

namespace {

std::string rows(int images, int each) {
  std::string text;
  for (int i = 0; i < images; ++i)
    for (int q = 0; q < each; ++q)
      text += (text.empty() ? "[" : ", ") + std::string("[\"is there a ") + (q ? "red" : "blue") + " shape?\", \"" +
              (q ? "yes" : "no") + "\", " + std::to_string(i) + "]";
  return text + "]";
}
void put(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  test::put_file(path, bytes);
}
std::set<std::string> names(const VqaData& data) {
  std::set<std::string> all;
  for (const VqaImage& image : data.images) all.insert(image.name);
  return all;
}

}  // namespace

TEST_CASE("vqa data: easy-VQA's train part gives a held-out tenth of its images to dev, by seed") {
  const test::TemporaryFolder folder;
  put(folder / "train/questions.json", rows(40, 2));
  const VqaData train = read_vqa(folder.path()), dev = read_vqa(folder.path(), {.split = "dev"});
  CHECK(train.format == "easy-vqa");
  CHECK(train.images.size() == 36);
  CHECK(dev.images.size() == 4);
  CHECK(train.questions.size() == 72);
  CHECK(dev.questions.size() == 8);
  for (const std::string& name : names(dev)) CHECK(names(train).count(name) == 0);
  for (const VqaQuestion& question : dev.questions) {
    CHECK(question.image < 4);
    CHECK(question.type == "yes/no");
  }
  CHECK(names(read_vqa(folder.path(), {.split = "dev", .seed = 2})) != names(dev));
  CHECK(dev.images[0].path == folder.path() / "train/images" / (dev.images[0].name + ".png"));
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path(), {.split = "test"}),
                       doctest::Contains("has no questions of the split test"), Error);
}

TEST_CASE("vqa data: a part of its own is used whole; a folder with questions.json alone is test as a whole") {
  const test::TemporaryFolder folder;
  put(folder / "train/questions.json", rows(40, 1));
  put(folder / "val/questions.json", rows(7, 1));
  CHECK(read_vqa(folder.path()).images.size() == 40);
  CHECK(read_vqa(folder.path(), {.split = "dev"}).images.size() == 7);
  put(folder / "plain/questions.json", rows(20, 1));
  CHECK(read_vqa(folder / "plain", {.split = "test"}).images.size() == 20);
  CHECK(read_vqa(folder / "plain", {.split = "train"}).images.size() == 18);
}

TEST_CASE("vqa data: DAQUAR's lines by turns; the image's name is no word of the question") {
  const test::TemporaryFolder folder;
  put(folder / "qa.test.txt",
      "what is on the desk in the image3 ?\r\nbook, scissor\r\nhow many chairs are in the image12 ?\r\n2\r\n");
  const VqaData data = read_vqa(folder.path(), {.split = "test"});
  REQUIRE(data.questions.size() == 2);
  CHECK(data.images[1].name == "image12");
  CHECK(data.questions[0].answer() == "book, scissor");
  CHECK(data.questions[0].answer_type == "list");
  CHECK(data.questions[1].type == "number");
  CHECK(text::join_words(question_words(data.questions[0].text)) == "what is on the desk in the");
  put(folder / "qa.test.txt", "what is on the desk ?\nbook\n");
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path(), {.split = "test"}),
                       doctest::Contains("line 1: the question names no image"), Error);
  put(folder / "qa.test.txt", "what is on the desk in the image3 ?\n");
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path(), {.split = "test"}),
                       doctest::Contains("line 1: the last question has no answer"), Error);
}

TEST_CASE("vqa data: VQA v2 joins questions and annotations by id; the most frequent answer stands for ten") {
  const test::TemporaryFolder folder;
  put(folder / "v2_OpenEnded_mscoco_val2014_questions.json",
      R"({"questions": [{"image_id": 42, "question": "What's this?", "question_id": 420},
                        {"image_id": 42, "question": "Where?", "question_id": 421}]})");
  put(folder / "v2_mscoco_val2014_annotations.json",
      R"({"annotations": [{"question_id": 420, "question_type": "what", "answer_type": "other",
                           "answers": [{"answer": "cat"}, {"answer": "dog"}, {"answer": "dog"}]}]})");
  put(folder / "val2014/COCO_val2014_000000000042.jpg", "x");
  const VqaData data = read_vqa(folder.path(), {.split = "dev"});
  REQUIRE(data.questions.size() == 1);
  CHECK(data.questions[0].answer() == "dog");
  CHECK(data.questions[0].type == "what");
  CHECK(data.images[0].path == folder / "val2014/COCO_val2014_000000000042.jpg");
  CHECK(data.notes.size() == 1);
  CHECK(question_words("What's this?") == text::Tokens{"whats", "this"});
}

TEST_CASE("vqa data: what is no question file is refused with its place") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH_AS((void)read_vqa(folder / "absent"), doctest::Contains("there is no such folder"), Error);
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path()), doctest::Contains("holds neither"), Error);
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path(), {.split = "nosuch"}),
                       doctest::Contains("--split: there is no split"), Error);
  put(folder / "questions.json", "{}");
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path()), doctest::Contains("a list of"), Error);
  put(folder / "questions.json", R"([["is it?", "yes", 0], ["is it?", "yes"]])");
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path()), doctest::Contains("row 1 is not"), Error);
  put(folder / "questions.json", R"([["?!", "yes", 0]])");
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path()), doctest::Contains("row 0 has no words"), Error);
  put(folder / "questions.json", "[");
  CHECK_THROWS_WITH_AS((void)read_vqa(folder.path()), doctest::Contains("not valid JSON"), Error);
}
