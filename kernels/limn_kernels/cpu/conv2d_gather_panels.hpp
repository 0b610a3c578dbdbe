#pragma once
// The gathered data gradient of small images as products with panels of patches of dy.
//
// Each remainder (a, b) of conv2d_gather.hpp is a product of its turned-over weights with patches of dy, copied to
// panels as in conv2d_panels.hpp: no pixel between rows is computed, and those of several images share a panel. All
// remainders take their patches from one layout of dy.

#include <limn_kernels/cpu/conv2d_gather.hpp>
#include <limn_kernels/cpu/conv2d_panels.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// What one task takes: `deep` outputs at a time, of `together` images (0: not one fits). The largest remainder has so
/// many taps and pixels.
struct GatherPanelPlan {
  index_t deep, together, taps, pixels;
};

[[nodiscard]] inline GatherPanelPlan gather_panel_plan(const Conv2dShape& s, index_t bytes) {
  const auto most = [](index_t x, index_t step) { return (x + step - 1) / step; };
  const index_t taps = most(s.kh, s.stride_h) * most(s.kw, s.stride_w),
                pixels = most(s.h, s.stride_h) * most(s.w, s.stride_w),
                most_outputs = std::max<index_t>(1, panel_depth / taps), blocks = most(s.outputs(), most_outputs),
                deep = most(s.outputs(), blocks), fitting = panel_bytes / bytes / (deep * taps * pixels),
                sets = fitting > 0 && s.dilation_h == 1 && s.dilation_w == 1 ? most(s.n, fitting) : 0;
  return {deep, sets > 0 ? most(s.n, sets) : 0, taps, pixels};
}

/// Whether the copies cost less than the pixels that conv2d_data_gradient computes and drops, as conv2d_pays_panels.
template <class T>
[[nodiscard]] bool conv2d_pays_gather_panels(const Conv2dShape& s) {
  const GatherPanelPlan plan = gather_panel_plan(s, sizeof(T));
  if (plan.together == 0) return false;
  const index_t lanes = LIMN_CALL_ISA(gemm_geometry<T>, ).columns / 2, rows = (s.h + s.stride_h - 1) / s.stride_h,
                between = (rows - 1) * ((s.kw - 1 + s.stride_w - 1) / s.stride_w);
  return panels_pay(round_up(plan.pixels + between, lanes), plan.pixels, plan.together * plan.pixels, lanes,
                    s.channels());
}

/// dx's channels [first, first + count) of one group, of `images` images from dy's and dx's first on.
template <class T>
class GatherPanelWorker {
 public:
  GatherPanelWorker(const Conv2dShape& s, const GatherPanelPlan& plan, const GatherPlan<T>& gather,
                    index_t most_channels)
      : s_(s),
        plan_(plan),
        gather_(gather),
        of_dy_{1, s.oc, s.oh, s.ow, s.c, 1, 1, (s.h + s.stride_h - 1) / s.stride_h, 0},
        image_step_(plan.deep * gather.layout().size),
        split_(plan.together * image_step_ + direct_slack),
        patches_(plan.together * plan.pixels, plan.deep * plan.taps),
        sums_(gather.phases() * most_channels * plan.together * plan.pixels) {
    of_dy_.pad_top = -gather.low_h();
    of_dy_.pad_left = -gather.low_w();
    std::fill_n(split_.data() + plan.together * image_step_, direct_slack, T(0));
  }

  void run(index_t images, index_t group, index_t first, index_t count, const T* dy, T* dx) {
    const index_t outputs = s_.outputs(), dy_plane = s_.oh * s_.ow, part = count * images * plan_.pixels;
    for (index_t o = 0; o < outputs; o += plan_.deep) {
      const index_t deep = std::min(plan_.deep, outputs - o);
      for (index_t image = 0; image < images; ++image)
        for (index_t k = 0; k < deep; ++k)
          LIMN_CALL_ISA(conv2d_split<T>, of_dy_, gather_.layout(), 0,
                        dy + (image * s_.oc + group * outputs + o + k) * dy_plane,
                        split_.data() + image * image_step_ + k * gather_.layout().size);
      for (index_t p = 0; p < gather_.phases(); ++p) {
        const GatherPhase& q = gather_.phase(p);
        const index_t pixels = images * q.rows * q.columns, taps = q.field / outputs;
        if (pixels == 0 || taps == 0) continue;
        patches_.take(pixels, q.rows, q.columns, gather_.layout().pitch, image_step_);
        patches_.copy(deep * taps, gather_.offset(q), false, split_.data());
        const T* w = gather_.weights(s_, q, group) + first * gather_.weight_row(q) + o * taps;
        for (index_t c = 0; c < count; c += gemm_block_rows)
          patches_.multiply(std::min(gemm_block_rows, count - c), w + c * gather_.weight_row(q), gather_.weight_row(q),
                            o == 0 ? T(0) : T(1), sums_.data() + p * part + c * pixels, pixels);
      }
    }
    for (index_t p = 0; p < gather_.phases(); ++p)
      spread(images, count, gather_.phase(p), sums_.data() + p * part, dx + (group * s_.channels() + first) * plane());
  }

 private:
  [[nodiscard]] index_t plane() const { return s_.h * s_.w; }

  /// sums [count, images, rows, columns] of one remainder to its places in dx.
  void spread(index_t images, index_t count, const GatherPhase& q, const T* sums, T* dx) const {
    for (index_t c = 0; c < count; ++c)
      for (index_t image = 0; image < images; ++image)
        for (index_t r = 0; r < q.rows; ++r, sums += q.columns) {
          T* row = dx + (image * s_.c + c) * plane() + (r * s_.stride_h + q.a) * s_.w + q.b;
          for (index_t i = 0; i < q.columns; ++i) row[i * s_.stride_w] = q.field > 0 ? sums[i] : T(0);
        }
  }

  const Conv2dShape& s_;
  const GatherPanelPlan& plan_;
  const GatherPlan<T>& gather_;
  Conv2dShape of_dy_;
  index_t image_step_;
  Scratch<T> split_;
  PatchPanels<T> patches_;
  Scratch<T> sums_;
};

template <class T>
void conv2d_data_gradient_panels(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const GatherPanelPlan plan = gather_panel_plan(s, sizeof(T));
  const GatherPlan<T> gather(s, (s.h + s.stride_h - 1) / s.stride_h, weight);
  const index_t sets = (s.n + plan.together - 1) / plan.together, tasks = sets * s.groups, channels = s.channels(),
                parts = panel_parts(tasks, channels);
  const index_t part = (channels + parts - 1) / parts;
  parallel_for(tasks * parts, 1, [&](index_t begin, index_t end) {
    GatherPanelWorker<T> worker(s, plan, gather, part);
    for (index_t i = begin; i < end; ++i) {
      const index_t first = i % parts * part, task = i / parts, image = task / s.groups * plan.together;
      if (first < channels)
        worker.run(std::min(plan.together, s.n - image), task % s.groups, first, std::min(part, channels - first),
                   dy + image * s.oc * s.oh * s.ow, dx + image * s.c * s.h * s.w);
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
