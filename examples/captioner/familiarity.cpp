#include "captioner/familiarity.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <limn/core/create.hpp>
#include <limn/data/flickr8k.hpp>

#include "captioner/captioner.hpp"
#include "captioner/features.hpp"
#include "shared/progress.hpp"

namespace limn::captioner {
namespace {

/// The inverse of the lower Cholesky factor of x [n, n], which is symmetric and positive definite.
std::vector<double> inverse_cholesky(std::vector<double> x, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      double sum = x[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= x[i * n + k] * x[j * n + k];
      x[i * n + j] = i == j ? std::sqrt(sum) : sum / x[j * n + j];
    }
  std::vector<double> y(n * n);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      double sum = i == j ? 1 : 0;
      for (std::size_t k = j; k < i; ++k) sum -= x[i * n + k] * y[k * n + j];
      y[i * n + j] = sum / x[i * n + i];
    }
  return y;
}

}  // namespace

Familiarity::Familiarity(index_t channels)
    : mean(zeros({channels})), whitening(zeros({channels, channels})), distances(zeros({101})) {}

Familiarity::Familiarity(const Tensor<float>& learned, const Tensor<float>& held_out) : Familiarity(learned.size(1)) {
  const std::size_t count = static_cast<std::size_t>(learned.size(0)), n = static_cast<std::size_t>(learned.size(1));
  std::vector<double> middle(n), covariance(n * n), offset(n);
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t i = 0; i < n; ++i) middle[i] += learned.data()[r * n + i] / static_cast<double>(count);
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t i = 0; i < n; ++i) offset[i] = learned.data()[r * n + i] - middle[i];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) covariance[i * n + j] += offset[i] * offset[j] / static_cast<double>(count);
  }
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) trace += covariance[i * n + i];
  // Numbers that never change would have no inverse.
  for (std::size_t i = 0; i < n; ++i) covariance[i * n + i] += 1e-3 * trace / static_cast<double>(n) + 1e-12;
  const std::vector<double> inverse = inverse_cholesky(std::move(covariance), n);
  std::copy(middle.begin(), middle.end(), mean.data());
  std::copy(inverse.begin(), inverse.end(), whitening.data());

  std::vector<double> all;
  for (index_t r = 0; r < held_out.size(0); ++r) all.push_back(distance(held_out.data() + r * held_out.size(1)));
  std::sort(all.begin(), all.end());
  // In units of the one in the middle, so that two-byte floats hold all of them.
  const double unit = std::max(all[all.size() / 2], 1e-12);
  for (std::size_t i = 0; i < n * n; ++i) whitening.data()[i] = static_cast<float>(inverse[i] / unit);
  for (std::size_t q = 0; q <= 100; ++q)
    distances.data()[q] = static_cast<float>(all[(q * (all.size() - 1) + 50) / 100] / unit);
}

double Familiarity::distance(const float* pooled) const {
  const index_t n = mean.size(0);
  double sum = 0;
  for (index_t i = 0; i < n; ++i) {
    double z = 0;
    for (index_t j = 0; j <= i; ++j)
      z += static_cast<double>(whitening.data()[i * n + j]) * (pooled[j] - static_cast<double>(mean.data()[j]));
    sum += z * z;
  }
  return std::sqrt(sum);
}

double Familiarity::unlike(const Tensor<float>& pooled, index_t row) const {
  if (pooled.size(1) != mean.size(0))
    fail("the checkpoint", "is familiar with features of ", mean.size(0), " numbers, but these are of ", pooled.size(1),
         "; export it again with --familiar");
  const double own = distance(pooled.data() + row * pooled.size(1));
  const auto nearer = std::count_if(distances.data(), distances.data() + 101, [&](float d) { return d < own; });
  return std::min(1.0, static_cast<double>(nearer) / 100);
}

Familiarity familiar_with(const Captioner& captioner, const std::string& checkpoint, const std::string& dataset) {
  const data::CaptionData data = data::read_flickr8k(dataset);
  const std::unique_ptr<Encoder> encoder = encoder_of(captioner, checkpoint, {});
  if (encoder) encoder->prepack();
  const auto features = [&](const char* split) {
    const std::vector<View> views = photographs(data, data.split(split), {}, 0);
    if (views.empty()) fail(dataset, "its ", split, " split holds no images; check the lists");
    app::Progress progress(split, static_cast<std::int64_t>(views.size()));
    std::vector<Tensor<float>> pooled;
    for (std::size_t first = 0; first < views.size(); first += 32) {
      std::vector<image::Image> pictures(std::min<std::size_t>(32, views.size() - first));
      kernels::parallel_for(static_cast<index_t>(pictures.size()), 1, [&](index_t begin, index_t end) {
        for (index_t k = begin; k < end; ++k)
          pictures[static_cast<std::size_t>(k)] = picture_of(views[first + static_cast<std::size_t>(k)]);
      });
      pooled.push_back(features_of(captioner, encoder.get(), pictures).pooled);
      progress.advance(static_cast<std::int64_t>(pictures.size()));
    }
    progress.finish();
    return concat(pooled, 0);
  };
  const Tensor<float> learned = features("train");
  return {learned, features("dev")};
}

}  // namespace limn::captioner
