#pragma once
// `captioner distill`: a small VGG-shaped network, trained from nothing to see what a larger encoder sees.

#include <string>
#include <vector>

#include "shared/training.hpp"

namespace limn::captioner {

struct DistillOptions {
  app::TrainingOptions run;
  std::string data;      ///< a dataset folder; its captions are not read
  std::string features;  ///< features file of its train and dev images, with grids: what the network learns to give;
                         ///< every view of a training image in it is learned from
  std::string encoder;   ///< without a features file: the teacher, which looks at every cut itself
  std::vector<std::string> also;  ///< folders of photographs to learn from besides, whose features the file holds too
  std::string init;               ///< checkpoint whose network is where this one starts
  index_t picture = 128;          ///< side of the pictures that the network is to read
  index_t limit = 0;              ///< at most so many photographs of a split or folder; 0: all
  index_t cuts = 1;               ///< of every view an epoch
  double mixup = 0;               ///< share of the batches whose pictures are each mixed with another
  double grey = 0;                ///< share of the cuts without colours; the targets are those of the coloured ones
  std::vector<std::string>
      weights;                ///< the teacher's weights files, in order; with a features file for its classifier alone
  double class_weight = 0.5;  ///< how much its classifier's answers count beside the places
  double pooled_weight = 4;   ///< how much the mean over places counts beside the places
};

/// Writes what app::TrainingRun says; best.safetensors is what `captioner train --encoder` takes. Returns the exit
/// status.
int distill(const DistillOptions& options);

}  // namespace limn::captioner
