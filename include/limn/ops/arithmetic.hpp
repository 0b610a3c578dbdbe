#pragma once
// + - * / with NumPy broadcasting, tensor and number; minimum, maximum; where, masked_fill.

#include <limn/autograd/backward.hpp>
#include <limn/ops/compare.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// An integer division by zero would end the program.
template <class T>
void check_divisor([[maybe_unused]] const Tensor<T>& b) {
  if constexpr (std::is_integral_v<T>) {
    const Tensor<T> values = packed(b);
    for (index_t i = 0; i < values.numel(); ++i)
      if (values.data()[i] == T(0)) fail("div", "integer division by zero at element ", i);
  }
}

}  // namespace detail

// Declared here because the backwards below use each other.
template <class T>
[[nodiscard]] Tensor<T> mul(const Tensor<T>& a, const Tensor<T>& b);
template <class T>
[[nodiscard]] Tensor<T> div(const Tensor<T>& a, const Tensor<T>& b);
template <class T>
[[nodiscard]] Tensor<T> neg(const Tensor<T>& x);
template <class T>
[[nodiscard]] Tensor<T> where(const Tensor<bool>& condition, const Tensor<T>& a, const Tensor<T>& b);

/// a + b. Shapes broadcast as in NumPy: aligned at the right, extents equal or one of them 1.
template <class T>
[[nodiscard]] Tensor<T> add(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> y = detail::binary_values<T>("add", kernels::Add{}, a, b);
  return record("add", y, {a, b}, [](const Tensor<T>& dy) -> Grads<T> { return {dy, dy}; });
}

/// a - b.
template <class T>
[[nodiscard]] Tensor<T> sub(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> y = detail::binary_values<T>("sub", kernels::Sub{}, a, b);
  return record("sub", y, {a, b}, [b_needs = b.requires_grad()](const Tensor<T>& dy) -> Grads<T> {
    return {dy, b_needs ? neg(dy) : Tensor<T>()};
  });
}

/// a * b, element by element.
template <class T>
Tensor<T> mul(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> y = detail::binary_values<T>("mul", kernels::Mul{}, a, b);
  return record("mul", y, {a, b}, [a, b](const Tensor<T>& dy) -> Grads<T> {
    return {a.requires_grad() ? mul(dy, b) : Tensor<T>(), b.requires_grad() ? mul(dy, a) : Tensor<T>()};
  });
}

/// a / b. Integers: rounded toward zero; a zero in b is an error.
template <class T>
Tensor<T> div(const Tensor<T>& a, const Tensor<T>& b) {
  detail::check_divisor(b);
  const Tensor<T> y = detail::binary_values<T>("div", kernels::Div{}, a, b);
  return record("div", y, {a, b}, [a, b](const Tensor<T>& dy) -> Grads<T> {
    const Tensor<T> da = div(dy, b);
    return {da, b.requires_grad() ? neg(mul(da, div(a, b))) : Tensor<T>()};
  });
}

namespace detail {
/// The share of dy that goes to the chosen operand of minimum or maximum: half of it to each where they are equal.
template <class T>
[[nodiscard]] Tensor<T> chosen_share(const Tensor<bool>& chosen, const Tensor<bool>& tied, const Tensor<T>& dy) {
  const Tensor<T> half = mul(dy, scalar<T>(T(0.5f), dy.device())), zero = scalar<T>(T(0.f), dy.device());
  return where(chosen, dy, where(tied, half, zero));
}
}  // namespace detail

/// The smaller of a and b; a NaN in either wins. Equal elements share the gradient.
template <class T>
[[nodiscard]] Tensor<T> minimum(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> y = detail::binary_values<T>("minimum", kernels::Minimum{}, a, b);
  if constexpr (!is_floating<T>)
    return y;
  else
    return record("minimum", y, {a, b}, [a, b](const Tensor<T>& dy) -> Grads<T> {
      const Tensor<bool> tied = equal(a, b);
      return {detail::chosen_share(less(a, b), tied, dy), detail::chosen_share(less(b, a), tied, dy)};
    });
}

/// The larger of a and b; a NaN in either wins. Equal elements share the gradient.
template <class T>
[[nodiscard]] Tensor<T> maximum(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> y = detail::binary_values<T>("maximum", kernels::Maximum{}, a, b);
  if constexpr (!is_floating<T>)
    return y;
  else
    return record("maximum", y, {a, b}, [a, b](const Tensor<T>& dy) -> Grads<T> {
      const Tensor<bool> tied = equal(a, b);
      return {detail::chosen_share(less(b, a), tied, dy), detail::chosen_share(less(a, b), tied, dy)};
    });
}

/// -x.
template <class T>
Tensor<T> neg(const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("neg", kernels::Neg{}, x);
  return record("neg", y, {x}, [](const Tensor<T>& dy) -> Grads<T> { return {neg(dy)}; });
}

// With a number on one side. The number is converted to the element type.

template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> add(const Tensor<T>& x, S value) {
  const Tensor<T> y = detail::unary_values<T>("add_number", detail::with_right<T>(kernels::Add{}, value), x);
  return record("add_number", y, {x}, [](const Tensor<T>& dy) -> Grads<T> { return {dy}; });
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> mul(const Tensor<T>& x, S value) {
  const Tensor<T> y = detail::unary_values<T>("mul_number", detail::with_right<T>(kernels::Mul{}, value), x);
  return record("mul_number", y, {x}, [value](const Tensor<T>& dy) -> Grads<T> { return {mul(dy, value)}; });
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> sub(const Tensor<T>& x, S value) {
  const Tensor<T> y = detail::unary_values<T>("sub_number", detail::with_right<T>(kernels::Sub{}, value), x);
  return record("sub_number", y, {x}, [](const Tensor<T>& dy) -> Grads<T> { return {dy}; });
}
/// value - x.
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> sub(S value, const Tensor<T>& x) {
  const Tensor<T> y = detail::unary_values<T>("number_sub", detail::with_left<T>(kernels::Sub{}, value), x);
  return record("number_sub", y, {x}, [](const Tensor<T>& dy) -> Grads<T> { return {neg(dy)}; });
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> div(const Tensor<T>& x, S value) {
  if (std::is_integral_v<T> && value == S(0)) fail("div", "integer division by zero");
  const Tensor<T> y = detail::unary_values<T>("div_number", detail::with_right<T>(kernels::Div{}, value), x);
  return record("div_number", y, {x}, [value](const Tensor<T>& dy) -> Grads<T> { return {div(dy, value)}; });
}
/// value / x.
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> div(S value, const Tensor<T>& x) {
  detail::check_divisor(x);
  const Tensor<T> y = detail::unary_values<T>("number_div", detail::with_left<T>(kernels::Div{}, value), x);
  return record("number_div", y, {x},
                [x, value](const Tensor<T>& dy) -> Grads<T> { return {neg(mul(dy, div(div(value, x), x)))}; });
}

/// condition ? a : b, element by element; all three broadcast.
template <class T>
Tensor<T> where(const Tensor<bool>& condition, const Tensor<T>& a, const Tensor<T>& b) {
  detail::check_same_device("where", a, b);
  detail::check_same_device("where", a, condition);
  const Shape shape = broadcast_shapes("where", broadcast_shapes("where", condition.shape(), a.shape()), b.shape());
  kernels::SelectShape s;
  s.rank = shape.rank();
  const Strides strides_c = broadcast_strides(condition.shape(), condition.strides(), shape);
  const Strides strides_a = broadcast_strides(a.shape(), a.strides(), shape);
  const Strides strides_b = broadcast_strides(b.shape(), b.strides(), shape);
  for (index_t i = 0; i < s.rank; ++i) {
    s.extents[i] = shape[i];
    s.condition[i] = strides_c[i];
    s.a[i] = strides_a[i];
    s.b[i] = strides_b[i];
  }

  Tensor<T> y(shape, a.device());
  kernels::select(a.device(), s, condition.data(), a.data(), b.data(), y.data());

  if constexpr (!is_floating<T>)
    return y;
  else
    return record(
        "where", y, {a, b},
        [condition, from_a = a.requires_grad(), from_b = b.requires_grad()](const Tensor<T>& dy) -> Grads<T> {
          const Tensor<T> zero = scalar<T>(T(0.f), dy.device());
          return {from_a ? where(condition, dy, zero) : Tensor<T>(), from_b ? where(condition, zero, dy) : Tensor<T>()};
        });
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> where(const Tensor<bool>& condition, const Tensor<T>& a, S b) {
  return where(condition, a, scalar<T>(static_cast<T>(static_cast<compute_t<T>>(b)), a.device()));
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> where(const Tensor<bool>& condition, S a, const Tensor<T>& b) {
  return where(condition, scalar<T>(static_cast<T>(static_cast<compute_t<T>>(a)), b.device()), b);
}

/// x with `value` wherever the mask (which broadcasts to x's shape) is true.
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> masked_fill(const Tensor<T>& x, const Tensor<bool>& mask, S value) {
  if (!(broadcast_shapes("masked_fill", x.shape(), mask.shape()) == x.shape()))
    fail("masked_fill", "mask of shape ", mask.shape(), " does not broadcast to x of shape ", x.shape());
  return where(mask, value, x);
}

template <class T>
[[nodiscard]] Tensor<T> operator+(const Tensor<T>& a, const Tensor<T>& b) {
  return add(a, b);
}
template <class T>
[[nodiscard]] Tensor<T> operator-(const Tensor<T>& a, const Tensor<T>& b) {
  return sub(a, b);
}
template <class T>
[[nodiscard]] Tensor<T> operator*(const Tensor<T>& a, const Tensor<T>& b) {
  return mul(a, b);
}
template <class T>
[[nodiscard]] Tensor<T> operator/(const Tensor<T>& a, const Tensor<T>& b) {
  return div(a, b);
}
template <class T>
[[nodiscard]] Tensor<T> operator-(const Tensor<T>& x) {
  return neg(x);
}
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator+(const Tensor<T>& x, S value) { return add(x, value); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator+(S value, const Tensor<T>& x) { return add(x, value); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator-(const Tensor<T>& x, S value) { return sub(x, value); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator-(S value, const Tensor<T>& x) { return sub(value, x); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator*(const Tensor<T>& x, S value) { return mul(x, value); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator*(S value, const Tensor<T>& x) { return mul(x, value); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator/(const Tensor<T>& x, S value) { return div(x, value); }
template <class T, class S>
requires detail::NumberFor<S, T>
[[nodiscard]] Tensor<T> operator/(S value, const Tensor<T>& x) { return div(value, x); }

}  // namespace limn::inline LIMN_ABI
