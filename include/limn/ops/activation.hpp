#pragma once
// Activation functions. Gradients at kinks are PyTorch's.

#include <limn/ops/pointwise.hpp>

namespace limn::inline LIMN_ABI {

/// max(x, 0); the gradient at 0 is 0.
template <class T>
[[nodiscard]] Tensor<T> relu(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("relu", kernels::Relu{}, x);
  return record("relu", y, {x}, [y](const Tensor<T>& dy) -> Grads<T> {  // y > 0 exactly where x > 0
    return {detail::pointwise_gradient("relu", kernels::Relu{}, y, dy,
                                       [](const Tensor<T>& v) { return detail::step<T>(greater(v, 0)); })};
  });
}

/// x where x > 0, else slope * x.
template <class T>
[[nodiscard]] Tensor<T> leaky_relu(const Tensor<T>& x, double slope = 0.01) {
  const kernels::LeakyRelu f{slope};
  const Tensor<T> y = detail::unary_values<T>("leaky_relu", f, x);
  return record("leaky_relu", y, {x}, [x, f](const Tensor<T>& dy) -> Grads<T> {
    return {detail::pointwise_gradient("leaky_relu", f, x, dy,
                                       [f](const Tensor<T>& v) { return detail::step<T>(greater(v, 0), f.slope); })};
  });
}

namespace detail {
template <class T>
[[nodiscard]] Tensor<T> elu(const Tensor<T>& x, const kernels::Elu& f) {
  const Tensor<T> y = unary_values<T>("elu", f, x);
  return record("elu", y, {x}, [x, f](const Tensor<T>& dy) -> Grads<T> {
    return {pointwise_gradient("elu", f, x, dy, [f](const Tensor<T>& v) {
      // exp of positive elements is not wanted, and might overflow into 0 * infinity.
      const Tensor<T> below = mul(exp(mul(clamp_max(v, 0), f.input_scale)), f.alpha * f.scale * f.input_scale);
      return where(greater(v, 0), f.scale, below);
    })};
  });
}
}  // namespace detail

/// x where x > 0, else alpha (exp(x) - 1).
template <class T>
[[nodiscard]] Tensor<T> elu(const Tensor<T>& x, double alpha = 1) {
  return detail::elu(x, {.alpha = alpha});
}
/// x where x > 0, else alpha (exp(x / alpha) - 1).
template <class T>
[[nodiscard]] Tensor<T> celu(const Tensor<T>& x, double alpha = 1) {
  return detail::elu(x, {.alpha = alpha, .input_scale = 1 / alpha});
}
/// scale * elu(x, alpha), with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017).
template <class T>
[[nodiscard]] Tensor<T> selu(const Tensor<T>& x, double alpha = 1.6732632423543772, double scale = 1.0507009873554805) {
  return detail::elu(x, {.alpha = alpha, .scale = scale});
}

/// x/2 (1 + erf(x / sqrt 2)).
template <class T>
[[nodiscard]] Tensor<T> gelu(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("gelu", kernels::Gelu{}, x);
  return record("gelu", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> {
    return {detail::pointwise_gradient("gelu", kernels::Gelu{}, x, dy, [](const Tensor<T>& v) {
      const Tensor<T> cdf = mul(add(erf(mul(v, 0.70710678118654752)), 1), 0.5);
      return add(cdf, mul(v, mul(exp(mul(square(v), -0.5)), 0.3989422804014327)));
    })};
  });
}

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
template <class T>
[[nodiscard]] Tensor<T> gelu_tanh(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("gelu_tanh", kernels::GeluTanh{}, x);
  return record("gelu_tanh", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> {
    return {detail::pointwise_gradient("gelu_tanh", kernels::GeluTanh{}, x, dy, [](const Tensor<T>& v) {
      constexpr double c = 0.79788456080286536;  // sqrt(2/pi)
      const Tensor<T> t = tanh(mul(v, add(mul(square(v), c * 0.044715), c)));
      const Tensor<T> slope = mul(mul(v, sub(1, square(t))), add(mul(square(v), c * 0.134145), c));
      return mul(add(add(t, 1), slope), 0.5);
    })};
  });
}

/// x sigmoid(x), also called swish.
template <class T>
[[nodiscard]] Tensor<T> silu(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("silu", kernels::Silu{}, x);
  return record("silu", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> {
    return {detail::pointwise_gradient("silu", kernels::Silu{}, x, dy, [](const Tensor<T>& v) {
      const Tensor<T> s = sigmoid(v);
      return mul(s, add(mul(v, sub(1, s)), 1));
    })};
  });
}

/// min(max(x, low), high); unlike clamp's, the gradient at the bounds is 0.
template <class T>
[[nodiscard]] Tensor<T> hardtanh(const Tensor<T>& x, double low = -1, double high = 1) {
  using C = compute_t<T>;
  const kernels::Clamp<C> f{static_cast<C>(low), static_cast<C>(high)};
  const Tensor<T> y = detail::unary_values<T>("hardtanh", f, x);
  return record("hardtanh", y, {x}, [x, f](const Tensor<T>& dy) -> Grads<T> {
    return {where(logical_and(greater(x, f.low), less(x, f.high)), dy, 0)};
  });
}

// The rest are formulas over the functions above.

template <class T>
[[nodiscard]] Tensor<T> relu6(const Tensor<T>& x) {
  return hardtanh(x, 0, 6);
}
/// clamp(x + 3, 0, 6) / 6; the gradient at -3 and 3 is 0.
template <class T>
[[nodiscard]] Tensor<T> hardsigmoid(const Tensor<T>& x) {
  return div(hardtanh(add(x, 3), 0, 6), 6);
}
/// x clamp(x + 3, 0, 6) / 6.
template <class T>
[[nodiscard]] Tensor<T> hardswish(const Tensor<T>& x) {
  return mul(x, div(clamp(add(x, 3), 0, 6), 6));
}
/// x sigmoid(1.702 x).
template <class T>
[[nodiscard]] Tensor<T> quick_gelu(const Tensor<T>& x) {
  return mul(x, sigmoid(mul(x, 1.702)));
}
/// x tanh(softplus(x)).
template <class T>
[[nodiscard]] Tensor<T> mish(const Tensor<T>& x) {
  return mul(x, tanh(softplus(x)));
}
/// x / (1 + |x|).
template <class T>
[[nodiscard]] Tensor<T> softsign(const Tensor<T>& x) {
  return div(x, add(abs(x), 1));
}
/// log(sigmoid(x)).
template <class T>
[[nodiscard]] Tensor<T> logsigmoid(const Tensor<T>& x) {
  return neg(softplus(neg(x), {.threshold = std::numeric_limits<double>::infinity()}));
}
/// x - tanh(x).
template <class T>
[[nodiscard]] Tensor<T> tanhshrink(const Tensor<T>& x) {
  return sub(x, tanh(x));
}
/// x moved towards 0 by lambda, and 0 where |x| <= lambda.
template <class T>
[[nodiscard]] Tensor<T> softshrink(const Tensor<T>& x, double lambda = 0.5) {
  return sub(x, clamp(x, -lambda, lambda));
}
/// x where |x| > lambda, else 0.
template <class T>
[[nodiscard]] Tensor<T> hardshrink(const Tensor<T>& x, double lambda = 0.5) {
  return where(logical_and(greater_equal(x, -lambda), less_equal(x, lambda)), 0, x);
}
/// x where x > limit, else value.
template <class T>
[[nodiscard]] Tensor<T> threshold(const Tensor<T>& x, double limit, double value) {
  return where(greater(x, limit), x, value);
}
/// exp(min(x, limit)); the gradient beyond the limit is 0.
template <class T>
[[nodiscard]] Tensor<T> exp_clamped(const Tensor<T>& x, double limit = 10) {
  return exp(clamp_max(x, limit));
}
/// log(1 + |x|).
template <class T>
[[nodiscard]] Tensor<T> log1p_abs(const Tensor<T>& x) {
  return log1p(abs(x));
}

/// x where x > 0, else w * x. w: one number, shape [1], or one a channel, shape [C], C being x's dimension 1.
template <class T>
[[nodiscard]] Tensor<T> prelu(const Tensor<T>& x, const Tensor<T>& w) {
  if (w.numel() == 1) return where(greater(x, 0), x, mul(x, reshape(w, {})));
  if (x.rank() < 2 || w.rank() != 1 || w.size(0) != x.size(1))
    fail("prelu", "w has shape ", w.shape(), " but must have one element or one for each channel of x ", x.shape());
  Dims per_channel{w.size(0)};
  for (index_t i = 2; i < x.rank(); ++i) per_channel.push_back(1);
  return where(greater(x, 0), x, mul(x, reshape(w, per_channel)));
}

/// The first half of x along `axis` times the sigmoid of the second half.
template <class T>
[[nodiscard]] Tensor<T> glu(const Tensor<T>& x, index_t axis = -1) {
  axis = check_axis("glu", axis, x.shape());
  const index_t half = x.size(axis) / 2;
  if (2 * half != x.size(axis)) fail("glu", "axis ", axis, " of x ", x.shape(), " is odd");
  return mul(narrow(x, axis, 0, half), sigmoid(narrow(x, axis, half, half)));
}

}  // namespace limn::inline LIMN_ABI
