#include "captioner/evaluate.hpp"

#include <cstdio>
#include <optional>

#include <limn/data/flickr8k.hpp>
#include <limn/image/decode.hpp>
#include <limn/metrics/bleu.hpp>
#include <limn/metrics/cider.hpp>
#include <limn/metrics/meteor.hpp>
#include <limn/metrics/rouge.hpp>

#include "captioner/captioner.hpp"
#include "captioner/default_checkpoint.hpp"
#include "captioner/features.hpp"
#include "scenes/scenes.hpp"
#include "shared/errors.hpp"
#include "shared/html_sheet.hpp"
#include "shared/progress.hpp"
#include "shared/sheet_image.hpp"

namespace limn::captioner {
namespace {

using References = std::vector<std::vector<text::Tokens>>;

/// The images of one split, by number: their references and their features.
class Corpus {
 public:
  virtual ~Corpus() = default;
  [[nodiscard]] const References& references() const { return references_; }
  [[nodiscard]] index_t size() const { return static_cast<index_t>(references_.size()); }
  /// How many images to take at once.
  [[nodiscard]] virtual index_t batch() const = 0;
  [[nodiscard]] virtual models::ImageFeatures<float> features(index_t first, index_t count) const = 0;
  [[nodiscard]] virtual std::string name(index_t i) const = 0;
  [[nodiscard]] virtual image::Image picture(index_t i) const = 0;

 protected:
  References references_;
};

class SceneCorpus final : public Corpus {
 public:
  SceneCorpus(const EvaluateOptions& options, const Captioner& captioner, const Encoder* encoder)
      : captioner_(captioner), encoder_(encoder), split_name_(options.split) {
    if (options.split == "train")
      split_ = scenes::Split::train;
    else if (options.split == "dev" || options.split == "val")
      split_ = scenes::Split::val;
    else if (options.split != "test")
      fail("--split", "there is no split named ", options.split, "; choose train, dev or test");
    for (index_t i = 0; i < (options.limit > 0 ? options.limit : 1000); ++i) {
      auto& of_image = references_.emplace_back();
      for (const std::string& caption : scenes::captions(scene(i))) of_image.push_back(text::caption_words(caption));
    }
  }
  index_t batch() const override { return 32; }
  models::ImageFeatures<float> features(index_t first, index_t count) const override {
    std::vector<image::Image> pictures(static_cast<std::size_t>(count));
    kernels::parallel_for(count, 4, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k)
        pictures[static_cast<std::size_t>(k)] =
            scenes::draw(scene(first + k), {.size = static_cast<int>(captioner_.architecture().own.picture)});
    });
    return features_of(captioner_, encoder_, pictures);
  }
  std::string name(index_t i) const override { return split_name_ + "_" + std::to_string(i); }
  image::Image picture(index_t i) const override { return scenes::draw(scene(i), {.size = 192}); }

 private:
  [[nodiscard]] scenes::Scene scene(index_t i) const {
    return scenes::make_scene(static_cast<std::uint64_t>(i), split_);
  }
  const Captioner& captioner_;
  const Encoder* encoder_;
  scenes::Split split_ = scenes::Split::test;
  std::string split_name_;
};

class DatasetCorpus final : public Corpus {
 public:
  DatasetCorpus(const EvaluateOptions& options, const Captioner& captioner, const Encoder* encoder,
                const FeatureFile* file)
      : captioner_(captioner), encoder_(encoder), file_(file) {
    data::CaptionDataOptions wanted;
    wanted.splits = {options.split == "val" ? "dev" : options.split};
    wanted.ratio = data::parse_split_ratio(options.split_ratio);
    wanted.seed = options.seed;
    wanted.need_images = file == nullptr || !options.html.empty();
    const data::CaptionData data = data::read_flickr8k(options.data, wanted);
    for (const std::string& note : data.notes)
      std::fprintf(stderr, "captioner: note: %s\n", app::one_line(note).c_str());
    for (const index_t i : data.split(wanted.splits[0])) {
      if (options.limit > 0 && size() == options.limit) break;
      const data::CaptionedImage& image = data.images[static_cast<std::size_t>(i)];
      if (image.captions.empty()) continue;
      auto& of_image = references_.emplace_back();
      for (const std::string& caption : image.captions) of_image.push_back(text::caption_words(caption));
      if (file) rows_.push_back(file->row(image.file));
      names_.push_back(image.file);
      paths_.push_back(image.path);
    }
    if (references_.empty())
      fail(options.data, "its ", wanted.splits[0], " split holds no captioned image; check the lists or --split");
  }
  index_t batch() const override { return file_ ? 64 : 8; }
  models::ImageFeatures<float> features(index_t first, index_t count) const override {
    if (file_)
      return file_->read({rows_.begin() + first, rows_.begin() + first + count}, captioner_.architecture().attends());
    std::vector<image::Image> pictures(static_cast<std::size_t>(count));
    kernels::parallel_for(count, 1, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k)
        pictures[static_cast<std::size_t>(k)] = image::decode_file(paths_[static_cast<std::size_t>(first + k)]);
    });
    return features_of(captioner_, encoder_, pictures);
  }
  std::string name(index_t i) const override { return names_[static_cast<std::size_t>(i)]; }
  image::Image picture(index_t i) const override { return image::decode_file(paths_[static_cast<std::size_t>(i)]); }

 private:
  const Captioner& captioner_;
  const Encoder* encoder_;
  const FeatureFile* file_;
  std::vector<index_t> rows_;
  std::vector<std::string> names_;
  std::vector<std::filesystem::path> paths_;
};

void check_features(const FeatureFile& file, const std::string& path, const Captioner& captioner) {
  const Architecture& a = captioner.architecture();
  if (captioner.reads_pictures())
    fail("--features", "this captioner reads pictures by its own network; leave --features out");
  if (file.encoder() != a.encoder)
    fail(path, "holds features of the encoder ", io::in_quotes(file.encoder()),
         " but the captioner was trained on those of ", io::in_quotes(a.encoder),
         "; compute them with 'captioner features --encoder ", a.encoder, "'");
  if (a.attends() && !file.has_grid())
    fail(path, "has no grid, which the attention captioner needs; compute it with 'captioner features --grid'");
  const index_t size = a.attends() ? file.channels() : file.pooled_size();
  if (size != a.features)
    fail(path, "has ", size, " numbers an image but the captioner was trained on ", a.features,
         "; compute the features again");
}

io::Json scores(const std::vector<text::Tokens>& said, const References& references, bool seed_protocol) {
  const std::vector<double> bleu = metrics::corpus_bleu(said, references);
  io::Json json{{"rouge_l", metrics::rouge_l(said, references)},
                {"cider_d", metrics::cider_d(said, references)},
                {"meteor", metrics::meteor(said, references)},
                {"images", said.size()}};
  for (std::size_t n = 0; n < 4; ++n) json["bleu_" + std::to_string(n + 1)] = bleu[n];
  if (!seed_protocol) return json;
  References framed = references;
  for (auto& of_image : framed)
    for (text::Tokens& caption : of_image) {
      caption.insert(caption.begin(), text::start_word);
      caption.emplace_back(text::end_word);
    }
  const metrics::BleuStatistics statistics = metrics::sum(metrics::bleu_statistics(said, framed));
  for (std::size_t n = 1; n <= 4; ++n)
    json["seed_bleu_" + std::to_string(n)] =
        metrics::nltk_bleu(statistics, std::vector<double>(n, 1.0 / static_cast<double>(n)));
  return json;
}

void print_table(const std::vector<io::Json>& rows, bool seed_protocol) {
  std::printf("beam  BLEU-1  BLEU-2  BLEU-3  BLEU-4  ROUGE-L  CIDEr-D  METEOR (exact + stem)  images\n");
  const auto value = [](const io::Json& row, const std::string& key) { return row.at(key).get<double>(); };
  for (const io::Json& row : rows)
    std::printf("%4lld  %6.4f  %6.4f  %6.4f  %6.4f  %7.4f  %7.4f  %21.4f  %6lld\n", row.at("beam").get<long long>(),
                value(row, "bleu_1"), value(row, "bleu_2"), value(row, "bleu_3"), value(row, "bleu_4"),
                value(row, "rouge_l"), value(row, "cider_d"), value(row, "meteor"), row.at("images").get<long long>());
  if (!seed_protocol) return;
  std::printf(
      "\nagainst references that keep startseq and endseq (comparable with the Keras project alone)\nbeam  BLEU-1  "
      "BLEU-2  BLEU-3  BLEU-4\n");
  for (const io::Json& row : rows)
    std::printf("%4lld  %6.4f  %6.4f  %6.4f  %6.4f\n", row.at("beam").get<long long>(), value(row, "seed_bleu_1"),
                value(row, "seed_bleu_2"), value(row, "seed_bleu_3"), value(row, "seed_bleu_4"));
}

std::string joined(const text::Tokens& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// Random images, what was said of them and what people wrote.
app::Sheet samples(const EvaluateOptions& options, const Corpus& corpus, const std::vector<text::Tokens>& said) {
  app::Sheet sheet;
  for (const index_t i : app::sample(corpus.size(), options.html_images, options.seed)) {
    app::SheetItem item{.name = corpus.name(i),
                        .image = app::sheet_image(corpus.picture(i), 320),
                        .captions = {{joined(said[static_cast<std::size_t>(i)])}}};
    for (const text::Tokens& reference : corpus.references()[static_cast<std::size_t>(i)])
      item.references.push_back(joined(reference));
    sheet.items.push_back(std::move(item));
  }
  sheet.title = std::to_string(sheet.items.size()) + " images of the split " + options.split;
  sheet.subtitle = "drawn at random, captioned by limn with a beam of " + std::to_string(options.beams[0]);
  if (options.data == "scenes") sheet.references_title = "what it is";
  return sheet;
}

}  // namespace

int evaluate(const EvaluateOptions& options) {
  options.search.check();
  const std::string checkpoint =
      checkpoint_named(options.checkpoint, options.data == "scenes" ? "scenes" : "photographs");
  const Captioner captioner = Captioner::load(checkpoint);
  std::optional<io::AtomicFile> html;  // opened before the work: a sheet that cannot be written is known at once
  if (!options.html.empty()) html.emplace(options.html);
  std::optional<FeatureFile> file;
  std::unique_ptr<Encoder> encoder;
  if (!options.features.empty()) {
    if (options.data == "scenes") fail("--features", "scenes are drawn anew each time; leave --features out");
    file.emplace(options.features);
    check_features(*file, options.features, captioner);
  } else {
    encoder = encoder_of(captioner, checkpoint, options.weights);
    if (encoder) encoder->prepack();
  }
  std::unique_ptr<Corpus> corpus;
  if (options.data == "scenes")
    corpus = std::make_unique<SceneCorpus>(options, captioner, encoder.get());
  else
    corpus = std::make_unique<DatasetCorpus>(options, captioner, encoder.get(), file ? &*file : nullptr);

  std::vector<std::vector<text::Tokens>> said(options.beams.size(),
                                              std::vector<text::Tokens>(static_cast<std::size_t>(corpus->size())));
  app::watch_signals();
  app::Progress progress("captions", corpus->size(), options.quiet);
  for (index_t first = 0; first < corpus->size(); first += corpus->batch()) {
    if (app::stop_requested()) return app::stopped_status();
    const index_t count = std::min(corpus->batch(), corpus->size() - first),
                  beams = static_cast<index_t>(options.beams.size());
    const models::ImageFeatures<float> features = corpus->features(first, count);
    kernels::parallel_for(count * beams, 1, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k) {
        const std::size_t beam = static_cast<std::size_t>(k % beams);
        const auto best = captioner.describe(features, k / beams, options.search.with(captioner, options.beams[beam]));
        said[beam][static_cast<std::size_t>(first + k / beams)] =
            captioner.vocabulary().decode({best.at(0).words.begin(), best.at(0).words.end()});
      }
    });
    progress.advance(count);
  }
  progress.finish();

  if (html) {
    html->write(app::html_sheet(samples(options, *corpus, said[0])));
    html->commit();
  }
  std::vector<io::Json> rows;
  for (std::size_t b = 0; b < said.size(); ++b) {
    rows.push_back(scores(said[b], corpus->references(), options.seed_protocol));
    rows.back()["beam"] = options.beams[b];
    if (options.json) std::printf("%s\n", io::dump_json(rows.back()).c_str());
  }
  if (!options.json) print_table(rows, options.seed_protocol);
  return 0;
}

}  // namespace limn::captioner
