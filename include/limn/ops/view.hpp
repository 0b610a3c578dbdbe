#pragma once
// Views: reshape, permute, transpose, slice, select, flip, expand, squeeze, unsqueeze. No elements move, except where
// said.

#include <limits>
#include <vector>

#include <limn/autograd/backward.hpp>

namespace limn::inline LIMN_ABI {

/// x in row-major order: x itself when it already is, else a copy. Differentiable.
template <class T>
[[nodiscard]] Tensor<T> contiguous(const Tensor<T>& x) {
  if (x.is_contiguous()) return x;
  return record("contiguous", detail::copy_as<T>(x), {x}, [](const Tensor<T>& dy) -> Grads<T> { return {dy}; });
}

/// A copy of x that shares nothing with it but the gradient.
template <class T>
[[nodiscard]] Tensor<T> clone(const Tensor<T>& x) {
  return record("clone", detail::copy_as<T>(x), {x}, [](const Tensor<T>& dy) -> Grads<T> { return {dy}; });
}

/// The elements of x in row-major order under another shape. One extent may be -1: it is worked out. Copies when x is
/// not contiguous.
template <class T>
[[nodiscard]] Tensor<T> reshape(const Tensor<T>& x, const Dims& shape) {
  Dims wanted = shape;
  index_t known = 1, free_axis = -1;
  for (index_t i = 0; i < wanted.rank(); ++i) {
    if (wanted[i] == -1 && free_axis < 0)
      free_axis = i;
    else
      known *= wanted[i];
  }
  if (free_axis >= 0) wanted[free_axis] = known > 0 ? x.numel() / known : 0;
  for (const index_t extent : wanted)
    if (extent < 0) fail("reshape", "x of shape ", x.shape(), " cannot become ", shape);
  const Shape target(wanted);
  if (target.numel() != x.numel())
    fail("reshape", "x of shape ", x.shape(), " has ", x.numel(), " elements, which do not fill ", shape);

  const Tensor<T> source = contiguous(x);
  const Tensor<T> y = source.as_view(target, contiguous_strides(target));

  return record("reshape", y, {source},
                [from = x.shape()](const Tensor<T>& dy) -> Grads<T> { return {reshape(dy, from)}; });
}

/// One dimension in place of dimensions [first, last] (torch.flatten).
template <class T>
[[nodiscard]] Tensor<T> flatten(const Tensor<T>& x, index_t first = 0, index_t last = -1) {
  if (x.rank() == 0) return reshape(x, {1});
  first = check_axis("flatten", first, x.shape());
  last = check_axis("flatten", last, x.shape());
  if (first > last) fail("flatten", "first axis ", first, " is behind last axis ", last);
  Dims shape;
  index_t product = 1;
  for (index_t i = 0; i < x.rank(); ++i) {
    if (i >= first && i <= last) product *= x.size(i);
    if (i < first || i > last)
      shape.push_back(x.size(i));
    else if (i == last)
      shape.push_back(product);
  }
  return reshape(x, shape);
}

/// y has dimension i = x's dimension order[i]. `order` is a permutation of 0..rank-1; negative entries count from the
/// end.
template <class T>
[[nodiscard]] Tensor<T> permute(const Tensor<T>& x, const Dims& order) {
  if (order.rank() != x.rank()) fail("permute", "order ", order, " does not name each axis of x of shape ", x.shape());
  Dims shape = order, strides = order, inverse = order;
  bool seen[max_rank] = {};
  for (index_t i = 0; i < order.rank(); ++i) {
    const index_t axis = check_axis("permute", order[i], x.shape());
    if (seen[axis]) fail("permute", "order ", order, " names axis ", axis, " twice");
    seen[axis] = true;
    shape[i] = x.shape()[axis];
    strides[i] = x.strides()[axis];
    inverse[axis] = i;
  }
  const Tensor<T> y = x.as_view(Shape(shape), strides);

  return record("permute", y, {x}, [inverse](const Tensor<T>& dy) -> Grads<T> { return {permute(dy, inverse)}; });
}

/// Exchanges two axes.
template <class T>
[[nodiscard]] Tensor<T> transpose(const Tensor<T>& x, index_t a = -2, index_t b = -1) {
  a = check_axis("transpose", a, x.shape());
  b = check_axis("transpose", b, x.shape());
  Dims order;
  for (index_t i = 0; i < x.rank(); ++i) order.push_back(i == a ? b : i == b ? a : i);
  return permute(x, order);
}

/// A slice [start, stop) with a step along one axis, as in Python: negative positions count from the end, positions
/// beyond the ends are clipped, a negative step walks backwards (there, leave start and stop out to take everything:
/// x[::-1]).
struct Slice {
  static constexpr index_t none = std::numeric_limits<index_t>::min();  ///< "left out"
  index_t start = none;
  index_t stop = none;
  index_t step = 1;
};

namespace detail {

struct SliceRange {
  index_t start, count, step;
};

[[nodiscard]] inline SliceRange resolve(const Slice& s, index_t extent) {
  if (s.step == 0) fail("slice", "a step of 0 goes nowhere");
  const index_t low = s.step > 0 ? 0 : -1, high = s.step > 0 ? extent : extent - 1;
  const auto place = [&](index_t position, index_t fallback) {
    if (position == Slice::none) return fallback;
    if (position < 0) position += extent;
    return position < low ? low : position > high ? high : position;
  };
  const index_t start = place(s.start, s.step > 0 ? low : high), stop = place(s.stop, s.step > 0 ? high : low);
  const index_t span = s.step > 0 ? stop - start : start - stop, stride = s.step > 0 ? s.step : -s.step;
  return {start, span > 0 ? (span + stride - 1) / stride : 0, s.step};
}

/// The transpose of slice: zeros of `shape` with x at start, start + step, ... along axis.
template <class T>
[[nodiscard]] Tensor<T> place_slice(const Tensor<T>& x, const Shape& shape, index_t axis, SliceRange range);

template <class T>
[[nodiscard]] Tensor<T> slice_view(const Tensor<T>& x, index_t axis, SliceRange range) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape[axis] = range.count;
  strides[axis] = x.strides()[axis] * range.step;
  return x.as_view(shape, strides, range.count > 0 ? range.start * x.strides()[axis] : 0);
}

template <class T>
[[nodiscard]] Tensor<T> slice_range(const Tensor<T>& x, index_t axis, SliceRange range) {
  return record("slice", slice_view(x, axis, range), {x},
                [axis, range, from = x.shape()](const Tensor<T>& dy) -> Grads<T> {
                  return {place_slice(dy, from, axis, range)};
                });
}

template <class T>
Tensor<T> place_slice(const Tensor<T>& x, const Shape& shape, index_t axis, SliceRange range) {
  const Tensor<T> y = zeros<T>(shape, x.device());
  copy_into(x.detach(), slice_view(y, axis, range));
  return record("place_slice", y, {x},
                [axis, range](const Tensor<T>& dy) -> Grads<T> { return {slice_range(dy, axis, range)}; });
}

}  // namespace detail

/// x[..., start:stop:step, ...] along one axis.
template <class T>
[[nodiscard]] Tensor<T> slice(const Tensor<T>& x, index_t axis, const Slice& s) {
  axis = check_axis("slice", axis, x.shape());
  return detail::slice_range(x, axis, detail::resolve(s, x.shape()[axis]));
}
template <class T>
[[nodiscard]] Tensor<T> slice(const Tensor<T>& x, index_t axis, index_t start, index_t stop, index_t step = 1) {
  return slice(x, axis, Slice{start, stop, step});
}

/// `length` elements from `start` on along one axis (torch.narrow): out of range is an error.
template <class T>
[[nodiscard]] Tensor<T> narrow(const Tensor<T>& x, index_t axis, index_t start, index_t length) {
  axis = check_axis("narrow", axis, x.shape());
  if (start < 0 || length < 0 || start + length > x.shape()[axis])
    fail("narrow", "[", start, ", ", start + length, ") is out of range for axis ", axis, " of shape ", x.shape());
  return detail::slice_range(x, axis, {start, length, 1});
}

/// The elements in reverse order along one axis.
template <class T>
[[nodiscard]] Tensor<T> flip(const Tensor<T>& x, index_t axis) {
  return slice(x, axis, Slice{.step = -1});
}

/// Inserts an axis of extent 1 before `axis` (-1: at the end).
template <class T>
[[nodiscard]] Tensor<T> unsqueeze(const Tensor<T>& x, index_t axis) {
  const index_t position = axis < 0 ? axis + x.rank() + 1 : axis;
  if (position < 0 || position > x.rank())
    fail("unsqueeze", "axis ", axis, " is out of range for x of shape ", x.shape());
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.insert(position, 1);
  strides.insert(position, 0);
  return record("unsqueeze", x.as_view(shape, strides), {x},
                [from = x.shape()](const Tensor<T>& dy) -> Grads<T> { return {reshape(dy, from)}; });
}

/// Removes an axis of extent 1.
template <class T>
[[nodiscard]] Tensor<T> squeeze(const Tensor<T>& x, index_t axis) {
  axis = check_axis("squeeze", axis, x.shape());
  if (x.shape()[axis] != 1) fail("squeeze", "axis ", axis, " of shape ", x.shape(), " is not 1");
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.erase(axis);
  strides.erase(axis);
  return record("squeeze", x.as_view(shape, strides), {x},
                [axis](const Tensor<T>& dy) -> Grads<T> { return {unsqueeze(dy, axis)}; });
}

/// x[..., index, ...]: one position along an axis, which disappears.
template <class T>
[[nodiscard]] Tensor<T> select(const Tensor<T>& x, index_t axis, index_t index) {
  axis = check_axis("select", axis, x.shape());
  const index_t extent = x.shape()[axis], position = index < 0 ? index + extent : index;
  if (position < 0 || position >= extent)
    fail("select", "index ", index, " is out of range for axis ", axis, " of shape ", x.shape());
  return squeeze(narrow(x, axis, position, 1), axis);
}

/// Repeats extents of 1 (and adds dimensions at the left) without copying; -1 keeps an extent (torch.expand).
template <class T>
[[nodiscard]] Tensor<T> expand(const Tensor<T>& x, const Dims& shape) {
  Dims target = shape;
  const index_t added = shape.rank() - x.rank();
  for (index_t i = 0; i < shape.rank(); ++i)
    if (target[i] == -1) {
      if (i < added) fail("expand", "-1 at new axis ", i, " of ", shape, " says nothing");
      target[i] = x.shape()[i - added];
    }
  return broadcast_to(x, Shape(target));
}

}  // namespace limn::inline LIMN_ABI
