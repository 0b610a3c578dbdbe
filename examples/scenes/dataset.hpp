#pragma once
// Writes scenes to a folder that reads as Flickr8k (captions) and as easy-VQA (questions), and as a contact sheet.

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>

#include <limn/image/encode.hpp>
#include <limn/io/file.hpp>

#include "scenes.hpp"

namespace limn::scenes {

struct DatasetOptions {
  std::array<index_t, 3> counts = {8000, 1000, 1000};                 ///< scenes of train, val and test
  std::uint64_t seed = 0;                                             ///< the first scene's; the others follow
  index_t size = 64;                                                  ///< side of the images
  std::function<void(index_t done, index_t all)> progress = nullptr;  ///< called after every image
};

inline constexpr std::array<std::string_view, 3> split_names = {"train", "val", "test"};

namespace detail {

/// One line of easy-VQA's questions.json: [question, answer, image number]. The texts need no escapes.
inline std::string question_row(const Question& question, index_t number) {
  return "[\"" + question.text + "\", \"" + question.answer + "\", " + std::to_string(number) + "]";
}

/// A second name for a file, or a copy where the file system has no hard links.
inline void link_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::remove(to, error);
  std::filesystem::create_hard_link(from, to, error);
  if (error) std::filesystem::copy_file(from, to, error);
  if (error) fail(to.string(), "cannot be written: ", error.message(), "; choose another folder");
}

}  // namespace detail

/// Fills `folder` with
///   images/<split>_<number>.png, Flickr8k.token.txt, Flickr_8k.{train,dev,test}Images.txt     as Flickr8k has them
///   <split>/questions.json, <split>/images/<number>.png, answers.txt                          as easy-VQA has them.
/// The same options write the same bytes.
inline void write_dataset(const std::filesystem::path& folder, const DatasetOptions& options) {
  constexpr std::array<const char*, 3> lists = {"Flickr_8k.trainImages.txt", "Flickr_8k.devImages.txt",
                                                "Flickr_8k.testImages.txt"};
  const index_t all = options.counts[0] + options.counts[1] + options.counts[2];
  io::create_folders(folder / "images");
  std::string tokens;
  index_t done = 0;
  for (std::size_t split = 0; split < 3; ++split) {
    const std::filesystem::path part = folder / split_names[split];
    io::create_folders(part / "images");
    std::string list, rows;
    for (index_t i = 0; i < options.counts[split]; ++i) {
      const Scene scene = make_scene(options.seed + static_cast<std::uint64_t>(i), static_cast<Split>(split));
      const std::string file = std::string(split_names[split]) + "_" + std::to_string(i) + ".png";
      image::encode_file(folder / "images" / file, draw(scene, {.size = options.size}));
      detail::link_file(folder / "images" / file, part / "images" / (std::to_string(i) + ".png"));
      list += file + "\n";
      const std::array<std::string, 5> texts = captions(scene);
      for (std::size_t c = 0; c < 5; ++c) tokens += file + "#" + std::to_string(c) + "\t" + texts[c] + " .\n";
      for (const Question& question : questions(scene)) {
        rows += (rows.empty() ? "[" : ",\n ") + detail::question_row(question, i);
      }
      if (options.progress) options.progress(++done, all);
    }
    io::write_file(folder / lists[split], list);
    io::write_file(part / "questions.json", (rows.empty() ? "[" : rows) + "]\n");
  }
  std::string answers;
  for (const std::string& answer : all_answers()) answers += answer + "\n";
  io::write_file(folder / "answers.txt", answers);
  io::write_file(folder / "Flickr8k.token.txt", tokens);
}

struct SheetOptions {
  index_t columns = 12, rows = 8;
  index_t size = 64;  ///< side of one picture; pictures stand size / 16 apart
  std::uint64_t seed = 0;
  Split split = Split::train;
};

/// Many scenes side by side on white, by rising seed.
[[nodiscard]] inline image::Image contact_sheet(const SheetOptions& options = {}) {
  const index_t gap = std::max<index_t>(1, options.size / 16), step = options.size + gap;
  image::Image sheet(options.columns * step + gap, options.rows * step + gap, 3, 255);
  for (index_t i = 0; i < options.columns * options.rows; ++i) {
    const Scene scene = make_scene(options.seed + static_cast<std::uint64_t>(i), options.split);
    image::paste(sheet, draw(scene, {.size = options.size}), gap + i % options.columns * step,
                 gap + i / options.columns * step);
  }
  return sheet;
}

}  // namespace limn::scenes
