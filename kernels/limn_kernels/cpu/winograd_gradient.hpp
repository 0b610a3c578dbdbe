#pragma once
// The weight gradient of 3 x 3 convolutions in Winograd's domain: dw = G^T [sum over tiles of (A dy A^T) . (B^T d B)]
// G.
//
// The transpose of winograd.hpp (Lavin and Gray 2016 have it as F(3 x 3, 4 x 4)): for each xi a product of [outputs,
// tiles] and [tiles, channels], summed over blocks of tiles whose transforms fill part of the third-level cache. All
// threads transform a block, then share out the sums by outputs and channels, so that their order depends on the shape
// alone.

#include <limn_kernels/cpu/winograd.hpp>

#if defined(__clang__)
#define LIMN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LIMN_UNROLL _Pragma("GCC unroll 16")
#endif
#define LIMN_ISA_BODY <limn_kernels/cpu/winograd_gradient.inl>
#include <limn_kernels/for_each_isa.hpp>
#undef LIMN_UNROLL

namespace limn::inline LIMN_ABI::kernels::cpu {

/// dw[output * 9 channels + channel * 9 + tap] of one group; overwrites dw. p as in the forward convolution.
template <class F>
void winograd_weight_gradient(const WinogradProblem& p, const float* x, const float* dy, float* dw) {
  constexpr index_t xi_count = (F::tile + 2) * (F::tile + 2), bytes = sizeof(float);
  constexpr index_t task_outputs = 64, slice = 64;  // outputs of one sum; tiles of one transform
  const index_t panel = winograd_panel(), lanes = panel / 2;
  const WinogradProblem gradient{p.n, p.outputs, p.channels, p.oh, p.ow, p.oh, p.ow, 0, 0, p.y_image, p.y_image};
  const index_t all_tiles = WinogradTiling<F>(p, 1).tiles();
  const index_t panels = (p.channels + panel - 1) / panel, output_tasks = (p.outputs + task_outputs - 1) / task_outputs;
  // Tiles of a block: transforms of about `budget` bytes.
  const index_t budget = 6 << 20, per_tile = xi_count * (panels * panel + p.outputs) * bytes;
  const index_t most =
      std::min(std::max<index_t>(2, budget / per_tile / slice) * slice, (all_tiles + slice - 1) / slice * slice);
  const index_t m_row = most + 16, m_stride = winograd_stride(p.outputs * m_row),
                v_stride = winograd_stride(panels * most * panel);
  const index_t sum_size = xi_count * task_outputs * panel;
  const bool once = all_tiles <= most;
  const Scratch<float> m(xi_count * m_stride), v(xi_count * v_stride),
      sums(once ? 0 : panels * output_tasks * sum_size);

  for (index_t first = 0; first < all_tiles; first += most) {
    const index_t count = std::min(most, all_tiles - first), slices = (count + slice - 1) / slice;
    const index_t channel_tasks = panels * 2, dy_tasks = (p.outputs + lanes - 1) / lanes;
    parallel_for(slices * (channel_tasks + dy_tasks), 1, [&](index_t begin, index_t end) {
      WinogradTiling<F> x_tiling(p, slice), dy_tiling(gradient, slice);
      const Scratch<float> strip(x_tiling.strip_size(slice) * lanes), rows(x_tiling.strip_size(slice) * lanes);
      for (index_t task = begin; task < end; ++task) {
        const index_t at = task / (channel_tasks + dy_tasks) * slice, part = task % (channel_tasks + dy_tasks);
        const index_t tiles = std::min(slice, count - at);
        if (part < channel_tasks) {
          const index_t c = part * lanes;
          LIMN_CALL_ISA(winograd_turned_block<F>, x_tiling.block(first + at, tiles), p.h, p.w, p.channels - c,
                        x + c * p.h * p.w, rows.data(), strip.data(),
                        v.data() + (c / panel * most + at) * panel + c % panel, v_stride);
        } else {
          const index_t o = (part - channel_tasks) * lanes;
          WinogradBlock b = dy_tiling.block(first + at, tiles);
          b.tile_rows = F::tile;
          LIMN_CALL_ISA(winograd_spread_block<F>, b, p.oh, p.ow, std::min(lanes, p.outputs - o), dy + o * p.oh * p.ow,
                        strip.data(), m.data() + o * m_row + at, m_stride, m_row);
        }
      }
    });
    parallel_for(panels * output_tasks, 1, [&](index_t begin, index_t end) {
      const Scratch<float> own(once ? sum_size : 0);
      for (index_t task = begin; task < end; ++task) {
        const index_t c = task / output_tasks * panel, o = task % output_tasks * task_outputs,
                      outputs = std::min(task_outputs, p.outputs - o);
        float* sum = once ? own.data() : sums.data() + task * sum_size;
        LIMN_CALL_ISA(winograd_gradient_products, xi_count, count, outputs, m.data() + o * m_row, m_stride, m_row,
                      v.data() + c * most, v_stride, sum, first > 0);
        if (first + count == all_tiles)
          LIMN_CALL_ISA(winograd_collect_block<F>, outputs, std::min(panel, p.channels - c), sum,
                        dw + (o * p.channels + c) * 9, p.channels * 9);
      }
    });
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
