#pragma once
// contiguous, clone, cast, to(device): copies of elements, without gradients (ops/view.hpp and ops/cast.hpp have
// those).

#include <limn/core/tensor.hpp>
#include <limn_kernels/copy.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

[[nodiscard]] inline kernels::StridedShape strided_shape(const Shape& shape, const Strides& strides) {
  kernels::StridedShape s;
  s.rank = shape.rank();
  for (index_t i = 0; i < s.rank; ++i) {
    s.extents[i] = shape[i];
    s.strides[i] = strides[i];
  }
  return s;
}

/// A contiguous copy of x with elements of type U, without gradient history.
template <class U, class T>
[[nodiscard]] Tensor<U> copy_as(const Tensor<T>& x) {
  Tensor<U> y(x.shape(), x.device());
  kernels::gather_strided(x.device(), strided_shape(x.shape(), x.strides()), x.data(), y.data());
  return y;
}

/// x itself when it is contiguous, else a contiguous copy; no gradient history. What kernels read.
template <class T>
[[nodiscard]] Tensor<T> packed(const Tensor<T>& x) {
  return x.is_contiguous() ? x.detach() : copy_as<T>(x);
}

}  // namespace detail

/// Overwrites the elements of y (any strides without overlap) with those of x, converted; equal shapes, same device.
template <class T, class U>
void copy_into(const Tensor<T>& x, const Tensor<U>& y) {
  check_shape("copy_into", "x", x.shape(), y.shape());
  const Tensor<T> source = detail::packed(x);
  kernels::scatter_strided(y.device(), detail::strided_shape(y.shape(), y.strides()), source.data(), y.data());
  y.mark_written();
}

}  // namespace limn::inline LIMN_ABI
