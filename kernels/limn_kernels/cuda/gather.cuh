#pragma once
// The CUDA body of gather.hpp for float and double (gather_rows also for index_t). Sums have the order of the contract
// without atomics: the places of each index are chained first, then one thread adds along each chain.

#include <limn_kernels/cuda/row_lanes.cuh>
#include <limn_kernels/cuda/scratch.cuh>
#include <limn_kernels/gather.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

template <class T>
__global__ void gather_rows_kernel(GatherShape s, unsigned lanes, const T* x, const index_t* indices, T* y) {
  const RowLane share(lanes);
  for (index_t row = share.first; row < s.outer * s.count; row += share.step) {
    const index_t index = indices[row % s.count];
    const T* from = x + (row / s.count * s.rows + index) * s.inner;
    for (index_t e = share.lane; e < s.inner; e += lanes) y[row * s.inner + e] = index < 0 ? T(0) : from[e];
  }
}

/// Fills next[i] with the next place that has the index of place i (-1: none), and clears is_first[] there. A warp a
/// place, whose lanes look at 32 others at once.
__global__ void chain_places_kernel(index_t count, const index_t* indices, index_t* next, index_t* is_first) {
  const RowLane share(32);
  for (index_t i = share.first; i < count; i += share.step) {
    const index_t index = indices[i];
    index_t found = count;
    for (index_t j = i + 1 + share.lane; index >= 0 && j < count; j += 32)
      if (indices[j] == index) {
        found = j;
        break;
      }
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      const index_t other = __shfl_xor_sync(0xffffffffU, found, lanes);
      found = other < found ? other : found;
    }
    if (share.lane != 0) continue;
    next[i] = found < count ? found : -1;
    if (found < count) is_first[found] = 0;
  }
}

__global__ void all_first_kernel(index_t count, index_t* is_first) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) is_first[i] = 1;
}

template <class T>
__global__ void scatter_add_rows_kernel(GatherShape s, unsigned lanes, const T* x, const index_t* indices,
                                        const index_t* next, const index_t* is_first, T* y) {
  const RowLane share(lanes);
  for (index_t row = share.first; row < s.outer * s.count; row += share.step) {
    const index_t o = row / s.count, i = row % s.count, index = indices[i];
    if (index < 0 || is_first[i] == 0) continue;
    T* to = y + (o * s.rows + index) * s.inner;
    for (index_t e = share.lane; e < s.inner; e += lanes) {
      T sum = to[e];
      for (index_t j = i; j >= 0; j = next[j]) sum += x[(o * s.count + j) * s.inner + e];
      to[e] = sum;
    }
  }
}

template <class T>
__global__ void gather_elements_kernel(GatherShape s, const T* x, const index_t* indices, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, n = s.outer * s.count * s.inner;
  for (index_t at = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < n; at += step)
    y[at] = x[(at / (s.count * s.inner) * s.rows + indices[at]) * s.inner + at % s.inner];
}

/// A thread a column (o, e), which adds in order of i.
template <class T>
__global__ void scatter_add_elements_kernel(GatherShape s, const T* x, const index_t* indices, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t column = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; column < s.outer * s.inner;
       column += step) {
    const index_t o = column / s.inner, e = column % s.inner;
    for (index_t i = 0; i < s.count; ++i) {
      const index_t at = (o * s.count + i) * s.inner + e;
      y[(o * s.rows + indices[at]) * s.inner + e] += x[at];
    }
  }
}

template <class T>
void gather_rows(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  launch("gather_rows", gather_rows_kernel<T>, row_blocks(s.outer * s.count, s.inner), row_threads, s,
         lanes_for(s.inner), x, indices, y);
}

template <class T>
void scatter_add_rows(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  if (s.outer == 0 || s.inner == 0 || s.count == 0) return;
  const Scratch<index_t> next(s.count), is_first(s.count);
  launch("scatter_add_rows", all_first_kernel, blocks_for(s.count, row_threads), row_threads, s.count, is_first.data());
  launch("scatter_add_rows", chain_places_kernel, blocks_for(s.count, row_threads / 32), row_threads, s.count, indices,
         next.data(), is_first.data());
  launch("scatter_add_rows", scatter_add_rows_kernel<T>, row_blocks(s.outer * s.count, s.inner), row_threads, s,
         lanes_for(s.inner), x, indices, next.data(), is_first.data(), y);
}

template <class T>
void gather_elements(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  launch("gather_elements", gather_elements_kernel<T>, blocks_for(s.outer * s.count * s.inner, row_threads),
         row_threads, s, x, indices, y);
}

template <class T>
void scatter_add_elements(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  if (s.outer == 1 && s.inner == 1) return cuda::scatter_add_rows(s, x, indices, y);  // a chain a thread
  launch("scatter_add_elements", scatter_add_elements_kernel<T>, blocks_for(s.outer * s.inner, row_threads),
         row_threads, s, x, indices, y);
}

#define LIMN_GATHER_ON_GPU(T)                                                          \
  template void gather_rows<T>(const GatherShape&, const T*, const index_t*, T*);      \
  template void scatter_add_rows<T>(const GatherShape&, const T*, const index_t*, T*); \
  template void gather_elements<T>(const GatherShape&, const T*, const index_t*, T*);  \
  template void scatter_add_elements<T>(const GatherShape&, const T*, const index_t*, T*);
LIMN_GATHER_ON_GPU(float)
LIMN_GATHER_ON_GPU(double)
#undef LIMN_GATHER_ON_GPU
template void gather_rows<index_t>(const GatherShape&, const index_t*, const index_t*, index_t*);

}  // namespace limn::inline LIMN_ABI::kernels::cuda
