#pragma once
// The CPU body of norm.hpp: what is shared out to threads, independent of their number; the loops are in norm.inl.

#include <memory>

#include <limn_kernels/norm.hpp>
#include <limn_kernels/softmax.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/norm.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

[[nodiscard]] inline double reciprocal_deviation(double variance, double eps) { return 1 / std::sqrt(variance + eps); }

template <class T>
void layer_norm_backward(const RowNormShape& s, const T* x, const T* w, const double* mean, const double* rstd,
                         const T* dy, T* dx, T* dw, T* db) {
  // Parameter gradients: one partial sum for each chunk of rows, joined in order. At most 64 chunks.
  index_t grain = 1 + 16384 / (s.length + 1);
  if (grain < (s.rows + 63) / 64) grain = (s.rows + 63) / 64;
  const index_t chunks = (s.rows + grain - 1) / grain, size = s.length;
  const auto zeros_of = [&](bool wanted) {
    return std::unique_ptr<T[]>(wanted ? new T[static_cast<std::size_t>(chunks * size)]() : nullptr);
  };
  const auto partial_w = zeros_of(dw), partial_b = zeros_of(db);
  parallel_for(s.rows, grain, [&](index_t begin, index_t end) {
    T* const of_w = dw ? partial_w.get() + begin / grain * size : nullptr;
    T* const of_b = db ? partial_b.get() + begin / grain * size : nullptr;
    for (index_t r = begin; r < end; ++r) {
      const T *from = x + r * size, *d = dy + r * size;
      double sum = 0, dot = 0;
      LIMN_CALL_ISA(add_span_gradients, size, from, w, mean[r], rstd[r], d, of_w, of_b, sum, dot);
      const double count = static_cast<double>(size);
      LIMN_CALL_ISA(span_gradient, size, from, w, mean[r], rstd[r], d, rstd[r], sum / count, dot / count,
                    dx + r * size);
    }
  });
  for (index_t i = 0; i < size; ++i) {
    double of_w = 0, of_b = 0;
    for (index_t c = 0; c < chunks; ++c) {
      if (dw) of_w += static_cast<double>(partial_w.get()[c * size + i]);
      if (db) of_b += static_cast<double>(partial_b.get()[c * size + i]);
    }
    if (dw) dw[i] = static_cast<T>(of_w);
    if (db) db[i] = static_cast<T>(of_b);
  }
}

/// Calls body(channel, offset of its span in one batch item) ... for each channel in parallel.
template <class Body>
void for_each_channel(const ChannelNormShape& s, Body&& body) {
  parallel_for(s.channels, 1 + 16384 / (s.batch * s.inner + 1), [&](index_t begin, index_t end) {
    for (index_t c = begin; c < end; ++c) body(c);
  });
}

template <class T>
void channel_moments(const ChannelNormShape& s, const T* x, double* mean, double* variance) {
  const index_t step = s.channels * s.inner;
  const double count = static_cast<double>(s.batch * s.inner);
  for_each_channel(s, [&](index_t c) {
    double sum = 0, squares = 0;
    for (index_t n = 0; n < s.batch; ++n) LIMN_CALL_ISA(add_span<T>, s.inner, x + n * step + c * s.inner, sum);
    mean[c] = sum / count;
    for (index_t n = 0; n < s.batch; ++n)
      LIMN_CALL_ISA(add_span_squares<T>, s.inner, x + n * step + c * s.inner, mean[c], squares);
    variance[c] = squares / count;
  });
}

template <class T, bool constant>
void batch_norm_backward(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd, const T* w,
                         const T* dy, T* dx, T* dw, T* db) {
  const index_t step = s.channels * s.inner;
  const double count = static_cast<double>(s.batch * s.inner);
  const T* const no_weight = nullptr;
  T* const no_gradient = nullptr;
  for_each_channel(s, [&](index_t c) {
    double sum = 0, dot = 0;
    for (index_t n = 0; n < s.batch; ++n) {
      const index_t at = n * step + c * s.inner;
      LIMN_CALL_ISA(add_span_gradients, s.inner, x + at, no_weight, mean[c], rstd[c], dy + at, no_gradient, no_gradient,
                    sum, dot);
    }
    if (dw) dw[c] = static_cast<T>(dot);
    if (db) db[c] = static_cast<T>(sum);
    const double factor = rstd[c] * (w ? static_cast<double>(w[c]) : 1.0);
    const double mean_g = constant ? 0 : sum / count, mean_dot = constant ? 0 : dot / count;
    for (index_t n = 0; n < s.batch; ++n) {
      const index_t at = n * step + c * s.inner;
      LIMN_CALL_ISA(span_gradient, s.inner, x + at, no_weight, mean[c], rstd[c], dy + at, factor, mean_g, mean_dot,
                    dx + at);
    }
  });
}

}  // namespace cpu

template <class T>
void layer_norm_forward(Device device, const RowNormShape& s, double eps, const T* x, const T* w, const T* b, T* y,
                        double* mean, double* rstd) {
  dispatch_floating<T>(
      "layer_norm_forward", device,
      [&] {
        parallel_for(s.rows, 1 + 16384 / (s.length + 1), [&](index_t begin, index_t end) {
          for (index_t r = begin; r < end; ++r) {
            const T* from = x + r * s.length;
            double sum = 0, squares = 0;
            LIMN_CALL_ISA(add_span<T>, s.length, from, sum);
            mean[r] = sum / static_cast<double>(s.length);
            LIMN_CALL_ISA(add_span_squares<T>, s.length, from, mean[r], squares);
            rstd[r] = cpu::reciprocal_deviation(squares / static_cast<double>(s.length), eps);
            LIMN_CALL_ISA(normalise_span, s.length, from, mean[r], rstd[r], w, b, y + r * s.length);
          }
        });
      },
      [&](auto) { cuda::layer_norm_forward(s, eps, x, w, b, y, mean, rstd); });
}

template <class T>
void layer_norm_backward(Device device, const RowNormShape& s, const T* x, const T* w, const double* mean,
                         const double* rstd, const T* dy, T* dx, T* dw, T* db) {
  dispatch_floating<T>(
      "layer_norm_backward", device, [&] { cpu::layer_norm_backward(s, x, w, mean, rstd, dy, dx, dw, db); },
      [&](auto) { cuda::layer_norm_backward(s, x, w, mean, rstd, dy, dx, dw, db); });
}

template <class T>
void channel_moments(Device device, const ChannelNormShape& s, const T* x, double* mean, double* variance) {
  dispatch_floating<T>(
      "channel_moments", device, [&] { cpu::channel_moments(s, x, mean, variance); },
      [&](auto) { cuda::channel_moments(s, x, mean, variance); });
}

template <class T>
void batch_norm_forward(Device device, const ChannelNormShape& s, const T* x, const double* mean, const double* rstd,
                        const T* w, const T* b, T* y) {
  dispatch_floating<T>(
      "batch_norm_forward", device,
      [&] {
        parallel_for(s.batch * s.channels, 1 + 16384 / (s.inner + 1), [&](index_t begin, index_t end) {
          for (index_t i = begin; i < end; ++i) {
            const index_t c = i % s.channels;
            const double scale = rstd[c] * (w ? static_cast<double>(w[c]) : 1.0),
                         shift = b ? static_cast<double>(b[c]) : 0.0;
            LIMN_CALL_ISA(affine_span, s.inner, x + i * s.inner, mean[c], scale, shift, y + i * s.inner);
          }
        });
      },
      [&](auto) { cuda::batch_norm_forward(s, x, mean, rstd, w, b, y); });
}

template <class T>
void batch_norm_backward(Device device, const ChannelNormShape& s, const T* x, const double* mean, const double* rstd,
                         const T* w, const T* dy, T* dx, T* dw, T* db) {
  dispatch_floating<T>(
      "batch_norm_backward", device, [&] { cpu::batch_norm_backward<T, false>(s, x, mean, rstd, w, dy, dx, dw, db); },
      [&](auto) { cuda::batch_norm_backward(s, x, mean, rstd, w, dy, dx, dw, db); });
}

template <class T>
void batch_norm_backward_constant(Device device, const ChannelNormShape& s, const T* x, const double* mean,
                                  const double* rstd, const T* w, const T* dy, T* dx, T* dw, T* db) {
  dispatch_floating<T>(
      "batch_norm_backward_constant", device,
      [&] { cpu::batch_norm_backward<T, true>(s, x, mean, rstd, w, dy, dx, dw, db); },
      [&](auto) { cuda::batch_norm_backward_constant(s, x, mean, rstd, w, dy, dx, dw, db); });
}

}  // namespace limn::inline LIMN_ABI::kernels
