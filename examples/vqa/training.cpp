#include "vqa/training.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <limn/metrics/vqa_accuracy.hpp>
#include <limn/ops/cross_entropy.hpp>

#include "captioner/features.hpp"
#include "shared/feature_scaling.hpp"
#include "vqa/source.hpp"

namespace limn::vqa {
namespace {

/// One step's images and questions.
struct Batch {
  Tensor<float> input;
  models::QuestionBatch questions;
  Tensor<std::int64_t> targets;  ///< [Q]
};

class VqaTrainee final : public app::Trainee<Batch> {
 public:
  VqaTrainee(const TrainOptions& options, const Source& training, const Source& validation,
             const std::vector<std::string>& weights, Answerer& answerer)
      : options_(options), training_(training), validation_(validation), weights_(weights), answerer_(answerer) {
    for (std::size_t i = 0; i < answerer.answers().size(); ++i)
      answer_ids_[answerer.answers()[i]] = static_cast<index_t>(i);
  }

  index_t items() const override { return training_.images(); }

  Batch prepare(index_t epoch, const std::vector<index_t>& images) const override {
    Batch batch;
    batch.input = training_.input(epoch, images);
    std::vector<std::vector<index_t>> questions;
    std::vector<index_t> owners;
    std::vector<std::int64_t> targets;
    for (std::size_t k = 0; k < images.size(); ++k) {
      std::vector<Question> all = training_.questions(epoch, images[k]);
      std::erase_if(all, [&](const Question& q) { return !answer_ids_.count(q.answer) || !wanted(q.type); });
      if (const auto most = static_cast<std::size_t>(options_.questions); most > 0 && all.size() > most) {
        Generator draw(options_.run.seed ^ 0x9a5cu);
        draw.set_state({draw.state().seed, static_cast<std::uint64_t>(epoch * items() + images[k]) * 64});
        for (std::size_t i = 0; i < most; ++i)
          std::swap(all[i], all[i + static_cast<std::size_t>(draw.below(static_cast<index_t>(all.size() - i)))]);
        all.resize(most);
      }
      for (const Question& q : all) {
        questions.push_back(answerer_.encode(q.text).ids);
        owners.push_back(static_cast<index_t>(k));
        targets.push_back(answer_ids_.at(q.answer));
      }
    }
    if (questions.empty()) return batch;
    batch.questions = models::QuestionBatch::of(questions, owners, text::Vocabulary::pad);
    const Shape shape{static_cast<index_t>(targets.size())};
    batch.targets = from<std::int64_t>(targets, shape);
    return batch;
  }

  io::NamedTensors<float> tensors() override { return answerer_.tensors(); }
  std::vector<Tensor<float>> parameters() override { return answerer_.parameters(); }
  void train(bool training) override { answerer_.train(training); }

  app::Tally step(const Batch& batch, Generator& random) override {
    if (!batch.targets.defined()) return {};
    const Tensor<float> input = batch.input.defined() ? to(batch.input, options_.run.device) : batch.input;
    const Tensor<float> logits = answerer_(input, batch.questions, &random).logits;
    const Tensor<float> each = cross_entropy<float>(logits, batch.targets, {.reduction = Reduction::none});
    if (options_.focal > 0) {
      // The loss of Lin, Goyal, Girshick, He, Dollar 2017 ("Focal loss"), with the factor as a weight: what is answered
      // well hardly counts.
      const Tensor<float> weight = pow(clamp_min(1 - exp(neg(each.detach())), 1e-6), options_.focal);
      backward(sum(each * weight) / sum(weight));
    } else {
      backward(mean(each));
    }
    return app::tally_of(logits, mean(each.detach()), batch.targets);
  }

  std::vector<std::string> measures() const override { return {"val_accuracy", "val_loss"}; }
  /// The most accurate epoch is the best.
  double badness(const std::vector<double>& validated) const override { return -validated[0]; }
  std::vector<app::ChartPlan> charts() const override {
    return {{"Loss", "nats a question", {"loss", "val_loss"}},
            {"Accuracy", "share of right answers", {"accuracy", "val_accuracy"}}};
  }

  std::vector<double> validate() override {
    NoGradGuard no_grad;
    Answerer here = answerer_;  // on the CPU
    nn::to(here, cpu_device);
    double right = 0;
    index_t count = 0;
    app::Tally tally;
    constexpr index_t chunk = 32;
    for (index_t first = 0; first < validation_.images(); first += chunk) {
      std::vector<index_t> images, owners;
      std::vector<std::vector<index_t>> encoded;
      std::vector<Question> asked;
      for (index_t i = first; i < std::min(first + chunk, validation_.images()); ++i) {
        for (const Question& q : validation_.questions(0, i)) {
          asked.push_back(q);
          encoded.push_back(answerer_.encode(q.text).ids);
          owners.push_back(static_cast<index_t>(images.size()));
        }
        images.push_back(i);
      }
      if (asked.empty()) continue;
      const Tensor<float> logits =
          here(validation_.input(0, images), models::QuestionBatch::of(encoded, owners, text::Vocabulary::pad)).logits;
      const Tensor<std::int64_t> best = argmax(logits, 1);
      std::vector<std::int64_t> targets;
      std::vector<index_t> rows;
      for (std::size_t q = 0; q < asked.size(); ++q) {
        const auto said = static_cast<std::size_t>(best.data()[static_cast<index_t>(q)]);
        right += metrics::vqa_accuracy(answerer_.answers()[said], asked[q].answers);
        const auto known = answer_ids_.find(asked[q].answer);
        if (known == answer_ids_.end()) continue;
        rows.push_back(static_cast<index_t>(q));
        targets.push_back(known->second);
      }
      count += static_cast<index_t>(asked.size());
      if (rows.empty()) continue;
      const Tensor<float> scored = index_select(logits, 0, rows);
      const Shape shape{static_cast<index_t>(targets.size())};
      const auto wanted = from<std::int64_t>(targets, shape);
      tally.add(app::tally_of(scored, cross_entropy<float>(scored, wanted), wanted));
    }
    return {count ? right / static_cast<double>(count) : 0, tally.mean()};
  }

  io::Json architecture() const override {
    return {{"model", answerer_.architecture().to_json()},
            {"questions", options_.questions},
            {"focal", options_.focal},
            {"types", options_.types},
            {"shift", options_.shift},
            {"min_count", options_.min_count},
            {"validation", validation_.images()}};
  }
  io::Json extra() const override { return answerer_.extra(weights_); }
  void save(const std::string& path) override { answerer_.save(path, weights_); }

 private:
  [[nodiscard]] bool wanted(const std::string& type) const {
    return options_.types.empty() ||
           std::find(options_.types.begin(), options_.types.end(), type) != options_.types.end();
  }

  const TrainOptions& options_;
  const Source& training_;
  const Source& validation_;
  std::vector<std::string> weights_;
  Answerer& answerer_;
  std::map<std::string, index_t> answer_ids_;
};

/// The most frequent answers, ties by first appearance; says how many questions go without one.
std::vector<std::string> choose_answers(const std::vector<Question>& questions, index_t most, bool quiet) {
  std::vector<std::pair<std::string, index_t>> counts;
  std::map<std::string, std::size_t> where;
  for (const Question& q : questions) {
    const auto [entry, added] = where.try_emplace(q.answer, counts.size());
    if (added) counts.emplace_back(q.answer, 0);
    ++counts[entry->second].second;
  }
  std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> answers;
  index_t left_out = 0;
  for (const auto& [answer, count] : counts) {
    if (static_cast<index_t>(answers.size()) < most)
      answers.push_back(answer);
    else
      left_out += count;
  }
  if (left_out > 0 && !quiet)
    std::fprintf(
        stderr, "vqa: note: %lld training questions have answers beyond the %lld most frequent ones and are left out\n",
        static_cast<long long>(left_out), static_cast<long long>(most));
  return answers;
}

/// Throws when no question of the source is of a type that was named.
void require_types(const std::vector<std::string>& types, const Source& source) {
  for (const std::string& type : types) {
    bool found = false;
    for (index_t i = 0; i < source.images() && !found; ++i)
      for (const Question& q : source.questions(0, i)) found = found || q.type == type;
    if (!found)
      fail("--types", "no question is of the type ", io::in_quotes(type), "; 'vqa eval' lists those there are");
  }
}

/// A trained answerer that reads what this run has.
Answerer initialised(const TrainOptions& options, const Architecture& wanted) {
  Answerer answerer = Answerer::load(options.init);
  const Architecture& a = answerer.architecture();
  if (a.encoder != wanted.encoder || a.own.picture != wanted.own.picture ||
      (a.encoder != "cnn" && a.model.features != wanted.model.features))
    fail(options.init, "does not read what this run has; name --features, --image and --picture as in its training");
  answerer.set_dropout(options.dropout);
  return answerer;
}

}  // namespace

int train(const TrainOptions& options) {
  (void)app::found_run(options.run);
  Architecture architecture;
  architecture.model.question = options.question;
  architecture.model.image = options.image;
  architecture.model.units = options.units;
  architecture.model.embedding = options.embedding;
  architecture.model.heads = options.heads;
  architecture.model.dropout = options.dropout;
  architecture.own.picture = options.picture;
  std::vector<std::string> weights;
  if (!options.features.empty()) {
    const captioner::FeatureFile file(options.features);
    if (!file.has_grid()) fail(options.features, "has no grid; make it again with 'vqa features'");
    architecture.encoder = file.encoder();
    architecture.model.features = file.channels();
    if (file.reader().metadata().count("weights"))
      weights =
          io::parse_json(file.reader().metadata().at("weights"), options.features).get<std::vector<std::string>>();
  }
  const bool scenes = options.data == "scenes";
  SourceOptions source{.data = options.data,
                       .split = "train",
                       .features = options.features,
                       .seed = options.run.seed,
                       .limit = options.limit,
                       .picture = options.picture,
                       .shift = scenes || !options.features.empty() ? 0 : options.shift,
                       .looks = options.image != "none"};
  const auto training = make_source(source);
  source.split = "dev";
  source.shift = 0;
  source.limit = options.validation > 0 ? options.validation : scenes ? 500 : 0;
  const auto validation = make_source(source);

  require_types(options.types, *validation);
  const std::vector<Question> questions = training->all_questions();
  std::vector<text::Tokens> sentences;
  for (const Question& q : questions) sentences.push_back(data::question_words(q.text));
  Answerer answerer =
      !options.init.empty()
          ? initialised(options, architecture)
          : Answerer(architecture, text::Vocabulary::build(sentences, options.min_count),
                     choose_answers(questions, options.most_answers, options.run.quiet), options.run.seed);
  if (options.init.empty() && !options.features.empty() && options.image != "none") {
    const auto scaling = app::feature_scaling(answerer.architecture().model.features, training->images(), 500,
                                              [&](const auto& images) { return training->input(0, images); });
    answerer.set_feature_scaling(scaling.mean, scaling.scale);
  }
  if (!options.run.quiet)
    std::printf("%lld training images, %lld validation images, %lld words, %lld answers, %lld parameters\n",
                static_cast<long long>(training->images()), static_cast<long long>(validation->images()),
                static_cast<long long>(answerer.vocabulary().size()), static_cast<long long>(answerer.answers().size()),
                static_cast<long long>(nn::parameter_count(answerer)));
  nn::to(answerer, options.run.device);
  VqaTrainee trainee(options, *training, *validation, weights, answerer);
  return app::TrainingRun<Batch>(options.run, trainee).run();
}

}  // namespace limn::vqa
