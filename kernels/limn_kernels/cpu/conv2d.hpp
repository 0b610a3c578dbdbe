#pragma once
// The CPU body of conv2d.hpp.
//
// Chooses the way: Winograd (winograd.hpp, winograd_gradient.hpp) where the cost model says so, else the definition,
// forward (conv2d_direct.hpp, conv2d_panels.hpp) and gathered (conv2d_gather.hpp); groups of a few channels with these
// in the lanes (conv2d_grouped.hpp); depthwise planes one by one; data gradients of small images or with strides as
// products that are added up, weight gradients as dot products where weights are few (conv2d_dots.hpp), else as
// products with blocks of the patch matrix (both conv2d_columns.hpp). docs/kernels/conv2d.md.

#include <algorithm>

#include <limn_kernels/conv2d.hpp>
#include <limn_kernels/cpu/conv2d_columns.hpp>
#include <limn_kernels/cpu/conv2d_dots.hpp>
#include <limn_kernels/cpu/conv2d_gather.hpp>
#include <limn_kernels/cpu/conv2d_grouped.hpp>
#include <limn_kernels/cpu/conv2d_panels.hpp>
#include <limn_kernels/cpu/conv2d_products.hpp>
#include <limn_kernels/cpu/depthwise.hpp>
#include <limn_kernels/cpu/winograd_gradient.hpp>
#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// Tiles of 6 x 6, where they are allowed and their weights are few: those of 512 x 512 channels are 67 MB, and reading
/// them from memory takes longer than they save.
[[nodiscard]] inline bool conv2d_takes_f6(const Conv2dShape& s) {
  return s.winograd == Winograd::f6 && s.channels() * s.outputs() < 512 * 512;
}

/// So many transformed weights stay in some cache; more are written to memory and read from it.
inline constexpr index_t winograd_cached_weights = index_t{4} << 20;
/// Gradients of so few weights of a group, of 8 x 8 channels, are dot products sooner than their tiles are transformed.
inline constexpr index_t winograd_least_weights = 64;

/// The cost model, in multiply-adds: the direct sum, against (t + 2)^2 products for a tile of t x t outputs, the
/// transforms of tiles, and of the weights (or, where these are prepared, reading so many more of them). The prices of
/// transforms were measured, and that the direct sum takes four fifths in groups with full vectors;
/// docs/kernels/conv2d.md shows how far they are right.
[[nodiscard]] inline bool conv2d_pays_winograd(const Conv2dShape& s) {
  if (s.winograd == Winograd::off || s.kh != 3 || s.kw != 3 || s.stride_h != 1 || s.stride_w != 1 ||
      s.dilation_h != 1 || s.dilation_w != 1)
    return false;
  const index_t t = conv2d_takes_f6(s) ? 6 : 4, area = (t + 2) * (t + 2), weights = s.channels() * s.outputs();
  const index_t tiles = s.n * ((s.oh + t - 1) / t) * ((s.ow + t - 1) / t);
  const index_t of_weights = area * weights > winograd_cached_weights ? 10 : 4;
  const index_t cost =
      tiles * (area * weights + 25 * t * t * (s.channels() + s.outputs())) + of_weights * area * weights;
  const index_t direct = s.n * s.oh * s.ow * 9 * weights;
  return is_grouped(s) ? 5 * cost < 4 * direct : cost < direct;
}

template <class F>
void conv2d_winograd_forward(const Conv2dShape& s, const float* x, const float* weight, const float* bias, float* y,
                             Conv2dFusion fusion, const PackedConv2d<float>* packed) {
  const index_t c = s.channels(), o = s.outputs(), in = s.h * s.w,
                out = fusion.max_pool ? (s.oh / 2) * (s.ow / 2) : s.oh * s.ow;
  const WinogradProblem p{s.n,  c,         o,          s.h,      s.w,        s.oh,
                          s.ow, s.pad_top, s.pad_left, s.c * in, s.oc * out, fusion.max_pool};
  for_each_of(s.groups, [&](index_t g) {
    winograd_convolve<F>(p, x + g * c * in,
                         {weight + g * o * c * 9, 9 * c, 9, false, packed ? packed->group(s, g) : nullptr},
                         bias ? bias + g * o : nullptr, fusion.relu ? 0.f : -INFINITY, y + g * o * out);
  });
}

/// The data gradient is the convolution of dy with the kernels turned by 180 degrees.
template <class F>
void conv2d_winograd_data_gradient(const Conv2dShape& s, const float* dy, const float* weight, float* dx) {
  const index_t c = s.channels(), o = s.outputs(), in = s.h * s.w, out = s.oh * s.ow;
  const WinogradProblem p{s.n, o, c, s.oh, s.ow, s.h, s.w, 2 - s.pad_top, 2 - s.pad_left, s.oc * out, s.c * in};
  for_each_of(s.groups, [&](index_t g) {
    winograd_convolve<F>(p, dy + g * o * out, {weight + g * o * c * 9, 9, 9 * c, true}, nullptr, -INFINITY,
                         dx + g * c * in);
  });
}

/// The weight gradient (tiles of 4 x 4 alone), group by group.
template <std::same_as<float> T>
void conv2d_winograd_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t c = s.channels(), o = s.outputs(), in = s.h * s.w, out = s.oh * s.ow;
  const WinogradProblem p{s.n, c, o, s.h, s.w, s.oh, s.ow, s.pad_top, s.pad_left, s.c * in, s.oc * out};
  for_each_of(s.groups, [&](index_t g) {
    winograd_weight_gradient<Winograd4>(p, x + g * c * in, dy + g * o * out, dw + g * o * c * 9);
  });
}

/// Runs run(x', w', y') on float copies of two-byte floats and rounds the result once.
template <class T, class Run>
void conv2d_widened(index_t nx, const T* x, index_t nw, const T* w, index_t ny, T* y, Run&& run) {
  const Scratch<float> wx(nx), ww(nw), wy(ny);
  for (index_t i = 0; i < nx; ++i) wx.data()[i] = static_cast<float>(x[i]);
  for (index_t i = 0; i < nw; ++i) ww.data()[i] = static_cast<float>(w[i]);
  run(wx.data(), ww.data(), wy.data());
  for (index_t i = 0; i < ny; ++i) y[i] = static_cast<T>(wy.data()[i]);
}

/// The largest of each 2 x 2 pixels of [planes, h, w], at least 0 with `relu`.
template <class T>
void conv2d_max_pool(index_t planes, index_t h, index_t w, bool relu, const T* from, T* y) {
  const index_t oh = h / 2, ow = w / 2;
  parallel_for(planes, 1 + 16384 / (h * w + 1), [&](index_t begin, index_t end) {
    for (index_t i = begin * oh * ow; i < end * oh * ow; ++i) {
      const T* corner = from + (i / (oh * ow) * h + i / ow % oh * 2) * w + i % ow * 2;
      T top = corner[0];
      for (const index_t at : {index_t{1}, w, w + 1})
        if (corner[at] > top || corner[at] != corner[at]) top = corner[at];
      y[i] = relu && top <= T(0) ? T(0) : top;  // a NaN stays
    }
  });
}

template <class T>
void conv2d_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y, Conv2dFusion fusion,
                    const PackedConv2d<T>* packed) {
  const index_t ny = s.n * s.oc * s.oh * s.ow;
  if constexpr (std::is_same_v<T, float>)
    if (conv2d_pays_winograd(s)) {
      if (conv2d_takes_f6(s)) return conv2d_winograd_forward<Winograd6>(s, x, weight, bias, y, fusion, packed);
      return conv2d_winograd_forward<Winograd4>(s, x, weight, bias, y, fusion, packed);
    }
  if (is_strided_pointwise(s) && s.channels() > 1 && !conv2d_pays_panels<T>(s)) {
    const Scratch<T> thin(s.n * s.c * s.oh * s.ow);
    conv2d_thin(s, x, thin.data());
    return conv2d_forward<T>(thinned(s), thin.data(), weight, bias, y, fusion, nullptr);
  }
  const Scratch<T> unpooled(fusion.max_pool ? ny : 0);
  T* sums = fusion.max_pool ? unpooled.data() : y;
  const T floor = fusion.relu && !fusion.max_pool ? T(0) : -std::numeric_limits<T>::infinity();
  if (s.field() == 0) {
    for (index_t i = 0; i < ny; ++i) {
      const T sum = bias ? bias[i / (s.oh * s.ow) % s.oc] : T(0);
      sums[i] = sum < floor ? floor : sum;  // a NaN stays
    }
  } else if (is_whole_image(s)) {
    whole_image_forward(s, x, weight, bias, floor, sums);
  } else if (is_depthwise_square(s)) {
    depthwise_square(s, x, weight, bias, floor, sums);
  } else if (s.channels() == 1) {
    depthwise_general(s, x, weight, bias, floor, sums);
  } else if (std::is_same_v<T, float> && is_grouped(s)) {
    if constexpr (std::is_same_v<T, float>) conv2d_grouped_forward(s, x, weight, bias, floor, sums);
  } else if (conv2d_pays_panels<T>(s)) {
    conv2d_panels(s, x, weight, bias, floor, sums);
  } else if (is_pointwise(s) && !pointwise_pays_direct<T>(s)) {
    pointwise_forward(s, x, weight, bias, floor, sums);
  } else {
    conv2d_direct(s, x, weight, bias, floor, sums);
  }
  if (fusion.max_pool) conv2d_max_pool(s.n * s.oc, s.oh, s.ow, fusion.relu, sums, y);
}
}  // namespace cpu

template <class T>
PackedConv2d<T>::PackedConv2d(const Conv2dShape& s, const T* weight) : groups_(s.groups), winograd_(s.winograd) {
  if constexpr (std::is_same_v<T, float>) {
    Conv2dShape whole_tiles = s;  // a large image that wastes no tile: where this does not pay, none does
    whole_tiles.n = 1;
    whole_tiles.oh = whole_tiles.ow = 1200;
    const index_t c = s.channels(), o = s.outputs();
    if (o * c == 0 || !cpu::conv2d_pays_winograd(whole_tiles)) return;
    const auto transform = [&](auto tile) {
      using F = decltype(tile);
      group_size_ = cpu::winograd_weight_size<F>(o, c);
      data_ = static_cast<float*>(cpu::allocate_long_lived(bytes()));
      for (index_t g = 0; g < groups_; ++g)
        cpu::winograd_weights<F>({weight + g * o * c * 9, 9 * c, 9, false}, 0, o, c, data_ + g * group_size_);
    };
    if (cpu::conv2d_takes_f6(s))
      transform(cpu::Winograd6{});
    else
      transform(cpu::Winograd4{});
  }
}
template <class T>
PackedConv2d<T>::~PackedConv2d() {
  if (data_) cpu::release_long_lived(data_, bytes());
}

template <class T>
void conv2d_forward(Device device, const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y,
                    Conv2dFusion fusion, const PackedConv2d<T>* packed) {
  const auto on_cpu = [&] {
    const index_t nx = s.n * s.c * s.h * s.w, nw = s.oc * s.field(), ny = s.n * s.oc * s.oh * s.ow;
    if (ny == 0) return;
    if constexpr (is_half<T>) {
      const cpu::Scratch<float> wide_bias(s.oc);
      for (index_t i = 0; i < s.oc; ++i) wide_bias.data()[i] = bias ? static_cast<float>(bias[i]) : 0.f;
      const index_t stored = fusion.max_pool ? s.n * s.oc * (s.oh / 2) * (s.ow / 2) : ny;
      cpu::conv2d_widened(nx, x, nw, weight, stored, y, [&](const float* a, const float* b, float* c) {
        cpu::conv2d_forward<float>(s, a, b, wide_bias.data(), c, fusion, nullptr);
      });
    } else {
      cpu::conv2d_forward(s, x, weight, bias, y, fusion, packed);
    }
  };
  dispatch_floating<T>("conv2d_forward", device, on_cpu,
                       [&](auto) { cuda::conv2d_forward(s, x, weight, bias, y, fusion); });
}

template <class T>
void conv2d_data_gradient(Device device, const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const auto on_cpu = [&] {
    const index_t nx = s.n * s.c * s.h * s.w, nw = s.oc * s.field(), ny = s.n * s.oc * s.oh * s.ow;
    if (nx == 0) return;
    if (nw == 0) {  // no outputs
      for (index_t i = 0; i < nx; ++i) dx[i] = T(0.f);
      return;
    }
    if constexpr (is_half<T>)
      cpu::conv2d_widened(ny, dy, nw, weight, nx, dx,
                          [&](const float* a, const float* b, float* c) { cpu::conv2d_data_gradient(s, a, b, c); });
    else {
      if constexpr (std::is_same_v<T, float>) {
        if (cpu::conv2d_pays_winograd(s)) {
          if (cpu::conv2d_takes_f6(s)) return cpu::conv2d_winograd_data_gradient<cpu::Winograd6>(s, dy, weight, dx);
          return cpu::conv2d_winograd_data_gradient<cpu::Winograd4>(s, dy, weight, dx);
        }
        if (cpu::is_grouped(s)) return cpu::conv2d_grouped_data_gradient(s, dy, weight, dx);
      }
      if (cpu::is_whole_image(s))
        return cpu::gemm<T>({s.n, s.field(), s.oc, false, false, s.oc, s.field(), s.field()}, T(1), dy, weight, T(0),
                            dx);
      if (cpu::is_depthwise_turned(s)) return cpu::depthwise_data_gradient(s, dy, weight, dx);
      if (cpu::is_strided_pointwise(s) && s.channels() > 1) {
        const cpu::Scratch<T> thin(s.n * s.c * s.oh * s.ow);
        cpu::pointwise_data_gradient(cpu::thinned(s), dy, weight, thin.data());
        return cpu::conv2d_spread(s, thin.data(), dx);
      }
      if (cpu::is_pointwise(s) && s.channels() > 1) return cpu::pointwise_data_gradient(s, dy, weight, dx);
      if (cpu::is_patches(s) && s.channels() > 1) return cpu::patches_data_gradient(s, dy, weight, dx);
      if (cpu::conv2d_pays_data_columns<T>(s)) return cpu::conv2d_data_gradient_columns(s, dy, weight, dx);
      cpu::conv2d_data_gradient(s, dy, weight, dx);
    }
  };
  dispatch_floating<T>("conv2d_data_gradient", device, on_cpu,
                       [&](auto) { cuda::conv2d_data_gradient(s, dy, weight, dx); });
}

template <class T>
void conv2d_weight_gradient(Device device, const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const auto on_cpu = [&] {
    const index_t nx = s.n * s.c * s.h * s.w, nw = s.oc * s.field(), ny = s.n * s.oc * s.oh * s.ow;
    if (nw == 0) return;
    if (nx == 0 || ny == 0) {
      for (index_t i = 0; i < nw; ++i) dw[i] = T(0.f);
      return;
    }
    if constexpr (is_half<T>)
      cpu::conv2d_widened(nx, x, ny, dy, nw, dw, [&](const float* a, const float* b, float* c) {
        cpu::conv2d_weight_gradient_columns(s, a, b, c);
      });
    else {
      if constexpr (std::is_same_v<T, float>) {
        if (s.outputs() * s.channels() > cpu::winograd_least_weights && cpu::conv2d_pays_winograd(s))
          return cpu::conv2d_winograd_weight_gradient(s, x, dy, dw);
        if (cpu::is_grouped(s)) return cpu::conv2d_grouped_weight_gradient(s, x, dy, dw);
      }
      if (cpu::is_whole_image(s))
        return cpu::gemm<T>({s.oc, s.field(), s.n, true, false, s.oc, s.field(), s.field()}, T(1), dy, x, T(0), dw);
      // One channel that becomes many is read once by dot products.
      if (cpu::is_depthwise_square(s) && s.outputs() < 4) return cpu::depthwise_weight_gradient(s, x, dy, dw);
      if (cpu::is_strided_pointwise(s) && s.channels() > 1) {
        const cpu::Scratch<T> thin(s.n * s.c * s.oh * s.ow);
        cpu::conv2d_thin(s, x, thin.data());
        return cpu::pointwise_weight_gradient(cpu::thinned(s), thin.data(), dy, dw);
      }
      if (cpu::is_pointwise(s) && s.channels() > 1) return cpu::pointwise_weight_gradient(s, x, dy, dw);
      if (cpu::is_patches(s) && s.channels() > 1) return cpu::patches_weight_gradient(s, x, dy, dw);
      if (cpu::conv2d_pays_dots(s)) return cpu::conv2d_weight_gradient_dots(s, x, dy, dw);
      cpu::conv2d_weight_gradient_columns(s, x, dy, dw);
    }
  };
  dispatch_floating<T>("conv2d_weight_gradient", device, on_cpu,
                       [&](auto) { cuda::conv2d_weight_gradient(s, x, dy, dw); });
}

}  // namespace limn::inline LIMN_ABI::kernels
