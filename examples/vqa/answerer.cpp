#include "vqa/answerer.hpp"

#include <algorithm>

#include <limn/data/vqa.hpp>

#include "shared/model_file.hpp"

namespace limn::vqa {

io::Json Architecture::to_json() const {
  io::Json json{{"question", model.question}, {"image", model.image},
                {"features", model.features}, {"vocabulary", model.vocabulary},
                {"answers", model.answers},   {"embedding", model.embedding},
                {"units", model.units},       {"heads", model.heads},
                {"dropout", model.dropout},   {"encoder", encoder}};
  if (encoder == "cnn") json.update(captioner::to_json(own));
  return json;
}

Architecture Architecture::from_json(const io::Json& json, const std::string& where) {
  Architecture a;
  const auto size = [&](const char* key) { return io::json_value<index_t>(json, key, where); };
  a.model.question = io::json_value<std::string>(json, "question", where);
  a.model.image = io::json_value<std::string>(json, "image", where);
  a.model.dropout = io::json_value<double>(json, "dropout", where);
  a.encoder = io::json_value<std::string>(json, "encoder", where);
  a.model.features = size("features"), a.model.vocabulary = size("vocabulary"), a.model.answers = size("answers");
  a.model.embedding = size("embedding"), a.model.units = size("units"), a.model.heads = size("heads");
  const auto known = [](const std::string& text, std::initializer_list<const char*> all) {
    return std::any_of(all.begin(), all.end(), [&text](const char* each) { return text == each; });
  };
  if (!known(a.model.question, {"lstm", "bag", "none"}) || !known(a.model.image, {"attention", "pooled", "none"}) ||
      a.model.heads < 1 || a.model.units % a.model.heads != 0)
    fail(where, "its architecture names no model of this program; the file is damaged");
  if (a.encoder == "cnn") a.own = captioner::own_encoder_from_json(json, where);
  for (const index_t s :
       {a.model.features, a.model.vocabulary, a.model.answers, a.model.embedding, a.model.units, a.model.heads})
    if (s < 1 || s > 1000000) fail(where, "its architecture names a size of ", s, "; the file is damaged");
  return a;
}

Answerer::Answerer(const Architecture& architecture, text::Vocabulary vocabulary, std::vector<std::string> answers,
                   std::uint64_t seed)
    : architecture_(architecture), vocabulary_(std::move(vocabulary)), answers_(std::move(answers)) {
  Generator generator(seed);
  architecture_.model.vocabulary = vocabulary_.size();
  architecture_.model.answers = static_cast<index_t>(answers_.size());
  if (architecture_.model.image == "none") architecture_.encoder = "none";
  if (reads_pictures()) {
    cnn_.emplace(architecture_.own.cnn, generator);
    architecture_.model.features = architecture_.own.cnn.widths.back();
  }
  model_.emplace(architecture_.model, generator);
}

namespace {

/// The numbers in an architecture's largest layers.
index_t least_numbers(const Architecture& a) {
  const models::VqaSmallConfig& m = a.model;
  index_t needed = 2 * m.units * m.answers;
  if (m.question != "none") needed += m.vocabulary * m.embedding + m.units * m.embedding;
  if (m.question == "lstm") needed += 4 * m.units * m.units;
  if (m.image != "none") needed += m.units * m.features;
  return a.encoder == "cnn" ? needed + captioner::own_encoder_numbers(a.own.cnn) : needed;
}

}  // namespace

Answerer Answerer::load(const std::string& checkpoint) {
  const app::ModelFile file(checkpoint);
  const Architecture architecture = Architecture::from_json(file.architecture(), file.path());
  text::Vocabulary vocabulary = file.vocabulary();
  auto answers = io::json_value<std::vector<std::string>>(file.checkpoint().extra(), "answers", file.path());
  if (vocabulary.size() != architecture.model.vocabulary ||
      static_cast<index_t>(answers.size()) != architecture.model.answers)
    fail(file.path(), "has ", vocabulary.size(), " words and ", answers.size(), " answers but a model of ",
         architecture.model.vocabulary, " and ", architecture.model.answers, "; the file is damaged");
  file.require_numbers(least_numbers(architecture));
  Answerer answerer(architecture, std::move(vocabulary), std::move(answers), 0);
  if (file.checkpoint().contains("model.feature_mean"))
    answerer.set_feature_scaling(zeros({architecture.model.features}), ones({architecture.model.features}));
  file.load(answerer.tensors());
  answerer.encoder_weights_ = file.encoder_weights();
  answerer.train(false);
  nn::prepack(answerer);
  return answerer;
}

index_t Answerer::answer_id(const std::string& answer) const {
  const auto found = std::find(answers_.begin(), answers_.end(), answer);
  return found == answers_.end() ? -1 : static_cast<index_t>(found - answers_.begin());
}

void Answerer::set_feature_scaling(const Tensor<float>& mean, const Tensor<float>& scale) {
  model_->feature_mean = mean;
  model_->feature_scale = scale;
}

Answerer::Encoded Answerer::encode(const std::string& question) const {
  Encoded encoded;
  for (const std::string& word : data::question_words(question)) {
    encoded.ids.push_back(vocabulary_.id(word));
    encoded.known += encoded.ids.back() == text::Vocabulary::unknown ? 0 : 1;
  }
  if (encoded.ids.empty()) encoded.ids.push_back(text::Vocabulary::unknown);
  return encoded;
}

models::VqaAnswer<float> Answerer::operator()(const Tensor<float>& input, const models::QuestionBatch& batch,
                                              Generator* generator) const {
  if (!reads_pictures()) return (*model_)(input, batch, generator);
  return (*model_)(transpose(flatten((*cnn_)(input), 2), 1, 2), batch, generator);
}

void Answerer::train(bool training) { nn::train(*this, training); }
std::vector<Tensor<float>> Answerer::parameters() { return nn::parameters<float>(*this); }
io::NamedTensors<float> Answerer::tensors() { return nn::named_tensors<float>(*this); }

io::Json Answerer::extra(const std::vector<std::string>& weights) const {
  return {{"vocabulary", vocabulary_.to_text()}, {"answers", answers_}, {"encoder_weights", weights}};
}

void Answerer::save(const std::string& path, const std::vector<std::string>& weights, bool half) {
  app::save_model(path, tensors(), {{"model", architecture_.to_json()}}, extra(weights), half);
}

Tensor<float> input_of(const Answerer& answerer, const captioner::Encoder* encoder,
                       const std::vector<image::Image>& pictures) {
  if (answerer.reads_pictures()) return captioner::pixels_of(pictures, answerer.architecture().own);
  if (!encoder) return {};
  NoGradGuard no_grad;
  return (*encoder)(pictures).grid;
}

}  // namespace limn::vqa
