#pragma once
// The CUDA body of softmax.hpp for float and double: one block a row, the row's maximum and sum by shuffles.

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/reduce_block.cuh>
#include <limn_kernels/math.hpp>
#include <limn_kernels/softmax.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr unsigned softmax_threads = 128;

template <bool logarithm, class T>
__global__ void softmax_forward_kernel(SoftmaxShape s, const T* x, T* y) {
  for (index_t row = blockIdx.x; row < s.outer * s.inner; row += gridDim.x) {
    const index_t start = row / s.inner * s.axis * s.inner + row % s.inner;
    T top = x[start];
    for (index_t i = threadIdx.x; i < s.axis; i += blockDim.x) {
      const T value = x[start + i * s.inner];
      top = value > top ? value : top;
    }
    top = reduce_block<Maximum>(top);
    T sum = T(0);
    for (index_t i = threadIdx.x; i < s.axis; i += blockDim.x) sum += scalar::exp(x[start + i * s.inner] - top);
    sum = reduce_block<Add>(sum);
    const T shift = logarithm ? top + scalar::log(sum) : T(0), scale = T(1) / sum;
    for (index_t i = threadIdx.x; i < s.axis; i += blockDim.x) {
      const T value = x[start + i * s.inner];
      y[start + i * s.inner] = logarithm ? value - shift : scalar::exp(value - top) * scale;
    }
  }
}

template <bool logarithm, class T>
__global__ void softmax_backward_kernel(SoftmaxShape s, const T* y, const T* dy, T* dx) {
  for (index_t row = blockIdx.x; row < s.outer * s.inner; row += gridDim.x) {
    const index_t start = row / s.inner * s.axis * s.inner + row % s.inner;
    T sum = T(0);
    for (index_t i = threadIdx.x; i < s.axis; i += blockDim.x) {
      const index_t at = start + i * s.inner;
      sum += logarithm ? dy[at] : y[at] * dy[at];
    }
    sum = reduce_block<Add>(sum);
    for (index_t i = threadIdx.x; i < s.axis; i += blockDim.x) {
      const index_t at = start + i * s.inner;
      dx[at] = logarithm ? dy[at] - scalar::exp(y[at]) * sum : y[at] * (dy[at] - sum);
    }
  }
}

template <bool logarithm, class T>
void run_softmax_forward(const char* name, const SoftmaxShape& s, const T* x, T* y) {
  const index_t rows = s.axis == 0 ? 0 : s.outer * s.inner;
  launch(name, softmax_forward_kernel<logarithm, T>, blocks_for(rows, 1), softmax_threads, s, x, y);
}
template <bool logarithm, class T>
void run_softmax_backward(const char* name, const SoftmaxShape& s, const T* y, const T* dy, T* dx) {
  const index_t rows = s.axis == 0 ? 0 : s.outer * s.inner;
  launch(name, softmax_backward_kernel<logarithm, T>, blocks_for(rows, 1), softmax_threads, s, y, dy, dx);
}

template <class T>
void softmax_forward(const SoftmaxShape& s, const T* x, T* y) {
  run_softmax_forward<false>("softmax_forward", s, x, y);
}
template <class T>
void softmax_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx) {
  run_softmax_backward<false>("softmax_backward", s, y, dy, dx);
}
template <class T>
void log_softmax_forward(const SoftmaxShape& s, const T* x, T* y) {
  run_softmax_forward<true>("log_softmax_forward", s, x, y);
}
template <class T>
void log_softmax_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx) {
  run_softmax_backward<true>("log_softmax_backward", s, y, dy, dx);
}

#define LIMN_SOFTMAX_ON_GPU(T)                                                    \
  template void softmax_forward<T>(const SoftmaxShape&, const T*, T*);            \
  template void softmax_backward<T>(const SoftmaxShape&, const T*, const T*, T*); \
  template void log_softmax_forward<T>(const SoftmaxShape&, const T*, T*);        \
  template void log_softmax_backward<T>(const SoftmaxShape&, const T*, const T*, T*);
LIMN_SOFTMAX_ON_GPU(float)
LIMN_SOFTMAX_ON_GPU(double)
#undef LIMN_SOFTMAX_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
