#include "vqa/answerer.hpp"

#include <algorithm>

#include <limn/data/vqa.hpp>
#include <limn/image/resize.hpp>
#include <limn/ops/cast.hpp>

namespace limn::vqa {

io::Json Architecture::to_json() const {
  io::Json json{{"question", model.question}, {"image", model.image},
                {"features", model.features}, {"vocabulary", model.vocabulary},
                {"answers", model.answers},   {"embedding", model.embedding},
                {"units", model.units},       {"heads", model.heads},
                {"dropout", model.dropout},   {"encoder", encoder}};
  if (encoder == "cnn") {
    json["cnn_widths"] = cnn.widths;
    json["cnn_strides"] = cnn.strides;
    json["picture"] = picture;
  }
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
  if (a.encoder == "cnn") {
    a.cnn.widths = io::json_value<std::vector<index_t>>(json, "cnn_widths", where);
    a.cnn.strides = io::json_value<std::vector<index_t>>(json, "cnn_strides", where);
    a.picture = size("picture");
    const auto within = [](const std::vector<index_t>& sizes, index_t most) {
      return std::all_of(sizes.begin(), sizes.end(), [most](index_t s) { return s >= 1 && s <= most; });
    };
    if (a.cnn.widths.empty() || a.cnn.widths.size() != a.cnn.strides.size() || !within(a.cnn.widths, 4096) ||
        !within(a.cnn.strides, 8) || a.picture < 16 || a.picture > 4096)
      fail(where, "its architecture names no network that reads pictures; the file is damaged");
  }
  for (const index_t s :
       {a.model.features, a.model.vocabulary, a.model.answers, a.model.embedding, a.model.units, a.model.heads})
    if (s < 1 || s > 1000000) fail(where, "its architecture names a size of ", s, "; the file is damaged");
  return a;
}

Tensor<float> pixels_of(const std::vector<image::Image>& pictures, index_t side) {
  const index_t count = static_cast<index_t>(pictures.size());
  const Tensor<float> x({count, 3, side, side});
  for (index_t n = 0; n < count; ++n) {
    const image::Image& given = pictures[static_cast<std::size_t>(n)];
    const bool fits = given.width == side && given.height == side;
    const image::Image resized = fits ? image::Image() : image::resize(given, side, side, image::Filter::bilinear);
    const image::Image& picture = fits ? given : resized;
    for (index_t p = 0; p < side * side; ++p)
      for (index_t c = 0; c < 3; ++c)
        x.data()[(n * 3 + c) * side * side + p] =
            static_cast<float>(picture.pixels[static_cast<std::size_t>(3 * p + c)]) / 63.75f - 2;
  }
  return x;
}

Answerer::Answerer(const Architecture& architecture, text::Vocabulary vocabulary, std::vector<std::string> answers,
                   std::uint64_t seed)
    : architecture_(architecture), vocabulary_(std::move(vocabulary)), answers_(std::move(answers)) {
  Generator generator(seed);
  architecture_.model.vocabulary = vocabulary_.size();
  architecture_.model.answers = static_cast<index_t>(answers_.size());
  if (architecture_.model.image == "none") architecture_.encoder = "none";
  if (reads_pictures()) {
    cnn_.emplace(architecture_.cnn, generator);
    architecture_.model.features = architecture_.cnn.widths.back();
  }
  model_.emplace(architecture_.model, generator);
}

namespace {

/// Throws when a checkpoint holds fewer numbers than the largest layers of its architecture need: one that lies about
/// its sizes is refused before memory is asked for.
void check_sizes(const Architecture& a, const io::Checkpoint& checkpoint, const std::string& file) {
  const models::VqaSmallConfig& m = a.model;
  index_t held = 0, needed = 2 * m.units * m.answers, channels = 3;
  if (m.question != "none") needed += m.vocabulary * m.embedding + m.units * m.embedding;
  if (m.question == "lstm") needed += 4 * m.units * m.units;
  if (m.image != "none") needed += m.units * m.features;
  if (a.encoder == "cnn")
    for (const index_t width : a.cnn.widths) {
      needed += 9 * channels * width;
      channels = width;
    }
  for (const std::string& name : checkpoint.names()) held += checkpoint.info(name).numel();
  if (held < needed)
    fail(file, "holds ", held, " numbers but its architecture needs ", needed,
         " and more; the file is damaged, train or fetch it again");
}

}  // namespace

Answerer Answerer::load(const std::string& named) {
  std::error_code ignored;  // a run's folder stands for its best model
  const std::string file = std::filesystem::is_directory(named, ignored)
                               ? (std::filesystem::path(named) / "best.safetensors").string()
                               : named;
  const io::Checkpoint checkpoint(file);
  const io::Json& stored = checkpoint.architecture();
  const Architecture architecture = Architecture::from_json(stored.contains("model") ? stored["model"] : stored, file);
  text::Vocabulary vocabulary =
      text::Vocabulary::from_text(io::json_value<std::string>(checkpoint.extra(), "vocabulary", file), file);
  auto answers = io::json_value<std::vector<std::string>>(checkpoint.extra(), "answers", file);
  if (vocabulary.size() != architecture.model.vocabulary ||
      static_cast<index_t>(answers.size()) != architecture.model.answers)
    fail(file, "has ", vocabulary.size(), " words and ", answers.size(), " answers but a model of ",
         architecture.model.vocabulary, " and ", architecture.model.answers, "; the file is damaged");
  check_sizes(architecture, checkpoint, file);
  Answerer answerer(architecture, std::move(vocabulary), std::move(answers), 0);
  if (checkpoint.contains("model.feature_mean"))
    answerer.set_feature_scaling(zeros({architecture.model.features}), ones({architecture.model.features}));
  io::load_state<float>(
      checkpoint, answerer.tensors(),
      {.ignore = [](const std::string& name) { return name.starts_with("optimizer."); }, .reject_nan = true});
  answerer.encoder_weights_ =
      io::json_value_or<std::vector<std::string>>(checkpoint.extra(), "encoder_weights", {}, file);
  answerer.train(false);
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
  io::TensorMap map;
  for (const auto& [name, tensor] : tensors()) {
    if (half)
      map.insert({name, io::StoredTensor(cast<f16>(tensor.detach()))});
    else
      map.insert({name, io::StoredTensor(tensor)});
  }
  io::CheckpointInfo info;
  info.architecture = {{"model", architecture_.to_json()}};
  info.extra = extra(weights);
  io::save_checkpoint(path, map, info);
}

Tensor<float> input_of(const Answerer& answerer, const captioner::Encoder* encoder,
                       const std::vector<image::Image>& pictures) {
  if (answerer.reads_pictures()) return pixels_of(pictures, answerer.architecture().picture);
  if (!encoder) return {};
  NoGradGuard no_grad;
  return (*encoder)(pictures).grid;
}

}  // namespace limn::vqa
