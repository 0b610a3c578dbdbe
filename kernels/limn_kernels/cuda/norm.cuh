#pragma once
// The CUDA body of norm.hpp for float and double. Sums are double and have one order: partial sums of fixed shares of a
// channel (or of a parameter's rows), added in order by one thread.

#include <limn_kernels/cuda/norm_rows.cuh>
#include <limn_kernels/cuda/row_lanes.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// How the batch * inner elements of a channel are cut: `shares` of `grain`; both depend on the shape alone.
struct ChannelShares {
  index_t shares, grain;
};
[[nodiscard]] inline ChannelShares channel_shares(const ChannelNormShape& s) {
  const index_t count = s.batch * s.inner, wanted = s.channels == 0 ? 1 : (1024 + s.channels - 1) / s.channels;
  index_t shares = count / 4096 < wanted ? count / 4096 : wanted;
  if (shares < 1) shares = 1;
  return {shares, (count + shares - 1) / shares};
}

enum class ChannelSums { values, squares, gradients };

/// partial[channel, share]: values: the sum of x; squares: of (x - mean)^2; gradients: two sums, of dy xhat and of dy.
template <ChannelSums kind, class T>
__global__ void channel_sums_kernel(ChannelNormShape s, ChannelShares cut, const T* x, const double* mean,
                                    const double* rstd, const T* dy, double* partial) {
  const index_t count = s.batch * s.inner;
  for (index_t part = blockIdx.x; part < s.channels * cut.shares; part += gridDim.x) {
    const index_t channel = part / cut.shares, first = part % cut.shares * cut.grain;
    const index_t last = first + cut.grain < count ? first + cut.grain : count;
    const double centre = kind == ChannelSums::values ? 0.0 : mean[channel];
    const Normaliser<T> normalise(centre, kind == ChannelSums::gradients ? rstd[channel] : 1.0);
    double sum = 0, other = 0;
    index_t j = first + threadIdx.x;
    index_t item = s.inner == 0 ? 0 : j / s.inner, i = s.inner == 0 ? 0 : j % s.inner;
    const index_t item_step = s.inner == 0 ? 0 : blockDim.x / s.inner, i_step = s.inner == 0 ? 0 : blockDim.x % s.inner;
    for (; j < last; j += blockDim.x) {
      const index_t at = (item * s.channels + channel) * s.inner + i;
      if constexpr (kind == ChannelSums::values) {
        sum += static_cast<double>(x[at]);
      } else if constexpr (kind == ChannelSums::squares) {
        const double d = static_cast<double>(x[at]) - centre;
        sum += d * d;
      } else {
        sum += static_cast<double>(dy[at]) * static_cast<double>(normalise(x[at]));
        other += static_cast<double>(dy[at]);
      }
      item += item_step;
      i += i_step;
      if (i < s.inner) continue;
      i -= s.inner;
      ++item;
    }
    sum = reduce_block<Add>(sum);
    if constexpr (kind == ChannelSums::gradients) {
      other = reduce_block<Add>(other);
      if (threadIdx.x == 0) partial[2 * part] = sum;
      if (threadIdx.x == 0) partial[2 * part + 1] = other;
    } else {
      if (threadIdx.x == 0) partial[part] = sum;
    }
  }
}

/// to[channel] = the sum of its shares / count.
__global__ void join_channel_mean_kernel(ChannelNormShape s, index_t shares, const double* partial, double* to) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t c = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; c < s.channels; c += step) {
    double sum = 0;
    for (index_t share = 0; share < shares; ++share) sum += partial[c * shares + share];
    to[c] = sum / static_cast<double>(s.batch * s.inner);
  }
}

/// dw, db, and means[channel] = {mean of dy xhat, mean of dy}.
template <class T>
__global__ void join_channel_gradients_kernel(ChannelNormShape s, index_t shares, const double* partial, T* dw, T* db,
                                              double* means) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t c = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; c < s.channels; c += step) {
    double dot = 0, sum = 0;
    for (index_t share = 0; share < shares; ++share) {
      dot += partial[2 * (c * shares + share)];
      sum += partial[2 * (c * shares + share) + 1];
    }
    if (dw) dw[c] = static_cast<T>(dot);
    if (db) db[c] = static_cast<T>(sum);
    means[2 * c] = dot / static_cast<double>(s.batch * s.inner);
    means[2 * c + 1] = sum / static_cast<double>(s.batch * s.inner);
  }
}

template <class T>
__global__ void batch_norm_forward_kernel(ChannelNormShape s, unsigned lanes, const T* x, const double* mean,
                                          const double* rstd, const T* w, const T* b, T* y) {
  const RowLane share(lanes);
  for (index_t span = share.first; span < s.batch * s.channels; span += share.step) {
    const index_t c = span % s.channels;
    const Normaliser<T> scaled(mean[c], rstd[c] * (w ? static_cast<double>(w[c]) : 1.0));
    const T shift = b ? b[c] : T(0);
    for (index_t i = share.lane; i < s.inner; i += lanes) y[span * s.inner + i] = scaled(x[span * s.inner + i]) + shift;
  }
}

/// With means null: mean and rstd are constants.
template <class T>
__global__ void batch_norm_backward_kernel(ChannelNormShape s, unsigned lanes, const T* x, const double* mean,
                                           const double* rstd, const T* w, const T* dy, const double* means, T* dx) {
  const RowLane share(lanes);
  for (index_t span = share.first; span < s.batch * s.channels; span += share.step) {
    const index_t c = span % s.channels, start = span * s.inner;
    const T factor = static_cast<T>(rstd[c] * (w ? static_cast<double>(w[c]) : 1.0));
    if (means) {
      const Normaliser<T> normalise(mean[c], rstd[c]);
      const T mean_dot = static_cast<T>(means[2 * c]), mean_g = static_cast<T>(means[2 * c + 1]);
      for (index_t i = start + share.lane; i < start + s.inner; i += lanes)
        dx[i] = factor * (dy[i] - mean_g - normalise(x[i]) * mean_dot);
    } else {
      for (index_t i = start + share.lane; i < start + s.inner; i += lanes) dx[i] = factor * dy[i];
    }
  }
}

template <ChannelSums kind, class T>
void sum_channels(const char* name, const ChannelNormShape& s, const ChannelShares& cut, const T* x, const double* mean,
                  const double* rstd, const T* dy, double* partial) {
  launch(name, channel_sums_kernel<kind, T>, blocks_for(s.channels * cut.shares, 1), norm_threads(cut.grain), s, cut, x,
         mean, rstd, dy, partial);
}

template <class T>
void channel_moments(const ChannelNormShape& s, const T* x, double* mean, double* variance) {
  const char* const name = "channel_moments";
  const ChannelShares cut = channel_shares(s);
  const Scratch<double> partial(s.channels * cut.shares);
  const double* const joined = partial.data();
  const T* const no_dy = nullptr;
  const double* const none = nullptr;
  sum_channels<ChannelSums::values>(name, s, cut, x, none, none, no_dy, partial.data());
  launch(name, join_channel_mean_kernel, blocks_for(s.channels, 32), 32, s, cut.shares, joined, mean);
  sum_channels<ChannelSums::squares>(name, s, cut, x, static_cast<const double*>(mean), none, no_dy, partial.data());
  launch(name, join_channel_mean_kernel, blocks_for(s.channels, 32), 32, s, cut.shares, joined, variance);
}

template <class T>
void batch_norm_forward(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd, const T* w,
                        const T* b, T* y) {
  launch("batch_norm_forward", batch_norm_forward_kernel<T>, row_blocks(s.batch * s.channels, s.inner), row_threads, s,
         lanes_for(s.inner), x, mean, rstd, w, b, y);
}

template <class T>
void run_batch_norm_backward(const char* name, bool constant, const ChannelNormShape& s, const T* x, const double* mean,
                             const double* rstd, const T* w, const T* dy, T* dx, T* dw, T* db) {
  const ChannelShares cut = channel_shares(s);
  const bool sums = !constant || dw || db;
  const Scratch<double> partial(sums ? 2 * s.channels * cut.shares : 0), means(2 * s.channels);
  if (sums) {
    sum_channels<ChannelSums::gradients>(name, s, cut, x, mean, rstd, dy, partial.data());
    launch(name, join_channel_gradients_kernel<T>, blocks_for(s.channels, 32), 32, s, cut.shares,
           static_cast<const double*>(partial.data()), dw, db, means.data());
  }
  launch(name, batch_norm_backward_kernel<T>, row_blocks(s.batch * s.channels, s.inner), row_threads, s,
         lanes_for(s.inner), x, mean, rstd, w, dy, constant ? nullptr : means.data(), dx);
}
template <class T>
void batch_norm_backward(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd, const T* w,
                         const T* dy, T* dx, T* dw, T* db) {
  run_batch_norm_backward("batch_norm_backward", false, s, x, mean, rstd, w, dy, dx, dw, db);
}
template <class T>
void batch_norm_backward_constant(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd,
                                  const T* w, const T* dy, T* dx, T* dw, T* db) {
  run_batch_norm_backward("batch_norm_backward_constant", true, s, x, mean, rstd, w, dy, dx, dw, db);
}

#define LIMN_NORM_ON_GPU(T)                                                                                       \
  template void layer_norm_forward<T>(const RowNormShape&, double, const T*, const T*, const T*, T*, double*,     \
                                      double*);                                                                   \
  template void layer_norm_backward<T>(const RowNormShape&, const T*, const T*, const double*, const double*,     \
                                       const T*, T*, T*, T*);                                                     \
  template void channel_moments<T>(const ChannelNormShape&, const T*, double*, double*);                          \
  template void batch_norm_forward<T>(const ChannelNormShape&, const T*, const double*, const double*, const T*,  \
                                      const T*, T*);                                                              \
  template void batch_norm_backward<T>(const ChannelNormShape&, const T*, const double*, const double*, const T*, \
                                       const T*, T*, T*, T*);                                                     \
  template void batch_norm_backward_constant<T>(const ChannelNormShape&, const T*, const double*, const double*,  \
                                                const T*, const T*, T*, T*, T*);
LIMN_NORM_ON_GPU(float)
LIMN_NORM_ON_GPU(double)
#undef LIMN_NORM_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
