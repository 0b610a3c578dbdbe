#pragma once
// Where training and evaluation take their pictures and questions from: files, or the procedural world.

#include <memory>
#include <string>
#include <vector>

#include <limn/core/tensor.hpp>
#include <limn/data/vqa.hpp>

#include "vqa/answerer.hpp"

namespace limn::vqa {

/// A question as it is scored.
struct Question {
  std::string text, answer;          ///< the answer of most people
  std::vector<std::string> answers;  ///< of all
  std::string type, answer_type;
};

/// One split: images, each with questions. All functions may be called from any thread.
class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual index_t images() const = 0;
  [[nodiscard]] virtual std::string name(index_t image) const = 0;
  [[nodiscard]] virtual std::vector<Question> questions(index_t epoch, index_t image) const = 0;
  /// What the model reads of these images: pixels [N, 3, side, side], a frozen encoder's grid [N, P, D], or undefined.
  [[nodiscard]] virtual Tensor<float> input(index_t epoch, const std::vector<index_t>& images) const = 0;
  /// The image to look at.
  [[nodiscard]] virtual image::Image picture(index_t image) const = 0;
  /// Every question and answer that the vocabularies are built from.
  [[nodiscard]] virtual std::vector<Question> all_questions() const = 0;
};

struct SourceOptions {
  std::string data;      ///< a folder, or "scenes"
  std::string split;     ///< train, dev or test
  std::string features;  ///< features file; empty: pictures
  std::uint64_t seed = 1;
  index_t limit = 0;     ///< at most so many images; 0: all
  index_t picture = 64;  ///< side of the pictures
  index_t shift = 0;     ///< pictures are moved by up to so many pixels each way, anew each epoch
  bool looks = true;     ///< false: input() is undefined
  const captioner::Encoder* encoder = nullptr;  ///< computes grids of pictures where no features file is given
};

/// "scenes": a training split draws `limit` new scenes each epoch; the others are the scenes 0 .. limit - 1.
[[nodiscard]] std::unique_ptr<Source> make_source(const SourceOptions& options);

}  // namespace limn::vqa
