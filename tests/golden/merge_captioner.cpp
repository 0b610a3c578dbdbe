// Kind merge-captioner: logits and gradients with and without dropout masks, training steps with both forms of Adam,
// greedy decoding.

#include <limn/io/state_dict.hpp>
#include <limn/models/caption_merge.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/optim/adam.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

struct CaptionerFixture {
  Fixture fixture;
  models::MergeCaptionerConfig config;
  index_t max_length = 0, start_id = 0, end_id = 0, steps = 0;
  double lr = 0;

  explicit CaptionerFixture(const std::filesystem::path& folder) : fixture(folder) {
    Options o(fixture.config(), "config.json");
    for (const char* key : {"architecture", "real_dims"}) o.ignore(key);
    const std::string merge = o.get<std::string>("merge");
    if (merge != "add" && merge != "concat") fail("config.json", "unknown merge ", merge);
    config = {.features = o.get<index_t>("features"),
              .units = o.get<index_t>("units"),
              .vocabulary = o.get<index_t>("vocab"),
              .concat = merge == "concat",
              .dropout = 0};
    max_length = o.get<index_t>("max_length");
    start_id = o.get<index_t>("start_id");
    end_id = o.get<index_t>("end_id");
    if (o.has("train")) {
      Options train(o.at("train"), "config.json train");
      steps = train.get<index_t>("steps");
      lr = train.get<double>("lr");
      train.done();
    }
    o.done();
  }
  [[nodiscard]] models::MergeCaptioner<float> model() const {
    Generator generator(0);
    models::MergeCaptioner<float> made(config, generator);
    io::load_state<float>(io::SafetensorsFile(fixture.folder() / "model.safetensors"), nn::named_tensors(made));
    return made;
  }
};

/// Loss, logits and gradients under `prefix` for the given masks (undefined: none).
void check_pass(const CaptionerFixture& f, const std::string& prefix, const Tensor<float>& feature_mask,
                const Tensor<float>& embedding_mask, Report& report) {
  models::MergeCaptioner<float> model = f.model();
  const auto compare = [&](const std::string& name, const Tensor<float>& y) {
    if (report.expects(prefix + name)) report.tensor(prefix + name, y);
  };
  Tensor<float> features = f.fixture.tensor("features");
  features.requires_grad_();
  const auto [words, logits] =
      model.of_prefix(features, f.fixture.tensor<std::int64_t>("ids"), feature_mask, embedding_mask);
  const Tensor<float> loss = cross_entropy(logits, f.fixture.tensor<std::int64_t>("targets"));
  compare("lstm_last_h", words);
  compare("logits", logits);
  compare("probs", softmax(logits));
  compare("loss", loss);
  std::vector<std::string> names{"features"};
  std::vector<Tensor<float>> leaves{features};
  for (const auto& [name, tensor] : nn::named_tensors(model)) {
    names.push_back(name);
    leaves.push_back(tensor);
  }
  const auto gradients = grad(loss, leaves);
  for (std::size_t i = 0; i < leaves.size(); ++i) compare("grad." + names[i], gradients[i]);
}

void check_training(const CaptionerFixture& f, const std::string& prefix, const optim::AdamOptions& options,
                    optim::AdamForm form, Report& report) {
  models::MergeCaptioner<float> model = f.model();
  optim::Adam<float> optimizer(nn::parameters(model), options, form);
  const Tensor<float> features = f.fixture.tensor("features");
  const auto ids = f.fixture.tensor<std::int64_t>("ids"), targets = f.fixture.tensor<std::int64_t>("targets");
  std::vector<float> losses;
  for (index_t step = 0; step < f.steps; ++step) {
    optimizer.zero_grad();
    const Tensor<float> loss = cross_entropy(model.of_prefix(features, ids).second, targets);
    losses.push_back(loss.item());
    backward(loss);
    optimizer.step();
  }
  report.tensor(prefix + ".losses", losses, {f.steps});
  for (const auto& [name, tensor] : nn::named_tensors(model))
    if (report.expects(prefix + ".param." + name)) report.tensor(prefix + ".param." + name, tensor);
}

/// The loop of the Keras program: the whole prefix, pre-padded, again for every word.
void check_greedy(const CaptionerFixture& f, Report& report) {
  const NoGradGuard no_grad;
  const models::MergeCaptioner<float> model = f.model();
  const Tensor<float> features = f.fixture.tensor("decode_features");
  const index_t rows = features.size(0);
  std::vector<std::vector<std::int64_t>> sequences;
  std::size_t longest = 0;
  for (index_t row = 0; row < rows; ++row) {
    std::vector<std::int64_t> sequence{f.start_id};
    for (index_t step = 0; step < f.max_length; ++step) {
      Tensor<std::int64_t> ids = zeros<std::int64_t>({1, f.max_length});
      const auto length = std::min(f.max_length, static_cast<index_t>(sequence.size()));
      for (index_t i = 0; i < length; ++i)
        ids.at({0, -1 - i}) = sequence[sequence.size() - 1 - static_cast<std::size_t>(i)];
      const Tensor<float> logits = model.of_prefix(narrow(features, 0, row, 1), ids).second;
      const std::int64_t word = argmax(logits).item();
      if (word == 0) break;
      sequence.push_back(word);
      if (word == f.end_id) break;
    }
    longest = std::max(longest, sequence.size());
    sequences.push_back(sequence);
  }
  const auto width = std::max(static_cast<index_t>(longest), report.expected().info("greedy.sequences").shape.at(1));
  std::vector<std::int64_t> padded;
  for (std::vector<std::int64_t>& sequence : sequences) {
    sequence.resize(static_cast<std::size_t>(width), 0);
    padded.insert(padded.end(), sequence.begin(), sequence.end());
  }
  report.tensor("greedy.sequences", padded, {rows, width});
}

}  // namespace

void check_merge_captioner(const std::filesystem::path& folder, Report& report) {
  const CaptionerFixture f(folder);
  report.guard("eval", [&] { check_pass(f, "eval.", {}, {}, report); });
  if (f.fixture.has("dropmask_features"))
    report.guard("drop", [&] {
      check_pass(f, "drop.", f.fixture.tensor("dropmask_features"), f.fixture.tensor("dropmask_embedding"), report);
    });
  if (f.steps > 0) {
    report.guard("train_torch_adam",
                 [&] { check_training(f, "train_torch_adam", {.lr = f.lr}, optim::AdamForm::adam, report); });
    report.guard("train_keras_adam", [&] {
      check_training(f, "train_keras_adam", {.lr = f.lr, .eps = 1e-7}, optim::AdamForm::keras, report);
    });
  }
  if (report.expects("greedy.sequences")) report.guard("greedy", [&] { check_greedy(f, report); });
}

}  // namespace limn::golden
