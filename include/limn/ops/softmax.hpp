#pragma once
// softmax, log_softmax, softmin along one axis.

#include <limn/ops/reduce.hpp>
#include <limn_kernels/softmax.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {
[[nodiscard]] inline kernels::SoftmaxShape softmax_shape(const Shape& shape, index_t axis) {
  const kernels::ReduceShape s = split_at(shape, axis);
  return {s.outer, s.axis, s.inner};
}
}  // namespace detail

/// exp(x) / sum(exp(x)) along `axis`, computed after subtracting the maximum. Returns the shape of x.
/// Gradient: y (dy - sum(y dy)).
template <class T>
[[nodiscard]] Tensor<T> softmax(const Tensor<T>& x, index_t axis = -1) {
  axis = check_axis("softmax", axis, x.shape());
  const kernels::SoftmaxShape s = detail::softmax_shape(x.shape(), axis);

  Tensor<T> y(x.shape(), x.device());
  kernels::softmax_forward(x.device(), s, detail::packed(x).data(), y.data());

  return record("softmax", y, {x}, [x, y, s, axis](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) {
      const Tensor<T> p = softmax(x, axis);
      return {mul(p, sub(dy, sum(mul(p, dy), axis, {.keepdim = true})))};
    }
    Tensor<T> dx(dy.shape(), dy.device());
    kernels::softmax_backward(dy.device(), s, y.data(), detail::packed(dy).data(), dx.data());
    return {dx};
  });
}

/// log(softmax(x)) along `axis`, without the underflow. Gradient: dy - softmax(x) sum(dy).
template <class T>
[[nodiscard]] Tensor<T> log_softmax(const Tensor<T>& x, index_t axis = -1) {
  axis = check_axis("log_softmax", axis, x.shape());
  const kernels::SoftmaxShape s = detail::softmax_shape(x.shape(), axis);

  Tensor<T> y(x.shape(), x.device());
  kernels::log_softmax_forward(x.device(), s, detail::packed(x).data(), y.data());

  return record("log_softmax", y, {x}, [x, y, s, axis](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) return {sub(dy, mul(softmax(x, axis), sum(dy, axis, {.keepdim = true})))};
    Tensor<T> dx(dy.shape(), dy.device());
    kernels::log_softmax_backward(dy.device(), s, y.data(), detail::packed(dy).data(), dx.data());
    return {dx};
  });
}

/// softmax(-x).
template <class T>
[[nodiscard]] Tensor<T> softmin(const Tensor<T>& x, index_t axis = -1) {
  return softmax(neg(x), axis);
}

}  // namespace limn::inline LIMN_ABI
