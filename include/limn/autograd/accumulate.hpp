#pragma once
// What the engine does to gradients: add two, sum one back to the shape it was broadcast from. Differentiable
// themselves.

#include <limn/autograd/record.hpp>
#include <limn/core/copy.hpp>
#include <limn/core/create.hpp>
#include <limn_kernels/accumulate.hpp>

namespace limn::inline LIMN_ABI {

template <class T>
[[nodiscard]] Tensor<T> broadcast_to(const Tensor<T>& x, const Shape& shape);

/// The sum of x over the dimensions along which `shape` was broadcast to x's shape.
template <class T>
[[nodiscard]] Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (!(broadcast_shapes("sum_to", shape, x.shape()) == x.shape()))
    fail("sum_to", "shape ", shape, " does not broadcast to ", x.shape());

  Tensor<T> y = zeros<T>(shape, x.device());
  const Strides walk = broadcast_strides(shape, y.strides(), x.shape());
  kernels::sum_into(x.device(), detail::strided_shape(x.shape(), walk), detail::packed(x).data(), y.data());

  return record("sum_to", y, {x},
                [from = x.shape()](const Tensor<T>& dy) -> Grads<T> { return {broadcast_to(dy, from)}; });
}

/// A view of x that repeats it along its dimensions of extent 1 (and new ones at the left): NumPy's broadcast_to.
template <class T>
[[nodiscard]] Tensor<T> broadcast_to(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (!(broadcast_shapes("broadcast_to", x.shape(), shape) == shape))
    fail("broadcast_to", "x of shape ", x.shape(), " does not broadcast to ", shape);

  const Tensor<T> y = x.as_view(shape, broadcast_strides(x.shape(), x.strides(), shape));

  return record("broadcast_to", y, {x},
                [from = x.shape()](const Tensor<T>& dy) -> Grads<T> { return {sum_to(dy, from)}; });
}

/// a + b of equal shapes.
template <class T>
[[nodiscard]] Tensor<T> add_gradients(const Tensor<T>& a, const Tensor<T>& b) {
  check_shape("add_gradients", "b", b.shape(), a.shape());

  Tensor<T> y(a.shape(), a.device());
  kernels::add(a.device(), a.numel(), detail::packed(a).data(), detail::packed(b).data(), y.data());

  return record("add_gradients", y, {a, b}, [](const Tensor<T>& dy) -> Grads<T> { return {dy, dy}; });
}

}  // namespace limn::inline LIMN_ABI
