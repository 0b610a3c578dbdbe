#include "captioner/training.hpp"

#include <cmath>
#include <cstdio>
#include <optional>

#include <limn/metrics/bleu.hpp>
#include <limn/metrics/cider.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/optim/adam.hpp>
#include <limn/optim/clip.hpp>
#include <limn/optim/schedule.hpp>

#include "captioner/captioner.hpp"
#include "captioner/self_critical.hpp"
#include "captioner/source.hpp"
#include "shared/errors.hpp"
#include "shared/progress.hpp"
#include "shared/svg_plot.hpp"

namespace limn::captioner {
namespace {

/// One line of history.csv.
struct Epoch {
  index_t epoch = 0;
  double loss = 0, accuracy = 0, validation_loss = 0, validation_accuracy = 0;
  std::vector<double> bleu = {0, 0, 0, 0};
  double cider = 0, lr = 0;
};

/// Sums over steps, exact in the checkpoint. Of self-critical training `loss` is minus the reward and words are
/// captions.
struct Tally {
  double loss = 0;
  index_t right = 0, words = 0;
  void add(const Tensor<float>& logits, const Tensor<float>& mean_loss, const Tensor<std::int64_t>& targets) {
    const index_t count = targets.numel();
    loss += static_cast<double>(mean_loss.item()) * static_cast<double>(count);
    words += count;
    const Tensor<std::int64_t> best = argmax(logits.detach(), 1);
    for (index_t i = 0; i < count; ++i) right += best.data()[i] == targets.data()[i];
  }
  [[nodiscard]] double mean() const { return words ? loss / static_cast<double>(words) : 0; }
  [[nodiscard]] double accuracy() const { return words ? static_cast<double>(right) / static_cast<double>(words) : 0; }
};

io::Json to_json(const std::vector<Epoch>& history) {
  io::Json rows = io::Json::array();
  for (const Epoch& e : history)
    rows.push_back({e.epoch, e.loss, e.accuracy, e.validation_loss, e.validation_accuracy, e.bleu[0], e.bleu[1],
                    e.bleu[2], e.bleu[3], e.cider, e.lr});
  return rows;
}
std::vector<Epoch> history_of(const io::Json& rows, const std::string& where) {
  std::vector<Epoch> history;
  for (const io::Json& row : rows) {
    if (!row.is_array() || row.size() != 11) fail(where, "its history is damaged; start the run anew");
    const auto v = row.get<std::vector<double>>();
    history.push_back({static_cast<index_t>(v[0]), v[1], v[2], v[3], v[4], {v[5], v[6], v[7], v[8]}, v[9], v[10]});
  }
  return history;
}

void write_history(const std::filesystem::path& folder, const std::vector<Epoch>& history, index_t best,
                   bool self_critical) {
  std::string csv = "epoch,loss,accuracy,val_loss,val_accuracy,bleu_1,bleu_2,bleu_3,bleu_4,cider_d,lr\n";
  app::Chart loss{.title = "Loss", .x_label = "epoch", .y_label = "nats a word"},
      accuracy{.title = "Accuracy", .x_label = "epoch", .y_label = "next word right"};
  app::Chart bleu{.title = "Validation, greedy captions", .x_label = "epoch", .y_label = "BLEU, CIDEr-D"};
  loss.series = {{"training", {}, {}}, {"validation", {}, {}}};
  accuracy.series = loss.series;
  bleu.series = {{"BLEU-1", {}, {}}, {"BLEU-2", {}, {}}, {"BLEU-3", {}, {}}, {"BLEU-4", {}, {}}, {"CIDEr-D", {}, {}}};
  for (const Epoch& e : history) {
    char line[256];
    std::snprintf(line, sizeof line, "%lld,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6g\n",
                  static_cast<long long>(e.epoch), e.loss, e.accuracy, e.validation_loss, e.validation_accuracy,
                  e.bleu[0], e.bleu[1], e.bleu[2], e.bleu[3], e.cider, e.lr);
    csv += line;
    const auto add = [&](app::Series& s, double value) {
      s.x.push_back(static_cast<double>(e.epoch));
      s.y.push_back(value);
    };
    add(loss.series[0], e.loss);
    add(loss.series[1], e.validation_loss);
    add(accuracy.series[0], e.accuracy);
    add(accuracy.series[1], e.validation_accuracy);
    for (std::size_t n = 0; n < 4; ++n) add(bleu.series[n], e.bleu[n]);
    add(bleu.series[4], e.cider);
  }
  if (best > 0)
    for (app::Chart* chart : {&loss, &accuracy, &bleu}) {
      chart->marker_x = static_cast<double>(best);
      chart->marker_label = "best";
    }
  io::write_file(folder / "history.csv", csv);
  const app::Chart reward{.title = "Reward of sampled captions",
                          .x_label = "epoch",
                          .y_label = "mean",
                          .series = {{"training", loss.series[0].x, {}}}};
  std::vector<app::Chart> charts{loss, accuracy, bleu};
  if (self_critical) {  // the words' loss and accuracy are not what is trained
    charts = {reward, bleu};
    for (const double value : loss.series[0].y) charts[0].series[0].y.push_back(-value);
  }
  io::write_file(folder / "history.svg", app::svg_charts(charts, static_cast<int>(charts.size())));
}

/// A training run: everything that last.safetensors keeps.
class Run {
 public:
  Run(const TrainOptions& options, const Source& source, Captioner& captioner)
      : options_(options),
        source_(source),
        captioner_(captioner),
        folder_(options.out),
        optimizer_(captioner.parameters(), {.lr = options.lr}),
        random_(options.seed ^ 0x9e3779b97f4a7c15u) {
    steps_an_epoch_ = (source.training_size() + options.batch - 1) / options.batch;
    if (options.self_critical) self_critical_.emplace(source, options.samples, options.bleu_reward, options.longest);
  }

  int run() {
    app::watch_signals();
    for (; epoch_ < options_.epochs && bad_epochs_ < options_.patience; finish_epoch()) {
      if (!train_epoch()) {
        save_state();
        std::fprintf(stderr, "captioner: stopped in epoch %lld; --resume goes on from here\n",
                     static_cast<long long>(epoch_ + 1));
        return app::stopped_status();
      }
    }
    if (!options_.quiet && bad_epochs_ >= options_.patience)
      std::printf("no better on validation in %lld epochs: stopped\n", static_cast<long long>(options_.patience));
    if (!options_.quiet)
      std::printf("best: epoch %lld, validation %s %.4f -> %s\n", static_cast<long long>(best_epoch_),
                  self_critical_ ? "CIDEr-D" : "loss", self_critical_ ? -best_ : best_,
                  (folder_ / "best.safetensors").c_str());
    return 0;
  }

  void resume() {
    const std::string file = (folder_ / "last.safetensors").string();
    const io::Checkpoint checkpoint(file);
    checkpoint.require_architecture(architecture());
    const io::Json& s = checkpoint.state();
    epoch_ = io::json_value<index_t>(s, "epoch", file);
    step_ = io::json_value<index_t>(s, "step", file);
    bad_epochs_ = io::json_value<index_t>(s, "bad_epochs", file);
    best_epoch_ = io::json_value<index_t>(s, "best_epoch", file);
    best_ = io::json_value<double>(s, "best", file);
    tally_ = {io::json_value<double>(s, "loss", file), io::json_value<index_t>(s, "right", file),
              io::json_value<index_t>(s, "words", file)};
    random_.set_state({io::json_value<std::uint64_t>(s, "random_seed", file),
                       io::json_value<std::uint64_t>(s, "random_position", file)});
    history_ = history_of(io::json_value<io::Json>(s, "history", file), file);
    io::load_state<float>(
        checkpoint, captioner_.tensors(),
        {.ignore = [](const std::string& name) { return name.starts_with("optimizer."); }, .reject_nan = true});
    std::vector<std::pair<std::string, Tensor<float>>> state;
    for (const std::string& name : checkpoint.names())
      if (name.starts_with("optimizer.")) state.emplace_back(name.substr(10), io::load_tensor<float>(checkpoint, name));
    optimizer_.load_state(state);
  }

 private:
  /// The model and everything that shapes the training: a resumed run must agree in all of it.
  [[nodiscard]] io::Json architecture() const {
    const TrainOptions& o = options_;
    return {{"model", captioner_.architecture().to_json()},
            {"training",
             {{"seed", o.seed},
              {"epochs", o.epochs},
              {"batch", o.batch},
              {"images", source_.training_size()},
              {"validation", source_.validation_size()},
              {"min_count", o.min_count},
              {"longest", o.longest},
              {"lr", o.lr},
              {"label_smoothing", o.label_smoothing},
              {"clip", o.clip},
              {"cosine", o.cosine},
              {"init", o.init},
              {"self_critical", o.self_critical},
              {"samples", o.samples},
              {"bleu_reward", o.bleu_reward}}}};
  }

  /// False when a signal asked to stop.
  bool train_epoch() {
    captioner_.train(true);
    Generator shuffle(options_.seed * 7919 + static_cast<std::uint64_t>(epoch_));
    const std::vector<index_t> order = permutation(source_.training_size(), shuffle);
    app::Progress progress("epoch " + std::to_string(epoch_ + 1) + "/" + std::to_string(options_.epochs),
                           source_.training_size(), options_.quiet);
    progress.resume_at(std::min(source_.training_size(), step_ * options_.batch));
    index_t saved = step_;
    while (step_ < steps_an_epoch_) {
      train_step(order);
      ++step_;
      char fields[64];
      if (self_critical_)
        std::snprintf(fields, sizeof fields, "reward %.3f", -tally_.mean());
      else
        std::snprintf(fields, sizeof fields, "loss %.3f  accuracy %.3f", tally_.mean(), tally_.accuracy());
      progress.fields(fields);
      progress.update(std::min(source_.training_size(), step_ * options_.batch));
      if (app::stop_requested()) return false;
      if (step_ - saved >= options_.save_every && step_ < steps_an_epoch_) {
        save_state();
        saved = step_;
      }
    }
    progress.finish();
    return true;
  }

  void train_step(const std::vector<index_t>& order) {
    const auto first = order.begin() + step_ * options_.batch;
    const std::vector<index_t> images(first, std::min(first + options_.batch, order.end()));
    const index_t done = epoch_ * steps_an_epoch_ + step_, total = options_.epochs * steps_an_epoch_;
    const index_t warmup = std::min<index_t>(100, total / 20);
    const double rise = std::min(1.0, static_cast<double>(done + 1) / static_cast<double>(warmup + 1));
    optimizer_.set_lr(options_.cosine ? rise * optim::cosine_annealing_lr(total)(done, options_.lr) : options_.lr);

    const Tensor<float> loss = self_critical_ ? reward_loss(images) : caption_loss(images);
    if (!std::isfinite(loss.item()))
      fail("train", "the loss became ", loss.item(), " in epoch ", epoch_ + 1, "; use a smaller --lr");
    optimizer_.zero_grad();
    backward(loss);
    if (options_.clip > 0) optim::clip_grad_norm(optimizer_.parameters(), options_.clip);
    optimizer_.step();
  }

  /// Teacher forcing on the references.
  Tensor<float> caption_loss(const std::vector<index_t>& images) {
    std::vector<std::vector<index_t>> captions;
    std::vector<index_t> owners;
    for (std::size_t k = 0; k < images.size(); ++k)
      for (const text::Tokens& caption : source_.training_captions(epoch_, images[k])) {
        captions.push_back(captioner_.vocabulary().encode(caption));
        owners.push_back(static_cast<index_t>(k));
      }
    const auto batch = models::CaptionBatch::of(captions, owners, text::Vocabulary::pad, options_.longest);
    const Tensor<float> logits =
        captioner_.logits(source_.training_features(captioner_, epoch_, images), batch, &random_);
    const Tensor<float> loss =
        cross_entropy<float>(logits, batch.targets, {.label_smoothing = options_.label_smoothing});
    tally_.add(logits, loss, batch.targets);
    return loss;
  }

  Tensor<float> reward_loss(const std::vector<index_t>& images) {
    const SelfCritical::Step step =
        (*self_critical_)(captioner_, source_.training_features(captioner_, epoch_, images), images, random_);
    tally_.loss -= step.reward;
    tally_.words += step.captions;
    return step.loss;
  }

  void finish_epoch() {
    Epoch now;
    now.epoch = epoch_ + 1;
    now.loss = tally_.mean();
    now.accuracy = tally_.accuracy();
    now.lr = optimizer_.lr();
    validate(now);
    history_.push_back(now);
    ++epoch_;
    step_ = 0;
    tally_ = {};
    const double measure = self_critical_ ? -now.cider : now.validation_loss;
    const bool better = best_epoch_ == 0 || measure < best_;
    bad_epochs_ = better ? 0 : bad_epochs_ + 1;
    if (better) {
      best_ = measure;
      best_epoch_ = now.epoch;
      captioner_.save((folder_ / "best.safetensors").string(), source_.weights());
    }
    save_state();
    write_history(folder_, history_, best_epoch_, options_.self_critical);
    if (!options_.quiet)
      std::printf(
          "epoch %lld  loss %.4f  accuracy %.4f  val_loss %.4f  val_accuracy %.4f  BLEU %.4f %.4f %.4f %.4f  CIDEr-D "
          "%.4f%s\n",
          static_cast<long long>(now.epoch), now.loss, now.accuracy, now.validation_loss, now.validation_accuracy,
          now.bleu[0], now.bleu[1], now.bleu[2], now.bleu[3], now.cider, better ? "  *" : "");
    std::fflush(stdout);
  }

  /// Loss and accuracy by teacher forcing, BLEU and CIDEr-D of greedy captions.
  void validate(Epoch& now) {
    NoGradGuard no_grad;
    captioner_.train(false);
    Tally tally;
    std::vector<text::Tokens> said;
    std::vector<std::vector<text::Tokens>> references;
    constexpr index_t chunk = 50;
    for (index_t first = 0; first < source_.validation_size(); first += chunk) {
      std::vector<index_t> images, owners;
      std::vector<std::vector<index_t>> captions;
      for (index_t i = first; i < std::min(first + chunk, source_.validation_size()); ++i) {
        references.push_back(source_.validation_captions(i));
        for (const text::Tokens& caption : references.back()) {
          captions.push_back(captioner_.vocabulary().encode(caption));
          owners.push_back(static_cast<index_t>(images.size()));
        }
        images.push_back(i);
      }
      const auto features = source_.validation_features(captioner_, images);
      const auto batch = models::CaptionBatch::of(captions, owners, text::Vocabulary::pad, options_.longest);
      const Tensor<float> logits = captioner_.logits(features, batch, nullptr);
      tally.add(logits, cross_entropy<float>(logits, batch.targets), batch.targets);
      const std::size_t before = said.size();
      said.resize(before + images.size());
      kernels::parallel_for(static_cast<index_t>(images.size()), 1, [&](index_t begin, index_t end) {
        for (index_t k = begin; k < end; ++k) {
          const auto best = captioner_.describe(features, k, {.beam = 1, .max_length = options_.longest});
          said[before + static_cast<std::size_t>(k)] =
              captioner_.vocabulary().decode({best[0].words.begin(), best[0].words.end()});
        }
      });
    }
    now.validation_loss = tally.mean();
    now.validation_accuracy = tally.accuracy();
    now.bleu = metrics::corpus_bleu(said, references);
    now.cider = metrics::cider_d(said, references);
  }

  void save_state() {
    io::TensorMap map;
    for (const auto& [name, tensor] : captioner_.tensors()) map.insert({name, io::StoredTensor(tensor)});
    for (const auto& [name, tensor] : optimizer_.state()) map.insert({"optimizer." + name, io::StoredTensor(tensor)});
    io::CheckpointInfo info;
    info.architecture = architecture();
    info.extra = {{"vocabulary", captioner_.vocabulary().to_text()}, {"encoder_weights", source_.weights()}};
    info.state = {{"epoch", epoch_},
                  {"step", step_},
                  {"bad_epochs", bad_epochs_},
                  {"best_epoch", best_epoch_},
                  {"best", best_},
                  {"loss", tally_.loss},
                  {"right", tally_.right},
                  {"words", tally_.words},
                  {"random_seed", random_.state().seed},
                  {"random_position", random_.state().position},
                  {"history", to_json(history_)}};
    io::save_checkpoint(folder_ / "last.safetensors", map, info);
  }

  TrainOptions options_;
  const Source& source_;
  Captioner& captioner_;
  std::filesystem::path folder_;
  optim::Adam<float> optimizer_;
  Generator random_;
  index_t steps_an_epoch_ = 0, epoch_ = 0, step_ = 0, bad_epochs_ = 0, best_epoch_ = 0;
  double best_ = 0;  // of best_epoch_: the validation loss or, self-critical, minus CIDEr-D
  Tally tally_;
  std::optional<SelfCritical> self_critical_;
  std::vector<Epoch> history_;
};

/// Mean and 1 / deviation of each number of the training features (over places, for a grid), from at most 2000 images.
void standardise(Captioner& captioner, const Source& source) {
  const index_t size = captioner.architecture().features, count = std::min<index_t>(2000, source.training_size());
  std::vector<double> sum(static_cast<std::size_t>(size)), squares(static_cast<std::size_t>(size));
  index_t rows = 0;
  for (index_t first = 0; first < count; first += 50) {
    std::vector<index_t> images;
    for (index_t i = first; i < std::min(first + 50, count); ++i) images.push_back(i * source.training_size() / count);
    const auto features = source.training_features(captioner, 0, images);
    const Tensor<float> values =
        reshape(captioner.architecture().attends() ? features.grid : features.pooled, {-1, size});
    for (index_t r = 0; r < values.size(0); ++r, ++rows)
      for (index_t c = 0; c < size; ++c) {
        const double v = static_cast<double>(values.data()[r * size + c]);
        sum[static_cast<std::size_t>(c)] += v;
        squares[static_cast<std::size_t>(c)] += v * v;
      }
  }
  const Tensor<float> mean({size}), scale({size});
  for (index_t c = 0; c < size; ++c) {
    const double m = sum[static_cast<std::size_t>(c)] / static_cast<double>(rows),
                 variance = squares[static_cast<std::size_t>(c)] / static_cast<double>(rows) - m * m;
    mean.data()[c] = static_cast<float>(m);
    scale.data()[c] = static_cast<float>(1 / std::sqrt(std::max(variance, 1e-6)));
  }
  captioner.set_feature_scaling(mean, scale);
}

/// An untrained captioner for this source.
Captioner new_captioner(const TrainOptions& options, const Source& source) {
  Architecture architecture;
  architecture.model = options.model;
  architecture.units = options.units;
  architecture.embedding = options.embedding;
  architecture.dropout = options.dropout;
  architecture.encoder = source.encoder();
  architecture.features = source.feature_size(architecture.attends());
  architecture.cnn = {{32, 32, 64, 96, 96}, {2, 1, 2, 2, 1}};
  Captioner captioner(architecture, text::Vocabulary::build(source.vocabulary_captions(), options.min_count),
                      options.seed);
  if (!captioner.reads_pictures()) standardise(captioner, source);
  return captioner;
}

/// A trained captioner whose features this source has.
Captioner initialised(const std::string& checkpoint, const Source& source, double dropout) {
  Captioner captioner = Captioner::load(checkpoint);
  const Architecture& a = captioner.architecture();
  if (a.encoder != source.encoder())
    fail(checkpoint, "was trained on features of ", a.encoder, " but these are of ", source.encoder(),
         "; name the features file it was trained on");
  captioner.set_dropout(dropout);
  return captioner;
}

}  // namespace

int train(const TrainOptions& options) {
  const std::filesystem::path folder = options.out, last = folder / "last.safetensors";
  const bool exists = std::filesystem::exists(last);
  if (exists && !options.resume)
    fail(options.out, "already holds a run; pass --resume to go on with it, or name another folder");
  if (!exists && options.resume && !options.quiet)
    std::fprintf(stderr, "captioner: note: nothing to resume in %s; starting anew\n", options.out.c_str());

  if (options.self_critical && options.init.empty() && !exists)
    fail("--self-critical", "needs a trained captioner to start from; name its checkpoint with --init");
  const bool scenes = options.data == "scenes";
  const bool attends =
      options.init.empty() ? options.model == "attention" : Captioner::load(options.init).architecture().attends();
  if (!scenes && options.features.empty())
    fail("--features", "training on a dataset needs its features file; make one with 'captioner features'");
  const auto source = scenes ? scenes_source(options.seed, options.limit > 0 ? options.limit : 20000,
                                             options.validation > 0 ? options.validation : 500)
                             : dataset_source(options.data, options.features, options.split_ratio, options.seed,
                                              options.limit, options.validation, attends);
  Captioner captioner =
      options.init.empty() ? new_captioner(options, *source) : initialised(options.init, *source, options.dropout);
  io::create_folders(folder);
  if (!options.quiet)
    std::printf("%lld training images, %lld validation images, %lld words, %lld parameters\n",
                static_cast<long long>(source->training_size()), static_cast<long long>(source->validation_size()),
                static_cast<long long>(captioner.vocabulary().size()),
                static_cast<long long>(nn::parameter_count(captioner)));
  Run run(options, *source, captioner);
  if (exists) run.resume();
  return run.run();
}

}  // namespace limn::captioner
