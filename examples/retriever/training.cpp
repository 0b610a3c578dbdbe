#include "retriever/training.hpp"

#include <map>

#include <limn/data/flickr8k.hpp>

#include "captioner/features.hpp"
#include "shared/feature_scaling.hpp"

namespace limn::retriever {
namespace {

/// An image with its captions.
struct Item {
  index_t row = 0;                             ///< in the features file
  std::vector<std::vector<index_t>> captions;  ///< encoded
  std::vector<index_t> text;                   ///< a number a caption; equal captions have equal numbers
};

/// One step's images and captions.
struct Batch {
  Tensor<float> features;  ///< [N, F]
  std::vector<std::vector<index_t>> captions;
  models::Pairs pairs;
};

class MatchTrainee final : public app::Trainee<Batch> {
 public:
  MatchTrainee(const TrainOptions& options, const captioner::FeatureFile& file, std::vector<Item> training,
               std::vector<Item> validation, std::vector<std::string> weights, Matcher& matcher)
      : options_(options),
        file_(file),
        training_(std::move(training)),
        validation_(std::move(validation)),
        weights_(std::move(weights)),
        matcher_(matcher) {}

  index_t items() const override { return static_cast<index_t>(training_.size()); }

  Batch prepare(index_t epoch, const std::vector<index_t>& images) const override {
    Batch batch;
    std::vector<index_t> rows;
    for (std::size_t k = 0; k < images.size(); ++k) {
      const Item& item = training_[static_cast<std::size_t>(images[k])];
      rows.push_back(item.row);
      std::vector<std::size_t> chosen(item.captions.size());
      for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = i;
      Generator draw(options_.run.seed ^ 0xca97u);
      draw.set_state({draw.state().seed, static_cast<std::uint64_t>(epoch * items() + images[k]) * 64});
      const std::size_t most = std::min(chosen.size(), static_cast<std::size_t>(options_.captions));
      for (std::size_t i = 0; i < most && most < chosen.size(); ++i)
        std::swap(chosen[i], chosen[i + static_cast<std::size_t>(draw.below(static_cast<index_t>(chosen.size() - i)))]);
      for (std::size_t i = 0; i < most; ++i) {
        batch.captions.push_back(item.captions[chosen[i]]);
        batch.pairs.owner.push_back(static_cast<index_t>(k));
        batch.pairs.text.push_back(item.text[chosen[i]]);
      }
    }
    batch.features = matcher_.input(file_.read(rows, matcher_.reads_grid()));
    return batch;
  }

  io::NamedTensors<float> tensors() override { return matcher_.tensors(); }
  std::vector<Tensor<float>> parameters() override { return matcher_.parameters(); }
  void train(bool training) override { matcher_.train(training); }

  app::Tally step(const Batch& batch, Generator& random) override {
    const auto& model = matcher_.model();
    const auto count = static_cast<index_t>(batch.captions.size()), images = batch.features.size(0);
    app::Tally tally{0, 0, count};
    const auto loss = [&](const Tensor<float>& a, const Tensor<float>& b) {
      const Tensor<std::int64_t> best = to(argmax(matmul(b.detach(), transpose(a.detach())), 1), cpu_device);
      for (index_t c = 0; c < count; ++c)
        tally.right += best.data()[c] == batch.pairs.owner[static_cast<std::size_t>(c)] ? 1 : 0;
      return options_.loss == "margin" ? models::hard_negative_margin(a, b, options_.margin, batch.pairs)
                                       : models::info_nce(a, b, model.scale(), batch.pairs);
    };
    const auto texts = [&](std::size_t first, std::size_t last, Generator& from) {
      const std::vector<std::vector<index_t>> part(batch.captions.begin() + static_cast<std::ptrdiff_t>(first),
                                                   batch.captions.begin() + static_cast<std::ptrdiff_t>(last));
      return model.texts(models::TextBatch::of(part, text::Vocabulary::pad, Matcher::longest), &from);
    };
    const Tensor<float> features = to(batch.features, options_.run.device);
    float value = 0;
    if (options_.chunk == 0 || options_.chunk >= images) {
      const Tensor<float> whole = loss(model.images(features, &random), texts(0, batch.captions.size(), random));
      value = whole.item();
      backward(whole);
    } else {
      const index_t chunk = options_.chunk, captions = chunk * options_.captions;
      value = models::cached_backward<float>(
          (images + chunk - 1) / chunk,
          [&](index_t k, Generator& from) {
            return model.images(narrow(features, 0, k * chunk, std::min(chunk, images - k * chunk)), &from);
          },
          (count + captions - 1) / captions,
          [&](index_t k, Generator& from) {
            return texts(static_cast<std::size_t>(k * captions),
                         static_cast<std::size_t>(std::min(count, (k + 1) * captions)), from);
          },
          loss, random);
    }
    tally.loss = static_cast<double>(value) * static_cast<double>(count);
    return tally;
  }

  std::vector<std::string> measures() const override {
    return {"i2t_r1", "i2t_r5", "i2t_r10", "i2t_medr", "t2i_r1", "t2i_r5", "t2i_r10", "t2i_medr"};
  }
  /// The sum of all recalls chooses.
  double badness(const std::vector<double>& v) const override { return -(v[0] + v[1] + v[2] + v[4] + v[5] + v[6]); }
  std::vector<app::ChartPlan> charts() const override {
    return {{"Loss", "nats", {"loss"}},
            {"Image to text, validation", "recall", {"i2t_r1", "i2t_r5", "i2t_r10"}},
            {"Text to image, validation", "recall", {"t2i_r1", "t2i_r5", "t2i_r10"}}};
  }

  std::vector<double> validate() override {
    const Embedded embedded = embed_validation();
    const Tensor<float> s = embedded.similarities();
    const auto found = metrics::cross_retrieval(s.data(), s.size(0), embedded.owner);
    calibrate(s, embedded.owner);
    const auto &i = found.image_to_text, &t = found.text_to_image;
    return {i.r1, i.r5, i.r10, i.median_rank, t.r1, t.r5, t.r10, t.median_rank};
  }

  io::Json architecture() const override {
    return {{"model", matcher_.architecture().to_json()},
            {"loss", options_.loss},
            {"margin", options_.margin},
            {"captions", options_.captions},
            {"chunk", options_.chunk},
            {"glove", !options_.glove.empty()},
            {"validation", validation_.size()}};
  }
  io::Json extra() const override { return matcher_.extra(weights_); }
  void save(const std::string& path) override { matcher_.save(path, weights_); }

 private:
  [[nodiscard]] Embedded embed_validation() const {
    Matcher here = matcher_;  // on the CPU
    nn::to(here.model(), cpu_device);
    std::vector<Tensor<float>> images, texts;
    Embedded embedded;
    for (std::size_t first = 0; first < validation_.size(); first += 100) {
      std::vector<index_t> rows;
      std::vector<std::vector<index_t>> captions;
      for (std::size_t i = first; i < std::min(first + 100, validation_.size()); ++i) {
        rows.push_back(validation_[i].row);
        for (const auto& caption : validation_[i].captions) {
          captions.push_back(caption);
          embedded.owner.push_back(static_cast<index_t>(i));
        }
      }
      images.push_back(here.image_vectors(here.input(file_.read(rows, matcher_.reads_grid()))));
      texts.push_back(here.text_vectors(captions));
    }
    embedded.images = concat<float>(images, 0);
    embedded.texts = concat<float>(texts, 0);
    return embedded;
  }
  /// Pairs against strangers: each text with its image and with one other.
  void calibrate(const Tensor<float>& s, const std::vector<index_t>& owner) {
    std::vector<double> same, other;
    const index_t images = s.size(0), count = s.size(1);
    for (index_t c = 0; c < count && images > 1; ++c) {
      const index_t mine = owner[static_cast<std::size_t>(c)], stranger = (mine + 1 + c % (images - 1)) % images;
      same.push_back(static_cast<double>(s.data()[mine * count + c]));
      other.push_back(static_cast<double>(s.data()[stranger * count + c]));
    }
    matcher_.calibration = Calibration::fit(same, other);
  }

  const TrainOptions& options_;
  const captioner::FeatureFile& file_;
  std::vector<Item> training_, validation_;
  std::vector<std::string> weights_;
  Matcher& matcher_;
};

/// An untrained matcher of these features and the training captions' words.
Matcher new_matcher(const TrainOptions& options, const data::CaptionData& data, const captioner::FeatureFile& file,
                    const std::vector<std::string>& weights) {
  std::vector<text::Tokens> sentences;
  for (const index_t i : data.split("train"))
    for (const std::string& caption : data.images[static_cast<std::size_t>(i)].captions)
      sentences.push_back(text::caption_words(caption));
  Architecture architecture;
  architecture.encoder = file.encoder();
  if (options.grid && !file.has_grid())
    fail(options.features, "has no grid for --grid to read; make it again with 'captioner features --grid'");
  const index_t numbers = options.grid ? file.channels() : file.pooled_size();
  architecture.model = {numbers, 0, options.embedding, options.units, options.shared, options.dropout, options.grid};
  if (architecture.encoder == "distilled") {
    if (weights.size() != 1)
      fail(options.features, "does not say which checkpoint its encoder is; make it again with 'captioner features'");
    architecture.own = captioner::own_encoder_config(weights[0]);
  }
  Matcher matcher(architecture, text::Vocabulary::build(sentences, options.min_count), options.run.seed);
  if (architecture.own) matcher.load_encoder(weights[0]);
  if (options.glove.empty()) return matcher;
  const index_t known = WordVectors(options.glove).fill(matcher.vocabulary(), matcher.model().embedding.weight);
  if (!options.run.quiet)
    std::printf("%lld of %lld words have vectors\n", static_cast<long long>(known),
                static_cast<long long>(matcher.vocabulary().size()));
  return matcher;
}

/// A trained one that reads these features.
Matcher initialised(const TrainOptions& options, const captioner::FeatureFile& file) {
  Matcher matcher = Matcher::load(options.init);
  matcher.require_features(file, options.features);
  matcher.set_dropout(options.dropout);
  return matcher;
}

}  // namespace

Tensor<float> Embedded::similarities() const {
  NoGradGuard no_grad;
  return matmul(images, transpose(texts));
}

int train(const TrainOptions& options) {
  (void)app::found_run(options.run);
  data::CaptionDataOptions wanted;
  wanted.ratio = data::parse_split_ratio(options.split_ratio);
  wanted.seed = options.run.seed;
  wanted.need_images = false;
  const data::CaptionData data = data::read_flickr8k(options.data, wanted);
  for (const std::string& note : data.notes) std::fprintf(stderr, "retriever: note: %s\n", app::one_line(note).c_str());
  const captioner::FeatureFile file(options.features);
  std::vector<std::string> weights;
  if (file.reader().metadata().count("weights"))
    weights = io::parse_json(file.reader().metadata().at("weights"), options.features).get<std::vector<std::string>>();

  Matcher matcher = options.init.empty() ? new_matcher(options, data, file, weights) : initialised(options, file);

  std::map<std::string, index_t> text_numbers;
  const auto take = [&](const char* split, index_t most) {
    std::vector<Item> items;
    for (const index_t i : data.split(split)) {
      if (most > 0 && static_cast<index_t>(items.size()) == most) break;
      const data::CaptionedImage& image = data.images[static_cast<std::size_t>(i)];
      Item item{file.row(image.file), {}, {}};
      for (const std::string& caption : image.captions) {
        item.captions.push_back(matcher.encode(caption).ids);
        item.text.push_back(
            text_numbers.try_emplace(text::clean_caption(caption), static_cast<index_t>(text_numbers.size()))
                .first->second);
      }
      if (!item.captions.empty()) items.push_back(std::move(item));
    }
    if (items.size() < 2)
      fail(options.data, "its ", split, " split holds fewer than two captioned images; check the lists or --split");
    return items;
  };
  std::vector<Item> training = take("train", options.limit), validation = take("dev", options.validation);
  if (options.init.empty()) {
    const auto scaling =
        app::feature_scaling(matcher.architecture().model.features, static_cast<index_t>(training.size()),
                             matcher.reads_grid() ? 500 : 2000, [&](const auto& images) {
                               std::vector<index_t> rows;
                               for (const index_t i : images) rows.push_back(training[static_cast<std::size_t>(i)].row);
                               return matcher.input(file.read(rows, matcher.reads_grid()));
                             });
    matcher.model().feature_mean = scaling.mean;
    matcher.model().feature_scale = scaling.scale;
  }
  if (!options.run.quiet)
    std::printf("%zu training images, %zu validation images, %lld words, %lld parameters\n", training.size(),
                validation.size(), static_cast<long long>(matcher.vocabulary().size()),
                static_cast<long long>(nn::parameter_count(matcher.model())));
  nn::to(matcher.model(), options.run.device);
  MatchTrainee trainee(options, file, std::move(training), std::move(validation), std::move(weights), matcher);
  return app::TrainingRun<Batch>(options.run, trainee).run();
}

}  // namespace limn::retriever
