#pragma once
// Where training takes its pictures and captions from: a dataset with a features file, or the procedural world.

#include <memory>
#include <string>
#include <vector>

#include <limn/models/caption_batch.hpp>
#include <limn/text/normalise.hpp>

namespace limn::captioner {

/// What a captioner is given of pictures: an encoder's features, or pixels for its own network.
struct Input {
  models::ImageFeatures<float> features;
  Tensor<float> pixels;  ///< [N, 3, side, side], as pixels_of() makes them
};

/// Pictures with captions, in a part for training and one for validation. All functions may be called from any thread.
class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual index_t training_size() const = 0;
  [[nodiscard]] virtual index_t validation_size() const = 0;
  /// Cleaned captions of training image i in this epoch, or of validation image i.
  [[nodiscard]] virtual std::vector<text::Tokens> training_captions(index_t epoch, index_t i) const = 0;
  [[nodiscard]] virtual std::vector<text::Tokens> validation_captions(index_t i) const = 0;
  [[nodiscard]] virtual Input training_input(index_t epoch, const std::vector<index_t>& images) const = 0;
  [[nodiscard]] virtual Input validation_input(const std::vector<index_t>& images) const = 0;
  /// Every caption that the vocabulary is built from.
  [[nodiscard]] virtual std::vector<text::Tokens> vocabulary_captions() const = 0;
  /// The encoder's name ("cnn": the captioner's own), the length of its vectors, and its weights files.
  [[nodiscard]] virtual std::string encoder() const = 0;
  [[nodiscard]] virtual index_t feature_size(bool grid) const = 0;
  [[nodiscard]] virtual std::vector<std::string> weights() const = 0;
};

struct DatasetOptions {
  std::string folder;
  std::string features;   ///< features file of its train and dev images; empty: pictures are read
  index_t picture = 128;  ///< side of the pictures; training sees cuts of cut_side(picture)
  std::string ratio = "80/10/10";
  std::uint64_t seed = 1;             ///< of the split by ratio and of the cuts
  double grey = 0;                    ///< share of the cuts without colours
  index_t limit = 0, validation = 0;  ///< at most so many images; 0: all
  bool grid = false;                  ///< read the features' grids
  bool quiet = false;
};
/// A dataset folder.
[[nodiscard]] std::unique_ptr<Source> dataset_source(const DatasetOptions& options);
/// `epoch_size` new scenes each epoch; `validation` scenes whose compositions never occur in training; drawn `picture`
/// pixels wide.
[[nodiscard]] std::unique_ptr<Source> scenes_source(std::uint64_t seed, index_t epoch_size, index_t validation,
                                                    index_t picture);

}  // namespace limn::captioner
