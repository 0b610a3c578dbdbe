#include "captioner/teacher.hpp"

#include <algorithm>
#include <cmath>

#include <limn/ops/concat.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/reduce.hpp>

#include "shared/feature_scaling.hpp"

namespace limn::captioner {
namespace {

constexpr index_t sample_size = 500, look_side = 224, kept_side = 224;

/// Where the `places` middles of [start, start + length) lie in a row of `side` places that spans `picture`.
struct Place {
  index_t low, high;
  float part;  ///< how much of `high`
};
std::vector<Place> places_along(double start, double length, index_t places, index_t side, double picture) {
  std::vector<Place> all;
  for (index_t place = 0; place < places; ++place) {
    const double middle = start + (static_cast<double>(place) + 0.5) * length / static_cast<double>(places),
                 at = std::min(std::max(middle / picture * static_cast<double>(side) - 0.5, 0.0),
                               static_cast<double>(side - 1));
    const auto low = static_cast<index_t>(at);
    all.push_back({low, std::min(low + 1, side - 1), static_cast<float>(at - static_cast<double>(low))});
  }
  return all;
}

/// The teacher's grid [side, side, channels] of a whole picture, read between its places where the `places` x `places`
/// middles of a cut lie; the grid's edge goes on beyond it.
void sample_grid(const float* grid, index_t side, index_t channels, const Cut& cut, index_t picture, index_t places,
                 float* to) {
  const std::vector<Place> down = places_along(cut.top, cut.height, places, side, static_cast<double>(picture));
  std::vector<Place> across = places_along(cut.left, cut.width, places, side, static_cast<double>(picture));
  if (cut.mirrored) std::reverse(across.begin(), across.end());
  for (const Place& y : down)
    for (const Place& x : across) {
      const float *a = grid + (y.low * side + x.low) * channels, *b = grid + (y.low * side + x.high) * channels,
                  *d = grid + (y.high * side + x.low) * channels, *e = grid + (y.high * side + x.high) * channels;
      for (index_t k = 0; k < channels; ++k)
        *to++ = (1 - y.part) * ((1 - x.part) * a[k] + x.part * b[k]) + y.part * ((1 - x.part) * d[k] + x.part * e[k]);
    }
}

[[nodiscard]] index_t side_of(index_t places) {
  return static_cast<index_t>(std::lround(std::sqrt(static_cast<double>(places))));
}

/// What both have: numbers brought to mean 0 and deviation 1, and the classifier.
class StandardTeacher : public Teacher {
 public:
  bool has_classes() const override { return classifier_.has_value(); }
  Tensor<float> classes(const Tensor<float>& places) const override {
    const Tensor<float> pooled = mean(places, 1) / there_.scale + there_.mean;
    return classifier_->layer(narrow(pooled, 1, classifier_->first, classifier_->layer.weight.size(1)));
  }

 protected:
  explicit StandardTeacher(Device device) : device_(device) {}
  void set_classifier(std::optional<Encoder::Classifier> classifier) {
    classifier_ = std::move(classifier);
    if (classifier_) nn::to(classifier_->layer, device_);
  }
  template <class Read>
  void set_scaling(index_t channels, index_t photographs, Read&& read) {
    scaling_ = app::feature_scaling(channels, photographs, sample_size, read);
    there_ = {to(scaling_.mean, device_), to(scaling_.scale, device_)};
  }

  Device device_;
  app::FeatureScaling scaling_, there_;  ///< on the CPU, and where the network is

 private:
  std::optional<Encoder::Classifier> classifier_;
};

class FileTeacher final : public StandardTeacher {
 public:
  FileTeacher(const std::string& features, const std::vector<std::string>& weights, const std::vector<View>& train,
              Device device)
      : StandardTeacher(device), file_(features) {
    if (!file_.has_grid()) fail(features, "has no grid to learn from; make it again with 'captioner features --grid'");
    if (!weights.empty()) set_classifier(make_encoder(file_.encoder(), weights)->classifier());
    const Lesson known = lesson(train);
    set_scaling(channels(), static_cast<index_t>(known.rows.size()),
                [&](const auto& images) { return file_.read(rows_of(known, images), true).grid; });
  }

  std::string name() const override { return file_.encoder(); }
  index_t channels() const override { return file_.channels(); }
  /// Every view of a photograph that the file has.
  Lesson lesson(const std::vector<View>& photographs) const override {
    Lesson lesson;
    for (const View& whole : photographs)
      for (const auto& [part, row] : file_.parts(whole.photograph)) {
        lesson.views.push_back({whole.photograph, whole.file, part});
        lesson.rows.push_back(row);
      }
    return lesson;
  }
  void show(Batch& batch, const Lesson& lesson, const std::vector<index_t>& images, const std::vector<Cut>& cuts,
            index_t picture, index_t places) const override {
    NoGradGuard no_grad;
    const Tensor<float> grid = (file_.read(rows_of(lesson, images), true).grid - scaling_.mean) * scaling_.scale;
    const index_t count = static_cast<index_t>(images.size()), side = side_of(file_.places());
    batch.targets = Tensor<float>({count, places * places, channels()});
    kernels::parallel_for(count, 1, [&](index_t begin, index_t end) {
      for (index_t n = begin; n < end; ++n)
        sample_grid(grid.data() + n * side * side * channels(), side, channels(), cuts[static_cast<std::size_t>(n)],
                    picture, places, batch.targets.data() + n * places * places * channels());
    });
  }
  Tensor<float> answer(const Batch& batch, index_t /*places*/, double /*share*/) const override {
    return to(batch.targets, device_);
  }

 private:
  static std::vector<index_t> rows_of(const Lesson& lesson, const std::vector<index_t>& images) {
    std::vector<index_t> rows;
    for (const index_t i : images) rows.push_back(lesson.rows[static_cast<std::size_t>(i)]);
    return rows;
  }

  FeatureFile file_;
};

class LookingTeacher final : public StandardTeacher {
 public:
  LookingTeacher(const std::string& encoder, const std::vector<std::string>& weights, const std::vector<View>& train,
                 Device device, bool quiet)
      : StandardTeacher(device), encoder_(make_encoder(encoder, weights)), quiet_(quiet) {
    set_classifier(encoder_->classifier());
    encoder_->to(device);
    std::vector<View> sample;
    const auto count = static_cast<index_t>(train.size()), most = std::min(count, sample_size);
    for (index_t i = 0; i < most; ++i) sample.push_back(train[static_cast<std::size_t>(i * count / most)]);
    const PictureSet pictures(sample, kept_side, true);
    set_scaling(channels(), most, [&](const std::vector<index_t>& images) {
      const std::vector<Cut> cuts(images.size(), pictures.whole());
      return to(look(cast<float>(to(pictures.bytes(images, cuts, look_side), device_))), cpu_device);
    });
  }

  std::string name() const override { return encoder_->name(); }
  index_t channels() const override { return encoder_->channels(); }
  Lesson lesson(const std::vector<View>& photographs) const override {
    return {photographs, {}, PictureSet(photographs, kept_side, quiet_)};
  }
  void show(Batch& batch, const Lesson& lesson, const std::vector<index_t>& images, const std::vector<Cut>& cuts,
            index_t picture, index_t /*places*/) const override {
    std::vector<Cut> same = cuts;
    for (Cut& cut : same)
      for (double* const length : {&cut.top, &cut.left, &cut.height, &cut.width})
        *length *= static_cast<double>(kept_side) / static_cast<double>(picture);
    batch.seen = lesson.seen->bytes(images, same, look_side);
  }
  Tensor<float> answer(const Batch& batch, index_t places, double share) const override {
    NoGradGuard no_grad;
    const Tensor<float> grid = look(mixed(cast<float>(to(batch.seen, device_)), share));
    return matmul(between(side_of(grid.size(1)), places), (grid - there_.mean) * there_.scale);
  }

 private:
  [[nodiscard]] Tensor<float> look(const Tensor<float>& pixels) const {
    NoGradGuard no_grad;
    return encoder_->of_pixels(pixels).grid;
  }
  /// [places * places, side * side]: each place as a mixture of the teacher's.
  [[nodiscard]] Tensor<float> between(index_t side, index_t places) const {
    const std::vector<Place> along =
        places_along(0, static_cast<double>(places), places, side, static_cast<double>(places));
    Tensor<float> shares = zeros<float>({places, places, side, side});
    float* to_row = shares.data();
    for (const Place& y : along)
      for (const Place& x : along) {
        for (const auto& [row, of_row] : {std::pair{y.low, 1 - y.part}, std::pair{y.high, y.part}})
          for (const auto& [column, of_column] : {std::pair{x.low, 1 - x.part}, std::pair{x.high, x.part}})
            to_row[row * side + column] += of_row * of_column;
        to_row += side * side;
      }
    return to(reshape(shares, {places * places, side * side}), device_);
  }

  std::unique_ptr<Encoder> encoder_;
  bool quiet_;
};

}  // namespace

Tensor<float> mixed(const Tensor<float>& pictures, double share) {
  const index_t count = pictures.size(0);
  if (share == 1 || count < 2) return pictures;
  const Tensor<float> before = concat<float>({narrow(pictures, 0, count - 1, 1), narrow(pictures, 0, 0, count - 1)}, 0);
  return pictures * share + before * (1 - share);
}

std::unique_ptr<Teacher> teacher_from_file(const std::string& features, const std::vector<std::string>& weights,
                                           const std::vector<View>& train, Device device) {
  return std::make_unique<FileTeacher>(features, weights, train, device);
}

std::unique_ptr<Teacher> teacher_that_looks(const std::string& encoder, const std::vector<std::string>& weights,
                                            const std::vector<View>& train, Device device, bool quiet) {
  return std::make_unique<LookingTeacher>(encoder, weights, train, device, quiet);
}

}  // namespace limn::captioner
