#include "captioner/training.hpp"

#include <optional>

#include <limn/metrics/bleu.hpp>
#include <limn/ops/cross_entropy.hpp>

#include "captioner/captioner.hpp"
#include "captioner/pictures.hpp"
#include "captioner/self_critical.hpp"
#include "captioner/source.hpp"
#include "shared/feature_scaling.hpp"

namespace limn::captioner {
namespace {

constexpr index_t scene_side = 64;  // pixels of a drawn scene

/// The images of a step, and what is said of them; self-critical training says it itself.
struct Batch {
  std::vector<index_t> images;
  Input input;
  models::CaptionBatch captions;
};

class CaptionTrainee final : public app::Trainee<Batch> {
 public:
  CaptionTrainee(const TrainOptions& options, const Source& source, Captioner& captioner)
      : options_(options), source_(source), captioner_(captioner) {
    if (options.self_critical) self_critical_.emplace(source, options.samples, options.bleu_reward, options.longest);
  }

  index_t items() const override { return source_.training_size(); }

  Batch prepare(index_t epoch, const std::vector<index_t>& images) const override {
    Batch batch{images, source_.training_input(epoch, images), {}};
    if (self_critical_) return batch;
    std::vector<std::vector<text::Tokens>> said;
    for (const index_t i : images) said.push_back(source_.training_captions(epoch, i));
    batch.captions = encoded(said);
    return batch;
  }

  io::NamedTensors<float> tensors() override { return captioner_.tensors(); }
  std::vector<Tensor<float>> parameters() override { return captioner_.parameters(); }
  void train(bool training) override { captioner_.train(training); }

  app::Tally step(const Batch& batch, Generator& random) override {
    const models::ImageFeatures<float> features = seen(captioner_, batch.input, options_.run.device);
    if (self_critical_) {
      const SelfCritical::Step step = (*self_critical_)(captioner_, features, batch.images, random);
      backward(step.loss);
      return {-step.reward, 0, step.captions};
    }
    const Tensor<float> logits = captioner_.logits(features, batch.captions, &random);
    const Tensor<float> loss =
        cross_entropy<float>(logits, batch.captions.targets, {.label_smoothing = options_.label_smoothing});
    backward(loss);
    return app::tally_of(logits, loss, batch.captions.targets);
  }

  std::vector<std::string> measures() const override {
    return {"val_loss", "val_accuracy", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d"};
  }
  /// The validation loss chooses; of self-critical training, which lets it rise, CIDEr-D.
  double badness(const std::vector<double>& validated) const override {
    return self_critical_ ? -validated.back() : validated.front();
  }
  std::vector<app::ChartPlan> charts() const override {
    const app::ChartPlan greedy{
        "Validation, greedy captions", "BLEU, CIDEr-D", {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d"}};
    if (self_critical_) return {{"Minus the reward of sampled captions", "CIDEr-D + BLEU", {"loss"}}, greedy};
    return {{"Loss", "nats a word", {"loss", "val_loss"}},
            {"Accuracy", "next word right", {"accuracy", "val_accuracy"}},
            greedy};
  }

  /// Loss and accuracy by teacher forcing, BLEU and CIDEr-D of greedy captions.
  std::vector<double> validate() override {
    NoGradGuard no_grad;
    Captioner here = captioner_;  // on the CPU: captions are short and many
    nn::to(here, cpu_device);
    app::Tally tally;
    std::vector<text::Tokens> said;
    std::vector<std::vector<text::Tokens>> references;
    constexpr index_t chunk = 50;
    for (index_t first = 0; first < source_.validation_size(); first += chunk) {
      std::vector<index_t> images;
      std::vector<std::vector<text::Tokens>> captions;
      for (index_t i = first; i < std::min(first + chunk, source_.validation_size()); ++i) {
        images.push_back(i);
        captions.push_back(source_.validation_captions(i));
      }
      references.insert(references.end(), captions.begin(), captions.end());
      const auto features = seen(here, source_.validation_input(images), cpu_device);
      const auto batch = encoded(captions);
      const Tensor<float> logits = here.logits(features, batch, nullptr);
      tally.add(app::tally_of(logits, cross_entropy<float>(logits, batch.targets), batch.targets));
      const std::size_t before = said.size();
      said.resize(before + images.size());
      kernels::parallel_for(static_cast<index_t>(images.size()), 1, [&](index_t begin, index_t end) {
        for (index_t k = begin; k < end; ++k) {
          const auto best = here.describe(features, k, {.beam = 1, .max_length = options_.longest});
          said[before + static_cast<std::size_t>(k)] =
              captioner_.vocabulary().decode({best[0].words.begin(), best[0].words.end()});
        }
      });
    }
    std::vector<double> measured = {tally.mean(), tally.accuracy()};
    for (const double bleu : metrics::corpus_bleu(said, references)) measured.push_back(bleu);
    measured.push_back(metrics::cider_d(said, references));
    return measured;
  }

  io::Json architecture() const override {
    const TrainOptions& o = options_;
    return {{"model", captioner_.architecture().to_json()},
            {"validation", source_.validation_size()},
            {"min_count", o.min_count},
            {"longest", o.longest},
            {"label_smoothing", o.label_smoothing},
            {"grey", o.grey},
            {"init", o.init},
            {"encoder", o.encoder},
            {"freeze_encoder", o.freeze_encoder},
            {"self_critical", o.self_critical},
            {"samples", o.samples},
            {"bleu_reward", o.bleu_reward}};
  }
  io::Json extra() const override {
    return {{"vocabulary", captioner_.vocabulary().to_text()}, {"encoder_weights", source_.weights()}};
  }
  void save(const std::string& path) override { captioner_.save(path, source_.weights()); }

 private:
  /// What the captioner reads of them, where it is.
  [[nodiscard]] static models::ImageFeatures<float> seen(const Captioner& captioner, const Input& input,
                                                         Device device) {
    if (input.pixels.defined()) return captioner.look(to(input.pixels, device));
    const auto there = [&](const Tensor<float>& x) { return x.defined() ? to(x, device) : x; };
    return {there(input.features.pooled), there(input.features.grid)};
  }
  /// All captions of some images as one batch.
  [[nodiscard]] models::CaptionBatch encoded(const std::vector<std::vector<text::Tokens>>& of_images) const {
    std::vector<std::vector<index_t>> captions;
    std::vector<index_t> owners;
    for (std::size_t k = 0; k < of_images.size(); ++k)
      for (const text::Tokens& caption : of_images[k]) {
        captions.push_back(captioner_.vocabulary().encode(caption));
        owners.push_back(static_cast<index_t>(k));
      }
    return models::CaptionBatch::of(captions, owners, text::Vocabulary::pad, options_.longest);
  }

  const TrainOptions& options_;
  const Source& source_;
  Captioner& captioner_;
  std::optional<SelfCritical> self_critical_;
};

/// An untrained captioner for this source.
Captioner new_captioner(const TrainOptions& options, const Source& source) {
  Architecture architecture;
  architecture.model = options.model;
  architecture.units = options.units;
  architecture.embedding = options.embedding;
  architecture.dropout = options.dropout;
  architecture.encoder = source.encoder();
  architecture.features = source.feature_size(architecture.attends());
  architecture.own = options.encoder.empty() ? OwnEncoderConfig{{{32, 32, 64, 96, 96}, {2, 1, 2, 2, 1}}, scene_side}
                                             : own_encoder_config(options.encoder);
  Captioner captioner(architecture, text::Vocabulary::build(source.vocabulary_captions(), options.min_count),
                      options.run.seed);
  if (!options.encoder.empty()) captioner.load_encoder(options.encoder);
  if (captioner.reads_pictures()) return captioner;
  const bool grid = architecture.attends();
  const auto scaling = app::feature_scaling(architecture.features, source.training_size(), 2000,
                                            [&](const std::vector<index_t>& images) {
                                              const auto features = source.training_input(0, images).features;
                                              return grid ? features.grid : features.pooled;
                                            });
  captioner.set_feature_scaling(scaling.mean, scaling.scale);
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
  captioner.set_familiarity({});  // it will have learned from others, and see them otherwise
  return captioner;
}

/// What is trained on. `start` is the architecture of --init, where there is one.
std::unique_ptr<Source> source_of(const TrainOptions& options, const Architecture* start) {
  if (options.grey > 0 && (options.data == "scenes" || !options.features.empty()))
    fail("--grey", "is for a captioner that reads a dataset's pictures itself; leave it out");
  if (options.data == "scenes")
    return scenes_source(options.run.seed, options.limit > 0 ? options.limit : 20000,
                         options.validation > 0 ? options.validation : 500, start ? start->own.picture : scene_side);
  DatasetOptions dataset{.folder = options.data,
                         .features = options.features,
                         .ratio = options.split_ratio,
                         .seed = options.run.seed,
                         .grey = options.grey,
                         .limit = options.limit,
                         .validation = options.validation,
                         .grid = start ? start->attends() : options.model == "attention",
                         .quiet = options.run.quiet};
  const bool reads_pictures = start ? start->encoder == "cnn" : !options.encoder.empty();
  if (reads_pictures && !options.features.empty())
    fail("--features", "this captioner reads the pictures themselves; leave --features out");
  if (!reads_pictures && options.features.empty())
    fail("--features", "training on a dataset needs its features file; make one with 'captioner features'");
  if (reads_pictures) dataset.picture = start ? start->own.picture : own_encoder_config(options.encoder).picture;
  return dataset_source(dataset);
}

}  // namespace

int train(const TrainOptions& options) {
  const bool resuming = app::found_run(options.run);
  if (options.self_critical && options.init.empty() && !resuming)
    fail("--self-critical", "needs a trained captioner to start from; name its checkpoint with --init");
  std::optional<Architecture> start;
  if (!options.init.empty()) start = Captioner::load(options.init).architecture();
  const auto source = source_of(options, start ? &*start : nullptr);
  Captioner captioner = start ? initialised(options.init, *source, options.dropout) : new_captioner(options, *source);
  if (captioner.reads_pictures()) {  // scenes are drawn at the side that it reads
    const index_t side = captioner.architecture().own.picture;
    captioner.set_picture(side, options.data == "scenes" ? 0 : squeezed_side(side));
  }
  if (options.freeze_encoder) captioner.freeze_encoder();
  nn::to(captioner, options.run.device);
  if (!options.run.quiet)
    std::printf("%lld training images, %lld validation images, %lld words, %lld parameters\n",
                static_cast<long long>(source->training_size()), static_cast<long long>(source->validation_size()),
                static_cast<long long>(captioner.vocabulary().size()),
                static_cast<long long>(nn::parameter_count(captioner)));
  CaptionTrainee trainee(options, *source, captioner);
  return app::TrainingRun<Batch>(options.run, trainee).run();
}

}  // namespace limn::captioner
