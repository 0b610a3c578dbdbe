#include "captioner/distill.hpp"

#include <cmath>

#include <limn/models/small_cnn.hpp>
#include <limn/nn/linear.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/softmax.hpp>

#include "captioner/encoder.hpp"
#include "captioner/features.hpp"
#include "captioner/own_encoder.hpp"
#include "captioner/pictures.hpp"
#include "shared/feature_scaling.hpp"

namespace limn::captioner {
namespace {

/// The network, and a layer that turns what it sees into the teacher's numbers; only the network is kept.
struct Student {
  models::SmallCNN<float> cnn;
  nn::Linear<float> head;
  template <class V>
  void members(V&& visit) {
    visit("cnn", cnn);
    visit("head", head);
  }
  /// [N, 3, S, S] -> [N, places, teacher's channels]
  [[nodiscard]] Tensor<float> operator()(const Tensor<float>& pixels) const {
    return head(transpose(flatten(cnn(pixels), 2), 1, 2));
  }
};

struct Batch {
  Tensor<float> pixels;   ///< [N, 3, side, side]
  Tensor<float> targets;  ///< [N, places, channels]: the teacher's standardised grid there
};

/// Pictures, and the rows of the teacher's features.
struct Lesson {
  PictureSet pictures;
  std::vector<index_t> rows;
};

/// The teacher's grid [side, side, channels] of a whole picture, read between its places where the `places` x `places`
/// middles of a cut lie; the grid's edge goes on beyond it.
void sample_grid(const float* grid, index_t side, index_t channels, const Cut& cut, index_t picture, index_t places,
                 float* to) {
  const auto at = [&](double start, double length, index_t place) {
    const double middle = start + (static_cast<double>(place) + 0.5) * length / static_cast<double>(places);
    const double position = middle / static_cast<double>(picture) * static_cast<double>(side) - 0.5;
    return std::min(std::max(position, 0.0), static_cast<double>(side - 1));
  };
  for (index_t r = 0; r < places; ++r)
    for (index_t c = 0; c < places; ++c, to += channels) {
      const double y = at(cut.top, cut.height, r), x = at(cut.left, cut.width, cut.mirrored ? places - 1 - c : c);
      const index_t y0 = static_cast<index_t>(y), x0 = static_cast<index_t>(x), y1 = std::min(y0 + 1, side - 1),
                    x1 = std::min(x0 + 1, side - 1);
      const auto fy = static_cast<float>(y - static_cast<double>(y0)),
                 fx = static_cast<float>(x - static_cast<double>(x0));
      const float *a = grid + (y0 * side + x0) * channels, *b = grid + (y0 * side + x1) * channels,
                  *d = grid + (y1 * side + x0) * channels, *e = grid + (y1 * side + x1) * channels;
      for (index_t k = 0; k < channels; ++k)
        to[k] = (1 - fy) * ((1 - fx) * a[k] + fx * b[k]) + fy * ((1 - fx) * d[k] + fx * e[k]);
    }
}

class DistillTrainee final : public app::Trainee<Batch> {
 public:
  DistillTrainee(const DistillOptions& options, const FeatureFile& teacher, const Lesson& train, const Lesson& dev)
      : options_(options),
        teacher_(teacher),
        train_(train),
        dev_(dev),
        generator_(options.run.seed),
        student_{
            models::SmallCNN<float>(models::SmallCNNConfig::vgg16_quarter(), generator_),
            nn::Linear<float>(models::SmallCNNConfig::vgg16_quarter().widths.back(), teacher.channels(), generator_)},
        scaling_(app::feature_scaling(teacher.channels(), train.pictures.size(), 500, [&](const auto& images) {
          std::vector<index_t> rows;
          for (const index_t i : images) rows.push_back(train.rows[static_cast<std::size_t>(i)]);
          return teacher.read(rows, true).grid;
        })) {
    if (!options.weights.empty()) {
      const std::unique_ptr<Encoder> encoder = make_encoder(teacher.encoder(), options.weights);
      classifier_ = encoder->classifier();
      if (!classifier_)
        fail("--weights", "the teacher ", teacher.encoder(),
             " has no classifier that reads its pooled features; leave the option out");
    }
    if (!options.init.empty()) load_own_encoder(options.init, student_.cnn);
  }

  index_t items() const override { return train_.pictures.size(); }
  Batch prepare(index_t epoch, const std::vector<index_t>& images) const override {
    std::vector<Cut> cuts;
    for (const index_t i : images)
      cuts.push_back(train_.pictures.random_cut(options_.run.seed, epoch, i, 0.7, options_.grey));
    return batch_of(train_, images, cuts, cut_side(options_.picture));
  }

  io::NamedTensors<float> tensors() override { return nn::named_tensors<float>(student_); }
  std::vector<Tensor<float>> parameters() override { return nn::parameters<float>(student_); }
  void train(bool training) override { nn::train(student_, training); }

  app::Tally step(const Batch& batch, Generator&) override {
    const Tensor<float> said = student_(batch.pixels), difference = said - batch.targets;
    const Tensor<float> places = mean(square(difference)), pooled = mean(square(mean(difference, 1)));
    Tensor<float> loss = places + pooled * options_.pooled_weight;
    if (classifier_)
      loss = loss + cross_entropy(classes(said), softmax(classes(batch.targets), 1)) * options_.class_weight;
    backward(loss);
    return {static_cast<double>(places.item()) * static_cast<double>(batch.pixels.size(0)), 0, batch.pixels.size(0)};
  }
  bool has_accuracy() const override { return false; }

  std::vector<std::string> measures() const override {
    std::vector<std::string> names = {"val_places", "val_pooled"};
    if (classifier_) names.emplace_back("val_classes");
    return names;
  }
  /// The share of the teacher's variance over the validation pictures that is explained: of the places' numbers, and of
  /// their means; and the share of the pictures of which both name the same class.
  std::vector<double> validate() override {
    NoGradGuard no_grad;
    double error[2] = {}, square_sum[2] = {};
    std::vector<double> sum(static_cast<std::size_t>(teacher_.channels()));
    double count[2] = {}, agreed = 0;
    for (index_t first = 0; first < dev_.pictures.size(); first += 32) {
      std::vector<index_t> images;
      for (index_t i = first; i < std::min(first + 32, dev_.pictures.size()); ++i) images.push_back(i);
      const Batch batch =
          batch_of(dev_, images, std::vector<Cut>(images.size(), dev_.pictures.whole()), options_.picture);
      const Tensor<float> said = student_(batch.pixels);
      const auto add = [&](int what, const Tensor<float>& wanted, const Tensor<float>& got) {
        for (index_t i = 0; i < wanted.numel(); ++i) {
          const auto w = static_cast<double>(wanted.data()[i]), d = static_cast<double>(got.data()[i]) - w;
          error[what] += d * d;
          square_sum[what] += w * w;
        }
        count[what] += static_cast<double>(wanted.numel()) / static_cast<double>(teacher_.channels());
      };
      add(0, batch.targets, said);
      const Tensor<float> wanted = mean(batch.targets, 1);
      add(1, wanted, mean(said, 1));
      if (classifier_) {
        const Tensor<std::int64_t> a = argmax(classes(batch.targets), 1), b = argmax(classes(said), 1);
        for (index_t i = 0; i < a.numel(); ++i) agreed += a.data()[i] == b.data()[i];
      }
      for (index_t i = 0; i < wanted.numel(); ++i)
        sum[static_cast<std::size_t>(i % teacher_.channels())] += static_cast<double>(wanted.data()[i]);
    }
    std::vector<double> explained;
    for (int what = 0; what < 2; ++what) {
      double of_mean = 0;  // the means of the places' numbers are those of the pooled ones
      for (const double s : sum) of_mean += s / count[1] * s / count[1] * count[what];
      explained.push_back(1 - error[what] / (square_sum[what] - of_mean));
    }
    if (classifier_) explained.push_back(agreed / static_cast<double>(dev_.pictures.size()));
    return explained;
  }
  double badness(const std::vector<double>& validated) const override { return -validated[1]; }
  std::vector<app::ChartPlan> charts() const override {
    std::vector<app::ChartPlan> charts = {{"Squared error", "a number of a place", {"loss"}},
                                          {"Validation", "variance explained", {"val_places", "val_pooled"}}};
    if (classifier_) charts.push_back({"Classes", "share named as the teacher does", {"val_classes"}});
    return charts;
  }

  io::Json architecture() const override {
    return {{"model", to_json(OwnEncoderConfig{student_.cnn.config, options_.picture})},
            {"teacher", teacher_.encoder()},
            {"init", options_.init},
            {"pooled_weight", options_.pooled_weight},
            {"grey", options_.grey},
            {"class_weight", classifier_ ? options_.class_weight : 0},
            {"validation", dev_.pictures.size()}};
  }
  io::Json extra() const override { return io::Json::object(); }
  void save(const std::string& path) override {
    save_own_encoder(path, {student_.cnn.config, options_.picture}, student_.cnn);
  }

 private:
  /// The classifier's logits [N, classes] of standardised numbers of places [N, places, channels].
  [[nodiscard]] Tensor<float> classes(const Tensor<float>& places) const {
    const Tensor<float> pooled = mean(places, 1) / scaling_.scale + scaling_.mean;
    return classifier_->layer(narrow(pooled, 1, classifier_->first, classifier_->layer.weight.size(1)));
  }
  [[nodiscard]] Batch batch_of(const Lesson& lesson, const std::vector<index_t>& images, const std::vector<Cut>& cuts,
                               index_t cut_side) const {
    NoGradGuard no_grad;
    std::vector<index_t> rows;
    for (const index_t i : images) rows.push_back(lesson.rows[static_cast<std::size_t>(i)]);
    const Tensor<float> grid = (teacher_.read(rows, true).grid - scaling_.mean) * scaling_.scale;
    const index_t count = static_cast<index_t>(images.size()), channels = teacher_.channels(),
                  side = static_cast<index_t>(std::lround(std::sqrt(static_cast<double>(teacher_.places())))),
                  places = cut_side / 16;
    Batch batch{lesson.pictures.pixels(images, cuts, cut_side), Tensor<float>({count, places * places, channels})};
    kernels::parallel_for(count, 1, [&](index_t begin, index_t end) {
      for (index_t n = begin; n < end; ++n)
        sample_grid(grid.data() + n * side * side * channels, side, channels, cuts[static_cast<std::size_t>(n)],
                    lesson.pictures.side(), places, batch.targets.data() + n * places * places * channels);
    });
    return batch;
  }

  const DistillOptions& options_;
  const FeatureFile& teacher_;
  const Lesson &train_, &dev_;
  Generator generator_;
  Student student_;
  app::FeatureScaling scaling_;
  std::optional<Encoder::Classifier> classifier_;
};

}  // namespace

int distill(const DistillOptions& options) {
  (void)app::found_run(options.run);
  if (options.picture % 16 != 0)
    fail("--picture", options.picture,
         " is no multiple of 16; the network halves a picture four times, name one that is");
  const FeatureFile teacher(options.features);
  if (!teacher.has_grid())
    fail(options.features, "has no grid to learn from; make it again with 'captioner features --grid'");
  const data::CaptionData data = data::read_flickr8k(options.data);
  const auto lesson = [&](const char* split, const std::vector<std::string>& folders, index_t side) {
    std::vector<View> views;
    std::vector<index_t> rows;
    for (const View& whole : photographs(data, data.split(split), folders, options.limit))
      for (const auto& [part, row] : teacher.parts(whole.photograph)) {
        views.push_back({whole.photograph, whole.file, part});
        rows.push_back(row);
      }
    if (views.empty()) fail(options.data, "its ", split, " split holds no images; check the lists");
    return Lesson{PictureSet(views, side, options.run.quiet), std::move(rows)};
  };
  const Lesson train = lesson("train", options.also, options.picture * 5 / 4), dev = lesson("dev", {}, options.picture);
  DistillTrainee trainee(options, teacher, train, dev);
  return app::TrainingRun<Batch>(options.run, trainee).run();
}

}  // namespace limn::captioner
