#pragma once
// Comparisons, tensor with tensor and with number, and the logic of their results. No gradients.

#include <concepts>

#include <limn/core/copy.hpp>
#include <limn_kernels/pointwise.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

[[nodiscard]] inline kernels::BroadcastShape broadcast_walk(const Shape& shape, const Strides& a, const Strides& b) {
  kernels::BroadcastShape s;
  s.rank = shape.rank();
  for (index_t i = 0; i < s.rank; ++i) {
    s.extents[i] = shape[i];
    s.a[i] = a[i];
    s.b[i] = b[i];
  }
  return s;
}

template <class T, class U>
void check_same_device(const char* op, const Tensor<T>& a, const Tensor<U>& b) {
  if (!a.defined() || !b.defined()) fail(op, "an input is undefined");
  if (!(a.device() == b.device())) fail(op, "a is on ", a.device(), " but b is on ", b.device());
}

/// f(a, b) with broadcasting, as elements of R; not recorded.
template <class R, class F, class T>
[[nodiscard]] Tensor<R> binary_values(const char* op, const F& f, const Tensor<T>& a, const Tensor<T>& b) {
  check_same_device(op, a, b);
  const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast_shapes(op, a.shape(), b.shape());
  Tensor<R> y(shape, a.device());
  const auto walk = broadcast_walk(shape, broadcast_strides(a.shape(), a.strides(), shape),
                                   broadcast_strides(b.shape(), b.strides(), shape));
  kernels::binary(a.device(), walk, a.data(), b.data(), y.data(), f);
  return y;
}

/// f(x) as elements of R; not recorded.
template <class R, class F, class T>
[[nodiscard]] Tensor<R> unary_values(const char* op, const F& f, const Tensor<T>& x) {
  if (!x.defined()) fail(op, "x is undefined");
  const Tensor<T> source = packed(x);
  Tensor<R> y(x.shape(), x.device());
  kernels::unary(x.device(), x.numel(), source.data(), y.data(), f);
  return y;
}

/// A number that may stand beside a Tensor<T>: an integer always, a fraction where T has fractions.
template <class S, class T>
concept NumberFor = std::is_arithmetic_v<S> &&(is_floating<T> || std::is_integral_v<S>);

template <class T, class F>
[[nodiscard]] auto with_right(F f, auto value) {
  return kernels::WithRight<F, compute_t<T>>{f, static_cast<compute_t<T>>(value)};
}
template <class T, class F>
[[nodiscard]] auto with_left(F f, auto value) {
  return kernels::WithLeft<F, compute_t<T>>{f, static_cast<compute_t<T>>(value)};
}

}  // namespace detail

// Comparisons: Tensor<bool>, no gradient.

#define LIMN_COMPARISON(name, Functor, symbol)                                                     \
  template <class T>                                                                               \
  [[nodiscard]] Tensor<bool> name(const Tensor<T>& a, const Tensor<T>& b) {                        \
    return detail::binary_values<bool>(#name, kernels::Functor{}, a, b);                           \
  }                                                                                                \
  template <class T, class S>                                                                      \
  requires detail::NumberFor<S, T>                                                                 \
  [[nodiscard]] Tensor<bool> name(const Tensor<T>& x, S value) {                                   \
    return detail::unary_values<bool>(#name, detail::with_right<T>(kernels::Functor{}, value), x); \
  }                                                                                                \
  template <class T>                                                                               \
  [[nodiscard]] Tensor<bool> operator symbol(const Tensor<T>& a, const Tensor<T>& b) {             \
    return name(a, b);                                                                             \
  }                                                                                                \
  template <class T, class S>                                                                      \
  requires detail::NumberFor<S, T>                                                                 \
  [[nodiscard]] Tensor<bool> operator symbol(const Tensor<T>& x, S value) { return name(x, value); }
LIMN_COMPARISON(equal, Equal, ==)
LIMN_COMPARISON(not_equal, NotEqual, !=)
LIMN_COMPARISON(less, Less, <)
LIMN_COMPARISON(less_equal, LessEqual, <=)
LIMN_COMPARISON(greater, Greater, >)
LIMN_COMPARISON(greater_equal, GreaterEqual, >=)
#undef LIMN_COMPARISON

// Templates over bool alone (as is what takes flags elsewhere): a program that calls none of them compiles none.
template <std::same_as<bool> B>
[[nodiscard]] Tensor<B> logical_and(const Tensor<B>& a, const Tensor<B>& b) {
  return detail::binary_values<bool>("logical_and", kernels::And{}, a, b);
}
template <std::same_as<bool> B>
[[nodiscard]] Tensor<B> logical_or(const Tensor<B>& a, const Tensor<B>& b) {
  return detail::binary_values<bool>("logical_or", kernels::Or{}, a, b);
}
template <std::same_as<bool> B>
[[nodiscard]] Tensor<B> logical_not(const Tensor<B>& x) {
  return detail::unary_values<bool>("logical_not", detail::with_right<bool>(kernels::Equal{}, false), x);
}

}  // namespace limn::inline LIMN_ABI
