#include "captioner/distill.hpp"

#include <limn/models/small_cnn.hpp>
#include <limn/nn/linear.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/softmax.hpp>

#include "captioner/own_encoder.hpp"
#include "captioner/teacher.hpp"

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

class DistillTrainee final : public app::Trainee<Batch> {
 public:
  DistillTrainee(const DistillOptions& options, const Teacher& teacher, const Lesson& train, const Lesson& dev)
      : options_(options),
        teacher_(teacher),
        train_(train),
        dev_(dev),
        pictures_(train.views, squeezed_side(options.picture), options.run.quiet),
        dev_pictures_(dev.views, squeezed_side(options.picture), options.run.quiet),
        generator_(options.run.seed),
        student_{
            models::SmallCNN<float>(models::SmallCNNConfig::vgg16_quarter(), generator_),
            nn::Linear<float>(models::SmallCNNConfig::vgg16_quarter().widths.back(), teacher.channels(), generator_)} {
    if (!options.init.empty()) load_own_encoder(options.init, student_.cnn);
    nn::to(student_, options.run.device);
  }

  index_t items() const override { return pictures_.size() * options_.cuts; }
  Batch prepare(index_t epoch, const std::vector<index_t>& items) const override {
    std::vector<index_t> images;
    std::vector<Cut> cuts;
    for (const index_t item : items) {
      const index_t image = item / options_.cuts, time = epoch * options_.cuts + item % options_.cuts;
      images.push_back(image);
      cuts.push_back(pictures_.random_cut(options_.run.seed, time, image, train_.seen ? 0.5 : 0.7, options_.grey));
    }
    return batch_of(train_, pictures_, images, cuts, cut_side(options_.picture));
  }

  io::NamedTensors<float> tensors() override { return nn::named_tensors<float>(student_); }
  std::vector<Tensor<float>> parameters() override { return nn::parameters<float>(student_); }
  void train(bool training) override { nn::train(student_, training); }

  app::Tally step(const Batch& batch, Generator& random) override {
    const bool mix = options_.mixup > 0 && random.uniform() < options_.mixup;
    const double share = mix ? random.uniform() : 1;
    const Tensor<float> wanted = answer(batch, share), said = say(batch, share), difference = said - wanted;
    const Tensor<float> places = mean(square(difference)), pooled = mean(square(mean(difference, 1)));
    Tensor<float> loss = places + pooled * options_.pooled_weight;
    if (teacher_.has_classes())
      loss = loss + cross_entropy(teacher_.classes(said), softmax(teacher_.classes(wanted), 1)) * options_.class_weight;
    backward(loss);
    return {static_cast<double>(places.item()) * static_cast<double>(batch.pixels.size(0)), 0, batch.pixels.size(0)};
  }
  bool has_accuracy() const override { return false; }

  std::vector<std::string> measures() const override {
    std::vector<std::string> names = {"val_places", "val_pooled"};
    if (teacher_.has_classes()) names.emplace_back("val_classes");
    return names;
  }
  /// The share of the teacher's variance over the validation pictures that is explained: of the places' numbers, and of
  /// their means; and the share of the pictures of which both name the same class.
  std::vector<double> validate() override {
    NoGradGuard no_grad;
    double error[2] = {}, square_sum[2] = {};
    std::vector<double> sum(static_cast<std::size_t>(teacher_.channels()));
    double count[2] = {}, agreed = 0;
    for (index_t first = 0; first < dev_pictures_.size(); first += 32) {
      std::vector<index_t> images;
      for (index_t i = first; i < std::min(first + 32, dev_pictures_.size()); ++i) images.push_back(i);
      const Batch batch = batch_of(dev_, dev_pictures_, images, std::vector<Cut>(images.size(), dev_pictures_.whole()),
                                   options_.picture);
      const Tensor<float> there = answer(batch, 1), said_there = say(batch, 1), all = to(there, cpu_device),
                          said = to(said_there, cpu_device);
      const auto add = [&](int what, const Tensor<float>& wanted, const Tensor<float>& got) {
        for (index_t i = 0; i < wanted.numel(); ++i) {
          const auto w = static_cast<double>(wanted.data()[i]), d = static_cast<double>(got.data()[i]) - w;
          error[what] += d * d;
          square_sum[what] += w * w;
        }
        count[what] += static_cast<double>(wanted.numel()) / static_cast<double>(teacher_.channels());
      };
      add(0, all, said);
      const Tensor<float> wanted = mean(all, 1);
      add(1, wanted, mean(said, 1));
      if (teacher_.has_classes()) {
        const Tensor<std::int64_t> a = argmax(to(teacher_.classes(there), cpu_device), 1),
                                   b = argmax(to(teacher_.classes(said_there), cpu_device), 1);
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
    if (teacher_.has_classes()) explained.push_back(agreed / static_cast<double>(dev_pictures_.size()));
    return explained;
  }
  double badness(const std::vector<double>& validated) const override { return -validated[1]; }
  std::vector<app::ChartPlan> charts() const override {
    std::vector<app::ChartPlan> charts = {{"Squared error", "a number of a place", {"loss"}},
                                          {"Validation", "variance explained", {"val_places", "val_pooled"}}};
    if (teacher_.has_classes()) charts.push_back({"Classes", "share named as the teacher does", {"val_classes"}});
    return charts;
  }

  io::Json architecture() const override {
    return {{"model", to_json(config())},
            {"teacher", teacher_.name()},
            {"init", options_.init},
            {"pooled_weight", options_.pooled_weight},
            {"grey", options_.grey},
            {"cuts", options_.cuts},
            {"mixup", options_.mixup},
            {"class_weight", teacher_.has_classes() ? options_.class_weight : 0},
            {"validation", dev_pictures_.size()}};
  }
  io::Json extra() const override { return io::Json::object(); }
  void save(const std::string& path) override { save_own_encoder(path, config(), student_.cnn); }

 private:
  [[nodiscard]] OwnEncoderConfig config() const {
    return {student_.cnn.config, options_.picture, squeezed_side(options_.picture)};
  }
  [[nodiscard]] Batch batch_of(const Lesson& lesson, const PictureSet& pictures, const std::vector<index_t>& images,
                               const std::vector<Cut>& cuts, index_t side) const {
    Batch batch{pictures.pixels(images, cuts, side), {}, {}};
    teacher_.show(batch, lesson, images, cuts, pictures.side(), side / 16);
    return batch;
  }
  [[nodiscard]] Tensor<float> answer(const Batch& batch, double share) const {
    return teacher_.answer(batch, batch.pixels.size(2) / 16, share);
  }
  [[nodiscard]] Tensor<float> say(const Batch& batch, double share) const {
    return student_(mixed(to(batch.pixels, options_.run.device), share));
  }

  const DistillOptions& options_;
  const Teacher& teacher_;
  const Lesson &train_, &dev_;
  PictureSet pictures_, dev_pictures_;
  Generator generator_;
  Student student_;
};

}  // namespace

int distill(const DistillOptions& options) {
  (void)app::found_run(options.run);
  check_picture(options.picture, models::SmallCNNConfig::vgg16_quarter());
  if (options.features.empty() && options.encoder.empty())
    fail("distill", "no teacher; name a features file with --features, or with --encoder one that looks itself");
  if (!options.features.empty() && options.mixup > 0)
    fail("--mixup", "a features file says nothing of mixed pictures; use a teacher that looks itself, --encoder");
  const data::CaptionData data = data::read_flickr8k(options.data);
  const std::vector<View> training = photographs(data, data.split("train"), options.also, options.limit),
                          validation = photographs(data, data.split("dev"), {}, options.limit);
  for (const auto& [split, views] : {std::pair{"train", &training}, std::pair{"dev", &validation}})
    if (views->empty()) fail(options.data, "its ", split, " split holds no images; check the lists");
  const std::vector<std::string> weights = options.class_weight > 0 ? options.weights : std::vector<std::string>{};
  const std::unique_ptr<Teacher> teacher =
      options.features.empty()
          ? teacher_that_looks(options.encoder, options.weights, training, options.run.device, options.run.quiet)
          : teacher_from_file(options.features, weights, training, options.run.device);
  if (!weights.empty() && !teacher->has_classes())
    fail("--weights", "the teacher ", teacher->name(),
         " has no classifier that reads its pooled features; add --class-weight 0");
  const Lesson train = teacher->lesson(training), dev = teacher->lesson(validation);
  DistillTrainee trainee(options, *teacher, train, dev);
  return app::TrainingRun<Batch>(options.run, trainee).run();
}

}  // namespace limn::captioner
