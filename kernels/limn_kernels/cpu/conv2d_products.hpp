#pragma once
// Convolutions that are one matrix product of tensors as they lie: 1 x 1 of stride 1 (x is [channels, pixels]), and
// patches, whose stride is the kernel's size: no element of x is read twice, so that dx is the product's result in
// another order.

#include <limits>
#include <utility>

#include <limn_kernels/cpu/conv2d_direct.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// 1 x 1: whether the register tiles of conv2d_direct.hpp, that read x where it lies, leave few of their pixels idle
/// and find a tile's weights in the first-level cache; a matrix product may turn the other way round, or pack. Tiles of
/// six rows read a channel's pixels more than twice as often as those of fourteen: then copies pay sooner, soonest
/// where each channel's pixels lie on a page of their own.
template <class T>
[[nodiscard]] bool pointwise_pays_direct(const Conv2dShape& s) {
  const index_t pixels = s.oh * s.ow, lanes = LIMN_CALL_ISA(direct_tile_pixels<T>, ) / 2,
                computed = (pixels - direct_dot_pixels(s, lanes) + lanes - 1) / lanes * lanes;
  const bool tall = LIMN_CALL_ISA(gemm_geometry<T>, ).rows > 8;
  if (!tall && (s.outputs() <= 8 || s.channels() > (pixels * static_cast<index_t>(sizeof(T)) > 4096 ? 48 : 96)))
    return false;
  return s.channels() <= direct_dots_field && (computed - pixels) * 12 <= pixels;
}

/// 1 x 1, nothing padded, with a stride: the product of a thinner x, made by conv2d_thin.
[[nodiscard]] inline bool is_strided_pointwise(const Conv2dShape& s) {
  return s.kh == 1 && s.kw == 1 && s.pad_top == 0 && s.pad_left == 0 && s.stride_h * s.stride_w > 1 &&
         (s.oh - 1) * s.stride_h < s.h && (s.ow - 1) * s.stride_w < s.w;
}
/// The same convolution of x thinned out.
[[nodiscard]] inline Conv2dShape thinned(Conv2dShape s) {
  s.h = s.oh;
  s.w = s.ow;
  s.stride_h = s.stride_w = 1;
  return s;
}

/// A kernel as large as x, one group: a product of the images with the weights.
[[nodiscard]] inline bool is_whole_image(const Conv2dShape& s) {
  return s.groups == 1 && s.kh == s.h && s.kw == s.w && s.oh == 1 && s.ow == 1 && s.pad_top == 0 && s.pad_left == 0 &&
         s.dilation_h == 1 && s.dilation_w == 1;
}

/// Patches of more than one pixel that cover x.
[[nodiscard]] inline bool is_patches(const Conv2dShape& s) {
  return s.kh * s.kw > 1 && s.kh == s.stride_h && s.kw == s.stride_w && s.dilation_h == 1 && s.dilation_w == 1 &&
         s.pad_top == 0 && s.pad_left == 0 && s.oh * s.kh == s.h && s.ow * s.kw == s.w;
}

/// The pixels of x [n c, h, w] that a strided 1 x 1 reads: thin [n c, oh, ow].
template <class T>
void conv2d_thin(const Conv2dShape& s, const T* x, T* thin) {
  const index_t pixels = s.oh * s.ow;
  parallel_for(s.n * s.c, 1 + 32768 / pixels, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) LIMN_CALL_ISA(conv2d_thin_plane<T>, s, x + i * s.h * s.w, thin + i * pixels);
  });
}
/// dx [n c, h, w]: `thin` where conv2d_thin reads, zeros elsewhere.
template <class T>
void conv2d_spread(const Conv2dShape& s, const T* thin, T* dx) {
  parallel_for(s.n * s.c, 1 + 32768 / (s.h * s.w), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      T* plane = dx + i * s.h * s.w;
      std::fill_n(plane, s.h * s.w, T(0));
      for (index_t oy = 0; oy < s.oh; ++oy)
        for (index_t ox = 0; ox < s.ow; ++ox)
          plane[oy * s.stride_h * s.w + ox * s.stride_w] = thin[(i * s.oh + oy) * s.ow + ox];
    }
  });
}

/// run(i) for all i < count: on a thread each where they are enough for all, else one after another.
template <class Run>
void for_each_of(index_t count, Run&& run) {
  const auto of_range = [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) run(i);
  };
  if (count >= 2 * thread_count())
    parallel_for(count, 1, of_range);
  else
    of_range(0, count);
}
/// run(image, group) for all of both.
template <class Run>
void for_each_image_and_group(const Conv2dShape& s, Run&& run) {
  for_each_of(s.n * s.groups, [&](index_t i) { run(i / s.groups, i % s.groups); });
}

/// y [n, outputs] = x [n, field] weight^T + bias, at least `floor`; bias may be null.
template <class T>
void whole_image_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  gemm_tiled<T>({s.n, s.oc, s.field(), false, true, s.field(), s.field(), s.oc}, T(1), x, weight, T(0), y,
                [=](index_t row, index_t rows, index_t column, index_t columns) {
                  for (index_t i = row; i < row + rows; ++i)
                    for (index_t j = column; j < column + columns; ++j) {
                      const T sum = y[i * s.oc + j] + (bias ? bias[j] : T(0));
                      y[i * s.oc + j] = sum < floor ? floor : sum;  // a NaN stays
                    }
                });
}

/// y = weight x + bias, at least `floor`; bias may be null.
template <class T>
void pointwise_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const index_t c = s.channels(), o = s.outputs(), pixels = s.oh * s.ow;
  for_each_image_and_group(s, [&](index_t image, index_t group) {
    T* to = y + (image * s.oc + group * o) * pixels;
    const T* add = bias ? bias + group * o : nullptr;
    gemm_tiled<T>({o, pixels, c, false, false, c, pixels, pixels}, T(1), weight + group * o * c,
                  x + (image * s.c + group * c) * pixels, T(0), to,
                  [=](index_t row, index_t rows, index_t column, index_t columns) {
                    for (index_t i = row; i < row + rows; ++i)
                      LIMN_CALL_ISA(conv2d_finish<T>, columns, add ? add[i] : T(0), floor, to + i * pixels + column,
                                    to + i * pixels + column);
                  });
  });
}

/// dx = weight^T dy: directly with the weights turned over, which are few then, or a product.
template <class T>
void pointwise_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const index_t c = s.channels(), o = s.outputs(), pixels = s.oh * s.ow;
  Conv2dShape back = s;
  std::swap(back.c, back.oc);
  if (pointwise_pays_direct<T>(back)) {
    const Scratch<T> turned(s.oc * c + direct_slack);
    for (index_t g = 0; g < s.groups; ++g)
      LIMN_CALL_ISA(gemm_transpose<T>, o, c, weight + g * o * c, c, turned.data() + g * o * c, o);
    return conv2d_direct<T>(back, dy, turned.data(), nullptr, -std::numeric_limits<T>::infinity(), dx);
  }
  for_each_image_and_group(s, [&](index_t image, index_t group) {
    gemm<T>({c, pixels, o, true, false, c, pixels, pixels}, T(1), weight + group * o * c,
            dy + (image * s.oc + group * o) * pixels, T(0), dx + (image * s.c + group * c) * pixels);
  });
}

/// dw = the sum over the images of dy x^T.
template <class T>
void pointwise_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t c = s.channels(), o = s.outputs(), pixels = s.oh * s.ow;
  for (index_t group = 0; group < s.groups; ++group)
    for (index_t image = 0; image < s.n; ++image)
      gemm<T>({o, c, pixels, false, true, pixels, pixels, c}, T(1), dy + (image * s.oc + group * o) * pixels,
              x + (image * s.c + group * c) * pixels, T(image == 0 ? 0 : 1), dw + group * o * c);
}

/// [pixels, field] = dy^T weight, whose parts go to dx as they are done.
template <class T>
void patches_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const index_t o = s.outputs(), field = s.field(), pixels = s.oh * s.ow;
  for_each_image_and_group(s, [&](index_t image, index_t group) {
    const Scratch<T> rows(pixels * field);
    T* to = dx + (image * s.c + group * s.channels()) * s.h * s.w;
    gemm_tiled<T>({pixels, field, o, true, false, pixels, field, field}, T(1), dy + (image * s.oc + group * o) * pixels,
                  weight + group * o * field, T(0), rows.data(),
                  [&](index_t row, index_t count, index_t first, index_t taps) {
                    LIMN_CALL_ISA(conv2d_patches_to_image<T>, s, row, count, first, taps, rows.data(), to);
                  });
  });
}

/// dw = the sum over the images of dy [outputs, pixels] times x's patches [pixels, field].
template <class T>
void patches_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t o = s.outputs(), field = s.field(), pixels = s.oh * s.ow;
  const Scratch<T> rows(pixels * field);
  for (index_t group = 0; group < s.groups; ++group)
    for (index_t image = 0; image < s.n; ++image) {
      const T* from = x + (image * s.c + group * s.channels()) * s.h * s.w;
      parallel_for(s.oh, 1 + 65536 / (s.ow * field), [&](index_t begin, index_t end) {
        LIMN_CALL_ISA(conv2d_image_to_patches<T>, s, begin * s.ow, (end - begin) * s.ow, from, rows.data());
      });
      gemm<T>({o, field, pixels, false, false, pixels, field, field}, T(1), dy + (image * s.oc + group * o) * pixels,
              rows.data(), T(image == 0 ? 0 : 1), dw + group * o * field);
    }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
