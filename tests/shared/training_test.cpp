// The training loop of the programs: what it writes, what it chooses, and that a stopped run goes on to the bit.

#include <csignal>

#include <doctest/doctest.h>

#include <limn/nn/linear.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/loss.hpp>
#include <shared/training.hpp>

#include "support/temporary_folder.hpp"

using namespace limn;

namespace {

/// Fits y = x by one linear layer; step number `stop_at` gets a signal.
class Line final : public app::Trainee<std::vector<index_t>> {
 public:
  explicit Line(index_t stop_at = -1) : generator_(3), layer_(1, 1, generator_), stop_at_(stop_at) {}

  index_t items() const override { return 10; }
  std::vector<index_t> prepare(index_t epoch, const std::vector<index_t>& items) const override {
    std::vector<index_t> batch = items;
    batch.push_back(epoch);
    return batch;
  }
  io::NamedTensors<float> tensors() override { return nn::named_tensors<float>(layer_); }
  std::vector<Tensor<float>> parameters() override { return nn::parameters<float>(layer_); }
  void train(bool) override {}
  app::Tally step(const std::vector<index_t>& batch, Generator& random) override {
    const auto count = static_cast<index_t>(batch.size()) - 1;
    const Tensor<float> x({count, 1});
    for (index_t i = 0; i < count; ++i)
      x.data()[i] = 0.1f * static_cast<float>(batch[static_cast<std::size_t>(i)] + batch.back());
    const Tensor<float> loss = mse_loss(layer_(dropout(x, 0.1, random)), x);
    backward(loss);
    if (steps_++ == stop_at_) std::raise(SIGTERM);
    return {static_cast<double>(loss.item()) * static_cast<double>(count), 0, count};
  }
  std::vector<std::string> measures() const override { return {"score"}; }
  std::vector<double> validate() override { return {scores_[validated_++]}; }
  double badness(const std::vector<double>& v) const override { return -v[0]; }
  std::vector<app::ChartPlan> charts() const override { return {{"Loss", "squares", {"loss"}}}; }
  io::Json architecture() const override { return {{"model", "line"}}; }
  io::Json extra() const override { return {{"words", "none"}}; }
  void save(const std::string& path) override { io::write_file(path, std::to_string(validated_)); }

  std::vector<double> scores_ = {0.1, 0.5, 0.3, 0.4};
  std::size_t validated_ = 0;

 private:
  Generator generator_;
  nn::Linear<float> layer_;
  index_t stop_at_, steps_ = 0;
};

app::TrainingOptions options_for(const test::TemporaryFolder& folder, bool resume = false) {
  return {.program = "test",
          .out = (folder / "run").string(),
          .epochs = 4,
          .batch = 3,
          .save_every = 2,
          .resume = resume,
          .quiet = true};
}

}  // namespace

TEST_CASE("training: the best epoch's model is kept, the history has a line an epoch") {
  const test::TemporaryFolder folder;
  Line line;
  CHECK(app::TrainingRun<std::vector<index_t>>(options_for(folder), line).run() == 0);
  CHECK(io::read_file(folder / "run/best.safetensors") == "2");
  const std::string csv = io::read_file(folder / "run/history.csv");
  CHECK(csv.starts_with("epoch,loss,accuracy,score,lr\n1,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 5);
  CHECK(io::read_file(folder / "run/history.svg").find("Loss") != std::string::npos);
}

TEST_CASE("training: patience ends a run, and what stands in the folder is not overwritten") {
  const test::TemporaryFolder folder;
  app::TrainingOptions options = options_for(folder);
  options.patience = 1;
  Line line;
  CHECK(app::TrainingRun<std::vector<index_t>>(options, line).run() == 0);
  CHECK(line.validated_ == 3);
  CHECK_THROWS_WITH_AS((void)app::found_run(options), doctest::Contains("already holds a run"), Error);
}

TEST_CASE("training: stopped after any step and resumed, a run ends with the same bytes") {
  const test::TemporaryFolder whole;
  Line line;
  CHECK(app::TrainingRun<std::vector<index_t>>(options_for(whole), line).run() == 0);
  for (const index_t step : {0, 2, 3, 4, 9, 15}) {
    const test::TemporaryFolder folder;
    Line stopped(step);
    CHECK(app::TrainingRun<std::vector<index_t>>(options_for(folder), stopped).run() == 128 + SIGTERM);
    app::detail::signal_number = 0;
    Line resumed;
    resumed.validated_ = stopped.validated_;
    CHECK(app::TrainingRun<std::vector<index_t>>(options_for(folder, true), resumed).run() == 0);
    for (const char* file : {"run/last.safetensors", "run/history.csv", "run/best.safetensors"})
      CHECK(io::read_file(folder / file) == io::read_file(whole / file));
  }
}

TEST_CASE("training: a run is resumed with the options it began with alone") {
  const test::TemporaryFolder folder;
  Line stopped(1), other;
  CHECK(app::TrainingRun<std::vector<index_t>>(options_for(folder), stopped).run() == 128 + SIGTERM);
  app::detail::signal_number = 0;
  app::TrainingOptions options = options_for(folder, true);
  options.batch = 4;
  app::TrainingRun<std::vector<index_t>> run(options, other);
  CHECK_THROWS_WITH_AS((void)run.run(), doctest::Contains("checkpoint of another architecture: 'training'"), Error);
}
