#pragma once
// Normalisation to mean 0 and variance 1: of rows (layer and group norm) and of channels (batch norm), with gradients.
//
// Statistics are double, whatever T: a mean of 10^4 beside a deviation of 10^-2 is then no trouble.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x and y are contiguous [rows, length]; every row is normalised. w and b: [length], or null for 1 and 0.
struct RowNormShape {
  index_t rows = 1, length = 1;
};
/// x and y are contiguous [batch, channels, inner]; every channel is normalised. w and b: [channels], or null for 1 and
/// 0.
struct ChannelNormShape {
  index_t batch = 1, channels = 1, inner = 1;
};

/// y = (x - mean) rstd w + b; mean and rstd = 1 / sqrt(variance + eps) are written, [rows] each. The variance is the
/// mean square deviation, from a second pass over the row. y may be x.
template <class T>
void layer_norm_forward(Device device, const RowNormShape& s, double eps, const T* x, const T* w, const T* b, T* y,
                        double* mean, double* rstd);

/// dx = rstd (g - mean(g) - xhat mean(g xhat)) with g = dy w, xhat = (x - mean) rstd; dw = sum(dy xhat), db = sum(dy)
/// over rows. dw and db may be null.
template <class T>
void layer_norm_backward(Device device, const RowNormShape& s, const T* x, const T* w, const double* mean,
                         const double* rstd, const T* dy, T* dx, T* dw, T* db);

/// The mean and the mean square deviation of every channel, in two passes.
template <class T>
void channel_moments(Device device, const ChannelNormShape& s, const T* x, double* mean, double* variance);

/// y = (x - mean) rstd w + b, by channel. y may be x.
template <class T>
void batch_norm_forward(Device device, const ChannelNormShape& s, const T* x, const double* mean, const double* rstd,
                        const T* w, const T* b, T* y);

/// The gradients where mean and rstd come from x itself (formula as for rows). dw and db may be null.
template <class T>
void batch_norm_backward(Device device, const ChannelNormShape& s, const T* x, const double* mean, const double* rstd,
                         const T* w, const T* dy, T* dx, T* dw, T* db);

/// The gradients where mean and rstd are constants: dx = dy rstd w. dw and db may be null.
template <class T>
void batch_norm_backward_constant(Device device, const ChannelNormShape& s, const T* x, const double* mean,
                                  const double* rstd, const T* w, const T* dy, T* dx, T* dw, T* db);

namespace cuda {
template <class T>
void layer_norm_forward(const RowNormShape& s, double eps, const T* x, const T* w, const T* b, T* y, double* mean,
                        double* rstd);
template <class T>
void layer_norm_backward(const RowNormShape& s, const T* x, const T* w, const double* mean, const double* rstd,
                         const T* dy, T* dx, T* dw, T* db);
template <class T>
void channel_moments(const ChannelNormShape& s, const T* x, double* mean, double* variance);
template <class T>
void batch_norm_forward(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd, const T* w,
                        const T* b, T* y);
template <class T>
void batch_norm_backward(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd, const T* w,
                         const T* dy, T* dx, T* dw, T* db);
template <class T>
void batch_norm_backward_constant(const ChannelNormShape& s, const T* x, const double* mean, const double* rstd,
                                  const T* w, const T* dy, T* dx, T* dw, T* db);
}  // namespace cuda

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/norm.cpp
#include <limn_kernels/cpu/norm.hpp>
#endif
