#pragma once
// `retriever eval`: recalls and median ranks of a split in both directions, and the graph against exact search.

#include <string>
#include <vector>

#include <limn/core/shape.hpp>

namespace limn::retriever {

struct EvaluateOptions {
  std::string data, split = "test";
  std::string checkpoint;            ///< empty: $LIMN_RETRIEVER_CHECKPOINT
  std::vector<std::string> weights;  ///< of the encoder; empty: those named in training
  std::string features;              ///< features file; empty: computed from the images
  index_t limit = 1000;              ///< images of the gallery, the first of the split; 0: all
  std::string split_ratio = "80/10/10";
  std::uint64_t seed = 1;  ///< of that split
  std::string html;        ///< sheet to write: random images, the texts found for them; empty: none
  index_t html_images = 24;
  bool json = false, quiet = false;
};

/// Prints a table, or with `json` one line. Returns the exit status.
int evaluate(const EvaluateOptions& options);

}  // namespace limn::retriever
