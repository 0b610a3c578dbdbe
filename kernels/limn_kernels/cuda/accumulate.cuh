#pragma once
// The CUDA body of accumulate.hpp for float and double.

#include <limn_kernels/accumulate.hpp>
#include <limn_kernels/cuda/reduction.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

template <class T>
__global__ void add_kernel(index_t n, const T* a, const T* b, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) y[i] = a[i] + b[i];
}

template <class T>
void add(index_t n, const T* a, const T* b, T* y) {
  launch("add", add_kernel<T>, blocks_for(n, 256), 256, n, a, b, y);
}

/// Dimensions of stride 0 are the terms of a sum, the others its results.
template <class T>
void sum_into(const StridedShape& shape, const T* x, T* y) {
  const StridedShape s = collapse(shape);
  if (s.numel() == 0) return;
  StridedShape results, terms, target;
  index_t stride = s.numel();
  for (index_t d = 0; d < s.rank; ++d) {
    stride /= s.extents[d];
    StridedShape& side = s.strides[d] == 0 ? terms : results;
    if (s.strides[d] != 0) {
      target.extents[target.rank] = s.extents[d];
      target.strides[target.rank++] = s.strides[d];
    }
    side.extents[side.rank] = s.extents[d];
    side.strides[side.rank++] = stride;
  }
  run_reduction<Add, true>("sum_into", {Walk(results), Walk(terms), Walk(target)}, x, y);
}

#define LIMN_ACCUMULATE_ON_GPU(T)                        \
  template void add<T>(index_t, const T*, const T*, T*); \
  template void sum_into<T>(const StridedShape&, const T*, T*);
LIMN_ACCUMULATE_ON_GPU(float)
LIMN_ACCUMULATE_ON_GPU(double)
#undef LIMN_ACCUMULATE_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
