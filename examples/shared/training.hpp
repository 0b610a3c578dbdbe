#pragma once
// Training as every program does it: epochs in a seeded order, batches prepared ahead on a thread of their own, a
// history as CSV and SVG, the best model kept, and a state file from which a killed run goes on to the bit.

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <limn/data/loader.hpp>
#include <limn/io/checkpoint.hpp>
#include <limn/optim/adam.hpp>
#include <limn/optim/clip.hpp>
#include <limn/optim/schedule.hpp>

#include <shared/errors.hpp>
#include <shared/progress.hpp>
#include <shared/svg_plot.hpp>
#include <shared/trainee.hpp>

namespace limn::app {

/// Throws when the folder's state of a run and --resume do not go together; true when there is a run to go on with.
[[nodiscard]] inline bool found_run(const TrainingOptions& options) {
  const bool exists = std::filesystem::exists(std::filesystem::path(options.out) / "last.safetensors");
  if (exists && !options.resume)
    fail(options.out, "already holds a run; pass --resume to go on with it, or name another folder");
  if (!exists && options.resume && !options.quiet)
    std::fprintf(stderr, "%s: note: nothing to resume in %s; starting anew\n", options.program.c_str(),
                 options.out.c_str());
  return exists;
}

/// Writes into options.out: best.safetensors (the model of the best epoch), last.safetensors (all that resuming needs),
/// history.csv and history.svg. Every safetensors file depends on the trainee, the options and the seed alone.
template <class Batch>
class TrainingRun {
 public:
  TrainingRun(const TrainingOptions& options, Trainee<Batch>& trainee)
      : options_(options),
        trainee_(trainee),
        folder_(options.out),
        optimizer_(trainee.parameters(), {.lr = options.lr, .weight_decay = options.weight_decay},
                   options.weight_decay > 0 ? optim::AdamForm::adamw : optim::AdamForm::adam),
        random_(options.seed ^ 0x9e3779b97f4a7c15u),
        loader_(trainee.items(),
                [&trainee](const std::vector<index_t>& items, data::LoaderPosition at) {
                  return trainee.prepare(at.epoch, items);
                },
                {.batch_size = options.batch, .seed = options.seed}) {}

  /// Returns the exit status.
  int run() {
    const bool resuming = found_run(options_);
    io::create_folders(folder_);
    if (resuming) resume();
    watch_signals();
    for (; epoch() < options_.epochs && bad_epochs_ < options_.patience; finish_epoch()) {
      if (!train_epoch()) {
        save_state();
        std::fprintf(stderr, "%s: stopped in epoch %lld; --resume goes on from here\n", options_.program.c_str(),
                     static_cast<long long>(epoch() + 1));
        return stopped_status();
      }
    }
    if (options_.quiet) return 0;
    if (bad_epochs_ >= options_.patience)
      std::printf("no better validation in %lld epochs: stopped\n", static_cast<long long>(options_.patience));
    std::printf("best: epoch %lld -> %s\n", static_cast<long long>(best_epoch_),
                (folder_ / "best.safetensors").c_str());
    return 0;
  }

 private:
  /// One line of history.csv: loss, accuracy (where there is such), what validate() gave, lr.
  using Row = std::vector<double>;

  [[nodiscard]] index_t epoch() const { return static_cast<index_t>(history_.size()); }
  [[nodiscard]] std::vector<std::string> columns() const {
    std::vector<std::string> names = {"loss"};
    if (trainee_.has_accuracy()) names.emplace_back("accuracy");
    for (const std::string& name : trainee_.measures()) names.push_back(name);
    names.emplace_back("lr");
    return names;
  }

  [[nodiscard]] io::Json architecture() const {
    const TrainingOptions& o = options_;
    io::Json all = trainee_.architecture();
    all["training"] = {{"seed", o.seed}, {"epochs", o.epochs}, {"batch", o.batch},   {"items", trainee_.items()},
                       {"lr", o.lr},     {"clip", o.clip},     {"cosine", o.cosine}, {"weight_decay", o.weight_decay}};
    return all;
  }

  void resume() {
    const std::string file = (folder_ / "last.safetensors").string();
    const io::Checkpoint checkpoint(file);
    checkpoint.require_architecture(architecture());
    const io::Json& s = checkpoint.state();
    const auto number = [&](const char* key) { return io::json_value<index_t>(s, key, file); };
    history_ = io::json_value<std::vector<Row>>(s, "history", file);
    for (const Row& row : history_)
      if (row.size() != columns().size()) fail(file, "its history is damaged; start the run anew");
    bad_epochs_ = number("bad_epochs");
    best_epoch_ = number("best_epoch");
    best_ = io::json_value<double>(s, "best", file);
    lr_ = io::json_value_or<double>(s, "lr", options_.lr, file);
    tally_ = {io::json_value<double>(s, "loss", file), number("right"), number("count")};
    random_.set_state({io::json_value<std::uint64_t>(s, "random_seed", file),
                       io::json_value<std::uint64_t>(s, "random_position", file)});
    const index_t step = number("step");
    if (step < 0 || step > loader_.batches()) fail(file, "its step is damaged; start the run anew");
    loader_.seek({epoch(), step});
    io::load_state<float>(
        checkpoint, trainee_.tensors(),
        {.ignore = [](const std::string& name) { return name.starts_with("optimizer."); }, .reject_nan = true});
    std::vector<std::pair<std::string, Tensor<float>>> state;
    for (const std::string& name : checkpoint.names())
      if (name.starts_with("optimizer.")) state.emplace_back(name.substr(10), io::load_tensor<float>(checkpoint, name));
    optimizer_.load_state(state);
  }

  /// False when a signal asked to stop.
  bool train_epoch() {
    trainee_.train(true);
    Progress progress("epoch " + std::to_string(epoch() + 1) + "/" + std::to_string(options_.epochs), loader_.items(),
                      options_.quiet);
    const auto done = [&] { return std::min(loader_.items(), loader_.position().batch * options_.batch); };
    progress.resume_at(done());
    const double waited = loader_.seconds_waited();
    index_t saved = loader_.position().batch;
    while (auto batch = loader_.next()) {
      step(*batch);
      char accuracy[24] = "", fields[96];
      if (trainee_.has_accuracy()) std::snprintf(accuracy, sizeof accuracy, "  accuracy %.3f", tally_.accuracy());
      std::snprintf(fields, sizeof fields, "loss %.3f%s  waiting for data %.1f %%", tally_.mean(), accuracy,
                    100 * (loader_.seconds_waited() - waited) / std::max(1e-9, progress.seconds()));
      progress.fields(fields);
      progress.update(done());
      if (stop_requested()) return false;
      const index_t at = loader_.position().batch;
      if (at - saved >= options_.save_every && at < loader_.batches()) {
        save_state();
        saved = at;
      }
    }
    progress.finish();
    return true;
  }

  void step(const Batch& batch) {
    const index_t done = epoch() * loader_.batches() + loader_.position().batch - 1,
                  total = options_.epochs * loader_.batches(), warmup = std::min<index_t>(100, total / 20);
    const double rise = std::min(1.0, static_cast<double>(done + 1) / static_cast<double>(warmup + 1));
    lr_ = options_.cosine ? rise * optim::cosine_annealing_lr(total)(done, options_.lr) : options_.lr;
    optimizer_.set_lr(lr_);
    optimizer_.zero_grad();
    const Tally tally = trainee_.step(batch, random_);
    if (!std::isfinite(tally.loss))
      fail("train", "the loss became ", tally.loss, " in epoch ", epoch() + 1, "; use a smaller --lr");
    tally_.add(tally);
    if (options_.clip > 0) optim::clip_grad_norm(optimizer_.parameters(), options_.clip);
    optimizer_.step();
  }

  void finish_epoch() {
    trainee_.train(false);
    const std::vector<double> validated = trainee_.validate();
    Row row = {tally_.mean()};
    if (trainee_.has_accuracy()) row.push_back(tally_.accuracy());
    row.insert(row.end(), validated.begin(), validated.end());
    row.push_back(lr_);
    history_.push_back(row);
    tally_ = {};
    const double badness = trainee_.badness(validated);
    const bool better = best_epoch_ == 0 || badness < best_;
    bad_epochs_ = better ? 0 : bad_epochs_ + 1;
    if (better) {
      best_ = badness;
      best_epoch_ = epoch();
      trainee_.save((folder_ / "best.safetensors").string());
    }
    save_state();
    write_history();
    if (options_.quiet) return;
    std::printf("epoch %lld", static_cast<long long>(epoch()));
    for (std::size_t c = 0; c + 1 < row.size(); ++c) std::printf("  %s %.4f", columns()[c].c_str(), row[c]);
    std::printf("%s\n", better ? "  *" : "");
    std::fflush(stdout);
  }

  void save_state() {
    io::TensorMap map;
    for (const auto& [name, tensor] : trainee_.tensors()) map.insert({name, io::StoredTensor(tensor)});
    for (const auto& [name, tensor] : optimizer_.state()) map.insert({"optimizer." + name, io::StoredTensor(tensor)});
    io::CheckpointInfo info;
    info.architecture = architecture();
    info.extra = trainee_.extra();
    const data::LoaderPosition at = loader_.position();
    info.state = {{"history", history_},
                  {"step", at.epoch == epoch() ? at.batch : 0},
                  {"bad_epochs", bad_epochs_},
                  {"best_epoch", best_epoch_},
                  {"best", best_},
                  {"lr", lr_},
                  {"loss", tally_.loss},
                  {"right", tally_.right},
                  {"count", tally_.count},
                  {"random_seed", random_.state().seed},
                  {"random_position", random_.state().position}};
    io::save_checkpoint(folder_ / "last.safetensors", map, info);
  }

  void write_history() const {
    const std::vector<std::string> names = columns();
    std::string csv = "epoch";
    for (const std::string& name : names) csv += "," + name;
    csv += "\n";
    for (std::size_t r = 0; r < history_.size(); ++r) {
      csv += std::to_string(r + 1);
      for (const double value : history_[r]) {
        char text[32];
        std::snprintf(text, sizeof text, ",%.6g", value);
        csv += text;
      }
      csv += "\n";
    }
    std::vector<Chart> charts;
    for (const ChartPlan& plan : trainee_.charts()) {
      Chart chart{.title = plan.title, .x_label = "epoch", .y_label = plan.y_label};
      for (const std::string& wanted : plan.columns) {
        Series series{wanted, {}, {}};
        for (std::size_t c = 0; c < names.size(); ++c)
          for (std::size_t r = 0; names[c] == wanted && r < history_.size(); ++r) {
            series.x.push_back(static_cast<double>(r + 1));
            series.y.push_back(history_[r][c]);
          }
        chart.series.push_back(series);
      }
      chart.marker_x = static_cast<double>(best_epoch_);
      chart.marker_label = "best";
      charts.push_back(chart);
    }
    io::write_file(folder_ / "history.csv", csv);
    io::write_file(folder_ / "history.svg", svg_charts(charts, static_cast<int>(charts.size())));
  }

  TrainingOptions options_;
  Trainee<Batch>& trainee_;
  std::filesystem::path folder_;
  optim::Adam<float> optimizer_;
  Generator random_;
  data::Loader<Batch> loader_;
  index_t bad_epochs_ = 0, best_epoch_ = 0;
  double best_ = 0;  // the badness of best_epoch_
  double lr_ = 0;    // of the last step
  Tally tally_;
  std::vector<Row> history_;
};

}  // namespace limn::app
