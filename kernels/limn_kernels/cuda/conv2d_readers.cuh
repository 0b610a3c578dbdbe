#pragma once
// How the three convolutions read images and weights as matrices, without a copy of the patches (implicit gemm:
// Chetlur et al. 2014, "cuDNN: Efficient primitives for deep learning").
//
//   forward          y [o, pixels of y]  = weight [o, c i j]           patches of x [c i j, pixels of y]
//   data gradient    dx [c, pixels of x] = weight [c, o i j]           patches of dy [o i j, pixels of x]
//   weight gradient  dw [o, c i j]       = dy [o, pixels of y]         patches of x [pixels of y, c i j]

#include <limn_kernels/conv2d_shape.hpp>
#include <limn_kernels/cuda/divisor.cuh>
#include <limn_kernels/cuda/product.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// The numbers of a convolution as the readers need them: 32 bits, and divisions by products.
struct ConvGeometry {
  explicit ConvGeometry(const Conv2dShape& s)
      : h(int(s.h)),
        w(int(s.w)),
        oh(int(s.oh)),
        ow(int(s.ow)),
        stride_h(int(s.stride_h)),
        stride_w(int(s.stride_w)),
        pad_top(int(s.pad_top)),
        pad_left(int(s.pad_left)),
        dilation_h(int(s.dilation_h)),
        dilation_w(int(s.dilation_w)),
        kernel_h(int(s.kh)),
        kernel_w(s.kw),
        taps(s.kh * s.kw),
        image(s.h * s.w > 0 ? s.h * s.w : 1),
        row(s.w > 0 ? s.w : 1),
        out_image(s.oh * s.ow > 0 ? s.oh * s.ow : 1),
        out_row(s.ow > 0 ? s.ow : 1),
        over_stride_h(s.stride_h),
        over_stride_w(s.stride_w) {}

  int h, w, oh, ow, stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, kernel_h;
  Divisor kernel_w, taps, image, row, out_image, out_row, over_stride_h, over_stride_w;
};

/// 0 <= at < size, by one comparison.
__device__ inline bool within(int at, int size) { return static_cast<unsigned>(at) < static_cast<unsigned>(size); }

/// A tap of some plane, walked in the order of k: (plane, i, j).
struct TapWalk {
  int plane, i, j;

  __device__ TapWalk(const ConvGeometry& s, int k) {
    plane = s.taps.divide(k);
    const int tap = k - plane * s.taps.value();
    i = s.kernel_w.divide(tap);
    j = tap - i * s.kernel_w.value();
  }
  __device__ void step(const ConvGeometry& s) {
    if (++j < s.kernel_w.value()) return;
    j = 0;
    if (++i < s.kernel_h) return;
    i = 0;
    ++plane;
  }
};

/// Columns are pixels of y (of all images), k is (c, i, j): what the pixel reads of x.
template <class T>
struct PatchReader {
  static constexpr bool along_k = false;
  ConvGeometry s;
  const T* x;
  index_t columns, image_stride, group_stride;

  struct Cursor {
    const PatchReader& from;
    const T* planes;  // null behind the last column
    int y, x;

    __device__ void load(int k, int end, T (&to)[4]) const {
      const ConvGeometry& conv = from.s;
      TapWalk tap(conv, k);
#pragma unroll
      for (int q = 0; q < 4; ++q, tap.step(conv)) {
        const int at_y = y + tap.i * conv.dilation_h, at_x = x + tap.j * conv.dilation_w;
        const bool inside = planes && k + q < end && within(at_y, conv.h) && within(at_x, conv.w);
        to[q] = inside ? planes[(tap.plane * conv.h + at_y) * conv.w + at_x] : T(0);
      }
    }
  };

  __device__ Cursor at(index_t group, index_t column) const {
    const int image = s.out_image.divide(static_cast<int>(column));
    const int pixel = static_cast<int>(column) - image * s.out_image.value();
    const int oy = s.out_row.divide(pixel), ox = pixel - oy * s.out_row.value();
    return {*this, column < columns ? x + image * image_stride + group * group_stride : nullptr,
            oy * s.stride_h - s.pad_top, ox * s.stride_w - s.pad_left};
  }
};

/// Columns are pixels of x, k is (o, i, j): the pixels of y that read it.
template <class T, bool strided>
struct GradientPatchReader {
  static constexpr bool along_k = false;
  ConvGeometry s;
  const T* dy;
  index_t columns, image_stride, group_stride;

  struct Cursor {
    const GradientPatchReader& from;
    const T* planes;
    int y, x;

    __device__ void load(int k, int end, T (&to)[4]) const {
      const ConvGeometry& conv = from.s;
      TapWalk tap(conv, k);
#pragma unroll
      for (int q = 0; q < 4; ++q, tap.step(conv)) {
        const int down = y - tap.i * conv.dilation_h, right = x - tap.j * conv.dilation_w;
        int oy = down, ox = right;
        bool inside = planes && k + q < end;
        if constexpr (strided) {
          inside = inside && down >= 0 && right >= 0;
          oy = inside ? conv.over_stride_h.divide(down) : 0;
          ox = inside ? conv.over_stride_w.divide(right) : 0;
          inside = inside && oy * conv.stride_h == down && ox * conv.stride_w == right;
        }
        inside = inside && within(oy, conv.oh) && within(ox, conv.ow);
        to[q] = inside ? planes[(tap.plane * conv.oh + oy) * conv.ow + ox] : T(0);
      }
    }
  };

  __device__ Cursor at(index_t group, index_t column) const {
    const int image = s.image.divide(static_cast<int>(column));
    const int pixel = static_cast<int>(column) - image * s.image.value();
    const int row = s.row.divide(pixel);
    return {*this, column < columns ? dy + image * image_stride + group * group_stride : nullptr, row + s.pad_top,
            pixel - row * s.row.value() + s.pad_left};
  }
};

/// Lines are channels, k is (o, i, j): the weights turned.
template <class T>
struct TurnedWeightReader {
  static constexpr bool along_k = true;
  Divisor taps;
  const T* weight;
  index_t channels, group_stride;

  struct Cursor {
    const TurnedWeightReader& from;
    const T* line;

    __device__ void load(int k, int end, T (&to)[4]) const {
      const int each = from.taps.value();
      int output = from.taps.divide(k), tap = k - output * each;
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        to[q] = line && k + q < end ? line[output * from.channels * each + tap] : T(0);
        if (++tap == each) {
          tap = 0;
          ++output;
        }
      }
    }
  };

  __device__ Cursor at(index_t group, index_t line) const {
    return {*this, line < channels ? weight + group * group_stride + line * taps.value() : nullptr};
  }
};

/// Lines are outputs, k is a pixel of y: dy.
template <class T>
struct PlaneReader {
  static constexpr bool along_k = true;
  Divisor out_image;
  const T* dy;
  index_t outputs, image_stride;
  bool whole_fours;

  struct Cursor {
    const PlaneReader& from;
    const T* plane;

    __device__ void load(int k, int end, T (&to)[4]) const {
      const int each = from.out_image.value();
      int image = from.out_image.divide(k), pixel = k - image * each;
      if (from.whole_fours && plane && k + 4 <= end) {
        const Four<T> four = *reinterpret_cast<const Four<T>*>(plane + image * from.image_stride + pixel);
#pragma unroll
        for (int q = 0; q < 4; ++q) to[q] = four.of[q];
        return;
      }
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        to[q] = plane && k + q < end ? plane[image * from.image_stride + pixel] : T(0);
        if (++pixel == each) {
          pixel = 0;
          ++image;
        }
      }
    }
  };

  __device__ Cursor at(index_t group, index_t line) const {
    return {*this, line < outputs ? dy + (group * outputs + line) * out_image.value() : nullptr};
  }
};

/// Columns are (c, i, j), k is a pixel of y: what the tap is multiplied with there.
template <class T>
struct TapReader {
  static constexpr bool along_k = true;
  ConvGeometry s;
  const T* x;
  index_t columns, image_stride, group_stride;

  struct Cursor {
    const TapReader& from;
    const T* plane;
    int y, x;  // of the first pixel

    __device__ void load(int k, int end, T (&to)[4]) const {
      const ConvGeometry& conv = from.s;
      int image = conv.out_image.divide(k);
      const int pixel = k - image * conv.out_image.value();
      int oy = conv.out_row.divide(pixel), ox = pixel - oy * conv.out_row.value();
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        const int at_y = y + oy * conv.stride_h, at_x = x + ox * conv.stride_w;
        const bool inside = plane && k + q < end && within(at_y, conv.h) && within(at_x, conv.w);
        to[q] = inside ? plane[image * from.image_stride + at_y * conv.w + at_x] : T(0);
        if (++ox < conv.ow) continue;
        ox = 0;
        if (++oy < conv.oh) continue;
        oy = 0;
        ++image;
      }
    }
  };

  __device__ Cursor at(index_t group, index_t column) const {
    const TapWalk tap(s, static_cast<int>(column));
    return {*this, column < columns ? x + group * group_stride + index_t{tap.plane} * s.h * s.w : nullptr,
            tap.i * s.dilation_h - s.pad_top, tap.j * s.dilation_w - s.pad_left};
  }
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
