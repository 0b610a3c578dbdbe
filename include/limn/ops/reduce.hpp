#pragma once
// Reductions: sum, mean, prod, max, min, var, logsumexp, any, all, argmax, argmin, cumsum.

#include <concepts>

#include <limn/ops/cast.hpp>
#include <limn/ops/concat.hpp>
#include <limn/ops/pointwise.hpp>
#include <limn_kernels/reduce.hpp>

namespace limn::inline LIMN_ABI {

struct ReduceOptions {
  bool keepdim = false;  ///< leave reduced axes in the result with extent 1
};

namespace detail {

/// Which axes a call reduces; an empty list means all.
struct ReducedAxes {
  bool reduced[max_rank] = {};
  Shape kept_as_one;  // x's shape with reduced extents 1
  Shape result;       // with options applied
  index_t count = 1;  // elements a result
};

[[nodiscard]] inline ReducedAxes reduced_axes(const char* op, const Shape& shape, const Dims& axes,
                                              ReduceOptions options) {
  ReducedAxes r;
  for (const index_t axis : axes) {
    bool& mark = r.reduced[check_axis(op, axis, shape)];
    if (mark) fail(op, "axes ", axes, " name axis ", axis, " twice");
    mark = true;
  }
  for (index_t i = 0; i < shape.rank(); ++i) {
    if (axes.empty()) r.reduced[i] = true;
    if (r.reduced[i]) r.count *= shape[i];
    r.kept_as_one.push_back(r.reduced[i] ? 1 : shape[i]);
    if (!r.reduced[i])
      r.result.push_back(shape[i]);
    else if (options.keepdim)
      r.result.push_back(1);
  }
  return r;
}

/// Reduces each run of neighbouring reduced axes, the last run first; not recorded.
template <class Op, class T>
[[nodiscard]] Tensor<T> reduce_values(const Tensor<T>& x, const ReducedAxes& r) {
  Tensor<T> y = packed(x);
  bool waiting[max_rank];
  for (index_t i = 0; i < x.rank(); ++i) waiting[i] = r.reduced[i] && x.size(i) != 1;
  for (index_t last = x.rank() - 1; last >= 0; --last) {
    if (!waiting[last]) continue;
    index_t first = last;
    while (first > 0 && (waiting[first - 1] || y.size(first - 1) == 1)) --first;
    kernels::ReduceShape s;
    Shape shape = y.shape();
    for (index_t i = 0; i < x.rank(); ++i) {
      if (i < first)
        s.outer *= shape[i];
      else if (i > last)
        s.inner *= shape[i];
      else
        s.axis *= shape[i], shape[i] = 1, waiting[i] = false;
    }
    Tensor<T> next(shape, x.device());
    kernels::reduce<Op>(x.device(), s, y.data(), next.data());
    y = next;
  }
  if (y.storage() == x.storage()) y = copy_as<T>(y);  // nothing was reduced: the result is still a tensor of its own
  return y.as_view(r.result, contiguous_strides(r.result));
}

[[nodiscard]] inline kernels::ReduceShape split_at(const Shape& shape, index_t axis) {
  kernels::ReduceShape s;
  for (index_t i = 0; i < shape.rank(); ++i) {
    if (i < axis)
      s.outer *= shape[i];
    else if (i == axis)
      s.axis = shape[i];
    else
      s.inner *= shape[i];
  }
  return s;
}

template <class Op, class T>
[[nodiscard]] Tensor<std::int64_t> arg_reduce(const char* op, const Tensor<T>& x, index_t axis, ReduceOptions options) {
  axis = check_axis(op, axis, x.shape());
  if (x.size(axis) == 0) fail(op, "axis ", axis, " of x ", x.shape(), " is empty");
  Shape shape = x.shape();
  if (options.keepdim)
    shape[axis] = 1;
  else
    shape.erase(axis);
  Tensor<std::int64_t> y(shape, x.device());
  kernels::arg_reduce<Op>(x.device(), split_at(x.shape(), axis), packed(x).data(), y.data());
  return y;
}

/// The extreme over axes; equal extremes share the gradient.
template <class Op, class T>
[[nodiscard]] Tensor<T> extreme_values(const char* op, const Tensor<T>& x, const ReducedAxes& r) {
  if (r.count == 0) fail(op, "no elements to choose from: x has shape ", x.shape());
  return reduce_values<Op>(x, r);
}
template <class T>
[[nodiscard]] Tensor<T> extreme_gradient(const Tensor<T>& x, const Tensor<T>& y, const ReducedAxes& r,
                                         const Tensor<T>& dy) {
  const Tensor<T> ones_there = step<T>(equal(x.detach(), reshape(y, r.kept_as_one)));
  const Tensor<T> ties = reduce_values<kernels::Add>(ones_there, r);
  return mul(reshape(div(dy, ties), r.kept_as_one), ones_there);
}

}  // namespace detail

/// The sum over `axes` (empty: all). Gradient: dy, repeated.
template <class T>
[[nodiscard]] Tensor<T> sum(const Tensor<T>& x, const Dims& axes, ReduceOptions options = {}) {
  const detail::ReducedAxes r = detail::reduced_axes("sum", x.shape(), axes, options);

  const Tensor<T> y = detail::reduce_values<kernels::Add>(x, r);

  return record("sum", y, {x}, [r, from = x.shape()](const Tensor<T>& dy) -> Grads<T> {
    return {broadcast_to(reshape(dy, r.kept_as_one), from)};
  });
}

/// The number of true elements.
template <std::same_as<bool> B>
[[nodiscard]] Tensor<std::int64_t> sum(const Tensor<B>& x, const Dims& axes, ReduceOptions options = {}) {
  return sum(cast<std::int64_t>(x), axes, options);
}

/// The mean over `axes` (empty: all).
template <class T>
[[nodiscard]] Tensor<T> mean(const Tensor<T>& x, const Dims& axes, ReduceOptions options = {}) {
  static_assert(is_floating<T>, "mean wants fractions: cast<float>(x) first");
  if constexpr (is_half<T>) {
    return cast<T>(mean(cast<float>(x), axes, options));  // the sum alone may be beyond the range of f16
  } else {
    const index_t count = detail::reduced_axes("mean", x.shape(), axes, options).count;
    return div(sum(x, axes, options), count);
  }
}

namespace detail {
/// The product over axes by multiplying halves: differentiable also where elements are 0.
template <class T>
[[nodiscard]] Tensor<T> product_tree(Tensor<T> x, const ReducedAxes& r) {
  for (index_t axis = 0; axis < x.rank(); ++axis)
    while (r.reduced[axis] && x.size(axis) > 1) {
      const index_t half = x.size(axis) / 2, odd = x.size(axis) % 2;
      const Tensor<T> joined = mul(narrow(x, axis, 0, half), narrow(x, axis, half, half));
      x = odd ? concat<T>({joined, narrow(x, axis, 2 * half, 1)}, axis) : joined;
    }
  return reshape(x, r.result);
}
}  // namespace detail

/// The product over `axes` (empty: all).
template <class T>
[[nodiscard]] Tensor<T> prod(const Tensor<T>& x, const Dims& axes, ReduceOptions options = {}) {
  const detail::ReducedAxes r = detail::reduced_axes("prod", x.shape(), axes, options);

  const Tensor<T> y = detail::reduce_values<kernels::Mul>(x, r);

  if constexpr (!is_floating<T>)
    return y;
  else
    return record("prod", y, {x}, [x, r](const Tensor<T>& dy) -> Grads<T> {
      return composite_backward([&](const std::vector<Tensor<T>>& in) { return detail::product_tree(in[0], r); }, {x},
                                dy);
    });
}

/// The largest element over `axes` (empty: all). Equal maxima share the gradient. NaN wins.
template <class T>
[[nodiscard]] Tensor<T> max(const Tensor<T>& x, const Dims& axes, ReduceOptions options = {}) {
  const detail::ReducedAxes r = detail::reduced_axes("max", x.shape(), axes, options);

  const Tensor<T> y = detail::extreme_values<kernels::Maximum>("max", x, r);

  if constexpr (!is_floating<T>)
    return y;
  else
    return record("max", y, {x},
                  [x, y, r](const Tensor<T>& dy) -> Grads<T> { return {detail::extreme_gradient(x, y, r, dy)}; });
}

/// The smallest element over `axes` (empty: all). Equal minima share the gradient. NaN wins.
template <class T>
[[nodiscard]] Tensor<T> min(const Tensor<T>& x, const Dims& axes, ReduceOptions options = {}) {
  const detail::ReducedAxes r = detail::reduced_axes("min", x.shape(), axes, options);

  const Tensor<T> y = detail::extreme_values<kernels::Minimum>("min", x, r);

  if constexpr (!is_floating<T>)
    return y;
  else
    return record("min", y, {x},
                  [x, y, r](const Tensor<T>& dy) -> Grads<T> { return {detail::extreme_gradient(x, y, r, dy)}; });
}

/// Whether any (all) of the elements over `axes` are true.
template <std::same_as<bool> B>
[[nodiscard]] Tensor<B> any(const Tensor<B>& x, const Dims& axes = {}, ReduceOptions options = {}) {
  return detail::reduce_values<kernels::Or>(x, detail::reduced_axes("any", x.shape(), axes, options));
}
template <std::same_as<bool> B>
[[nodiscard]] Tensor<B> all(const Tensor<B>& x, const Dims& axes = {}, ReduceOptions options = {}) {
  return detail::reduce_values<kernels::And>(x, detail::reduced_axes("all", x.shape(), axes, options));
}

struct VarOptions {
  bool keepdim = false;
  index_t correction = 1;  ///< divides by count - correction: 1 for the unbiased estimate, 0 for the mean square
};

/// The variance over `axes` (empty: all): two passes, so that a large mean does no harm.
template <class T>
[[nodiscard]] Tensor<T> var(const Tensor<T>& x, const Dims& axes, VarOptions options = {}) {
  const index_t count = detail::reduced_axes("var", x.shape(), axes, {}).count;
  const Tensor<T> centred = sub(x, mean(x, axes, {.keepdim = true}));
  return div(sum(square(centred), axes, {.keepdim = options.keepdim}), count - options.correction);
}
/// The standard deviation: sqrt(var).
template <class T>
[[nodiscard]] Tensor<T> stddev(const Tensor<T>& x, const Dims& axes, VarOptions options = {}) {
  return sqrt(var(x, axes, options));
}

/// log(sum(exp(x))) over `axes` (empty: all), without overflow; -infinity where every x is.
template <class T>
[[nodiscard]] Tensor<T> logsumexp(const Tensor<T>& x, const Dims& axes, ReduceOptions options = {}) {
  const Tensor<T> top = max(x.detach(), axes, {.keepdim = true});
  const Tensor<T> shift = where(equal(abs(top), std::numeric_limits<compute_t<T>>::infinity()), 0, top);
  const Tensor<T> y = add(log(sum(exp(sub(x, shift)), axes, {.keepdim = true})), shift);
  return reshape(y, detail::reduced_axes("logsumexp", x.shape(), axes, options).result);
}

/// The first position of the largest (smallest) element along an axis.
template <class T>
[[nodiscard]] Tensor<std::int64_t> argmax(const Tensor<T>& x, index_t axis, ReduceOptions options = {}) {
  return detail::arg_reduce<kernels::Maximum>("argmax", x, axis, options);
}
template <class T>
[[nodiscard]] Tensor<std::int64_t> argmin(const Tensor<T>& x, index_t axis, ReduceOptions options = {}) {
  return detail::arg_reduce<kernels::Minimum>("argmin", x, axis, options);
}
/// ... among all elements, in row-major order.
template <class T>
[[nodiscard]] Tensor<std::int64_t> argmax(const Tensor<T>& x) {
  return argmax(reshape(x.detach(), {-1}), 0);
}
template <class T>
[[nodiscard]] Tensor<std::int64_t> argmin(const Tensor<T>& x) {
  return argmin(reshape(x.detach(), {-1}), 0);
}

/// Running sums along an axis.
template <class T>
[[nodiscard]] Tensor<T> cumsum(const Tensor<T>& x, index_t axis) {
  axis = check_axis("cumsum", axis, x.shape());

  Tensor<T> y(x.shape(), x.device());
  kernels::running_sum(x.device(), detail::split_at(x.shape(), axis), detail::packed(x).data(), y.data());

  return record("cumsum", y, {x},
                [axis](const Tensor<T>& dy) -> Grads<T> { return {flip(cumsum(flip(dy, axis), axis), axis)}; });
}

// One axis, and all.
#define LIMN_REDUCTION(name, Options)                                               \
  template <class T>                                                                \
  [[nodiscard]] auto name(const Tensor<T>& x, index_t axis, Options options = {}) { \
    return name(x, Dims{axis}, options);                                            \
  }                                                                                 \
  template <class T>                                                                \
  [[nodiscard]] auto name(const Tensor<T>& x) {                                     \
    return name(x, Dims{});                                                         \
  }
LIMN_REDUCTION(sum, ReduceOptions)
LIMN_REDUCTION(mean, ReduceOptions)
LIMN_REDUCTION(prod, ReduceOptions)
LIMN_REDUCTION(max, ReduceOptions)
LIMN_REDUCTION(min, ReduceOptions)
LIMN_REDUCTION(logsumexp, ReduceOptions)
LIMN_REDUCTION(var, VarOptions)
LIMN_REDUCTION(stddev, VarOptions)
#undef LIMN_REDUCTION

}  // namespace limn::inline LIMN_ABI
