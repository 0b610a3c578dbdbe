#pragma once
// `retriever train`: images and their captions, pulled together in large batches; validated each epoch by retrieval
// among all validation images, resumable to the bit.

#include <string>

#include <limn/metrics/retrieval.hpp>

#include "retriever/matcher.hpp"
#include "shared/training.hpp"

namespace limn::retriever {

struct TrainOptions {
  app::TrainingOptions run;
  std::string data, features;  ///< the dataset's folder and features file
  std::string split_ratio = "80/10/10";
  bool grid = false;         ///< read the features' places, not their pooled vector
  std::string glove;         ///< folder of word vectors that the embedding starts from; empty: random
  std::string init;          ///< checkpoint to start from: model, widths and words are its own
  std::string loss = "nce";  ///< nce or margin
  double margin = 0.2;
  index_t captions = 5;  ///< of each image in a step, drawn anew each epoch
  index_t chunk = 0;     ///< images whose graph is in memory at once (gradient caching); 0: the whole batch
  index_t units = 256, embedding = 100, shared = 256;
  double dropout = 0.3;
  index_t min_count = 3;              ///< words seen less often in training are unknown
  index_t limit = 0, validation = 0;  ///< training and validation images; 0: all
};

/// Writes what app::TrainingRun says. Returns the exit status.
int train(const TrainOptions& options);

/// Vectors of images and texts of one split.
struct Embedded {
  Tensor<float> images, texts;  ///< [N, E], [C, E]
  std::vector<index_t> owner;   ///< [C]
  /// [N, C]
  [[nodiscard]] Tensor<float> similarities() const;
};

}  // namespace limn::retriever
