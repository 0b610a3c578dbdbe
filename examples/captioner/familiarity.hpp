#pragma once
// How much a picture is like those that a captioner learned from: of one unlike them its caption is a guess.

#include <string>

#include <limn/core/tensor.hpp>

namespace limn::captioner {

/// A Gaussian of pooled features. What is measured is the Mahalanobis distance, after K. Lee et al., "A simple unified
/// framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018, with one class.
struct Familiarity {
  Tensor<float> mean;       ///< [C]
  Tensor<float> whitening;  ///< [C, C]: the inverse of the covariance's Cholesky factor, in units of distances[50]
  Tensor<float> distances;  ///< [101]: of pictures held out, the least, each hundredth, the largest; [50] is 1

  /// For features of C numbers; to be loaded.
  explicit Familiarity(index_t channels);
  /// From the features [N, C] of pictures learned from and [M, C] of others of their kind; M of 1 or more.
  Familiarity(const Tensor<float>& learned, const Tensor<float>& held_out);

  template <class V>
  void members(V&& visit) {
    visit("mean", mean);
    visit("whitening", whitening);
    visit("distances", distances);
  }
  /// The share, 0 to 1, of the pictures held out that are nearer to those learned from than the picture in row `row` of
  /// pooled features [N, C].
  [[nodiscard]] double unlike(const Tensor<float>& pooled, index_t row) const;
  /// From this share on a picture is called unlike.
  static constexpr double threshold = 0.95;

 private:
  [[nodiscard]] double distance(const float* pooled) const;
};

class Captioner;
/// What the captioner of a checkpoint is familiar with: the photographs of a dataset's training split, beside those of
/// its dev split.
[[nodiscard]] Familiarity familiar_with(const Captioner& captioner, const std::string& checkpoint,
                                        const std::string& dataset);

}  // namespace limn::captioner
