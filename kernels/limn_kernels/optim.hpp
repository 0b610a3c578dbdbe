#pragma once
// One pass over a parameter, its gradient and up to three arrays of optimiser state: the update rules of optim/.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

// The scalars of each rule, worked out once a step by the optimiser. w parameter, g gradient, a b c state.

/// g += decay w;  a = momentum a + keep g (a = g on the first step);  w -= lr (nesterov ? g + momentum a : a)
template <class T>
struct SgdRule {
  T lr, momentum, keep, decay, sign;
  bool use_momentum, nesterov, first;
};
/// w *= shrink;  g += decay w;  a = beta1 a + (1-beta1) g;  b = beta2 b + (1-beta2) g^2;  c = max(c, b) with amsgrad;
/// w -= step a / (sqrt(b or c) scale + epsilon)
template <class T>
struct AdamRule {
  T beta1, beta2, step, scale, epsilon, decay, shrink, sign;
  bool amsgrad;
};
/// As Adam, then w -= gradient_step g / d + step a / d, d = sqrt(b) scale + epsilon
template <class T>
struct NadamRule {
  T beta1, beta2, step, gradient_step, scale, epsilon, decay;
};
/// As Adam with step a / (sqrt(b) + epsilon) when adaptive, else step a
template <class T>
struct RadamRule {
  T beta1, beta2, step, epsilon, decay;
  bool adaptive;
};
/// b = max(beta2 b, |g| + epsilon);  w -= step a / b
template <class T>
struct AdamaxRule {
  T beta1, beta2, step, epsilon, decay;
};
/// a = alpha a + (1-alpha) g^2;  b = alpha b + (1-alpha) g when centred;  d = sqrt(a - b^2) + epsilon;
/// c = momentum c + g / d;  w -= lr (momentum ? c : g / d)
template <class T>
struct RmspropRule {
  T lr, alpha, epsilon, decay, momentum;
  bool centered, use_momentum;
};
/// a += g^2;  w -= lr g / (sqrt(a) + epsilon)
template <class T>
struct AdagradRule {
  T lr, epsilon, decay;
};
/// a = rho a + (1-rho) g^2;  d = sqrt(b + epsilon) / sqrt(a + epsilon) g;  b = rho b + (1-rho) d^2;  w -= lr d
template <class T>
struct AdadeltaRule {
  T lr, rho, epsilon, decay;
};

namespace cuda {
template <class T>
[[nodiscard]] double sum_of_squares(index_t n, const T* x);
template <class T, class Rule>
void optimizer_update(const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c);
}  // namespace cuda

/// The sum of x^2, its terms joined in double.
template <class T>
[[nodiscard]] double sum_of_squares(Device device, index_t n, const T* x);

/// Applies a rule to n elements. State arrays that a rule does not use may be null.
template <class T, class Rule>
void optimizer_update(Device device, const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/optim.hpp>
