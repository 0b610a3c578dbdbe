#pragma once
// clip_grad_norm, clip_grad_value: gradients kept within bounds before a step.

#include <cmath>

#include <limn/autograd/backward.hpp>
#include <limn/ops/pointwise.hpp>
#include <limn_kernels/optim.hpp>

namespace limn::inline LIMN_ABI::optim {

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), norm being the 2-norm of all of them together. Returns
/// norm.
template <class T>
double clip_grad_norm(const std::vector<Tensor<T>>& parameters, double max_norm) {
  double squares = 0;
  for (const Tensor<T>& parameter : parameters) {
    if (!parameter.grad().defined()) continue;
    const Tensor<T> gradient = detail::packed(parameter.grad());
    squares += kernels::sum_of_squares(gradient.device(), gradient.numel(), gradient.data());
  }
  const double norm = std::sqrt(squares), factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return norm;
  const NoGradGuard no_grad;
  for (const Tensor<T>& parameter : parameters)
    if (parameter.grad().defined()) parameter.set_grad(mul(parameter.grad(), factor));
  return norm;
}

/// Limits every gradient element to [-limit, limit].
template <class T>
void clip_grad_value(const std::vector<Tensor<T>>& parameters, double limit) {
  const NoGradGuard no_grad;
  for (const Tensor<T>& parameter : parameters)
    if (parameter.grad().defined())
      parameter.set_grad(clamp(parameter.grad(), static_cast<T>(-limit), static_cast<T>(limit)));
}

}  // namespace limn::inline LIMN_ABI::optim
