#pragma once
// 3 x 3 convolutions of stride 1 with fewer multiplications: Winograd's F(4 x 4, 3 x 3) and F(6 x 6, 3 x 3).
//
// Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016). y is cut into tiles of t x t; a tile
// reads a x a inputs, a = t + 2. Y = A^T [(G g G^T) . (B^T d B)] A, summed over channels: a a matrix products of U = G
// g G^T [outputs, channels] and V = B^T d B [channels, tiles]. A block of tiles is transformed, multiplied and
// transformed back while it lies in the second-level cache. docs/kernels/winograd.md has the matrices, the errors and
// the layouts.

#include <algorithm>
#include <concepts>

#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

struct Winograd4 {
  static constexpr index_t tile = 4;
};
struct Winograd6 {
  static constexpr index_t tile = 6;
};

/// A run of tiles of one tile row inside a block: which zero-padded rows and columns of x they read, and where in the
/// block's strip these are copied to.
struct WinogradPart {
  index_t image;  ///< elements from the first image's plane to this image's
  index_t row, column, width;
  index_t strip;
};

/// `count` consecutive tiles (image, tile row, tile column). Position p of the block is a place in the lanes of vector
/// p / lanes; source[p] is its tile's place in the strip, target[p] in y's plane, of which rows[p] x columns[p] are
/// written. Vector r of the four that hold a vector's tiles column by column is contiguous where one load reads it.
struct WinogradBlock {
  index_t count, parts, tile_rows, pitch;
  index_t y_width, y_plane;
  const WinogradPart* part;
  const index_t *source, *target, *rows, *columns;
  const bool *source_contiguous, *target_contiguous;
};

/// Where tile i of a block of `count` lies in the lanes. In a full vector tile (lanes / 4) r + q of it is at 4 q + r,
/// so that vector r of its rows is contiguous in memory and winograd_transpose brings each column together. A last
/// vector that is not full keeps its tiles in front.
[[nodiscard]] inline index_t winograd_position(index_t tile, index_t count, index_t lanes) {
  const index_t start = tile / lanes * lanes, i = tile - start;
  if (start + lanes > count) return tile;
  return start + i % (lanes / 4) * 4 + i / (lanes / 4);
}

/// The distance of the matrices of neighbouring xi that hold `elements` each: never a power of two, which would bring
/// all xi of one place into one set of the caches.
[[nodiscard]] constexpr index_t winograd_stride(index_t elements) { return elements + 80; }

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/winograd_points.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/winograd.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/winograd_outputs.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/winograd_products.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One group of a convolution, or of its data gradient: x [n, channels, h, w] -> y [n, outputs, oh, ow], images x_image
/// and y_image elements apart. Padding may be negative: rows are dropped. Pooled: of each 2 x 2 outputs the largest is
/// stored alone, y [n, outputs, oh / 2, ow / 2].
struct WinogradProblem {
  index_t n, channels, outputs, h, w, oh, ow, pad_top, pad_left, x_image, y_image;
  bool pooled = false;
};

[[nodiscard]] inline index_t winograd_panel() { return LIMN_CALL_ISA(winograd_panel_width, ); }

/// Owns the arrays of a WinogradBlock of up to `most` tiles.
template <class F>
class WinogradTiling {
 public:
  WinogradTiling(const WinogradProblem& p, index_t most)
      : p_(p),
        lanes_(winograd_panel() / 2),
        capacity_((most + lanes_ - 1) / lanes_ * lanes_),
        part_(most),
        numbers_(4 * capacity_),
        flags_(8 * (capacity_ / lanes_)) {}

  [[nodiscard]] index_t rows() const { return (p_.oh + F::tile - 1) / F::tile; }
  [[nodiscard]] index_t columns() const { return (p_.ow + F::tile - 1) / F::tile; }
  [[nodiscard]] index_t tiles() const { return p_.n * rows() * columns(); }
  /// Elements of the strip of a block of `most` tiles.
  [[nodiscard]] index_t strip_size(index_t most) const {
    const index_t longest = std::min(most, columns()), parts = std::min(most, most / columns() + 2);
    return parts * (F::tile + 2) * (F::tile * longest + 4) + 16;
  }

  WinogradBlock block(index_t first, index_t count) {
    index_t *source = numbers_.data(), *target = source + capacity_, *height = target + capacity_,
            *width = height + capacity_;
    bool *source_contiguous = flags_.data(), *target_contiguous = source_contiguous + capacity_ / lanes_ * 4;
    const index_t pitch = F::tile * std::min(count, columns()) + 4;
    const index_t side = p_.pooled ? F::tile / 2 : F::tile;  // of a tile in y
    const index_t y_height = p_.pooled ? p_.oh / 2 : p_.oh, y_width = p_.pooled ? p_.ow / 2 : p_.ow;
    index_t parts = 0;
    for (index_t done = 0; done < count;) {
      const index_t tile = first + done, image = tile / columns() / rows(), ty = tile / columns() % rows(),
                    tx = tile % columns(), run = std::min(count - done, columns() - tx);
      const index_t strip = parts * (F::tile + 2) * pitch;
      part_.data()[parts++] = {image * p_.x_image, ty * F::tile - p_.pad_top, tx * F::tile - p_.pad_left,
                               F::tile * run + 4, strip};
      for (index_t i = 0; i < run; ++i) {
        const index_t at = winograd_position(done + i, count, lanes_);
        source[at] = strip + F::tile * i;
        target[at] = image * p_.y_image + ty * side * y_width + (tx + i) * side;
        height[at] = std::min(side, y_height - ty * side);
        width[at] = std::min(side, y_width - (tx + i) * side);
      }
      done += run;
    }
    for (index_t at = count; at % lanes_ != 0; ++at) source[at] = source[count - 1];
    for (index_t k = 0; k * lanes_ < count; ++k)
      for (index_t r = 0; r < 4; ++r) {
        bool reads = true, writes = (side == 4 || side == 2) && (k + 1) * lanes_ <= count;
        for (index_t q = 0; q < lanes_ / 4; ++q) {
          const index_t at = k * lanes_ + 4 * q + r, start = k * lanes_ + r;
          reads = reads && source[at] == source[start] + 4 * q;
          writes = writes && target[at] == target[start] + side * q && width[at] == side && height[at] == height[start];
        }
        source_contiguous[4 * k + r] = reads;
        target_contiguous[4 * k + r] = writes;
      }
    return {count,  parts,  F::tile + 2, pitch, y_width,           y_height * y_width, part_.data(),
            source, target, height,      width, source_contiguous, target_contiguous};
  }

 private:
  WinogradProblem p_;
  index_t lanes_, capacity_;
  Scratch<WinogradPart> part_;
  Scratch<index_t> numbers_;
  Scratch<bool> flags_;
};

/// Elements of U.
template <class F>
[[nodiscard]] index_t winograd_weight_size(index_t outputs, index_t channels) {
  const index_t panel = winograd_panel();
  return (F::tile + 2) * (F::tile + 2) * winograd_stride((outputs + panel - 1) / panel * panel * channels);
}

/// 3 x 3 weights w[o * output_stride + c * channel_stride + 3 i + j], `turned` by 180 degrees for the data gradient; or
/// already transformed: u, as winograd_weights leaves them.
struct WinogradWeights {
  const float* w;
  index_t output_stride, channel_stride;
  bool turned;
  const float* u = nullptr;
};

/// U [xi][output panel][channels][panel] of `outputs` outputs from `first` on; on all threads.
template <class F>
void winograd_weights(const WinogradWeights& w, index_t first, index_t outputs, index_t channels, float* u) {
  const index_t panel = winograd_panel(), panels = (outputs + panel - 1) / panel;
  const index_t slice = LIMN_CALL_ISA(winograd_slice_channels, ), slices = (channels + slice - 1) / slice;
  parallel_for(panels * slices, 1 + 4096 / (panel * slice), [&](index_t begin, index_t end) {
    for (index_t task = begin; task < end; ++task) {
      const index_t o = task / slices * panel, c = task % slices * slice;
      LIMN_CALL_ISA(winograd_weight_panel<F>, std::min(panel, outputs - o), std::min(slice, channels - c),
                    w.w + (first + o) * w.output_stride + c * w.channel_stride, w.output_stride, w.channel_stride,
                    w.turned, u + o * channels + c * panel, winograd_stride(panels * panel * channels));
    }
  });
}

/// How a problem is cut: blocks of `tiles` tiles, outputs of a task, outputs multiplied and transformed back at a time.
/// No sum depends on it: threads may.
struct WinogradPlan {
  index_t blocks, tiles, task_outputs, chunk;
  bool wide;  ///< positions in the lanes: V's panels stay in the first-level cache, U near
};
template <class F>
[[nodiscard]] WinogradPlan winograd_plan(const WinogradProblem& p, index_t all_tiles, bool prepared) {
  constexpr index_t xi_count = (F::tile + 2) * (F::tile + 2), l1 = 24 << 10, l2 = 600 << 10, l3 = 6 << 20;
  const index_t panel = winograd_panel(), threads = thread_count(), bytes = sizeof(float);
  WinogradPlan plan{};
  plan.wide = p.channels * panel * bytes <= l1 && winograd_weight_size<F>(p.outputs, p.channels) * bytes <= l3;
  // Wide: V fills the second-level cache. Narrow: two register tiles (AVX-512), for which U's next panel is in time, or
  // three lower ones for threads, which share what memory gives; where U is transformed for few tiles, one block of
  // all, for which it never lies in memory.
  plan.tiles = threads == 1 ? 28 : panel;
  if (plan.wide)
    plan.tiles = std::max<index_t>(1, l2 / (xi_count * p.channels * panel * bytes)) * panel;
  else if (!prepared && all_tiles <= std::max<index_t>(64, 128 / threads))
    plan.tiles = all_tiles;
  index_t blocks = (all_tiles + plan.tiles - 1) / plan.tiles;
  if (blocks > 1 && blocks < 8 * threads) blocks = (blocks + threads - 1) / threads * threads;
  const index_t even = (all_tiles + blocks - 1) / blocks;
  plan.tiles = plan.wide ? (even + panel - 1) / panel * panel : even;
  plan.tiles = std::min(plan.tiles, all_tiles);
  plan.blocks = (all_tiles + plan.tiles - 1) / plan.tiles;
  const index_t parts = blocks >= threads ? 1 : (threads + blocks - 1) / blocks;
  plan.task_outputs = ((p.outputs + parts - 1) / parts + panel - 1) / panel * panel;
  plan.chunk = std::max(panel, 128 / panel * panel);
  return plan;
}

/// y = conv(x, w) + bias, at least `floor` (0: ReLU). bias may be null.
template <class F>
void winograd_convolve(const WinogradProblem& p, const float* x, const WinogradWeights& w, const float* bias,
                       float floor, float* y) {
  constexpr index_t xi_count = (F::tile + 2) * (F::tile + 2);
  const index_t panel = winograd_panel(), all_tiles = WinogradTiling<F>(p, 1).tiles();
  WinogradPlan plan = winograd_plan<F>(p, all_tiles, w.u != nullptr);
  const index_t output_tasks = (p.outputs + plan.task_outputs - 1) / plan.task_outputs;
  // Weights that one block of tiles uses are transformed panel by panel where they are used, and never lie in memory.
  const bool in_passing = !w.u && plan.blocks == 1;
  if (in_passing) plan.chunk = panel;
  const Scratch<float> transformed(w.u || in_passing ? 0 : winograd_weight_size<F>(p.outputs, p.channels));
  if (!w.u && !in_passing) winograd_weights<F>(w, 0, p.outputs, p.channels, transformed.data());
  const float* all_u = w.u ? w.u : transformed.data();

  parallel_for(plan.blocks * output_tasks, 1, [&](index_t begin, index_t end) {
    WinogradTiling<F> tiling(p, plan.tiles);
    const index_t most_panels = (plan.tiles + panel - 1) / panel;
    const Scratch<float> strip(tiling.strip_size(plan.tiles)),
        v(xi_count * winograd_stride(most_panels * panel * p.channels)),
        m(xi_count * winograd_stride(most_panels * panel * std::min(plan.chunk, round_up(p.outputs, panel)))),
        own_u(in_passing ? winograd_weight_size<F>(panel, p.channels) : 0);
    for (index_t task = begin; task < end; ++task) {
      const index_t first = task / output_tasks * plan.tiles, from = task % output_tasks * plan.task_outputs,
                    until = std::min(p.outputs, from + plan.task_outputs);
      const WinogradBlock b = tiling.block(first, std::min(plan.tiles, all_tiles - first));
      const index_t panels = (b.count + panel - 1) / panel;
      // Wide wastes lanes without a position, narrow lanes without an output.
      const bool wide =
          plan.wide && panels * panel * p.outputs * 7 < b.count * ((p.outputs + panel - 1) / panel * panel) * 8;
      LIMN_CALL_ISA(winograd_input_block<F>, b, p.h, p.w, p.channels, x, strip.data(), v.data());
      for (index_t o = from; o < until; o += plan.chunk) {
        const index_t outputs = std::min(plan.chunk, until - o);
        if (in_passing) winograd_weights<F>(w, o, outputs, p.channels, own_u.data());
        const float* u = in_passing ? own_u.data() : all_u + o * p.channels;
        const index_t u_stride =
            winograd_stride(in_passing ? panel * p.channels : (p.outputs + panel - 1) / panel * panel * p.channels);
        if (wide)
          LIMN_CALL_ISA(winograd_products_wide, xi_count, panels, p.channels, outputs, u, u_stride, v.data(), m.data());
        else
          LIMN_CALL_ISA(winograd_products_narrow, xi_count, b.count, p.channels, outputs, u, u_stride, v.data(),
                        m.data());
        LIMN_CALL_ISA(winograd_outputs<F>, b, wide, p.pooled, outputs, m.data(), bias ? bias + o : nullptr, floor,
                      y + o * b.y_plane);
      }
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
