#pragma once
// Standardising features: what brings each number of a vector to mean 0 and deviation 1 over a sample.

#include <algorithm>
#include <cmath>
#include <vector>

#include <limn/core/tensor.hpp>

namespace limn::app {

struct FeatureScaling {
  Tensor<float> mean, scale;  ///< [size]: (x - mean) * scale
};

/// From at most `most` of `items` items, evenly spread. read(indices) -> their vectors, a tensor of [..., size].
template <class Read>
[[nodiscard]] FeatureScaling feature_scaling(index_t size, index_t items, index_t most, Read&& read) {
  const index_t count = std::min(most, items);
  std::vector<double> sum(static_cast<std::size_t>(size)), squares(static_cast<std::size_t>(size));
  index_t rows = 0;
  for (index_t first = 0; first < count; first += 50) {
    std::vector<index_t> chosen;
    for (index_t i = first; i < std::min(first + 50, count); ++i) chosen.push_back(i * items / count);
    const Tensor<float> values = read(chosen);
    for (index_t r = 0; r < values.numel() / size; ++r, ++rows)
      for (index_t c = 0; c < size; ++c) {
        const auto v = static_cast<double>(values.data()[r * size + c]);
        sum[static_cast<std::size_t>(c)] += v;
        squares[static_cast<std::size_t>(c)] += v * v;
      }
  }
  FeatureScaling scaling{Tensor<float>({size}), Tensor<float>({size})};
  for (index_t c = 0; c < size; ++c) {
    const double m = sum[static_cast<std::size_t>(c)] / static_cast<double>(rows),
                 variance = squares[static_cast<std::size_t>(c)] / static_cast<double>(rows) - m * m;
    scaling.mean.data()[c] = static_cast<float>(m);
    scaling.scale.data()[c] = static_cast<float>(1 / std::sqrt(std::max(variance, 1e-6)));
  }
  return scaling;
}

}  // namespace limn::app
