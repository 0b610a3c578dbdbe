#pragma once
// softmax and log_softmax along one axis, and their gradients.

#include <limn_kernels/dispatch.hpp>
#include <limn_kernels/half.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x and y are contiguous [outer, axis, inner]; the softmax runs along `axis`.
struct SoftmaxShape {
  index_t outer = 1, axis = 1, inner = 1;
};

namespace cpu {
template <class T>
void softmax_forward(const SoftmaxShape& s, const T* x, T* y);
template <class T>
void softmax_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx);
template <class T>
void log_softmax_forward(const SoftmaxShape& s, const T* x, T* y);
template <class T>
void log_softmax_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx);
}  // namespace cpu
namespace cuda {
template <class T>
void softmax_forward(const SoftmaxShape& s, const T* x, T* y);
template <class T>
void softmax_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx);
template <class T>
void log_softmax_forward(const SoftmaxShape& s, const T* x, T* y);
template <class T>
void log_softmax_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx);
}  // namespace cuda

/// y = exp(x - max) / sum(exp(x - max)). Overwrites y; y may be x. A row of -infinity alone gives NaN.
template <class T>
void softmax_forward(Device device, const SoftmaxShape& s, const T* x, T* y) {
  dispatch_floating<T>(
      "softmax_forward", device, [&] { cpu::softmax_forward(s, x, y); }, [&](auto) { cuda::softmax_forward(s, x, y); });
}
/// dx = y (dy - sum(y dy)). dx may be dy.
template <class T>
void softmax_backward(Device device, const SoftmaxShape& s, const T* y, const T* dy, T* dx) {
  dispatch_floating<T>(
      "softmax_backward", device, [&] { cpu::softmax_backward(s, y, dy, dx); },
      [&](auto) { cuda::softmax_backward(s, y, dy, dx); });
}
/// y = x - max - log(sum(exp(x - max))). y may be x.
template <class T>
void log_softmax_forward(Device device, const SoftmaxShape& s, const T* x, T* y) {
  dispatch_floating<T>(
      "log_softmax_forward", device, [&] { cpu::log_softmax_forward(s, x, y); },
      [&](auto) { cuda::log_softmax_forward(s, x, y); });
}
/// dx = dy - exp(y) sum(dy). dx may be dy.
template <class T>
void log_softmax_backward(Device device, const SoftmaxShape& s, const T* y, const T* dy, T* dx) {
  dispatch_floating<T>(
      "log_softmax_backward", device, [&] { cpu::log_softmax_backward(s, y, dy, dx); },
      [&](auto) { cuda::log_softmax_backward(s, y, dy, dx); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/softmax.cpp
#include <limn_kernels/cpu/softmax.hpp>
#endif
