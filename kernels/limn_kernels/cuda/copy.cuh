#pragma once
// The CUDA body of copy.hpp: an element a thread, or squares through shared memory where the neighbours of the two
// sides lie along different dimensions.

#include <limn_kernels/copy.hpp>
#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/walk.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr unsigned copy_threads = 256;
inline constexpr index_t copy_square = 32;

template <bool gather, class T, class U>
__global__ void copy_kernel(Walk walk, index_t n, const T* x, U* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    const index_t at = walk.at(i);
    if (gather)
      y[i] = static_cast<U>(x[at]);
    else
      y[at] = static_cast<U>(x[i]);
  }
}

/// Planes [high, wide], one for each element of the walks from and to:
/// y[to + i to_step + j] = x[from + i + j from_step], i < high, j < wide.
struct TurnedPlanes {
  Walk from, to;
  index_t count, high, wide, from_step, to_step;
};

/// A block copies squares, reading along i and writing along j.
template <class T, class U>
__global__ void copy_turned_kernel(TurnedPlanes s, const T* x, U* y) {
  __shared__ U square[copy_square][copy_square + 1];  // + 1: threads that read a column meet different banks
  const index_t down = (s.high + copy_square - 1) / copy_square, across = (s.wide + copy_square - 1) / copy_square;
  const index_t lane = threadIdx.x % copy_square, first_row = threadIdx.x / copy_square;
  const index_t rows = blockDim.x / copy_square;
  for (index_t task = blockIdx.x; task < s.count * down * across; task += gridDim.x) {
    const index_t plane = task / (down * across), first_i = task / across % down * copy_square;
    const index_t first_j = task % across * copy_square;
    const index_t from = s.from.at(plane) + first_i + first_j * s.from_step;
    const index_t to = s.to.at(plane) + first_i * s.to_step + first_j;
    const index_t high = s.high - first_i, wide = s.wide - first_j;
    for (index_t j = first_row; j < copy_square; j += rows)
      if (lane < high && j < wide) square[j][lane] = static_cast<U>(x[from + lane + j * s.from_step]);
    __syncthreads();
    for (index_t i = first_row; i < copy_square; i += rows)
      if (i < high && lane < wide) y[to + i * s.to_step + lane] = square[lane][i];
    __syncthreads();  // the square may be written again
  }
}

template <bool gather, class T, class U>
void copy_strided(const char* name, const StridedShape& shape, const T* x, U* y) {
  const StridedShape s = collapse(shape);
  const index_t n = s.numel(), turned = turned_dimension(s), last = s.rank - 1;
  if (n == 0) return;
  if (turned < 0)
    return launch(name, copy_kernel<gather, T, U>, blocks_for(n, copy_threads), copy_threads, Walk(s), n, x, y);

  StridedShape strided, contiguous;  // what remains without the two dimensions of a plane
  index_t stride = 1, apart = 1;
  for (index_t d = turned + 1; d <= last; ++d) apart *= s.extents[d];
  strided.rank = contiguous.rank = s.rank - 2;
  for (index_t d = last, to = s.rank - 3; d >= 0; stride *= s.extents[d--]) {
    if (d == turned || d == last) continue;
    strided.extents[to] = contiguous.extents[to] = s.extents[d];
    strided.strides[to] = s.strides[d];
    contiguous.strides[to--] = stride;
  }
  const index_t along_turned = s.extents[turned], along_last = s.extents[last], step = s.strides[last];
  const TurnedPlanes planes = gather ? TurnedPlanes{Walk(strided), Walk(contiguous), n / (along_turned * along_last),
                                                    along_turned,  along_last,       step,
                                                    apart}
                                     : TurnedPlanes{Walk(contiguous),
                                                    Walk(strided),
                                                    n / (along_turned * along_last),
                                                    along_last,
                                                    along_turned,
                                                    apart,
                                                    step};
  const index_t squares =
      planes.count * ((planes.high + copy_square - 1) / copy_square) * ((planes.wide + copy_square - 1) / copy_square);
  launch(name, copy_turned_kernel<T, U>, blocks_for(squares, 1), copy_threads, planes, x, y);
}

template <class T, class U>
void gather_strided(const StridedShape& s, const T* x, U* y) {
  copy_strided<true>("gather_strided", s, x, y);
}
template <class T, class U>
void scatter_strided(const StridedShape& s, const T* x, U* y) {
  copy_strided<false>("scatter_strided", s, x, y);
}

#define LIMN_COPY_ON_GPU(T, U)                                           \
  template void gather_strided<T, U>(const StridedShape&, const T*, U*); \
  template void scatter_strided<T, U>(const StridedShape&, const T*, U*);
LIMN_COPY_ON_GPU(std::uint8_t, std::uint8_t)
LIMN_COPY_ON_GPU(std::uint16_t, std::uint16_t)
LIMN_COPY_ON_GPU(std::uint32_t, std::uint32_t)
LIMN_COPY_ON_GPU(std::uint64_t, std::uint64_t)
LIMN_COPY_ON_GPU(float, double)
LIMN_COPY_ON_GPU(double, float)
LIMN_COPY_ON_GPU(std::uint8_t, float)
#undef LIMN_COPY_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
