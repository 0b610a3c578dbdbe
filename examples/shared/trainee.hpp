#pragma once
// What training needs to know: its options, and what is trained.

#include <string>
#include <vector>

#include <limn/io/checkpoint.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/reduce.hpp>

namespace limn::app {

struct TrainingOptions {
  std::string program;  ///< its name, for messages
  std::string out;      ///< the run's folder
  std::uint64_t seed = 1;
  index_t epochs = 10;
  index_t batch = 32;  ///< items a step
  double lr = 1e-3, weight_decay = 0, clip = 5;
  bool cosine = true;        ///< the learning rate falls along half a cosine; else constant
  index_t patience = 10;     ///< epochs without a better validation before stopping
  index_t save_every = 200;  ///< steps between saves of the run's state
  bool resume = false, quiet = false;
  Device device = cpu_device;  ///< where the model is trained
};

/// Sums over steps, exact in the checkpoint.
struct Tally {
  double loss = 0;  ///< of all answers together
  index_t right = 0, count = 0;
  void add(const Tally& other) {
    loss += other.loss;
    right += other.right;
    count += other.count;
  }
  [[nodiscard]] double mean() const { return count ? loss / static_cast<double>(count) : 0; }
  [[nodiscard]] double accuracy() const { return count ? static_cast<double>(right) / static_cast<double>(count) : 0; }
};

/// The tally of logits [N, C] whose mean loss is known, against targets [N].
[[nodiscard]] inline Tally tally_of(const Tensor<float>& logits, const Tensor<float>& mean_loss,
                                    const Tensor<std::int64_t>& targets) {
  Tally tally{static_cast<double>(mean_loss.item()) * static_cast<double>(targets.numel()), 0, targets.numel()};
  const Tensor<std::int64_t> best = to(argmax(logits.detach(), 1), cpu_device);
  for (index_t i = 0; i < tally.count; ++i) tally.right += best.data()[i] == targets.data()[i];
  return tally;
}

/// One chart of history.svg: which columns of the history it shows.
struct ChartPlan {
  std::string title, y_label;
  std::vector<std::string> columns;
};

/// What is trained: data, model and validation of one program.
template <class Batch>
class Trainee {
 public:
  virtual ~Trainee() = default;

  [[nodiscard]] virtual index_t items() const = 0;
  /// The batch of these items in this epoch; called on the loader's thread, while step() runs.
  [[nodiscard]] virtual Batch prepare(index_t epoch, const std::vector<index_t>& items) const = 0;

  [[nodiscard]] virtual io::NamedTensors<float> tensors() = 0;
  [[nodiscard]] virtual std::vector<Tensor<float>> parameters() = 0;
  virtual void train(bool training) = 0;
  /// Forward and backward: adds to the gradients of the parameters, which are clear. Random numbers come from `random`
  /// alone.
  [[nodiscard]] virtual Tally step(const Batch& batch, Generator& random) = 0;
  /// Whether what is trained gives answers that are right or wrong: the tally's `right` counts them.
  [[nodiscard]] virtual bool has_accuracy() const { return true; }

  /// The names of what validate() returns.
  [[nodiscard]] virtual std::vector<std::string> measures() const = 0;
  [[nodiscard]] virtual std::vector<double> validate() = 0;
  /// What chooses the best epoch, from what validate() returned: lower is better.
  [[nodiscard]] virtual double badness(const std::vector<double>& validated) const { return validated.at(0); }
  [[nodiscard]] virtual std::vector<ChartPlan> charts() const = 0;

  /// The model and its data: a resumed run must agree in all of it.
  [[nodiscard]] virtual io::Json architecture() const = 0;
  /// What a user of the model needs besides (vocabularies).
  [[nodiscard]] virtual io::Json extra() const = 0;
  /// Writes the model alone.
  virtual void save(const std::string& path) = 0;
};

}  // namespace limn::app
