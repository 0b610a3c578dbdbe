#pragma once
// Depthwise convolutions, plane by plane: 3 x 3 with padding 1 and stride 1 or 2 (those of MobileNet) read x where it
// lies; the others as conv2d_direct.hpp lays planes out.

#include <utility>

#include <limn_kernels/cpu/conv2d_direct.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_flat.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One channel a group, 3 x 3, padding 1, stride 1 (then y is as large as x) or 2.
[[nodiscard]] inline bool is_depthwise_3x3(const Conv2dShape& s) {
  return s.channels() == 1 && s.kh == 3 && s.kw == 3 && s.dilation_h == 1 && s.dilation_w == 1 && s.pad_top == 1 &&
         s.pad_left == 1 && s.stride_h == s.stride_w && s.stride_h <= 2 && s.oh == (s.h - 1) / s.stride_h + 1 &&
         s.ow == (s.w - 1) / s.stride_w + 1;
}

/// Planes of one task: small ones together.
[[nodiscard]] inline index_t depthwise_grain(const Conv2dShape& s) { return 1 + 65536 / (s.oh * s.ow * 9 + s.h * s.w); }

/// y, at least `floor` (0: ReLU; minus infinity).
template <class T>
void depthwise_3x3(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  parallel_for(s.n * s.oc, depthwise_grain(s), [&](index_t begin, index_t end) {
    LIMN_CALL_ISA(depthwise_planes<T>, s, begin, end, x, weight, bias, floor, y);
  });
}

/// Stride 1 and one output a channel: dx is the convolution of dy with the turned kernels.
template <class T>
void depthwise_3x3_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const Scratch<T> turned(s.c * 9);
  for (index_t i = 0; i < s.c * 9; ++i) turned.data()[i] = weight[i / 9 * 9 + 8 - i % 9];
  depthwise_3x3<T>(s, dy, turned.data(), nullptr, -std::numeric_limits<T>::infinity(), dx);
}

template <class T>
void depthwise_3x3_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  parallel_for(s.oc, 1 + 65536 / (s.n * (s.oh * s.ow * 9 + s.h * s.w)), [&](index_t begin, index_t end) {
    for (index_t o = begin; o < end; ++o) {
      const T *from = x + o / s.outputs() * s.h * s.w, *gradient = dy + o * s.oh * s.ow;
      LIMN_CALL_ISA(depthwise_weights<T>, s, from, s.c * s.h * s.w, gradient, s.oc * s.oh * s.ow, dw + o * 9);
    }
  });
}

/// Any other depthwise convolution.
template <class T>
void depthwise_general(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y) {
  const index_t multiplier = s.outputs(), taps = s.kh * s.kw;
  const Scratch<index_t> offset(taps);
  const DirectLayout d = direct_layout(s, s.oh, offset.data());
  parallel_for(s.n * s.c, 1 + 65536 / (s.oh * s.ow * taps * multiplier + s.h * s.w), [&](index_t begin, index_t end) {
    const Scratch<T> split(d.size + direct_slack);
    for (index_t plane = begin; plane < end; ++plane) {
      LIMN_CALL_ISA(conv2d_split<T>, s, d, 0, x + plane * s.h * s.w, split.data());
      std::fill_n(split.data() + d.size, direct_slack, T(0));
      for (index_t m = 0; m < multiplier; ++m) {
        const index_t o = plane % s.c * multiplier + m;
        LIMN_CALL_ISA(conv2d_depthwise_plane<T>, s, d, split.data(), weight + o * taps, bias ? bias[o] : T(0),
                      y + (plane / s.c * s.oc + o) * s.oh * s.ow);
      }
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
