#pragma once
// `captioner train`: teacher forcing over whole captions, validated each epoch by loss and BLEU, resumable to the bit.

#include <string>
#include <vector>

#include <limn/core/shape.hpp>

namespace limn::captioner {

struct TrainOptions {
  std::string data;      ///< a dataset folder, or "scenes"
  std::string out;       ///< the run's folder
  std::string features;  ///< features file; not for scenes
  std::string split_ratio = "80/10/10";
  std::string model = "merge-concat";
  std::uint64_t seed = 1;
  index_t epochs = 20;
  index_t batch = 8;       ///< images a step, each with all its captions
  index_t limit = 0;       ///< images an epoch; 0: all (scenes: 20000)
  index_t validation = 0;  ///< images validated each epoch; 0: all (scenes: 500)
  index_t units = 256, embedding = 256;
  index_t min_count = 5;  ///< words seen less often in training are unknown
  index_t longest = 40;   ///< ids of a caption, start and end counted
  double lr = 1.5e-3, dropout = 0.4, label_smoothing = 0, clip = 5;
  bool cosine = true;          ///< the learning rate falls along half a cosine; else constant
  index_t patience = 10;       ///< epochs that are no better on validation before stopping
  std::string init;            ///< checkpoint to start from: model, widths, words and weights are its own; empty: none
  bool self_critical = false;  ///< train on the reward of sampled captions instead of on the references' words
  index_t samples = 5;         ///< sampled captions an image
  double bleu_reward = 0;      ///< how much a caption's BLEU counts beside its CIDEr-D
  index_t save_every = 200;    ///< steps between saves of the run's state
  bool resume = false, quiet = false;
};

/// Writes into `out`: best.safetensors (the model of the best epoch), last.safetensors (all that resuming needs),
/// history.csv and history.svg. Every safetensors file depends on the data, the options and the seed alone. Returns the
/// exit status.
int train(const TrainOptions& options);

}  // namespace limn::captioner
