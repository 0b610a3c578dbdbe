#pragma once
// `retriever index`, `search` and `match`.

#include <string>
#include <vector>

#include <limn/core/shape.hpp>

namespace limn::retriever {

/// What the three share.
struct ModelOptions {
  std::string checkpoint;            ///< empty: $LIMN_RETRIEVER_CHECKPOINT
  std::vector<std::string> weights;  ///< of the encoder; empty: those named in training
};

struct IndexOptions {
  ModelOptions model;
  std::string source;  ///< a folder of images (with those below it), or a text file with a text a line
  std::string out;     ///< the gallery; one that is there is extended by what it does not hold yet
  bool quiet = false;
};
/// Images that cannot be read are skipped, counted and named. Returns the exit status.
int index_folder(const IndexOptions& options);

struct SearchOptions {
  ModelOptions model;
  std::string query;  ///< an image file, or a text
  std::string gallery = "gallery.limn";
  index_t top = 5;
  bool exact = false;  ///< compare with every item instead of walking the graph
  bool json = false;
  std::string html;
};
/// Prints "rank<tab>similarity<tab>name" (or JSON) a line.
int search(const SearchOptions& options);

struct MatchOptions {
  ModelOptions model;
  std::string image, text;
  bool json = false;
};
/// Prints "similarity<tab>probability": that the text belongs to the image, where one pair in two does.
int match(const MatchOptions& options);

}  // namespace limn::retriever
