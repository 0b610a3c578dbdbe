#pragma once
// What a distilled network learns from: the numbers in a features file, or encoders that look at every cut themselves.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "captioner/encoder.hpp"
#include "captioner/features.hpp"
#include "captioner/pictures.hpp"

namespace limn::captioner {

struct Batch {
  Tensor<float> pixels;       ///< [N, 3, side, side]: what the network reads
  Tensor<float> targets;      ///< [N, places, channels]: the teacher's standardised grid there; or
  Tensor<std::uint8_t> seen;  ///< [N, 3, 224, 224]: the same cuts as the teacher is to look at them
};

/// The views of a split, and what the teacher knows of them.
struct Lesson {
  std::vector<View> views;
  std::vector<index_t> rows;       ///< of the features file
  std::optional<PictureSet> seen;  ///< for a teacher that looks itself
};

class Teacher {
 public:
  virtual ~Teacher() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual index_t channels() const = 0;
  /// What it can tell of these whole photographs.
  [[nodiscard]] virtual Lesson lesson(const std::vector<View>& photographs) const = 0;
  /// Fills in targets, or what answer() needs instead: of cuts of the lesson's views in pictures of side `picture`, the
  /// targets in `places` x `places` places. For the loader's thread.
  virtual void show(Batch& batch, const Lesson& lesson, const std::vector<index_t>& images,
                    const std::vector<Cut>& cuts, index_t picture, index_t places) const = 0;
  /// The standardised numbers of the places [N, places * places, channels], where the network is. Pictures that were
  /// mixed, mixed(pixels, share), are shown to it mixed: it must look itself.
  [[nodiscard]] virtual Tensor<float> answer(const Batch& batch, index_t places, double share) const = 0;
  /// The logits [N, classes] of such numbers, where it has a classifier.
  [[nodiscard]] virtual bool has_classes() const = 0;
  [[nodiscard]] virtual Tensor<float> classes(const Tensor<float>& places) const = 0;
};

/// Of each picture `share`, and the rest of the one before it.
[[nodiscard]] Tensor<float> mixed(const Tensor<float>& pictures, double share);

/// The features file's grids; its numbers are standardised over a sample of `train`'s photographs. With weights, its
/// encoder's classifier too.
[[nodiscard]] std::unique_ptr<Teacher> teacher_from_file(const std::string& features,
                                                         const std::vector<std::string>& weights,
                                                         const std::vector<View>& train, Device device);
/// Encoders that look at every cut (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and
/// consistent").
[[nodiscard]] std::unique_ptr<Teacher> teacher_that_looks(const std::string& encoder,
                                                          const std::vector<std::string>& weights,
                                                          const std::vector<View>& train, Device device, bool quiet);

}  // namespace limn::captioner
