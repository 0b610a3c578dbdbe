// scenes: writes the procedural world to files, for programs that read folders.
//   scenes --out DIR [--train N --val N --test N --seed S --size PIXELS]
//   scenes --sheet sheet.png [--split test --seed S --size PIXELS]
//   scenes --show SEED [--split test]

#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "dataset.hpp"

namespace {

using namespace limn;

struct Arguments {
  std::string out, sheet;
  scenes::DatasetOptions dataset;
  scenes::Split split = scenes::Split::train;
  std::uint64_t shown = 0;
  bool quiet = false;
};

void show(const Arguments& arguments) {
  const scenes::Scene scene = scenes::make_scene(arguments.shown, arguments.split);
  for (const std::string& caption : scenes::captions(scene)) std::cout << caption << "\n";
  for (const scenes::Question& question : scenes::questions(scene)) {
    std::cout << scenes::name(question.kind) << ": " << question.text << " " << question.answer << "\n";
  }
}

void write_folder(Arguments arguments) {
  if (!arguments.quiet) {
    arguments.dataset.progress = [](index_t done, index_t all) {
      if (done % 100 == 0 || done == all) std::cerr << "\r" << done << " of " << all << " scenes" << std::flush;
    };
  }
  scenes::write_dataset(arguments.out, arguments.dataset);
  if (!arguments.quiet) std::cerr << "\n" << arguments.out << " is complete\n";
}

}  // namespace

int main(int count, char** values) {
  CLI::App app("Draws the procedural world: images, captions and questions from a seed.", "scenes");
  Arguments arguments;
  app.add_option("--out", arguments.out, "folder for a dataset in the layouts of Flickr8k and easy-VQA");
  app.add_option("--train", arguments.dataset.counts[0], "training scenes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--val", arguments.dataset.counts[1], "validation scenes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--test", arguments.dataset.counts[2], "test scenes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", arguments.dataset.seed, "seed of the first scene")->capture_default_str();
  app.add_option("--size", arguments.dataset.size, "side of the images in pixels")
      ->check(CLI::Range(16, 4096))
      ->capture_default_str();
  app.add_option("--sheet", arguments.sheet, "contact sheet to write (.png)");
  const std::map<std::string, scenes::Split> splits = {
      {"train", scenes::Split::train}, {"val", scenes::Split::val}, {"test", scenes::Split::test}};
  app.add_option("--split", arguments.split, "split that --sheet and --show take scenes from")
      ->transform(CLI::CheckedTransformer(splits));
  CLI::Option* shown = app.add_option("--show", arguments.shown, "print the captions and questions of this seed");
  app.add_flag("--quiet", arguments.quiet, "no progress");
  try {
    app.parse(count, values);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (arguments.out.empty() && arguments.sheet.empty() && shown->count() == 0) {
    std::cerr << app.help();
    return 2;
  }
  try {
    if (shown->count() > 0) show(arguments);
    if (!arguments.out.empty()) write_folder(arguments);
    if (!arguments.sheet.empty()) {
      image::encode_file(arguments.sheet, scenes::contact_sheet({.size = arguments.dataset.size,
                                                                 .seed = arguments.dataset.seed,
                                                                 .split = arguments.split}));
    }
  } catch (const std::exception& error) {
    std::cerr << "scenes: " << error.what() << "\n";
    return 2;
  }
  return 0;
}
