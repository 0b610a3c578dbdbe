#pragma once
// Two-dimensional pooling: maxima with their positions, averages over (also adaptive) windows.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// `planes` planes: x [h, w] -> y [oh, ow]. Windows of kh x kw taps; taps outside the plane do not take part.
struct Pool2dShape {
  index_t planes, h, w, oh, ow;
  index_t kh, kw;
  index_t stride_h, stride_w;
  index_t pad_h, pad_w;
  index_t dilation_h = 1, dilation_w = 1;
  bool adaptive = false;  ///< window i covers floor(i n / o) .. ceil((i + 1) n / o) instead
};

/// y = the largest element of each window, index = its position h * w in the plane (-1, and y the lowest number, where
/// a dilated window has all its taps in the padding); the first in scan order where several are equal; a NaN wins.
template <class T>
void max_pool2d(Device device, const Pool2dShape& s, const T* x, T* y, index_t* index);
/// dx[index] += dy, in order; overwrites dx.
template <class T>
void max_pool2d_backward(Device device, const Pool2dShape& s, const T* dy, const index_t* index, T* dx);
/// y[o] = x[index[o]]: the transpose of max_pool2d_backward.
template <class T>
void max_pool2d_pick(Device device, const Pool2dShape& s, const T* x, const index_t* index, T* y);

/// How an average counts: the divisor is the window's size including padding, or without it, or a given number.
struct AverageCount {
  bool include_pad = true;
  index_t divisor = 0;  ///< 0: by the window
};
template <class T>
void avg_pool2d(Device device, const Pool2dShape& s, AverageCount count, const T* x, T* y);
/// The transpose of avg_pool2d; overwrites dx.
template <class T>
void avg_pool2d_backward(Device device, const Pool2dShape& s, AverageCount count, const T* dy, T* dx);

namespace cuda {
template <class T>
void max_pool2d(const Pool2dShape& s, const T* x, T* y, index_t* index);
template <class T>
void max_pool2d_backward(const Pool2dShape& s, const T* dy, const index_t* index, T* dx);
template <class T>
void max_pool2d_pick(const Pool2dShape& s, const T* x, const index_t* index, T* y);
template <class T>
void avg_pool2d(const Pool2dShape& s, AverageCount count, const T* x, T* y);
template <class T>
void avg_pool2d_backward(const Pool2dShape& s, AverageCount count, const T* dy, T* dx);
}  // namespace cuda

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/pool2d.cpp
#include <limn_kernels/cpu/pool2d.hpp>
#endif
