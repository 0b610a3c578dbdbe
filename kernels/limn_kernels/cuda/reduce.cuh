#pragma once
// The CUDA body of reduce.hpp for float and double, and for And and Or of bool.

#include <limn_kernels/cuda/reduction.cuh>
#include <limn_kernels/reduce.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

template <class Op, class T>
void reduce(const ReduceShape& s, const T* x, T* y) {
  const StridedShape results{.rank = 2, .extents = {s.outer, s.inner}, .strides = {s.axis * s.inner, 1}};
  const StridedShape terms{.rank = 1, .extents = {s.axis}, .strides = {s.inner}};
  const StridedShape target{.rank = 1, .extents = {s.outer * s.inner}, .strides = {1}};
  run_reduction<Op, false>("reduce", {Walk(results), Walk(terms), Walk(target)}, x, y);
}

/// Whether (b, at_b) goes before (a, at_a): a NaN first, then the more extreme value, then the lower place.
template <class Op, class T>
__device__ bool goes_before(T a, index_t at_a, T b, index_t at_b) {
  const bool nan_a = a != a, nan_b = b != b;
  if (nan_a != nan_b) return nan_b;
  if (!nan_a && a != b) return std::is_same_v<Op, Maximum> ? b > a : b < a;
  return at_b < at_a;
}

/// A thread a result.
template <class Op, class T>
__global__ void arg_reduce_by_thread_kernel(ReduceShape s, const T* x, std::int64_t* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t r = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; r < s.outer * s.inner; r += step) {
    const T* from = x + r / s.inner * s.axis * s.inner + r % s.inner;
    T best = from[0];
    index_t place = 0;
    for (index_t k = 1; k < s.axis; ++k) {
      const T value = from[k * s.inner];
      if (goes_before<Op>(best, place, value, k)) best = value, place = k;
    }
    y[r] = place;
  }
}

/// A block a result.
template <class Op, class T>
__global__ void arg_reduce_by_block_kernel(ReduceShape s, const T* x, std::int64_t* y) {
  __shared__ T best_of_warp[32];
  __shared__ index_t place_of_warp[32];
  for (index_t r = blockIdx.x; r < s.outer * s.inner; r += gridDim.x) {
    const T* from = x + r / s.inner * s.axis * s.inner + r % s.inner;
    constexpr T start = neutral<Op, T>();
    T best = start;
    index_t place = s.axis;  // behind every element
    for (index_t k = threadIdx.x; k < s.axis; k += blockDim.x) {
      const T value = from[k * s.inner];
      if (goes_before<Op>(best, place, value, k)) best = value, place = k;
    }
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      const T value = __shfl_xor_sync(0xffffffffU, best, lanes);
      const index_t at = __shfl_xor_sync(0xffffffffU, place, lanes);
      if (goes_before<Op>(best, place, value, at)) best = value, place = at;
    }
    __syncthreads();  // thread 0 is done with the result before
    if (threadIdx.x % 32 == 0) best_of_warp[threadIdx.x / 32] = best, place_of_warp[threadIdx.x / 32] = place;
    __syncthreads();
    if (threadIdx.x != 0) continue;
    for (unsigned warp = 1; warp < blockDim.x / 32; ++warp)
      if (goes_before<Op>(best, place, best_of_warp[warp], place_of_warp[warp]))
        best = best_of_warp[warp], place = place_of_warp[warp];
    y[r] = place;
  }
}

template <class Op, class T>
void arg_reduce(const ReduceShape& s, const T* x, std::int64_t* y) {
  const index_t results = s.outer * s.inner;
  if (s.axis <= reduce_few || (s.inner > 1 && results >= 4096))
    return launch("arg_reduce", arg_reduce_by_thread_kernel<Op, T>, blocks_for(results, reduce_threads), reduce_threads,
                  s, x, y);
  launch("arg_reduce", arg_reduce_by_block_kernel<Op, T>, blocks_for(results, 1), s.axis <= 512 ? 32U : reduce_threads,
         s, x, y);
}

/// A thread a row.
template <class T>
__global__ void running_sum_by_thread_kernel(ReduceShape s, const T* x, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t r = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; r < s.outer * s.inner; r += step) {
    const index_t start = r / s.inner * s.axis * s.inner + r % s.inner;
    double sum = 0;
    for (index_t k = 0; k < s.axis; ++k) {
      sum += static_cast<double>(x[start + k * s.inner]);
      y[start + k * s.inner] = static_cast<T>(sum);
    }
  }
}

/// A block a row, in pieces of an element a thread: sums of 2, 4, 8, ... neighbours, and what came before the piece.
template <class T>
__global__ void running_sum_by_block_kernel(ReduceShape s, const T* x, T* y) {
  __shared__ double sums[2][reduce_threads];
  for (index_t r = blockIdx.x; r < s.outer * s.inner; r += gridDim.x) {
    const index_t start = r / s.inner * s.axis * s.inner + r % s.inner;
    double before = 0;
    for (index_t first = 0; first < s.axis; first += blockDim.x) {
      const index_t k = first + threadIdx.x, at = start + k * s.inner;
      double sum = k < s.axis ? static_cast<double>(x[at]) : 0.0;
      unsigned side = 0;
      sums[side][threadIdx.x] = sum;
      __syncthreads();
      for (unsigned reach = 1; reach < blockDim.x; reach *= 2) {
        if (threadIdx.x >= reach) sum = sums[side][threadIdx.x - reach] + sum;
        side = 1 - side;
        sums[side][threadIdx.x] = sum;
        __syncthreads();
      }
      if (k < s.axis) y[at] = static_cast<T>(before + sum);
      before += sums[side][blockDim.x - 1];
      __syncthreads();  // the sums may be written again
    }
  }
}

template <class T>
void running_sum(const ReduceShape& s, const T* x, T* y) {
  const index_t rows = s.axis == 0 ? 0 : s.outer * s.inner;
  if (s.axis <= reduce_few || (s.inner > 1 && rows >= 4096))
    return launch("running_sum", running_sum_by_thread_kernel<T>, blocks_for(rows, reduce_threads), reduce_threads, s,
                  x, y);
  launch("running_sum", running_sum_by_block_kernel<T>, blocks_for(rows, 1), s.axis <= 32 ? 32U : reduce_threads, s, x,
         y);
}

#define LIMN_REDUCE_ON_GPU(T)                                                        \
  template void reduce<Add, T>(const ReduceShape&, const T*, T*);                    \
  template void reduce<Mul, T>(const ReduceShape&, const T*, T*);                    \
  template void reduce<Maximum, T>(const ReduceShape&, const T*, T*);                \
  template void reduce<Minimum, T>(const ReduceShape&, const T*, T*);                \
  template void arg_reduce<Maximum, T>(const ReduceShape&, const T*, std::int64_t*); \
  template void arg_reduce<Minimum, T>(const ReduceShape&, const T*, std::int64_t*); \
  template void running_sum<T>(const ReduceShape&, const T*, T*);
LIMN_REDUCE_ON_GPU(float)
LIMN_REDUCE_ON_GPU(double)
#undef LIMN_REDUCE_ON_GPU
template void reduce<And, bool>(const ReduceShape&, const bool*, bool*);
template void reduce<Or, bool>(const ReduceShape&, const bool*, bool*);

}  // namespace limn::inline LIMN_ABI::kernels::cuda
