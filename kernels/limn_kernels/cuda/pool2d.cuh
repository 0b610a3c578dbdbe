#pragma once
// The CUDA body of pool2d.hpp for float and double. Gradients are gathered: each element of x visits the windows that
// cover it, in order.

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/reduce_block.cuh>
#include <limn_kernels/math.hpp>
#include <limn_kernels/pool2d.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr unsigned pool_threads = 256;

/// One axis of a Pool2dShape.
struct PoolAxis {
  index_t extent, out, kernel, stride, pad, dilation;
  bool adaptive;
};
LIMN_HD inline PoolAxis pool_rows(const Pool2dShape& s) {
  return {s.h, s.oh, s.kh, s.stride_h, s.pad_h, s.dilation_h, s.adaptive};
}
LIMN_HD inline PoolAxis pool_columns(const Pool2dShape& s) {
  return {s.w, s.ow, s.kw, s.stride_w, s.pad_w, s.dilation_w, s.adaptive};
}

/// Window `o` along an axis: taps first, first + dilation, ... below last, all inside [0, extent); `size` counts the
/// taps with padding, as far as the padded plane reaches.
struct PoolTaps {
  index_t first, last, size;
};
LIMN_HD inline PoolTaps pool_taps(const PoolAxis& a, index_t o) {
  if (a.adaptive) {
    const index_t first = o * a.extent / a.out, last = ((o + 1) * a.extent + a.out - 1) / a.out;
    return {first, last, last - first};
  }
  const index_t start = o * a.stride - a.pad, end = start + (a.kernel - 1) * a.dilation + 1;
  const index_t skipped = start < 0 ? (-start + a.dilation - 1) / a.dilation : 0;
  return {start + skipped * a.dilation, end < a.extent ? end : a.extent,
          (end < a.extent + a.pad ? end : a.extent + a.pad) - start};
}

/// The windows from `first` to before `last` are those that reach over tap i (with dilation some may step past it).
struct PoolWindows {
  index_t first, last;
};
LIMN_HD inline PoolWindows pool_windows(const PoolAxis& a, index_t i) {
  if (a.adaptive) return {i * a.out / a.extent, ((i + 1) * a.out + a.extent - 1) / a.extent};
  const index_t before = i + a.pad - (a.kernel - 1) * a.dilation, last = (i + a.pad) / a.stride + 1;
  return {before <= 0 ? 0 : (before + a.stride - 1) / a.stride, last < a.out ? last : a.out};
}

template <class T>
LIMN_HD T pool_divisor(AverageCount count, const PoolTaps& rows, const PoolTaps& columns) {
  if (count.divisor != 0) return static_cast<T>(count.divisor);
  if (count.include_pad) return static_cast<T>(rows.size * columns.size);
  return static_cast<T>((rows.last - rows.first) * (columns.last - columns.first));
}

template <class T>
__global__ void max_pool2d_kernel(Pool2dShape s, const T* x, T* y, index_t* index) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, outputs = s.oh * s.ow;
  for (index_t o = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; o < s.planes * outputs; o += step) {
    const index_t in_plane = o % outputs;
    const PoolTaps rows = pool_taps(pool_rows(s), in_plane / s.ow),
                   columns = pool_taps(pool_columns(s), in_plane % s.ow);
    const T* plane = x + o / outputs * s.h * s.w;
    index_t at = -1;  // of a window with every tap in the padding
    T top = scalar::log(T(0));
    for (index_t i = rows.first; i < rows.last; i += s.dilation_h)
      for (index_t j = columns.first; j < columns.last; j += s.dilation_w) {
        const T value = plane[i * s.w + j];
        if (at >= 0 && !(value > top || (value != value && top == top))) continue;
        top = value;
        at = i * s.w + j;
      }
    y[o] = top;
    index[o] = at;
  }
}

/// dx = for each element of x the sum of share(plane's first output, oy, ox, place in the plane) over the windows that
/// may contain it.
template <class T, class Share>
__device__ void sum_over_windows(const Pool2dShape& s, T* dx, const Share& share) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, inputs = s.h * s.w;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < s.planes * inputs; i += step) {
    const index_t in_plane = i % inputs, plane = i / inputs * s.oh * s.ow;
    const PoolWindows rows = pool_windows(pool_rows(s), in_plane / s.w),
                      columns = pool_windows(pool_columns(s), in_plane % s.w);
    T sum = T(0);
    for (index_t oy = rows.first; oy < rows.last; ++oy)
      for (index_t ox = columns.first; ox < columns.last; ++ox) sum += share(plane, oy, ox, in_plane);
    dx[i] = sum;
  }
}

template <class T>
__global__ void max_pool2d_backward_kernel(Pool2dShape s, const T* dy, const index_t* index, T* dx) {
  sum_over_windows(s, dx, [&](index_t plane, index_t oy, index_t ox, index_t in_plane) {
    const index_t o = plane + oy * s.ow + ox;
    return index[o] == in_plane ? dy[o] : T(0);
  });
}

template <class T>
__global__ void max_pool2d_pick_kernel(Pool2dShape s, const T* x, const index_t* index, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, outputs = s.oh * s.ow;
  for (index_t o = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; o < s.planes * outputs; o += step)
    y[o] = index[o] < 0 ? T(0) : x[o / outputs * s.h * s.w + index[o]];
}

/// A thread an output.
template <class T>
__global__ void avg_pool2d_kernel(Pool2dShape s, AverageCount count, const T* x, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, outputs = s.oh * s.ow;
  for (index_t o = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; o < s.planes * outputs; o += step) {
    const index_t in_plane = o % outputs;
    const PoolTaps rows = pool_taps(pool_rows(s), in_plane / s.ow),
                   columns = pool_taps(pool_columns(s), in_plane % s.ow);
    const T* plane = x + o / outputs * s.h * s.w;
    T sum = T(0);
    for (index_t i = rows.first; i < rows.last; ++i)
      for (index_t j = columns.first; j < columns.last; ++j) sum += plane[i * s.w + j];
    y[o] = sum / pool_divisor<T>(count, rows, columns);
  }
}

/// A block an output, where windows are large: its threads share out the columns and rows.
template <class T>
__global__ void avg_pool2d_block_kernel(Pool2dShape s, AverageCount count, const T* x, T* y) {
  const index_t outputs = s.oh * s.ow;
  for (index_t o = blockIdx.x; o < s.planes * outputs; o += gridDim.x) {
    const index_t in_plane = o % outputs;
    const PoolTaps rows = pool_taps(pool_rows(s), in_plane / s.ow),
                   columns = pool_taps(pool_columns(s), in_plane % s.ow);
    const index_t width = columns.last - columns.first, taps = (rows.last - rows.first) * width;
    const T* first = x + o / outputs * s.h * s.w + rows.first * s.w + columns.first;
    T sum = T(0);
    for (index_t i = threadIdx.x; i < taps; i += blockDim.x) sum += first[i / width * s.w + i % width];
    sum = reduce_block<Add>(sum);
    if (threadIdx.x == 0) y[o] = sum / pool_divisor<T>(count, rows, columns);
  }
}

template <class T>
__global__ void avg_pool2d_backward_kernel(Pool2dShape s, AverageCount count, const T* dy, T* dx) {
  sum_over_windows(s, dx, [&](index_t plane, index_t oy, index_t ox, index_t /*in_plane*/) {
    return dy[plane + oy * s.ow + ox] /
           pool_divisor<T>(count, pool_taps(pool_rows(s), oy), pool_taps(pool_columns(s), ox));
  });
}

template <class T>
void max_pool2d(const Pool2dShape& s, const T* x, T* y, index_t* index) {
  launch("max_pool2d", max_pool2d_kernel<T>, blocks_for(s.planes * s.oh * s.ow, pool_threads), pool_threads, s, x, y,
         index);
}
template <class T>
void max_pool2d_backward(const Pool2dShape& s, const T* dy, const index_t* index, T* dx) {
  launch("max_pool2d_backward", max_pool2d_backward_kernel<T>, blocks_for(s.planes * s.h * s.w, pool_threads),
         pool_threads, s, dy, index, dx);
}
template <class T>
void max_pool2d_pick(const Pool2dShape& s, const T* x, const index_t* index, T* y) {
  launch("max_pool2d_pick", max_pool2d_pick_kernel<T>, blocks_for(s.planes * s.oh * s.ow, pool_threads), pool_threads,
         s, x, index, y);
}
template <class T>
void avg_pool2d(const Pool2dShape& s, AverageCount count, const T* x, T* y) {
  const index_t outputs = s.planes * s.oh * s.ow;
  const index_t taps = outputs == 0 ? 0 : s.adaptive ? s.h * s.w / (s.oh * s.ow) : s.kh * s.kw;
  if (taps < 32) {
    launch("avg_pool2d", avg_pool2d_kernel<T>, blocks_for(outputs, pool_threads), pool_threads, s, count, x, y);
    return;
  }
  const unsigned threads = taps < 256 ? 32 : taps < 2048 ? 128 : 256;
  launch("avg_pool2d", avg_pool2d_block_kernel<T>, blocks_for(outputs, 1), threads, s, count, x, y);
}
template <class T>
void avg_pool2d_backward(const Pool2dShape& s, AverageCount count, const T* dy, T* dx) {
  launch("avg_pool2d_backward", avg_pool2d_backward_kernel<T>, blocks_for(s.planes * s.h * s.w, pool_threads),
         pool_threads, s, count, dy, dx);
}

#define LIMN_POOL2D_ON_GPU(T)                                                             \
  template void max_pool2d<T>(const Pool2dShape&, const T*, T*, index_t*);                \
  template void max_pool2d_backward<T>(const Pool2dShape&, const T*, const index_t*, T*); \
  template void max_pool2d_pick<T>(const Pool2dShape&, const T*, const index_t*, T*);     \
  template void avg_pool2d<T>(const Pool2dShape&, AverageCount, const T*, T*);            \
  template void avg_pool2d_backward<T>(const Pool2dShape&, AverageCount, const T*, T*);
LIMN_POOL2D_ON_GPU(float)
LIMN_POOL2D_ON_GPU(double)
#undef LIMN_POOL2D_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
