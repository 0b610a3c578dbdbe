#pragma once
// Two-dimensional convolution (cross-correlation), its data gradient and its weight gradient.

#include <limn_kernels/conv2d_shape.hpp>
#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// The weights of a convolution, transformed once for many calls as Winograd's algorithm multiplies them: 4 times their
/// bytes (f6: 7.1 times), outputs rounded up to a panel. Empty where the cost model would choose that algorithm for no
/// image, and for other types than float. On the CPU.
template <class T>
class PackedConv2d {
 public:
  /// Of `s` only what concerns the weights is read: channels, outputs, groups, kernel, stride, dilation, winograd.
  PackedConv2d(const Conv2dShape& s, const T* weight);
  ~PackedConv2d();
  PackedConv2d(const PackedConv2d&) = delete;
  PackedConv2d& operator=(const PackedConv2d&) = delete;

  [[nodiscard]] bool empty() const { return group_size_ == 0; }
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(group_size_ * groups_) * sizeof(T); }
  /// U of one group for a convolution that Winograd's algorithm computes; null where it was made for other options.
  [[nodiscard]] const T* group(const Conv2dShape& s, index_t g) const {
    return !empty() && s.groups == groups_ && s.winograd == winograd_ ? data_ + g * group_size_ : nullptr;
  }

 private:
  index_t groups_ = 1, group_size_ = 0;
  Winograd winograd_ = Winograd::off;
  T* data_ = nullptr;
};

namespace cuda {  // float, double
template <class T>
void conv2d_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y, Conv2dFusion fusion);
template <class T>
void conv2d_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx);
template <class T>
void conv2d_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw);
}  // namespace cuda

/// y = conv(x, weight) + bias, then what `fusion` says; bias [oc] may be null. `packed` is null or made of this weight;
/// it changes no bit of y, and a GPU does without.
template <class T>
void conv2d_forward(Device device, const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y,
                    Conv2dFusion fusion = {}, const PackedConv2d<T>* packed = nullptr);
/// dx = the gradient of sum(conv(x, weight) * dy) in x; overwrites dx. Also the forward of the transposed convolution.
template <class T>
void conv2d_data_gradient(Device device, const Conv2dShape& s, const T* dy, const T* weight, T* dx);
/// dw = the gradient of sum(conv(x, weight) * dy) in the weight; overwrites dw.
template <class T>
void conv2d_weight_gradient(Device device, const Conv2dShape& s, const T* x, const T* dy, T* dw);

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/conv2d.cpp
#include <limn_kernels/cpu/conv2d.hpp>
#endif
