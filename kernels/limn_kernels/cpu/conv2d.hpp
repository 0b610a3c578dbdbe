#pragma once
// The CPU body of conv2d.hpp.
//
// Forward is an implicit matrix product: weights [outputs, field] times patches [field, pixels], the patches packed
// straight from the image into the panels that gemm's register tile reads. The gradients go through blocks of the patch
// matrix. Every block depends on the shape alone, so the sums do not depend on the number of threads.

#include <algorithm>

#include <limn_kernels/conv2d.hpp>
#include <limn_kernels/cpu/winograd_gradient.hpp>
#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {
/// How a plane lies for a depthwise convolution: phase (u, v) of the padded plane, every stride_h-th row from u and
/// every stride_w-th column from v, is a matrix [rows, pitch] of its own. Then output f = oy * pitch + ox reads tap t
/// at offset[t] + f whatever the stride, and the outputs of many rows are computed in one go.
struct DepthwiseLayout {
  index_t phases_h, phases_w, rows, pitch, size;
  const index_t* offset;
};
inline constexpr index_t depthwise_slack = 64;  // elements behind the last phase that may be read
}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// All weights of one group packed for gemm_block: block (k, rows) at offset(k index) + row block.
template <class T>
class PackedWeights {
 public:
  PackedWeights(index_t rows, index_t k, const T* weight, GemmGeometry tile)
      : rows_(rows), tile_(tile), packed_(blocks() * (gemm_block_rows + 2 * tile.rows) * k) {
    const index_t depth_blocks = (k + gemm_depth - 1) / gemm_depth;
    k_ = k;
    parallel_for(depth_blocks * blocks(), 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const index_t first_k = i / blocks() * gemm_depth, row = i % blocks() * gemm_block_rows;
        LIMN_CALL_ISA(gemm_pack_block<T>, std::min(gemm_block_rows, rows - row), std::min(gemm_depth, k - first_k),
                      weight + row * k + first_k, k, index_t{1}, at(first_k, row));
      }
    });
  }
  /// The packed block of depth [first_k, first_k + gemm_depth) whose first row is `row`.
  [[nodiscard]] T* at(index_t first_k, index_t row) const {
    const index_t stride = gemm_block_rows + 2 * tile_.rows, depth = std::min(gemm_depth, k_ - first_k);
    return packed_.data() + first_k * blocks() * stride + row / gemm_block_rows * stride * depth;
  }
  [[nodiscard]] index_t blocks() const { return (rows_ + gemm_block_rows - 1) / gemm_block_rows; }

 private:
  index_t rows_, k_ = 0;
  GemmGeometry tile_;
  Scratch<T> packed_;
};

template <class T>
void conv2d_implicit_gemm(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y) {
  const GemmGeometry tile = LIMN_CALL_ISA(gemm_geometry<T>, );
  const index_t pixels = s.oh * s.ow, field = s.field(), outputs = s.outputs();
  const index_t task_pixels = 8 * tile.columns, pixel_tasks = (pixels + task_pixels - 1) / task_pixels;
  // A few small images: the outputs are divided too, at the price of packing their patches once for each part.
  const index_t task_outputs = s.n * pixel_tasks >= 4 ? outputs : gemm_block_rows,
                output_tasks = (outputs + task_outputs - 1) / task_outputs;
  for (index_t g = 0; g < s.groups; ++g) {
    const PackedWeights<T> weights(outputs, field, weight + g * outputs * field, tile);
    parallel_for(s.n * pixel_tasks * output_tasks, 1, [&](index_t begin, index_t end) {
      const Scratch<T> panels(std::min(gemm_depth, field) * task_pixels);
      for (index_t task = begin; task < end; ++task) {
        const index_t image = task / output_tasks / pixel_tasks,
                      pixel = task / output_tasks % pixel_tasks * task_pixels;
        const index_t first = task % output_tasks * task_outputs, last = std::min(first + task_outputs, outputs);
        const index_t count = std::min(task_pixels, pixels - pixel);
        const T* group = x + (image * s.c + g * s.channels()) * s.h * s.w;
        T* to = y + (image * s.oc + g * outputs) * pixels + pixel;
        for (index_t first_k = 0; first_k < field; first_k += gemm_depth) {
          const index_t k = std::min(gemm_depth, field - first_k), panel = k * tile.columns;
          for (index_t q = 0; q * tile.columns < count; ++q)
            LIMN_CALL_ISA(conv2d_pack_panel<T>, s, group, first_k, k, pixel + q * tile.columns,
                          std::min(tile.columns, count - q * tile.columns), panels.data() + q * panel);
          for (index_t row = first; row < last; row += gemm_block_rows)
            LIMN_CALL_ISA(gemm_block<T>, std::min(gemm_block_rows, outputs - row), count, k, T(1),
                          weights.at(first_k, row), panels.data(), panel, tile.columns, T(first_k == 0 ? 0 : 1),
                          to + row * pixels, pixels);
        }
        if (bias)
          for (index_t o = first; o < last; ++o)
            for (index_t q = 0; q < count; ++q) to[o * pixels + q] += bias[g * outputs + o];
      }
    });
  }
}

template <class T>
void conv2d_depthwise(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y) {
  const index_t multiplier = s.outputs(), taps = s.kh * s.kw, reach_h = (s.kh - 1) * s.dilation_h,
                reach_w = (s.kw - 1) * s.dilation_w;
  const Scratch<index_t> offset(taps);
  DepthwiseLayout d{std::min(s.stride_h, reach_h + 1),
                    std::min(s.stride_w, reach_w + 1),
                    s.oh + reach_h / s.stride_h,
                    s.ow + reach_w / s.stride_w,
                    0,
                    offset.data()};
  d.size = d.phases_h * d.phases_w * d.rows * d.pitch;
  for (index_t t = 0; t < taps; ++t) {
    const index_t down = t / s.kw * s.dilation_h, right = t % s.kw * s.dilation_w;
    const index_t phase = down % s.stride_h * d.phases_w + right % s.stride_w;
    offset.data()[t] = (phase * d.rows + down / s.stride_h) * d.pitch + right / s.stride_w;
  }
  parallel_for(s.n * s.c, 1 + 65536 / (s.oh * s.ow * taps * multiplier + s.h * s.w), [&](index_t begin, index_t end) {
    const Scratch<T> split(d.size + depthwise_slack);
    for (index_t plane = begin; plane < end; ++plane) {
      LIMN_CALL_ISA(conv2d_depthwise_split<T>, s, d, x + plane * s.h * s.w, split.data());
      for (index_t m = 0; m < multiplier; ++m) {
        const index_t o = plane % s.c * multiplier + m;
        LIMN_CALL_ISA(conv2d_depthwise_plane<T>, s, d, split.data(), weight + o * taps, bias ? bias[o] : T(0),
                      y + (plane / s.c * s.oc + o) * s.oh * s.ow);
      }
    }
  });
}

/// Output rows of one block of the patch matrix: about a megabyte.
template <class T>
index_t conv2d_rows_of_block(const Conv2dShape& s, index_t field_rows) {
  return std::max<index_t>(1, std::min(s.oh, (index_t{1} << 18) / std::max<index_t>(1, field_rows * s.ow)));
}

/// Channels of one gradient task: a quarter of the group's, so that there are tasks for several threads.
inline index_t conv2d_channel_block(const Conv2dShape& s) {
  return std::max<index_t>(std::min<index_t>(8, s.channels()), (s.channels() + 3) / 4);
}

template <class T>
void conv2d_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const index_t pixels = s.oh * s.ow, taps = s.kh * s.kw, block = conv2d_channel_block(s),
                blocks = (s.channels() + block - 1) / block;
  parallel_for(s.n * s.groups * blocks, 1, [&](index_t begin, index_t end) {
    const index_t most_rows = block * taps, step = conv2d_rows_of_block<T>(s, most_rows);
    const Scratch<T> columns(most_rows * step * s.ow);
    for (index_t task = begin; task < end; ++task) {
      const index_t image = task / (s.groups * blocks), g = task / blocks % s.groups, first = task % blocks * block;
      const index_t channels = std::min(block, s.channels() - first), rows = channels * taps;
      T* group = dx + (image * s.c + g * s.channels()) * s.h * s.w;
      std::fill(group + first * s.h * s.w, group + (first + channels) * s.h * s.w, T(0));
      for (index_t oy = 0; oy < s.oh; oy += step) {
        const index_t count = std::min(step, s.oh - oy);
        gemm<T>({rows, count * s.ow, s.outputs(), true, false, s.field(), pixels, count * s.ow}, T(1),
                weight + g * s.outputs() * s.field() + first * taps,
                dy + (image * s.oc + g * s.outputs()) * pixels + oy * s.ow, T(0), columns.data());
        LIMN_CALL_ISA(conv2d_add_columns<T>, s, columns.data(), first * taps, rows, oy, count, group);
      }
    }
  });
}

template <class T>
void conv2d_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t pixels = s.oh * s.ow, taps = s.kh * s.kw, block = conv2d_channel_block(s),
                blocks = (s.channels() + block - 1) / block;
  const index_t output_block =
      blocks >= 4 ? s.outputs() : std::max<index_t>(std::min<index_t>(16, s.outputs()), (s.outputs() + 3) / 4);
  const index_t output_blocks = (s.outputs() + output_block - 1) / output_block;
  parallel_for(s.groups * blocks * output_blocks, 1, [&](index_t begin, index_t end) {
    const index_t step = conv2d_rows_of_block<T>(s, block * taps);
    const Scratch<T> columns(block * taps * step * s.ow);
    for (index_t task = begin; task < end; ++task) {
      const index_t g = task / (blocks * output_blocks), first = task / output_blocks % blocks * block,
                    o = task % output_blocks * output_block;
      const index_t rows = std::min(block, s.channels() - first) * taps,
                    outputs = std::min(output_block, s.outputs() - o);
      T* to = dw + (g * s.outputs() + o) * s.field() + first * taps;
      bool started = false;
      for (index_t image = 0; image < s.n; ++image)
        for (index_t oy = 0; oy < s.oh; oy += step) {
          const index_t count = std::min(step, s.oh - oy);
          LIMN_CALL_ISA(conv2d_columns<T>, s, x + (image * s.c + g * s.channels()) * s.h * s.w, first * taps, rows, oy,
                        count, columns.data());
          gemm<T>({outputs, rows, count * s.ow, false, true, pixels, count * s.ow, s.field()}, T(1),
                  dy + (image * s.oc + g * s.outputs() + o) * pixels + oy * s.ow, columns.data(), T(started ? 1 : 0),
                  to);
          started = true;
        }
    }
  });
}

/// The cost model, in multiply-adds of one tile of t x t outputs: the direct sum, against (t + 2)^2 products and the
/// transforms, whose price for each channel was measured. docs/kernels/conv2d.md shows how far it is right.
[[nodiscard]] inline bool conv2d_pays_winograd(const Conv2dShape& s) {
  if (s.winograd == Winograd::off || s.kh != 3 || s.kw != 3 || s.stride_h != 1 || s.stride_w != 1 ||
      s.dilation_h != 1 || s.dilation_w != 1)
    return false;
  const index_t t = s.winograd == Winograd::f4 ? 4 : 6, transform = 25 * t * t, products = s.channels() * s.outputs();
  const index_t tiles = ((s.oh + t - 1) / t) * ((s.ow + t - 1) / t);
  return tiles * ((t + 2) * (t + 2) * products + transform * (s.channels() + s.outputs())) < s.oh * s.ow * 9 * products;
}

template <class F>
void conv2d_winograd_forward(const Conv2dShape& s, const float* x, const float* weight, const float* bias, float* y,
                             Conv2dFusion fusion) {
  const index_t c = s.channels(), o = s.outputs(), in = s.h * s.w,
                out = fusion.max_pool ? (s.oh / 2) * (s.ow / 2) : s.oh * s.ow;
  const WinogradProblem p{s.n,  c,         o,          s.h,      s.w,        s.oh,
                          s.ow, s.pad_top, s.pad_left, s.c * in, s.oc * out, fusion.max_pool};
  for (index_t g = 0; g < s.groups; ++g)
    winograd_convolve<F>(p, x + g * c * in, {weight + g * o * c * 9, 9 * c, 9, false}, bias ? bias + g * o : nullptr,
                         fusion.relu ? 0.f : -INFINITY, y + g * o * out);
}

/// The data gradient is the convolution of dy with the kernels turned by 180 degrees.
template <class F>
void conv2d_winograd_data_gradient(const Conv2dShape& s, const float* dy, const float* weight, float* dx) {
  const index_t c = s.channels(), o = s.outputs(), in = s.h * s.w, out = s.oh * s.ow;
  const WinogradProblem p{s.n, o, c, s.oh, s.ow, s.h, s.w, 2 - s.pad_top, 2 - s.pad_left, s.oc * out, s.c * in};
  for (index_t g = 0; g < s.groups; ++g)
    winograd_convolve<F>(p, dy + g * o * out, {weight + g * o * c * 9, 9, 9 * c, true}, nullptr, -INFINITY,
                         dx + g * c * in);
}

/// The weight gradient (tiles of 4 x 4 alone), group by group.
inline void conv2d_winograd_weight_gradient(const Conv2dShape& s, const float* x, const float* dy, float* dw) {
  const index_t c = s.channels(), o = s.outputs(), in = s.h * s.w, out = s.oh * s.ow;
  const WinogradProblem p{s.n, c, o, s.h, s.w, s.oh, s.ow, s.pad_top, s.pad_left, s.c * in, s.oc * out};
  for (index_t g = 0; g < s.groups; ++g)
    winograd_weight_gradient<Winograd4>(p, x + g * c * in, dy + g * o * out, dw + g * o * c * 9);
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

}  // namespace cpu

namespace cpu {
/// What `fusion` says, in a pass of its own; from [planes, h, w], which may be y where nothing is pooled.
template <class T>
void conv2d_fuse(index_t planes, index_t h, index_t w, Conv2dFusion fusion, const T* from, T* y) {
  const index_t oh = fusion.max_pool ? h / 2 : h, ow = fusion.max_pool ? w / 2 : w;
  parallel_for(planes, 1 + 16384 / (h * w + 1), [&](index_t begin, index_t end) {
    for (index_t i = begin * oh * ow; i < end * oh * ow; ++i) {
      T top = from[i];
      if (fusion.max_pool) {
        const T* corner = from + (i / (oh * ow) * h + i / ow % oh * 2) * w + i % ow * 2;
        top = corner[0];
        for (const index_t at : {index_t{1}, w, w + 1})
          if (corner[at] > top || corner[at] != corner[at]) top = corner[at];
      }
      y[i] = fusion.relu && top <= T(0) ? T(0) : top;  // a NaN stays
    }
  });
}

template <class T>
void conv2d_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y, Conv2dFusion fusion) {
  const index_t ny = s.n * s.oc * s.oh * s.ow;
  if constexpr (std::is_same_v<T, float>)
    if (conv2d_pays_winograd(s)) {
      if (s.winograd == Winograd::f6) return conv2d_winograd_forward<Winograd6>(s, x, weight, bias, y, fusion);
      return conv2d_winograd_forward<Winograd4>(s, x, weight, bias, y, fusion);
    }
  const Scratch<T> unpooled(fusion.max_pool ? ny : 0);
  T* sums = fusion.max_pool ? unpooled.data() : y;
  if (s.field() == 0)
    for (index_t i = 0; i < ny; ++i) sums[i] = bias ? bias[i / (s.oh * s.ow) % s.oc] : T(0);
  else if (s.channels() == 1)
    conv2d_depthwise(s, x, weight, bias, sums);
  else
    conv2d_implicit_gemm(s, x, weight, bias, sums);
  if (fusion.relu || fusion.max_pool) conv2d_fuse(s.n * s.oc, s.oh, s.ow, fusion, sums, y);
}
}  // namespace cpu

template <class T>
void conv2d_forward(Device device, const Conv2dShape& s, const T* x, const T* weight, const T* bias, T* y,
                    Conv2dFusion fusion) {
  dispatch_cpu("conv2d_forward", device, [&] {
    const index_t nx = s.n * s.c * s.h * s.w, nw = s.oc * s.field(), ny = s.n * s.oc * s.oh * s.ow;
    if (ny == 0) return;
    if constexpr (is_half<T>) {
      const cpu::Scratch<float> wide_bias(s.oc);
      for (index_t i = 0; i < s.oc; ++i) wide_bias.data()[i] = bias ? static_cast<float>(bias[i]) : 0.f;
      const index_t stored = fusion.max_pool ? s.n * s.oc * (s.oh / 2) * (s.ow / 2) : ny;
      cpu::conv2d_widened(nx, x, nw, weight, stored, y, [&](const float* a, const float* b, float* c) {
        cpu::conv2d_forward(s, a, b, wide_bias.data(), c, fusion);
      });
    } else {
      cpu::conv2d_forward(s, x, weight, bias, y, fusion);
    }
  });
}

template <class T>
void conv2d_data_gradient(Device device, const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  dispatch_cpu("conv2d_data_gradient", device, [&] {
    const index_t nx = s.n * s.c * s.h * s.w, nw = s.oc * s.field(), ny = s.n * s.oc * s.oh * s.ow;
    if (nx == 0) return;
    if constexpr (is_half<T>)
      cpu::conv2d_widened(ny, dy, nw, weight, nx, dx,
                          [&](const float* a, const float* b, float* c) { cpu::conv2d_data_gradient(s, a, b, c); });
    else {
      if constexpr (std::is_same_v<T, float>)
        if (cpu::conv2d_pays_winograd(s)) {
          if (s.winograd == Winograd::f6) return cpu::conv2d_winograd_data_gradient<cpu::Winograd6>(s, dy, weight, dx);
          return cpu::conv2d_winograd_data_gradient<cpu::Winograd4>(s, dy, weight, dx);
        }
      cpu::conv2d_data_gradient(s, dy, weight, dx);
    }
  });
}

template <class T>
void conv2d_weight_gradient(Device device, const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  dispatch_cpu("conv2d_weight_gradient", device, [&] {
    const index_t nx = s.n * s.c * s.h * s.w, nw = s.oc * s.field(), ny = s.n * s.oc * s.oh * s.ow;
    if (nw == 0) return;
    if (ny == 0) {
      for (index_t i = 0; i < nw; ++i) dw[i] = T(0.f);
      return;
    }
    if constexpr (is_half<T>)
      cpu::conv2d_widened(nx, x, ny, dy, nw, dw,
                          [&](const float* a, const float* b, float* c) { cpu::conv2d_weight_gradient(s, a, b, c); });
    else {
      if constexpr (std::is_same_v<T, float>)
        if (cpu::conv2d_pays_winograd(s)) return cpu::conv2d_winograd_weight_gradient(s, x, dy, dw);
      cpu::conv2d_weight_gradient(s, x, dy, dw);
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels
