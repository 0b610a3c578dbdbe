#pragma once
// `captioner caption`: captions of image files, folders and standard input.

#include <string>
#include <vector>

#include "captioner/search.hpp"

namespace limn::captioner {

struct CaptionOptions {
  std::vector<std::string> inputs;   ///< files, folders, or "-": standard input (an image, or paths one a line)
  std::string checkpoint;            ///< empty: the one that comes with the program
  std::vector<std::string> weights;  ///< of the encoder; empty: those named in training
  index_t beam = 3, nbest = 1;
  Search search;
  index_t limit = 0;  ///< at most so many images; 0: all
  bool json = false;
  std::string html;  ///< sheet to write; empty: none
};

/// Of a grey picture no colour but black, grey and white is named. Prints "name<tab>caption<tab>log-probability" (or
/// JSON) a line. An input that cannot be captioned is a line on standard error; the others are captioned all the same,
/// and the status is 2.
int caption(const CaptionOptions& options);

}  // namespace limn::captioner
