#include "retriever/matcher.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <limn/data/lines.hpp>
#include <limn/text/normalise.hpp>

#include "shared/model_file.hpp"

namespace limn::retriever {

io::Json Architecture::to_json() const {
  io::Json json{{"features", model.features},   {"vocabulary", model.vocabulary},
                {"embedding", model.embedding}, {"units", model.units},
                {"shared", model.shared},       {"dropout", model.dropout},
                {"encoder", encoder},           {"grid", model.grid}};
  if (own) json.update(captioner::to_json(*own));
  return json;
}

Architecture Architecture::from_json(const io::Json& json, const std::string& where) {
  Architecture a;
  const auto size = [&](const char* key) {
    const auto value = io::json_value<index_t>(json, key, where);
    if (value < 1 || value > 1000000) fail(where, "its architecture names a size of ", value, "; the file is damaged");
    return value;
  };
  a.model = {size("features"),
             size("vocabulary"),
             size("embedding"),
             size("units"),
             size("shared"),
             io::json_value<double>(json, "dropout", where),
             io::json_value_or<bool>(json, "grid", false, where)};
  a.encoder = io::json_value<std::string>(json, "encoder", where);
  if (json.contains("cnn_widths")) {
    a.own = captioner::own_encoder_from_json(json, where);
    if (a.own->cnn.widths.back() != a.model.features)
      fail(where, "its encoder gives ", a.own->cnn.widths.back(), " numbers but its model reads ", a.model.features,
           "; the file is damaged");
  }
  return a;
}

double Calibration::operator()(double similarity) const { return 1 / (1 + std::exp(-(slope * similarity + offset))); }

Calibration Calibration::fit(const std::vector<double>& same, const std::vector<double>& other) {
  Calibration c{1, 0};
  if (same.empty() || other.empty()) return c;
  for (int step = 0; step < 50; ++step) {
    double ga = 0, gb = 0, haa = 1e-6, hab = 0, hbb = 1e-6;
    const auto add = [&](const std::vector<double>& values, double wanted) {
      for (const double s : values) {
        const double p = c(s), w = 0.5 / static_cast<double>(values.size()), curve = w * p * (1 - p);
        ga += w * (p - wanted) * s, gb += w * (p - wanted);
        haa += curve * s * s, hab += curve * s, hbb += curve;
      }
    };
    add(same, 1), add(other, 0);
    const double det = haa * hbb - hab * hab;
    if (!(det > 0)) break;
    const double da = (hbb * ga - hab * gb) / det, db = (haa * gb - hab * ga) / det;
    const double part = std::min(1.0, 5 / std::max(std::abs(da), 1e-12));  // no step may leap
    c.slope -= part * da, c.offset -= part * db;
  }
  return c;
}

Matcher::Matcher(const Architecture& architecture, text::Vocabulary vocabulary, std::uint64_t seed)
    : architecture_([&] {
        Architecture a = architecture;
        a.model.vocabulary = vocabulary.size();
        return a;
      }()),
      vocabulary_(std::move(vocabulary)),
      model_([&] {
        Generator generator(seed);
        return models::DualEncoder<float>(architecture_.model, generator);
      }()) {
  if (!architecture_.own) return;
  Generator generator(0);
  cnn_.emplace(architecture_.own->cnn, generator);
  nn::eval(*cnn_);
}

Matcher Matcher::load(const std::string& checkpoint) {
  const app::ModelFile file(checkpoint);
  const Architecture architecture = Architecture::from_json(file.architecture(), file.path());
  const models::DualEncoderConfig& m = architecture.model;
  text::Vocabulary vocabulary = file.vocabulary();
  if (vocabulary.size() != m.vocabulary)
    fail(file.path(), "has ", vocabulary.size(), " words but a model of ", m.vocabulary, "; the file is damaged");
  file.require_numbers(m.vocabulary * m.embedding + 4 * m.units * (m.units + m.embedding) +
                       m.shared * (m.features + 2 * m.units) +
                       (architecture.own ? captioner::own_encoder_numbers(architecture.own->cnn) : 0));
  Matcher matcher(architecture, std::move(vocabulary), 0);
  if (file.checkpoint().contains("feature_mean")) {
    matcher.model_.feature_mean = zeros({m.features});
    matcher.model_.feature_scale = ones({m.features});
  }
  file.load(matcher.tensors());
  matcher.calibration = {io::json_value<double>(file.checkpoint().extra(), "slope", file.path()),
                         io::json_value<double>(file.checkpoint().extra(), "offset", file.path())};
  matcher.encoder_weights_ = file.encoder_weights();
  matcher.train(false);
  nn::prepack(matcher.model_);
  return matcher;
}

Matcher::Encoded Matcher::encode(const std::string& text) const {
  Encoded encoded;
  for (const std::string& word : text::caption_words(text)) {
    encoded.ids.push_back(vocabulary_.id(word));
    encoded.known += encoded.ids.back() == text::Vocabulary::unknown ? 0 : 1;
  }
  if (encoded.ids.empty()) encoded.ids.push_back(text::Vocabulary::unknown);
  return encoded;
}

Tensor<float> Matcher::image_vectors(const Tensor<float>& input) const {
  NoGradGuard no_grad;
  return model_.images(input);
}
Tensor<float> Matcher::text_vectors(const std::vector<std::vector<index_t>>& texts) const {
  NoGradGuard no_grad;
  return model_.texts(models::TextBatch::of(texts, text::Vocabulary::pad, longest));
}

io::NamedTensors<float> Matcher::tensors() {
  io::NamedTensors<float> all = nn::named_tensors<float>(model_);
  if (cnn_)
    for (auto& each : captioner::own_encoder_tensors(*cnn_)) all.push_back(std::move(each));
  return all;
}

std::unique_ptr<captioner::Encoder> Matcher::encoder(const std::string& checkpoint,
                                                     const std::vector<std::string>& given) const {
  if (cnn_ && given.empty()) return captioner::own_encoder(*architecture_.own, *cnn_);
  return captioner::find_encoder(architecture_.encoder, encoder_weights_, checkpoint, given);
}

void Matcher::require_features(const captioner::FeatureFile& file, const std::string& path) const {
  if (reads_grid() && !file.has_grid())
    fail(path, "has no grid, which the matcher reads; make it again with 'captioner features --grid'");
  const index_t numbers = reads_grid() ? file.channels() : file.pooled_size();
  if (file.encoder() != architecture_.encoder || numbers != architecture_.model.features)
    fail(path, "holds ", numbers, " numbers an image of the encoder ", io::in_quotes(file.encoder()),
         " but the matcher was trained on ", architecture_.model.features, " of ", io::in_quotes(architecture_.encoder),
         "; compute them with 'captioner features'");
}

std::string Matcher::fingerprint() {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over the bytes of every tensor
  for (const auto& [name, tensor] : tensors()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(tensor.data());
    for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.numel()) * sizeof(float); ++i)
      hash = (hash ^ bytes[i]) * 0x100000001b3u;
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

io::Json Matcher::extra(const std::vector<std::string>& weights) const {
  return {{"vocabulary", vocabulary_.to_text()},
          {"encoder_weights", weights},
          {"slope", calibration.slope},
          {"offset", calibration.offset}};
}

void Matcher::save(const std::string& path, const std::vector<std::string>& weights, bool half) {
  app::save_model(path, tensors(), {{"model", architecture_.to_json()}}, extra(weights), half);
}

WordVectors::WordVectors(const std::string& folder) {
  std::filesystem::path tensor, words;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".safetensors") tensor = entry->path();
    if (entry->path().extension() == ".txt") words = entry->path();
  }
  if (error) fail(folder, "cannot list the folder: ", error.message(), "; check the path");
  if (tensor.empty() || words.empty())
    fail(folder, "holds no word vectors; a .safetensors with embedding.weight and a .txt of its words are wanted");
  vectors_ = io::load_tensor<float>(io::SafetensorsFile(tensor), "embedding.weight");
  const std::string text = data::read_text_file(words);
  for (const data::Line& line : data::split_lines(text)) {
    const index_t row = static_cast<index_t>(rows_.size());
    if (vectors_.rank() != 2 || row >= vectors_.size(0))
      fail(words.string(), "has more words than ", tensor.string(), " has rows; fetch both again");
    rows_.emplace(std::string(data::trimmed(line.text)), row);
  }
}

index_t WordVectors::fill(const text::Vocabulary& vocabulary, const Tensor<float>& embedding) const {
  if (embedding.size(1) != width())
    fail("--embedding", "is ", embedding.size(1), " but the word vectors are ", width(), " wide; use --embedding ",
         width());
  index_t found = 0;
  for (index_t id = 0; id < vocabulary.size(); ++id) {
    const auto row = rows_.find(vocabulary.word(id));
    if (row == rows_.end()) continue;
    std::copy_n(vectors_.data() + row->second * width(), width(), embedding.data() + id * width());
    ++found;
  }
  return found;
}

}  // namespace limn::retriever
