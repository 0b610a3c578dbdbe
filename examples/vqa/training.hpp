#pragma once
// `vqa train`: all questions of a few images a step, validated each epoch, resumable to the bit.

#include <string>
#include <vector>

#include "shared/training.hpp"

namespace limn::vqa {

struct TrainOptions {
  app::TrainingOptions run;
  std::string data;      ///< a folder of questions, or "scenes"
  std::string features;  ///< features file (a frozen encoder's grids); empty: a CNN is trained from pixels
  std::string question = "lstm", image = "attention";  ///< as models::VqaSmallConfig says
  index_t units = 128, embedding = 64, heads = 4;
  std::string init;  ///< checkpoint to start from: model, widths, words and answers are its own
  double dropout = 0.1;
  std::vector<std::string> types;  ///< train on questions of these types alone; empty: all
  double focal = 0;                ///< a question answered with probability p counts (1 - p)^focal
  index_t picture = 64;            ///< side of the pictures that the CNN reads
  index_t shift = 4;               ///< pictures are moved by up to so many pixels each way
  index_t questions = 0;           ///< at most so many questions of each image a step, drawn anew each epoch; 0: all
  index_t limit = 0;               ///< training images an epoch; 0: all (scenes: 20000)
  index_t validation = 0;          ///< images validated; 0: all (scenes: 500)
  index_t min_count = 1;           ///< words seen less often are unknown
  index_t most_answers = 3000;     ///< answers beyond the most frequent ones are not learned
};

/// Writes what app::TrainingRun says. Returns the exit status.
int train(const TrainOptions& options);

}  // namespace limn::vqa
