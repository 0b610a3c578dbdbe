#pragma once
// The CUDA body of cross_entropy.hpp for float and double. Classes side by side (inner = 1): a block a position.
// Otherwise a thread a position: its neighbours read the neighbouring columns.

#include <limn_kernels/cross_entropy.hpp>
#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/reduce_block.cuh>
#include <limn_kernels/math.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// What one thread sees of the classes of a position: first, first + step, ... With `rows` the block shares them out.
template <bool rows>
struct ClassShare {
  index_t first, step;
  __device__ ClassShare() : first(rows ? threadIdx.x : 0), step(rows ? blockDim.x : 1) {}
  /// The first position of this thread, and how far it is to its next.
  __device__ static index_t first_position() {
    return rows ? blockIdx.x : static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  }
  __device__ static index_t position_step() { return rows ? gridDim.x : static_cast<index_t>(gridDim.x) * blockDim.x; }
  template <class Op, class V>
  __device__ static V reduce(V value) {
    if constexpr (rows) value = reduce_block<Op>(value);
    return value;
  }
};

/// The sum of the classes' weights, for every thread of the block.
template <class T>
__device__ double total_class_weight(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p) {
  if (!p.weight) return static_cast<double>(s.classes);
  double total = 0;
  for (index_t c = threadIdx.x; c < s.classes; c += blockDim.x) total += static_cast<double>(p.weight[c]);
  return reduce_block<Add>(total);
}

/// Writes the loss and the normaliser of one position, whose first logit is x[0].
template <bool rows, class T>
__device__ void position_loss(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p,
                              const ClassShare<rows>& share, const T* x, std::int64_t target, T& loss, T& top,
                              T& log_sum) {
  top = x[0];
  for (index_t c = share.first; c < s.classes; c += share.step) {
    const T value = x[c * s.inner];
    top = value > top ? value : top;
  }
  top = share.template reduce<Maximum>(top);
  double sum = 0, even = 0;
  for (index_t c = share.first; c < s.classes; c += share.step)
    sum += static_cast<double>(scalar::exp(x[c * s.inner] - top));
  log_sum = static_cast<T>(scalar::log(share.template reduce<Add>(sum)));
  if (p.smoothing > 0) {
    for (index_t c = share.first; c < s.classes; c += share.step) {
      const double nll = static_cast<double>(log_sum) - static_cast<double>(x[c * s.inner] - top);
      even += p.weight ? static_cast<double>(p.weight[c]) * nll : nll;
    }
    even = share.template reduce<Add>(even);
  }
  loss = T(0);
  if (target == p.ignore_index) return;
  const double nll = static_cast<double>(log_sum) - static_cast<double>(x[target * s.inner] - top);
  double result = (1 - p.smoothing) * (p.weight ? static_cast<double>(p.weight[target]) * nll : nll);
  if (p.smoothing > 0) result += p.smoothing / static_cast<double>(s.classes) * even;
  loss = static_cast<T>(result);
}

template <bool rows, class T>
__device__ void position_gradient(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, double total_weight,
                                  const ClassShare<rows>& share, const T* x, std::int64_t target, T top, T log_sum,
                                  T dloss, T* dx) {
  if (target == p.ignore_index) {  // not 0 * NaN
    for (index_t c = share.first; c < s.classes; c += share.step) dx[c * s.inner] = T(0);
    return;
  }
  const double even = p.smoothing / static_cast<double>(s.classes), d = static_cast<double>(dloss);
  const double w = (1 - p.smoothing) * (p.weight ? static_cast<double>(p.weight[target]) : 1.0);
  const T of_all = static_cast<T>(d * (w + even * total_weight)), of_class = static_cast<T>(d * even),
          of_target = static_cast<T>(d * w);
  for (index_t c = share.first; c < s.classes; c += share.step) {
    T slope = of_all * scalar::exp((x[c * s.inner] - top) - log_sum);
    slope -= p.weight ? of_class * p.weight[c] : of_class;
    dx[c * s.inner] = c == target ? slope - of_target : slope;
  }
}

template <bool rows, class T>
__global__ void cross_entropy_forward_kernel(CrossEntropyShape s, CrossEntropyParameters<T> p, const T* x,
                                             const std::int64_t* target, T* loss, T* normaliser) {
  const ClassShare<rows> share;
  for (index_t i = share.first_position(); i < s.outer * s.inner; i += share.position_step()) {
    T of_position, top, log_sum;
    position_loss(s, p, share, x + i / s.inner * s.classes * s.inner + i % s.inner, target[i], of_position, top,
                  log_sum);
    if (share.first != 0) continue;
    loss[i] = of_position;
    normaliser[2 * i] = top;
    normaliser[2 * i + 1] = log_sum;
  }
}

template <bool rows, class T>
__global__ void cross_entropy_backward_kernel(CrossEntropyShape s, CrossEntropyParameters<T> p, const T* x,
                                              const std::int64_t* target, const T* normaliser, const T* dloss, T* dx) {
  const ClassShare<rows> share;
  const double total_weight = p.smoothing > 0 ? total_class_weight(s, p) : 0.0;
  for (index_t i = share.first_position(); i < s.outer * s.inner; i += share.position_step()) {
    const index_t start = i / s.inner * s.classes * s.inner + i % s.inner;
    position_gradient(s, p, total_weight, share, x + start, target[i], normaliser[2 * i], normaliser[2 * i + 1],
                      dloss[i], dx + start);
  }
}

template <bool rows, class T>
__global__ void cross_entropy_both_kernel(CrossEntropyShape s, CrossEntropyParameters<T> p, const T* x,
                                          const std::int64_t* target, T dloss, T* loss, T* normaliser, T* dx) {
  const ClassShare<rows> share;
  const double total_weight = p.smoothing > 0 ? total_class_weight(s, p) : 0.0;
  for (index_t i = share.first_position(); i < s.outer * s.inner; i += share.position_step()) {
    const index_t start = i / s.inner * s.classes * s.inner + i % s.inner;
    T of_position, top, log_sum;
    position_loss(s, p, share, x + start, target[i], of_position, top, log_sum);
    position_gradient(s, p, total_weight, share, x + start, target[i], top, log_sum, dloss, dx + start);
    if (share.first != 0) continue;
    loss[i] = of_position;
    normaliser[2 * i] = top;
    normaliser[2 * i + 1] = log_sum;
  }
}

/// Starts by_row (a block a position) or by_column (a thread a position), whichever suits the shape.
template <class Kernel, class... Args>
void launch_positions(const char* name, const CrossEntropyShape& s, Kernel by_row, Kernel by_column,
                      const Args&... args) {
  const index_t positions = s.classes == 0 ? 0 : s.outer * s.inner;
  const unsigned row_threads = s.classes <= 256 ? 32 : s.classes <= 2048 ? 128 : 256, column_threads = 128;
  if (s.inner == 1)
    launch(name, by_row, blocks_for(positions, 1), row_threads, s, args...);
  else
    launch(name, by_column, blocks_for(positions, column_threads), column_threads, s, args...);
}

template <class T>
void cross_entropy_forward(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                           const std::int64_t* target, T* loss, T* normaliser) {
  launch_positions("cross_entropy_forward", s, cross_entropy_forward_kernel<true, T>,
                   cross_entropy_forward_kernel<false, T>, p, x, target, loss, normaliser);
}
template <class T>
void cross_entropy_backward(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                            const std::int64_t* target, const T* normaliser, const T* dloss, T* dx) {
  launch_positions("cross_entropy_backward", s, cross_entropy_backward_kernel<true, T>,
                   cross_entropy_backward_kernel<false, T>, p, x, target, normaliser, dloss, dx);
}
template <class T>
void cross_entropy_with_gradient(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                                 const std::int64_t* target, T dloss, T* loss, T* normaliser, T* dx) {
  launch_positions("cross_entropy_with_gradient", s, cross_entropy_both_kernel<true, T>,
                   cross_entropy_both_kernel<false, T>, p, x, target, dloss, loss, normaliser, dx);
}

#define LIMN_CROSS_ENTROPY_ON_GPU(T)                                                                                 \
  template void cross_entropy_forward<T>(const CrossEntropyShape&, const CrossEntropyParameters<T>&, const T*,       \
                                         const std::int64_t*, T*, T*);                                               \
  template void cross_entropy_backward<T>(const CrossEntropyShape&, const CrossEntropyParameters<T>&, const T*,      \
                                          const std::int64_t*, const T*, const T*, T*);                              \
  template void cross_entropy_with_gradient<T>(const CrossEntropyShape&, const CrossEntropyParameters<T>&, const T*, \
                                               const std::int64_t*, T, T*, T*, T*);
LIMN_CROSS_ENTROPY_ON_GPU(float)
LIMN_CROSS_ENTROPY_ON_GPU(double)
#undef LIMN_CROSS_ENTROPY_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
