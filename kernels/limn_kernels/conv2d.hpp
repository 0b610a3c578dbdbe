#pragma once
// Two-dimensional convolution (cross-correlation), its data gradient and its weight gradient.

#include <limn_kernels/conv2d_shape.hpp>
#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// y = conv(x, weight) + bias, then what `fusion` says; bias [oc] may be null.
template <class T>
void conv2d_forward(Device device, const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y,
                    Conv2dFusion fusion = {});
/// dx = the gradient of sum(conv(x, weight) * dy) in x; overwrites dx. Also the forward of the transposed convolution.
template <class T>
void conv2d_data_gradient(Device device, const Conv2dShape& s, const T* dy, const T* weight, T* dx);
/// dw = the gradient of sum(conv(x, weight) * dy) in the weight; overwrites dw.
template <class T>
void conv2d_weight_gradient(Device device, const Conv2dShape& s, const T* x, const T* dy, T* dw);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/conv2d.hpp>
