#pragma once
// New tensors from values: zeros, ones, full, arange, from, scalar.

#include <initializer_list>
#include <vector>

#include <limn/core/copy.hpp>

namespace limn::inline LIMN_ABI {

/// A tensor of `shape` with every element `value`.
template <class T = float>
[[nodiscard]] Tensor<T> full(const Shape& shape, std::type_identity_t<T> value, Device device = cpu_device) {
  Tensor<T> y(shape);
  T* data = y.data();
  for (index_t i = 0, n = y.numel(); i < n; ++i) data[i] = value;
  if (device == cpu_device) return y;
  Tensor<T> moved(shape, device);
  kernels::copy_bytes(moved.data(), device, data, cpu_device, static_cast<std::size_t>(y.numel()) * sizeof(T));
  return moved;
}

template <class T = float>
[[nodiscard]] Tensor<T> zeros(const Shape& shape, Device device = cpu_device) {
  return full<T>(shape, T(0), device);
}
template <class T = float>
[[nodiscard]] Tensor<T> ones(const Shape& shape, Device device = cpu_device) {
  return full<T>(shape, T(1), device);
}
template <class T>
[[nodiscard]] Tensor<T> zeros_like(const Tensor<T>& x) {
  return zeros<T>(x.shape(), x.device());
}
template <class T>
[[nodiscard]] Tensor<T> ones_like(const Tensor<T>& x) {
  return ones<T>(x.shape(), x.device());
}

/// Rank 0.
template <class T>
[[nodiscard]] Tensor<T> scalar(T value, Device device = cpu_device) {
  return full<T>(Shape{}, value, device);
}

/// The elements of `values` in row-major order. Throws when their number is not shape.numel().
template <class T = float>
[[nodiscard]] Tensor<T> from(const std::vector<T>& values, const Shape& shape) {
  if (static_cast<index_t>(values.size()) != shape.numel())
    fail("from", values.size(), " values do not fill the shape ", shape);
  Tensor<T> y(shape);
  T* data = y.data();
  index_t i = 0;
  for (const T value : values) data[i++] = value;
  return y;
}
template <class T = float>
[[nodiscard]] Tensor<T> from(std::initializer_list<T> values, const Shape& shape) {
  return from<T>(std::vector<T>(values), shape);
}

/// start, start + step, ... : n values, shape [n].
template <class T = float>
[[nodiscard]] Tensor<T> arange(index_t n, std::type_identity_t<T> start = T(0), std::type_identity_t<T> step = T(1)) {
  Tensor<T> y(Shape{n});
  for (index_t i = 0; i < n; ++i) y.data()[i] = static_cast<T>(start + static_cast<T>(i) * step);
  return y;
}

/// The elements of x in row-major order.
template <class T>
[[nodiscard]] std::vector<T> to_vector(const Tensor<T>& x) {
  if (!x.defined()) return {};
  const Tensor<T> packed = detail::packed(x);
  std::vector<T> values(static_cast<std::size_t>(x.numel()));
  if constexpr (std::is_same_v<T, bool>) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = packed.data()[i];
  } else {
    kernels::copy_bytes(values.data(), cpu_device, packed.data(), x.device(), values.size() * sizeof(T));
  }
  return values;
}

}  // namespace limn::inline LIMN_ABI
