#pragma once
// The CUDA body of conv2d.hpp for float and double: products whose operands are read from images (conv2d_readers.cuh).

#include <limn_kernels/conv2d.hpp>
#include <limn_kernels/cuda/conv2d_readers.cuh>
#include <limn_kernels/cuda/gemm.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Rows are planes of one group, columns pixels of all images of [n, groups * planes, pixels].
template <class T>
struct ImageWriter {
  Divisor pixels;
  T* data;
  index_t planes, all_planes;
  bool whole_fours;
  const T* bias = nullptr;  // [groups * planes]
  bool relu = false;

  __device__ void put(index_t group, index_t row, index_t column, const T (&sums)[4], index_t count) const {
    const int each = pixels.value();
    int image = pixels.divide(static_cast<int>(column)), pixel = static_cast<int>(column) - image * each;
    const index_t plane = group * planes + row;
    const T shift = bias ? bias[plane] : T(0);
    Four<T> four;
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      const T value = sums[q] + shift;
      four.of[q] = relu ? evaluate(Relu{}, value) : value;
    }
    if (whole_fours && count == 4) {
      *reinterpret_cast<Four<T>*>(data + (image * all_planes + plane) * each + pixel) = four;
      return;
    }
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      if (q < count) data[(image * all_planes + plane) * each + pixel] = four.of[q];
      if (++pixel == each) {
        pixel = 0;
        ++image;
      }
    }
  }
};

/// The largest of each 2 x 2 pixels of [planes, h, w]; a NaN stays.
template <class T>
__global__ void max_pool_kernel(index_t count, index_t h, index_t w, const T* x, T* y) {
  const index_t oh = h / 2, ow = w / 2;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += static_cast<index_t>(gridDim.x) * blockDim.x) {
    const T* const corner = x + (i / (oh * ow) * h + i / ow % oh * 2) * w + i % ow * 2;
    T top = corner[0];
    for (int q = 1; q < 4; ++q) {
      const T value = corner[q / 2 * w + q % 2];
      if (value > top || value != value) top = value;
    }
    y[i] = top;
  }
}

/// Positions in images are 32-bit numbers on the GPU.
inline void check_conv2d_size(const char* name, const Conv2dShape& s) {
  constexpr index_t most = (index_t{1} << 31) - 4096;
  if (s.n * s.oh * s.ow > most || s.n * s.h * s.w > most || s.c * s.h * s.w > most || s.oc * s.oh * s.ow > most ||
      s.oc * s.field() > most)
    fail(name, "a convolution of more than 2^31 pixels does not run on a GPU; use a smaller batch");
}

template <class T>
void conv2d_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y, Conv2dFusion fusion) {
  check_conv2d_size("conv2d", s);
  const index_t pixels = s.oh * s.ow, columns = s.n * pixels, image = s.h * s.w;
  if (columns == 0) return;
  const Scratch<T> unpooled(fusion.max_pool ? columns * s.oc : 0);
  T* const sums = fusion.max_pool ? unpooled.data() : y;
  const ConvGeometry geometry(s);
  product<T>(
      "conv2d", s.groups, s.outputs(), columns, s.field(),
      MatrixReader<T, true>{weight, s.outputs(), static_cast<int>(s.field()), lies_in_fours(weight, s.field()),
                            s.outputs() * s.field()},
      PatchReader<T>{geometry, x, columns, s.c * image, s.channels() * image},
      ImageWriter<T>{geometry.out_image, sums, s.outputs(), s.oc, lies_in_fours(sums, pixels), bias, fusion.relu});
  const index_t pooled = s.n * s.oc * (s.oh / 2) * (s.ow / 2);
  if (fusion.max_pool)
    launch("conv2d", max_pool_kernel<T>, blocks_for(pooled, 256), 256, pooled, s.oh, s.ow, static_cast<const T*>(sums),
           y);
}

template <class T>
void conv2d_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  check_conv2d_size("conv2d_data_gradient", s);
  const index_t pixels = s.h * s.w, columns = s.n * pixels, out = s.oh * s.ow;
  if (columns == 0) return;
  const ConvGeometry geometry(s);
  const auto run = [&](const auto& patches) {
    product<T>("conv2d_data_gradient", s.groups, s.channels(), columns, s.outputs() * s.kh * s.kw,
               TurnedWeightReader<T>{geometry.taps, weight, s.channels(), s.outputs() * s.field()}, patches,
               ImageWriter<T>{geometry.image, dx, s.channels(), s.c, lies_in_fours(dx, pixels)});
  };
  if (s.stride_h == 1 && s.stride_w == 1)
    run(GradientPatchReader<T, false>{geometry, dy, columns, s.oc * out, s.outputs() * out});
  else
    run(GradientPatchReader<T, true>{geometry, dy, columns, s.oc * out, s.outputs() * out});
}

template <class T>
void conv2d_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  check_conv2d_size("conv2d_weight_gradient", s);
  const index_t pixels = s.oh * s.ow, image = s.h * s.w;
  const ConvGeometry geometry(s);
  product<T>("conv2d_weight_gradient", s.groups, s.outputs(), s.field(), s.n * pixels,
             PlaneReader<T>{geometry.out_image, dy, s.outputs(), s.oc * pixels, lies_in_fours(dy, pixels)},
             TapReader<T>{geometry, x, s.field(), s.c * image, s.channels() * image},
             MatrixWriter<T>{dw, s.field(), lies_in_fours(dw, s.field()), T(1), T(0), {}, s.outputs() * s.field()});
}

#define LIMN_CONV2D_ON_GPU(T)                                                                          \
  template void conv2d_forward<T>(const Conv2dShape&, const T*, const T*, const T*, T*, Conv2dFusion); \
  template void conv2d_data_gradient<T>(const Conv2dShape&, const T*, const T*, T*);                   \
  template void conv2d_weight_gradient<T>(const Conv2dShape&, const T*, const T*, T*);
LIMN_CONV2D_ON_GPU(float)
LIMN_CONV2D_ON_GPU(double)
#undef LIMN_CONV2D_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
