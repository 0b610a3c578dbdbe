#include "captioner/captioner.hpp"

#include "shared/model_file.hpp"

namespace limn::captioner {

io::Json Architecture::to_json() const {
  io::Json json{{"model", model},     {"units", units},       {"dropout", dropout},
                {"encoder", encoder}, {"features", features}, {"vocabulary", vocabulary}};
  if (attends()) json["embedding"] = embedding;
  if (encoder == "cnn") json.update(captioner::to_json(own));
  if (no_repeat > 0) json["no_repeat_ngram_size"] = no_repeat;
  return json;
}

Architecture Architecture::from_json(const io::Json& json, const std::string& where) {
  Architecture a;
  a.model = io::json_value<std::string>(json, "model", where);
  if (a.model != "merge-add" && a.model != "merge-concat" && a.model != "attention")
    fail(where, "its model ", io::in_quotes(a.model),
         " is unknown; name a checkpoint that 'captioner train' has written");
  a.units = io::json_value<index_t>(json, "units", where);
  a.dropout = io::json_value<double>(json, "dropout", where);
  a.encoder = io::json_value<std::string>(json, "encoder", where);
  a.features = io::json_value<index_t>(json, "features", where);
  a.vocabulary = io::json_value<index_t>(json, "vocabulary", where);
  a.embedding = io::json_value_or<index_t>(json, "embedding", a.embedding, where);
  if (a.encoder == "cnn") a.own = own_encoder_from_json(json, where);
  a.no_repeat = io::json_value_or<index_t>(json, "no_repeat_ngram_size", 0, where);
  if (a.no_repeat < 0) fail(where, "its no_repeat_ngram_size is ", a.no_repeat, "; the file is damaged");
  for (const index_t size : {a.units, a.features, a.vocabulary, a.embedding})
    if (size < 1 || size > 1000000) fail(where, "its architecture names a size of ", size, "; the file is damaged");
  return a;
}

Captioner::Captioner(const Architecture& architecture, text::Vocabulary vocabulary, std::uint64_t seed)
    : architecture_(architecture), vocabulary_(std::move(vocabulary)) {
  Generator generator(seed);
  architecture_.vocabulary = vocabulary_.size();
  if (reads_pictures()) {
    cnn_.emplace(architecture_.own.cnn, generator);
    architecture_.features = architecture_.own.cnn.widths.back() + 2;  // and the place's two coordinates
  }
  const Architecture& a = architecture_;
  if (a.attends())
    attention_.emplace(models::AttentionCaptionerConfig{a.features, a.embedding, a.units, a.vocabulary, a.dropout},
                       generator);
  else if (a.model == "merge-add" || a.model == "merge-concat")
    merge_.emplace(
        models::MergeCaptionerConfig{a.features, a.units, a.vocabulary, a.model == "merge-concat", a.dropout},
        generator);
  else
    fail("--model", "there is no model '", a.model, "'; known are merge-add, merge-concat and attention");
}

namespace {

/// The numbers in an architecture's largest layers.
index_t least_numbers(const Architecture& a) {
  const index_t words = a.vocabulary * (a.units + (a.attends() ? a.embedding : a.units));
  return 4 * a.units * a.units + words + (a.encoder == "cnn" ? own_encoder_numbers(a.own.cnn) : a.features * a.units);
}

}  // namespace

Captioner Captioner::load(const std::string& checkpoint) {
  const app::ModelFile file(checkpoint);
  const Architecture architecture = Architecture::from_json(file.architecture(), file.path());
  text::Vocabulary vocabulary = file.vocabulary();
  if (vocabulary.size() != architecture.vocabulary)
    fail(file.path(), "has ", vocabulary.size(), " words but a model of ", architecture.vocabulary,
         "; the file is damaged");
  file.require_numbers(least_numbers(architecture));
  Captioner captioner(architecture, std::move(vocabulary), 0);
  if (file.checkpoint().contains("decoder.feature_mean"))
    captioner.set_feature_scaling(zeros({architecture.features}), ones({architecture.features}));
  if (file.checkpoint().contains("familiarity.mean") && file.checkpoint().contains("familiarity.whitening")) {
    const index_t channels = file.checkpoint().info("familiarity.mean").numel();
    if (channels > 10000 || (captioner.reads_pictures() && channels != captioner.architecture().features) ||
        file.checkpoint().info("familiarity.whitening").numel() != channels * channels)
      fail(file.path(), "its familiarity is of ", channels, " numbers that do not fit; the file is damaged");
    captioner.set_familiarity(Familiarity(channels));
  }
  file.load(captioner.tensors());
  captioner.encoder_weights_ = file.encoder_weights();
  captioner.train(false);
  nn::prepack(captioner);
  return captioner;
}

void Captioner::set_dropout(double dropout) {
  architecture_.dropout = dropout;
  (merge_ ? merge_->config.dropout : attention_->config.dropout) = dropout;
}

void Captioner::set_picture(index_t side, index_t squeezed) {
  if (!reads_pictures()) fail("--picture", "this captioner reads an encoder's features, not pictures; leave it out");
  check_picture(side, architecture_.own.cnn);
  architecture_.own.picture = side;
  architecture_.own.squeezed = squeezed;
}

void Captioner::set_feature_scaling(const Tensor<float>& mean, const Tensor<float>& scale) {
  (merge_ ? merge_->feature_mean : attention_->feature_mean) = mean;
  (merge_ ? merge_->feature_scale : attention_->feature_scale) = scale;
}

models::ImageFeatures<float> Captioner::look(const Tensor<float>& pixels) const {
  const Tensor<float> planes = (*cnn_)(pixels);
  const index_t count = planes.size(0);
  const index_t h = planes.size(2), w = planes.size(3);
  Tensor<float> places({1, h * w, 2});
  for (index_t p = 0; p < h * w; ++p) {
    places.at({0, p, 0}) = static_cast<float>(2 * (p / w) + 1) / static_cast<float>(h) - 1;
    places.at({0, p, 1}) = static_cast<float>(2 * (p % w) + 1) / static_cast<float>(w) - 1;
  }
  const Tensor<float> place = expand(to(places, planes.device()), {count, h * w, 2});
  const Tensor<float> grid = concat<float>({transpose(flatten(planes, 2), 1, 2), place}, 2);
  return {mean(grid, 1), grid};
}

Tensor<float> Captioner::logits(const models::ImageFeatures<float>& features, const models::CaptionBatch& batch,
                                Generator* generator) const {
  return merge_ ? (*merge_)(features, batch, generator) : (*attention_)(features, batch, generator);
}

std::vector<generate::Hypothesis> Captioner::describe(const models::ImageFeatures<float>& features, index_t row,
                                                      const generate::BeamOptions& options) const {
  NoGradGuard no_grad;
  generate::BeamOptions chosen = options;
  chosen.start = text::Vocabulary::start;
  chosen.end = text::Vocabulary::end;
  for (const std::int64_t never : {text::Vocabulary::pad, text::Vocabulary::unknown}) chosen.forbidden.push_back(never);
  const auto one = [row](const Tensor<float>& x) { return x.defined() ? narrow(x, 0, row, 1) : x; };
  const models::ImageFeatures<float> image{one(features.pooled), one(features.grid)};
  if (merge_)
    return generate::beam_search(
        merge_->begin(image), [&](auto& state, const auto& ids) { return merge_->next(state, ids); }, chosen);
  return generate::beam_search(
      attention_->begin(image), [&](auto& state, const auto& ids) { return attention_->next(state, ids); }, chosen);
}

std::vector<generate::Hypothesis> Captioner::sample(const models::ImageFeatures<float>& features,
                                                    const std::vector<index_t>& rows, index_t longest,
                                                    Generator& generator) const {
  NoGradGuard no_grad;
  const generate::SampleOptions options{
      .max_length = longest, .start = text::Vocabulary::start, .end = text::Vocabulary::end};
  const auto draw = [&](const auto& model) {
    const auto next = [&](auto& state, const auto& ids) { return model.next(state, ids); };
    return generate::sample(model.begin(features).select(rows), next, static_cast<index_t>(rows.size()), options,
                            generator);
  };
  return merge_ ? draw(*merge_) : draw(*attention_);
}

std::string Captioner::words(const generate::Hypothesis& hypothesis) const {
  return text::join_words(vocabulary_.decode({hypothesis.words.begin(), hypothesis.words.end()}));
}

void Captioner::train(bool training) {
  nn::train(*this, training);
  if (frozen_) nn::eval(*cnn_);
}
void Captioner::freeze_encoder() {
  if (!cnn_) return;
  nn::requires_grad_(*cnn_, false);
  frozen_ = true;
}
std::vector<Tensor<float>> Captioner::parameters() { return nn::parameters<float>(*this); }
io::NamedTensors<float> Captioner::tensors() { return nn::named_tensors<float>(*this); }

void Captioner::save(const std::string& path, const std::vector<std::string>& weights, bool half) {
  app::save_model(path, tensors(), architecture_.to_json(),
                  {{"vocabulary", vocabulary_.to_text()}, {"encoder_weights", weights}}, half);
}

std::unique_ptr<Encoder> encoder_of(const Captioner& captioner, const std::string& checkpoint,
                                    const std::vector<std::string>& given) {
  if (captioner.reads_pictures()) return nullptr;
  return find_encoder(captioner.architecture().encoder, captioner.encoder_weights(), checkpoint, given);
}

models::ImageFeatures<float> features_of(const Captioner& captioner, const Encoder* encoder,
                                         const std::vector<image::Image>& pictures) {
  NoGradGuard no_grad;
  if (captioner.reads_pictures()) return captioner.look(pixels_of(pictures, captioner.architecture().own));
  const Encoder::Features features = (*encoder)(pictures);
  return {features.pooled, features.grid};
}

}  // namespace limn::captioner
