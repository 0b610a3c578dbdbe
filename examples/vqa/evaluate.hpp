#pragma once
// `vqa eval`: the accuracy of a split, by question and answer type.

#include <string>
#include <vector>

#include <limn/core/shape.hpp>

namespace limn::vqa {

struct EvaluateOptions {
  std::string data;                  ///< a folder of questions, or "scenes"
  std::string split = "test";        ///< train, dev or test
  std::string checkpoint;            ///< empty: the one that comes with the program
  std::vector<std::string> weights;  ///< of the encoder; empty: those named in training
  std::string features;              ///< features file; empty: computed from the images
  index_t limit = 0;                 ///< at most so many images; 0: all (scenes: 1000)
  std::uint64_t seed = 1;            ///< of the held-out tenth: as in training
  std::string html;                  ///< sheet to write: random images, a question of each; empty: none
  index_t html_images = 24;
  bool json = false, quiet = false;
};

/// Prints a table, or with `json` one line. Returns the exit status.
int evaluate(const EvaluateOptions& options);

}  // namespace limn::vqa
