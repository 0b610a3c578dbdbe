#pragma once
// Functions of each element: powers, exponentials, trigonometry, and the activations.

#include <limits>

#include <limn/ops/arithmetic.hpp>
#include <limn/ops/view.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// f'(x) dy by the fused kernel, or, when the gradient itself is recorded, dy * slope(x) in differentiable operations.
template <class F, class T, class Slope>
[[nodiscard]] Tensor<T> pointwise_gradient(const char* op, const F& f, const Tensor<T>& x, const Tensor<T>& dy,
                                           Slope&& slope) {
  if (grad_enabled()) return mul(dy, slope(x));
  return binary_values<T>(op, kernels::Gradient<F>{f}, x, dy);
}
/// 1 where the condition holds, else `otherwise`.
template <class T>
[[nodiscard]] Tensor<T> step(const Tensor<bool>& condition, double otherwise = 0) {
  const Tensor<T> one = scalar<T>(T(1.f), condition.device());
  return where(condition, one, otherwise);
}

}  // namespace detail

/// x^2.
template <class T>
[[nodiscard]] Tensor<T> square(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("square", kernels::Square{}, x);
  return record("square", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> { return {mul(mul(dy, x), 2)}; });
}

/// 1 / x.
template <class T>
[[nodiscard]] Tensor<T> reciprocal(const Tensor<T>& x) {
  return div(1, x);
}

/// The square root; NaN below 0. Gradient: dy / (2 y).
template <class T>
[[nodiscard]] Tensor<T> sqrt(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("sqrt", kernels::Sqrt{}, x);
  return record("sqrt", y, {x},
                [x, y](const Tensor<T>& dy) -> Grads<T> { return {div(dy, mul(grad_enabled() ? sqrt(x) : y, 2))}; });
}

/// 1 / sqrt(x). Gradient: -dy y^3 / 2.
template <class T>
[[nodiscard]] Tensor<T> rsqrt(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("rsqrt", kernels::Rsqrt{}, x);
  return record("rsqrt", y, {x}, [x, y](const Tensor<T>& dy) -> Grads<T> {
    const Tensor<T> r = grad_enabled() ? rsqrt(x) : y;
    return {mul(mul(dy, mul(r, square(r))), -0.5)};
  });
}

/// e^x.
template <class T>
[[nodiscard]] Tensor<T> exp(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("exp", kernels::Exp{}, x);
  return record("exp", y, {x},
                [x, y](const Tensor<T>& dy) -> Grads<T> { return {mul(dy, grad_enabled() ? exp(x) : y)}; });
}

/// e^x - 1, exact near 0.
template <class T>
[[nodiscard]] Tensor<T> expm1(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("expm1", kernels::Expm1{}, x);
  return record("expm1", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> { return {mul(dy, exp(x))}; });
}

/// The natural logarithm; -infinity at 0, NaN below.
template <class T>
[[nodiscard]] Tensor<T> log(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("log", kernels::Log{}, x);
  return record("log", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> { return {div(dy, x)}; });
}
template <class T>
[[nodiscard]] Tensor<T> log2(const Tensor<T>& x) {
  return mul(log(x), 1.4426950408889634);
}
template <class T>
[[nodiscard]] Tensor<T> log10(const Tensor<T>& x) {
  return mul(log(x), 0.43429448190325182);
}

/// log(1 + x), exact near 0.
template <class T>
[[nodiscard]] Tensor<T> log1p(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("log1p", kernels::Log1p{}, x);
  return record("log1p", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> { return {div(dy, add(x, 1))}; });
}

template <class T>
[[nodiscard]] Tensor<T> cos(const Tensor<T>& x);
template <class T>
[[nodiscard]] Tensor<T> sin(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("sin", kernels::Sin{}, x);
  return record("sin", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> { return {mul(dy, cos(x))}; });
}
template <class T>
Tensor<T> cos(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("cos", kernels::Cos{}, x);
  return record("cos", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> { return {neg(mul(dy, sin(x)))}; });
}

/// x^p for a number p. Gradient: p x^(p-1) dy, and 0 for p = 0.
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> pow(const Tensor<T>& x, S p) {
  if (p == S(2)) return square(x);
  const Tensor<T> y = detail::unary_values<T>("pow_number", detail::with_right<T>(kernels::Pow{}, p), x);
  if constexpr (!is_floating<T>)
    return y;
  else
    return record("pow_number", y, {x}, [x, p](const Tensor<T>& dy) -> Grads<T> {
      if (p == S(0)) return {mul(dy, 0)};
      return {mul(mul(dy, pow(x, p - S(1))), p)};
    });
}
/// a^b, with broadcasting. The gradient of b is 0 where a is 0 and b >= 0.
template <class T>
[[nodiscard]] Tensor<T> pow(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> y = detail::binary_values<T>("pow", kernels::Pow{}, a, b);
  if constexpr (!is_floating<T>)
    return y;
  else
    return record("pow", y, {a, b}, [a, b](const Tensor<T>& dy) -> Grads<T> {
      Tensor<T> da, db;
      if (a.requires_grad()) da = mul(dy, where(equal(b, 0), 0, mul(b, pow(a, sub(b, 1)))));
      if (b.requires_grad()) {
        const Tensor<bool> flat = logical_and(equal(a, 0), greater_equal(b, 0));
        db = mul(dy, where(flat, 0, mul(pow(a, b), log(where(flat, 1, a)))));
      }
      return {da, db};
    });
}

/// |x|; the gradient at 0 is 0.
template <class T>
[[nodiscard]] Tensor<T> abs(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("abs", kernels::Abs{}, x);
  if constexpr (!is_floating<T>)
    return y;
  else
    return record("abs", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> {
      return {detail::pointwise_gradient("abs", kernels::Abs{}, x, dy,
                                         [](const Tensor<T>& v) { return sign(v.detach()); })};
    });
}

/// -1, 0 or 1; no gradient. So too floor, ceil and round (ties to even).
template <class T>
[[nodiscard]] Tensor<T> sign(const Tensor<T>& x) {
  return detail::unary_values<T>("sign", kernels::Sign{}, x);
}
template <class T>
[[nodiscard]] Tensor<T> floor(const Tensor<T>& x) {
  return detail::unary_values<T>("floor", kernels::Floor{}, x);
}
template <class T>
[[nodiscard]] Tensor<T> ceil(const Tensor<T>& x) {
  return detail::unary_values<T>("ceil", kernels::Ceil{}, x);
}
template <class T>
[[nodiscard]] Tensor<T> round(const Tensor<T>& x) {
  return detail::unary_values<T>("round", kernels::Round{}, x);
}
template <class T>
[[nodiscard]] Tensor<bool> isnan(const Tensor<T>& x) {
  return not_equal(x, x);
}

/// min(max(x, low), high). The gradient passes where low <= x <= high, bounds included.
template <class T, class L, class H>
requires detail::NumberFor<L, T> && detail::NumberFor<H, T>
[[nodiscard]] Tensor<T> clamp(const Tensor<T>& x, L low, H high) {
  using C = compute_t<T>;
  const kernels::Clamp<C> f{static_cast<C>(low), static_cast<C>(high)};
  const Tensor<T> y = detail::unary_values<T>("clamp", f, x);
  if constexpr (!is_floating<T>)
    return y;
  else
    return record("clamp", y, {x}, [x, f](const Tensor<T>& dy) -> Grads<T> {
      return {detail::pointwise_gradient("clamp", f, x, dy, [f](const Tensor<T>& v) {
        return detail::step<T>(logical_and(greater_equal(v, f.low), less_equal(v, f.high)));
      })};
    });
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> clamp_min(const Tensor<T>& x, S low) {
  using C = compute_t<T>;
  if constexpr (is_floating<T>)
    return clamp(x, low, std::numeric_limits<C>::infinity());
  else
    return clamp(x, low, std::numeric_limits<C>::max());
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> clamp_max(const Tensor<T>& x, S high) {
  using C = compute_t<T>;
  if constexpr (is_floating<T>)
    return clamp(x, -std::numeric_limits<C>::infinity(), high);
  else
    return clamp(x, std::numeric_limits<C>::lowest(), high);
}

/// The error function 2/sqrt(pi) int_0^x exp(-t^2) dt.
template <class T>
[[nodiscard]] Tensor<T> erf(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("erf", kernels::Erf{}, x);
  return record("erf", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> {
    return {mul(dy, mul(exp(neg(square(x))), 1.1283791670955126))};
  });
}

template <class T>
[[nodiscard]] Tensor<T> tanh(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("tanh", kernels::Tanh{}, x);
  return record("tanh", y, {x}, [x, y](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) return {mul(dy, sub(1, square(tanh(x))))};
    return {detail::binary_values<T>("tanh", kernels::GradientFromResult<kernels::Tanh>{}, y, dy)};
  });
}

/// 1 / (1 + exp(-x)).
template <class T>
[[nodiscard]] Tensor<T> sigmoid(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("sigmoid", kernels::Sigmoid{}, x);
  return record("sigmoid", y, {x}, [x, y](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) {
      const Tensor<T> s = sigmoid(x);
      return {mul(dy, mul(s, sub(1, s)))};
    }
    return {detail::binary_values<T>("sigmoid", kernels::GradientFromResult<kernels::Sigmoid>{}, y, dy)};
  });
}

/// log(1 + exp(beta x)) / beta; x itself where beta x > threshold.
struct SoftplusOptions {
  double beta = 1;
  double threshold = 20;
};
template <class T>
[[nodiscard]] Tensor<T> softplus(const Tensor<T>& x, SoftplusOptions options = {}) {
  const kernels::Softplus f{options.beta, options.threshold};
  const Tensor<T> y = detail::unary_values<T>("softplus", f, x);
  return record("softplus", y, {x}, [x, f](const Tensor<T>& dy) -> Grads<T> {
    return {detail::pointwise_gradient("softplus", f, x, dy, [f](const Tensor<T>& v) {
      const Tensor<T> z = mul(v, f.beta);
      return where(greater(z, f.threshold), 1, sigmoid(z));
    })};
  });
}

}  // namespace limn::inline LIMN_ABI
