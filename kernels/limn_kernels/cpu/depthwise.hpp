#pragma once
// Depthwise convolutions, plane by plane: 3 x 3, 5 x 5 and 7 x 7 with stride 1 or 2 (those of MobileNet, EfficientNet,
// ConvNeXt) read x where it lies; the others as conv2d_direct.hpp lays planes out.

#include <concepts>
#include <numeric>

#include <limn_kernels/cpu/channel_turns.hpp>
#include <limn_kernels/cpu/conv2d_direct.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_taps.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_channels.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_padded.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_flat.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_gradient.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_weights.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/depthwise_ways.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One channel a group; 3 x 3, 5 x 5 or 7 x 7, stride 1 or 2.
[[nodiscard]] inline bool is_depthwise_square(const Conv2dShape& s) {
  return s.channels() == 1 && s.h > 0 && s.w > 0 && s.kh == s.kw && (s.kh == 3 || s.kh == 5 || s.kh == 7) &&
         s.dilation_h == 1 && s.dilation_w == 1 && s.stride_h == s.stride_w && s.stride_h <= 2;
}
/// Where dx is a convolution of dy with the turned kernels, or with stride 2 what dy's rows give.
[[nodiscard]] inline bool is_depthwise_turned(const Conv2dShape& s) {
  return is_depthwise_square(s) && s.outputs() == 1 && s.pad_top >= 0 && s.pad_left >= 0;
}

/// Planes of one task: small ones together, what is prepared for a task is for many, and no lane stays empty.
[[nodiscard]] inline index_t depthwise_grain(const Conv2dShape& s, index_t planes, index_t images, index_t together) {
  return round_up(std::max(1 + 65536 / (images * (s.oh * s.ow * s.field() + s.h * s.w)), planes / direct_tasks()),
                  together);
}

/// y, at least `floor` (0: ReLU; minus infinity).
template <class T>
void depthwise_square(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const index_t together = LIMN_CALL_ISA(depthwise_together<T>, s, false);
  parallel_for(s.n * s.oc, depthwise_grain(s, s.n * s.oc, 1, together), [&](index_t begin, index_t end) {
    LIMN_CALL_ISA(depthwise_planes<T>, s, begin, end, x, weight, bias, floor, y);
  });
}

template <class T>
void depthwise_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  if (s.stride_h == 2) {
    parallel_for(s.n * s.c, depthwise_grain(s, s.n * s.c, 1, 1), [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(depthwise_gradient<T>, s, begin, end, dy, weight, dx);
    });
    return;
  }
  const index_t taps = s.field();
  const Scratch<T> turned(s.c * taps);
  for (index_t c = 0; c < s.c; ++c)
    std::reverse_copy(weight + c * taps, weight + (c + 1) * taps, turned.data() + c * taps);
  Conv2dShape back = s;
  std::swap(back.h, back.oh);
  std::swap(back.w, back.ow);
  back.pad_top = s.kh - 1 - s.pad_top;
  back.pad_left = s.kw - 1 - s.pad_left;
  depthwise_square<T>(back, dy, turned.data(), nullptr, -std::numeric_limits<T>::infinity(), dx);
}

template <class T>
void depthwise_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t together = LIMN_CALL_ISA(depthwise_together<T>, s, true);
  parallel_for(s.oc, depthwise_grain(s, s.oc, s.n, together),
               [&](index_t begin, index_t end) { LIMN_CALL_ISA(depthwise_weights<T>, s, begin, end, x, dy, dw); });
}

/// Any other depthwise convolution: y, at least `floor`.
template <class T>
void depthwise_general(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const index_t multiplier = s.outputs(), taps = s.kh * s.kw, pixels = s.oh * s.ow;
  const Scratch<index_t> offset(taps);
  const DirectLayout d = direct_layout(s, s.oh, offset.data());
  parallel_for(s.n * s.c, 1 + 65536 / (pixels * taps * multiplier + s.h * s.w), [&](index_t begin, index_t end) {
    const Scratch<T> split(d.size + direct_slack);
    std::fill_n(split.data() + d.size, direct_slack, T(0));
    for (index_t plane = begin; plane < end; ++plane) {
      LIMN_CALL_ISA(conv2d_split<T>, s, d, 0, x + plane * s.h * s.w, split.data());
      for (index_t m = 0; m < multiplier; ++m) {
        const index_t o = plane % s.c * multiplier + m;
        T* to = y + (plane / s.c * s.oc + o) * pixels;
        LIMN_CALL_ISA(conv2d_depthwise_plane<T>, s, d, split.data(), weight + o * taps, bias ? bias[o] : T(0), to);
        if (floor > -std::numeric_limits<T>::infinity()) LIMN_CALL_ISA(conv2d_finish<T>, pixels, T(0), floor, to, to);
      }
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
