#pragma once
// Depthwise convolutions, plane by plane: 3 x 3 with padding 1 and stride 1 or 2 (those of MobileNet) read x where it
// lies; the others as conv2d_direct.hpp lays planes out.

#include <utility>

#include <limn_kernels/cpu/conv2d_direct.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_flat.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_gradient.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_rows.inl>
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

/// One output a channel. With stride 1 dx is the convolution of dy with the turned kernels.
template <class T>
void depthwise_3x3_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  if (s.stride_h == 2) {
    parallel_for(s.n * s.c, depthwise_grain(s), [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(depthwise_gradient_planes<T>, s, begin, end, dy, weight, dx);
    });
    return;
  }
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

/// Kernels of 5 or 7 rows, stride 1 or 2.
[[nodiscard]] inline bool is_depthwise_rows(const Conv2dShape& s) {
  return s.channels() == 1 && (s.kh == 5 || s.kh == 7) && s.stride_h == s.stride_w && s.stride_h <= 2 &&
         s.kw >= s.stride_w && s.dilation_h == 1 && s.dilation_w == 1 && s.pad_top >= 0 && s.pad_left >= 0;
}

/// Any other depthwise convolution: y, at least `floor`.
template <class T>
void depthwise_general(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const index_t multiplier = s.outputs(), taps = s.kh * s.kw, pixels = s.oh * s.ow;
  const Scratch<index_t> offset(taps);
  const DirectLayout d = direct_layout(s, s.oh, offset.data());
  // A block of rows reads some below the plane; what it makes of them is dropped.
  const bool by_rows = is_depthwise_rows(s);
  const index_t below = direct_slack + (by_rows ? 8 * d.pitch : 0);
  parallel_for(s.n * s.c, 1 + 65536 / (pixels * taps * multiplier + s.h * s.w), [&](index_t begin, index_t end) {
    const Scratch<T> split(d.size + below);
    std::fill_n(split.data(), d.size + below, T(0));
    for (index_t plane = begin; plane < end; ++plane) {
      if (by_rows)
        LIMN_CALL_ISA(conv2d_split_inside<T>, s, d, x + plane * s.h * s.w, split.data());
      else
        LIMN_CALL_ISA(conv2d_split<T>, s, d, 0, x + plane * s.h * s.w, split.data());
      for (index_t m = 0; m < multiplier; ++m) {
        const index_t o = plane % s.c * multiplier + m;
        const T add = bias ? bias[o] : T(0);
        T* to = y + (plane / s.c * s.oc + o) * pixels;
        if (by_rows) {
          LIMN_CALL_ISA(depthwise_rows<T>,
                        {split.data(), d.pitch, d.phases_w * d.rows * d.pitch, s.kw, d.offset, weight + o * taps, add,
                         floor, to, s.ow},
                        s.kh, s.stride_h, s.oh);
        } else {
          LIMN_CALL_ISA(conv2d_depthwise_plane<T>, s, d, split.data(), weight + o * taps, add, to);
          if (floor > -std::numeric_limits<T>::infinity()) LIMN_CALL_ISA(conv2d_finish<T>, pixels, T(0), floor, to, to);
        }
      }
    }
  });
}

/// Where stride 1 and one output a channel make dx the convolution of dy with the turned kernels.
[[nodiscard]] inline bool is_depthwise_rows_turned(const Conv2dShape& s) {
  return is_depthwise_rows(s) && s.stride_h == 1 && s.outputs() == 1 && s.pad_top < s.kh && s.pad_left < s.kw;
}
template <class T>
void depthwise_rows_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const index_t taps = s.kh * s.kw;
  const Scratch<T> turned(s.c * taps);
  for (index_t i = 0; i < s.c * taps; ++i) turned.data()[i] = weight[i / taps * taps + taps - 1 - i % taps];
  Conv2dShape back = s;
  std::swap(back.h, back.oh);
  std::swap(back.w, back.ow);
  back.pad_top = s.kh - 1 - s.pad_top;
  back.pad_left = s.kw - 1 - s.pad_left;
  depthwise_general<T>(back, dy, turned.data(), nullptr, -std::numeric_limits<T>::infinity(), dx);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
