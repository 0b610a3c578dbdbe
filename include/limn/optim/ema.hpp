#pragma once
// ExponentialMovingAverage: a slowly following copy of the parameters, often better than the last ones (Polyak
// averaging).

#include <limn/autograd/backward.hpp>
#include <limn/ops/arithmetic.hpp>

namespace limn::inline LIMN_ABI::optim {

template <class T = float>
class ExponentialMovingAverage {
 public:
  /// average = decay * average + (1 - decay) * parameter at each update().
  ExponentialMovingAverage(std::vector<Tensor<T>> parameters, double decay)
      : parameters_(std::move(parameters)), decay_(decay) {
    if (!(decay >= 0 && decay < 1)) fail("ExponentialMovingAverage", "decay ", decay, " must be in [0, 1)");
    for (const Tensor<T>& parameter : parameters_) averages_.push_back(detail::copy_as<T>(parameter));
  }

  void update() {
    const NoGradGuard no_grad;
    for (std::size_t k = 0; k < parameters_.size(); ++k)
      averages_[k] = add(mul(averages_[k], decay_), mul(parameters_[k].detach(), 1 - decay_));
  }
  /// Exchanges parameters and averages: before an evaluation, and again after it.
  void swap() {
    for (std::size_t k = 0; k < parameters_.size(); ++k) {
      const Tensor<T> now = detail::copy_as<T>(parameters_[k]);
      copy_into(averages_[k], parameters_[k].detach());
      averages_[k] = now;
    }
  }
  [[nodiscard]] const std::vector<Tensor<T>>& averages() const { return averages_; }

 private:
  std::vector<Tensor<T>> parameters_, averages_;
  double decay_;
};

}  // namespace limn::inline LIMN_ABI::optim
