#pragma once
// The part of norm.cuh for rows: layer norm and its gradients.

#include <limn_kernels/cuda/reduce_block.cuh>
#include <limn_kernels/cuda/scratch.cuh>
#include <limn_kernels/math.hpp>
#include <limn_kernels/norm.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// (x - mean) scale, with a double mean whose low part is not lost where T is float.
template <class T>
struct Normaliser {
  T high, low, scale;
  __device__ Normaliser(double mean, double of_scale)
      : high(static_cast<T>(mean)),
        low(static_cast<T>(mean - static_cast<double>(high))),
        scale(static_cast<T>(of_scale)) {}
  __device__ T operator()(T x) const { return ((x - high) - low) * scale; }
};

[[nodiscard]] inline unsigned norm_threads(index_t length) { return length <= 256 ? 32 : length <= 2048 ? 128 : 256; }

template <class T>
__global__ void layer_norm_forward_kernel(RowNormShape s, double eps, const T* x, const T* w, const T* b, T* y,
                                          double* mean, double* rstd) {
  const double count = static_cast<double>(s.length);
  for (index_t row = blockIdx.x; row < s.rows; row += gridDim.x) {
    const T* from = x + row * s.length;
    T* to = y + row * s.length;
    double sum = 0, squares = 0;
    for (index_t i = threadIdx.x; i < s.length; i += blockDim.x) sum += static_cast<double>(from[i]);
    const double centre = reduce_block<Add>(sum) / count;
    for (index_t i = threadIdx.x; i < s.length; i += blockDim.x) {
      const double d = static_cast<double>(from[i]) - centre;
      squares += d * d;
    }
    const double factor = 1 / scalar::sqrt(reduce_block<Add>(squares) / count + eps);
    const Normaliser<T> normalise(centre, factor);
    for (index_t i = threadIdx.x; i < s.length; i += blockDim.x) {
      T value = normalise(from[i]);
      if (w) value *= w[i];
      if (b) value += b[i];
      to[i] = value;
    }
    if (threadIdx.x != 0) continue;
    mean[row] = centre;
    rstd[row] = factor;
  }
}

template <class T>
__global__ void layer_norm_backward_kernel(RowNormShape s, const T* x, const T* w, const double* mean,
                                           const double* rstd, const T* dy, T* dx) {
  for (index_t row = blockIdx.x; row < s.rows; row += gridDim.x) {
    const index_t start = row * s.length;
    const Normaliser<T> normalise(mean[row], rstd[row]);
    double sum = 0, dot = 0;
    for (index_t i = threadIdx.x; i < s.length; i += blockDim.x) {
      const T g = w ? dy[start + i] * w[i] : dy[start + i];
      sum += static_cast<double>(g);
      dot += static_cast<double>(g) * static_cast<double>(normalise(x[start + i]));
    }
    const T mean_g = static_cast<T>(reduce_block<Add>(sum) / static_cast<double>(s.length)),
            mean_dot = static_cast<T>(reduce_block<Add>(dot) / static_cast<double>(s.length));
    for (index_t i = threadIdx.x; i < s.length; i += blockDim.x) {
      const T g = w ? dy[start + i] * w[i] : dy[start + i];
      dx[start + i] = normalise.scale * (g - mean_g - normalise(x[start + i]) * mean_dot);
    }
  }
}

/// partial[share, 0, i] = sum of dy xhat, partial[share, 1, i] = sum of dy, of column i over the share's `grain` rows.
template <class T>
__global__ void row_parameters_kernel(RowNormShape s, index_t shares, index_t grain, const T* x, const double* mean,
                                      const double* rstd, const T* dy, double* partial) {
  const index_t across = (s.length + blockDim.x - 1) / blockDim.x;
  for (index_t part = blockIdx.x; part < shares * across; part += gridDim.x) {
    const index_t share = part / across, i = part % across * blockDim.x + threadIdx.x, first = share * grain;
    if (i >= s.length) continue;
    const index_t last = first + grain < s.rows ? first + grain : s.rows;
    double of_w = 0, of_b = 0;
    for (index_t row = first; row < last; ++row) {
      const T d = dy[row * s.length + i];
      of_w += static_cast<double>(d * Normaliser<T>(mean[row], rstd[row])(x[row * s.length + i]));
      of_b += static_cast<double>(d);
    }
    partial[2 * share * s.length + i] = of_w;
    partial[(2 * share + 1) * s.length + i] = of_b;
  }
}

template <class T>
__global__ void join_row_parameters_kernel(index_t length, index_t shares, const double* partial, T* dw, T* db) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < length; i += step) {
    double of_w = 0, of_b = 0;
    for (index_t share = 0; share < shares; ++share) {
      of_w += partial[2 * share * length + i];
      of_b += partial[(2 * share + 1) * length + i];
    }
    if (dw) dw[i] = static_cast<T>(of_w);
    if (db) db[i] = static_cast<T>(of_b);
  }
}

template <class T>
void layer_norm_forward(const RowNormShape& s, double eps, const T* x, const T* w, const T* b, T* y, double* mean,
                        double* rstd) {
  launch("layer_norm_forward", layer_norm_forward_kernel<T>, blocks_for(s.rows, 1), norm_threads(s.length), s, eps, x,
         w, b, y, mean, rstd);
}

template <class T>
void layer_norm_backward(const RowNormShape& s, const T* x, const T* w, const double* mean, const double* rstd,
                         const T* dy, T* dx, T* dw, T* db) {
  const char* const name = "layer_norm_backward";
  if ((dw || db) && s.length > 0) {
    const unsigned threads = 64;
    const index_t grain = s.rows <= 8 * 128 ? 8 : (s.rows + 127) / 128, shares = (s.rows + grain - 1) / grain;
    const Scratch<double> partial(2 * shares * s.length);
    launch(name, row_parameters_kernel<T>, blocks_for(shares * ((s.length + threads - 1) / threads), 1), threads, s,
           shares, grain, x, mean, rstd, dy, partial.data());
    launch(name, join_row_parameters_kernel<T>, blocks_for(s.length, threads), threads, s.length, shares,
           static_cast<const double*>(partial.data()), dw, db);
  }
  launch(name, layer_norm_backward_kernel<T>, blocks_for(s.length == 0 ? 0 : s.rows, 1), norm_threads(s.length), s, x,
         w, mean, rstd, dy, dx);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
