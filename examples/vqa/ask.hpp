#pragma once
// `vqa ask`: questions about one image.

#include <string>
#include <vector>

#include <limn/core/shape.hpp>

namespace limn::vqa {

struct AskOptions {
  std::string image;                   ///< a file
  std::vector<std::string> questions;  ///< at least one
  std::string checkpoint;              ///< empty: the one that comes with the program
  std::vector<std::string> weights;    ///< of the encoder; empty: those named in training
  index_t top = 1;                     ///< answers for each question, best first
  bool json = false;
  std::string html;  ///< sheet to write: where each word looked; empty: none
};

/// Prints "question<tab>answer<tab>probability" (or JSON) a line. A question without a known word is answered all the
/// same, with a warning.
int ask(const AskOptions& options);

}  // namespace limn::vqa
