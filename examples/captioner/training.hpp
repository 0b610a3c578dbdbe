#pragma once
// `captioner train`: teacher forcing over whole captions, validated each epoch by loss and BLEU, resumable to the bit.

#include <string>

#include "shared/training.hpp"

namespace limn::captioner {

struct TrainOptions {
  app::TrainingOptions run;  ///< its batch counts images, each with all its captions
  std::string data;          ///< a dataset folder, or "scenes"
  std::string features;      ///< features file; not for scenes, nor where the captioner reads pictures itself
  std::string encoder;       ///< checkpoint of `captioner distill`: the captioner reads pictures with this network
  bool freeze_encoder = false;
  std::string split_ratio = "80/10/10";
  std::string model = "merge-concat";
  index_t limit = 0;       ///< images an epoch; 0: all (scenes: 20000)
  index_t validation = 0;  ///< images validated each epoch; 0: all (scenes: 500)
  index_t units = 256, embedding = 256;
  index_t min_count = 5;  ///< words seen less often in training are unknown
  index_t longest = 40;   ///< ids of a caption, start and end counted
  double dropout = 0.4, label_smoothing = 0;
  double grey = 0;             ///< share of the cuts without colours, where the captioner reads pictures of a dataset
  std::string init;            ///< checkpoint to start from: model, widths, words and weights are its own; empty: none
  bool self_critical = false;  ///< train on the reward of sampled captions instead of on the references' words
  index_t samples = 5;         ///< sampled captions an image
  double bleu_reward = 0;      ///< how much a caption's BLEU counts beside its CIDEr-D
};

/// Writes what app::TrainingRun says. Returns the exit status.
int train(const TrainOptions& options);

}  // namespace limn::captioner
