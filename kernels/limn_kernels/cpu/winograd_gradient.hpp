#pragma once
// The weight gradient of 3 x 3 convolutions in Winograd's domain: dw = G^T [sum over tiles of (A dy A^T) . (B^T d B)]
// G.
//
// The transpose of winograd.hpp (Lavin and Gray 2016 have it as F(3 x 3, 4 x 4)): for each xi a product of [outputs,
// tiles] and [tiles, channels], summed over blocks of tiles whose transforms fill part of the third-level cache. All
// threads transform a block, then share out the sums by outputs and channels, so that their order depends on the shape
// alone.

#include <limn_kernels/cpu/winograd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/winograd_gradient.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// dw[output * 9 channels + channel * 9 + tap] of one group; overwrites dw. p as in the forward convolution.
template <class F>
void winograd_weight_gradient(const WinogradProblem& p, const float* x, const float* dy, float* dw) {
  constexpr index_t xi_count = (F::tile + 2) * (F::tile + 2), slice = 64;  // tiles of one transform
  const index_t panel = winograd_panel(), lanes = panel / 2, pair = 2 * panel;
  const WinogradProblem gradient{p.n, p.outputs, p.channels, p.oh, p.ow, p.oh, p.ow, 0, 0, p.y_image, p.y_image};
  const index_t all_tiles = WinogradTiling<F>(p, 1).tiles();
  const index_t v_panels = (p.channels + panel - 1) / panel, m_panels = (p.outputs + panel - 1) / panel;
  // Tiles of a block: as many as have transforms of 5 MB, beside which the sums stay in the third-level cache; 64 MB
  // where the sums are too large for it, or for a core's share of it: then they are read and written but few times.
  const index_t bytes = sizeof(float), per_tile = xi_count * (v_panels + m_panels) * panel * bytes;
  const index_t most_bytes = xi_count * v_panels * m_panels * panel * panel * bytes <= 8 << 20 ? 5 << 20 : 64 << 20;
  const index_t wanted = std::max<index_t>(1, most_bytes / per_tile / slice) * slice;
  const index_t blocks = (all_tiles + wanted - 1) / wanted;
  const index_t most = (all_tiles + blocks - 1) / blocks, v_panel = most * panel, m_panel = most * panel;
  const index_t v_stride = winograd_stride(v_panels * v_panel), m_stride = winograd_stride(m_panels * m_panel);

  // Each task sums for two panels of outputs and two of channels; where that gives too few tasks, for some xi alone.
  const index_t v_pairs = (v_panels + 1) / 2, pairs = v_pairs * ((m_panels + 1) / 2), sum_size = xi_count * pair * pair;
  const index_t xi_tasks = thread_count() == 1 || pairs >= 4 * thread_count() ? 1 : xi_count / 4;
  const bool at_once = xi_tasks == 1 && all_tiles <= most;  // a task's sums need not be kept
  const Scratch<float> m(xi_count * m_stride), v(xi_count * v_stride), sums(at_once ? 0 : pairs * sum_size);
  const auto collect = [&](index_t task, const float* sum) {
    const index_t c = task % v_pairs * pair, o = task / v_pairs * pair;
    LIMN_CALL_ISA(winograd_collect_block<F>, std::min(pair, p.outputs - o), std::min(pair, p.channels - c), sum,
                  dw + (o * p.channels + c) * 9, p.channels * 9);
  };

  for (index_t first = 0; first < all_tiles; first += most) {
    const index_t count = std::min(most, all_tiles - first), slices = (count + slice - 1) / slice;
    const index_t v_tasks = (p.channels + lanes - 1) / lanes, m_tasks = (p.outputs + lanes - 1) / lanes;
    parallel_for(slices * (v_tasks + m_tasks), 1, [&](index_t begin, index_t end) {
      WinogradTiling<F> x_tiling(p, slice), dy_tiling(gradient, slice);
      const index_t part = (F::tile + 2) * (F::tile * slice + 4) * lanes;
      const Scratch<float> strip(part), rows(part);
      for (index_t task = begin; task < end; ++task) {
        const index_t at = task / (v_tasks + m_tasks) * slice, tiles = std::min(slice, count - at);
        const index_t i = task % (v_tasks + m_tasks), c = i * lanes, o = (i - v_tasks) * lanes;
        if (i < v_tasks)
          LIMN_CALL_ISA(winograd_channels_of_input<F>, x_tiling.block(first + at, tiles), p.h, p.w, p.channels - c,
                        x + c * p.h * p.w, rows.data(), strip.data(),
                        v.data() + c / panel * v_panel + at * panel + c % panel, v_stride);
        else
          LIMN_CALL_ISA(winograd_channels_of_gradient<F>, dy_tiling.block(first + at, tiles), p.oh, p.ow, p.outputs - o,
                        dy + o * p.oh * p.ow, rows.data(), strip.data(),
                        m.data() + o / panel * m_panel + at * panel + o % panel, m_stride);
      }
    });
    parallel_for(pairs * xi_tasks, 1, [&](index_t begin, index_t end) {
      const Scratch<float> own(at_once ? sum_size : 0);
      for (index_t i = begin; i < end; ++i) {
        const index_t task = i / xi_tasks, xi = i % xi_tasks * (xi_count / xi_tasks), c = task % v_pairs * pair,
                      o = task / v_pairs * pair;
        float* sum = at_once ? own.data() : sums.data() + task * sum_size;
        LIMN_CALL_ISA(winograd_gradient_products, xi, xi_count / xi_tasks, count, std::min(pair, p.outputs - o),
                      std::min(pair, p.channels - c), m.data() + o / panel * m_panel, m_stride, m_panel,
                      v.data() + c / panel * v_panel, v_stride, v_panel, sum, first > 0);
        if (xi_tasks == 1 && first + count == all_tiles) collect(task, sum);
      }
    });
  }
  if (xi_tasks > 1)
    parallel_for(pairs, 1, [&](index_t begin, index_t end) {
      for (index_t task = begin; task < end; ++task) collect(task, sums.data() + task * sum_size);
    });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
