#pragma once
// `captioner eval`: captions a split by beam search and scores the corpus against what people wrote.

#include <string>
#include <vector>

#include "captioner/search.hpp"

namespace limn::captioner {

struct EvaluateOptions {
  std::string data;                  ///< a dataset folder, or "scenes"
  std::string split = "test";        ///< train, dev or test
  std::string checkpoint;            ///< empty: the one that comes with the program
  std::vector<std::string> weights;  ///< of the encoder; empty: those named in training
  std::string features;              ///< features file; empty: computed from the images
  std::vector<index_t> beams = {3};  ///< one line of scores for each
  Search search;
  index_t limit = 0;                     ///< at most so many images; 0: all (scenes: 1000)
  std::string split_ratio = "80/10/10";  ///< for a dataset without lists: as it was trained with
  std::uint64_t seed = 1;                ///< of that split
  bool seed_protocol = false;            ///< also BLEU against references that keep startseq and endseq
  std::string html;  ///< sheet to write: random images, what was said and what people wrote; empty: none
  index_t html_images = 24;
  bool json = false, quiet = false;
};

/// Prints a table, or with `json` one line of JSON for each beam. Returns the exit status.
int evaluate(const EvaluateOptions& options);

}  // namespace limn::captioner
