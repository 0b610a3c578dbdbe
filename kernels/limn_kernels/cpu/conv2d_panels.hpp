#pragma once
// Convolution as a product with panels of patches.
//
// A block of x's channels is laid out as in conv2d_direct.hpp; from there the patches of some hundred pixels are
// copied, two vectors of pixels a panel, and all outputs' weights pass by while they stay in the second-level cache. No
// pixel between rows is computed, and those of several small images share a panel. The copies cost a few cycles a tap
// and panel, of which the products take one for each output. docs/kernels/conv2d.md.

#include <limn_kernels/cpu/conv2d_direct.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {
/// Up to a vector of neighbouring pixels: from x, beside a tap's offset, to a column of a panel.
struct PanelRun {
  index_t from, column, count;
};
inline constexpr index_t panel_dots = 4;  // so many last pixels are dot products along the weights instead
}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d_panels.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// What one task takes at a time: `deep` channels, and `band` rows of y of one image or, where whole images are few
/// pixels, `together` of them.
struct PanelPlan {
  index_t deep, band, together;
};
inline constexpr index_t panel_depth = 576, panel_bytes = index_t{512} << 10;  // of k, and of the panels

[[nodiscard]] inline PanelPlan panel_plan(const Conv2dShape& s, index_t bytes) {
  const index_t taps = s.kh * s.kw, most_channels = std::max<index_t>(1, panel_depth / taps),
                blocks = (s.channels() + most_channels - 1) / most_channels,
                deep = (s.channels() + blocks - 1) / blocks;
  const index_t most = std::max<index_t>(64, panel_bytes / bytes / (deep * taps)), pixels = s.oh * s.ow;
  if (2 * pixels > most || s.n == 1) {
    // A few bands at least, for threads: of three panels and more. Which pixels are dots must not depend on threads.
    const index_t needed = (pixels + most - 1) / most,
                  bands = s.n * s.groups * needed < 4 ? std::max(needed, std::min<index_t>(4, pixels / 96)) : needed;
    return {deep, (s.oh + bands - 1) / bands, 1};
  }
  const index_t fitting = most / pixels, sets = (s.n + fitting - 1) / fitting;
  return {deep, s.oh, (s.n + sets - 1) / sets};
}

/// Of `columns` pixels, those that are dot products.
[[nodiscard]] inline index_t panel_dot_pixels(index_t columns, index_t lanes) {
  return columns > 2 * lanes && columns % lanes <= panel_dots ? columns % lanes : 0;
}

/// Whether panels of `columns` pixels cost less than tiles that compute `direct` pixels for `pixels` that are wanted: a
/// pixel's copy takes as long as 12 outputs of it.
[[nodiscard]] inline bool panels_pay(index_t direct, index_t pixels, index_t columns, index_t lanes, index_t outputs) {
  const auto share = [](index_t computed, index_t wanted) {
    return static_cast<double>(computed) / static_cast<double>(wanted);
  };
  const index_t last = panel_dot_pixels(columns, lanes);
  return share(direct, pixels) > share(round_up(columns - last, lanes) + last, columns) + share(12, outputs);
}

/// Where tasks are too few for all threads, outputs are shared out in so many parts, and each copies its own panels.
[[nodiscard]] inline index_t panel_parts(index_t tasks, index_t outputs) {
  const index_t threads = thread_count(), most = (outputs + 55) / 56;
  index_t parts = 1;
  while (parts < most && tasks * parts % threads != 0 && tasks * parts < 4 * threads) ++parts;
  return parts;
}

/// Whether copies of patches cost less than the pixels that conv2d_direct computes and drops: those between rows, and
/// in the idle lanes of last vectors.
template <class T>
[[nodiscard]] bool conv2d_pays_panels(const Conv2dShape& s) {
  if (s.kh * s.kw == 1 && s.n == 1) return false;  // a product, which may turn the other way round
  const index_t pixels = s.oh * s.ow, lanes = LIMN_CALL_ISA(gemm_geometry<T>, ).columns / 2;
  const index_t between = (s.oh - 1) * ((s.kw - 1) * s.dilation_w / s.stride_w), dots = direct_dot_pixels(s, lanes),
                row = round_up(s.ow, lanes);
  const bool by_row = s.ow >= 2 * lanes && 16 * (row - s.ow) <= s.ow;
  const index_t direct = by_row ? s.oh * row : round_up(pixels - dots + between, lanes) + dots;
  const PanelPlan plan = panel_plan(s, sizeof(T));
  return panels_pay(direct, pixels, plan.together * plan.band * s.ow, lanes, s.outputs());
}

/// The runs of pixels [begin, end) of images of `rows` rows of ow pixels, laid out `pitch` apart, images image_step
/// apart; panel p's begin at first[p], where `first` is given. Returns the end of the runs.
inline PanelRun* panel_runs(index_t begin, index_t end, index_t rows, index_t ow, index_t pitch, index_t image_step,
                            index_t lanes, PanelRun* run, index_t* first) {
  const index_t width = 2 * lanes;
  index_t count = 0;
  for (index_t pixel = begin; pixel < end;) {
    const index_t row = pixel / ow, ox = pixel % ow, column = pixel % width,
                  length = std::min({ow - ox, width - column, lanes, end - pixel});
    if (first && column == 0) first[pixel / width] = count;
    run[count++] = {row / rows * image_step + row % rows * pitch + ox, column, length};
    pixel += length;
  }
  if (first) first[(end + width - 1) / width] = count;
  return run + count;
}

/// The patches of some pixels, in panels, and their products with rows of weights.
template <class T>
class PatchPanels {
 public:
  PatchPanels(index_t most_pixels, index_t most_k)
      : panels_(round_up(most_pixels, width_) * most_k + width_),
        dots_(panel_dots * most_k),
        run_(most_pixels),
        first_run_(most_pixels / width_ + 2) {}

  /// These are the pixels: rows of ow, `pitch` apart, `rows` of them of an image, images image_step apart.
  void take(index_t pixels, index_t rows, index_t ow, index_t pitch, index_t image_step) {
    dot_pixels_ = panel_dot_pixels(pixels, width_ / 2);
    in_panels_ = pixels - dot_pixels_;
    of_dots_ = panel_runs(0, in_panels_, rows, ow, pitch, image_step, width_ / 2, run_.data(), first_run_.data());
    panel_runs(in_panels_, pixels, rows, ow, pitch, image_step, width_ / 2, of_dots_, nullptr);
  }
  /// And these their k taps, at from + offset. `exactly`: nothing beyond a run of pixels may be read.
  void copy(index_t k, const index_t* offset, bool exactly, const T* from) {
    k_ = k;
    LIMN_CALL_ISA(conv2d_pack_panels<T>, in_panels_, k, offset, run_.data(), first_run_.data(), exactly, from,
                  panels_.data());
    if (dot_pixels_ > 0) LIMN_CALL_ISA(conv2d_pack_dots<T>, dot_pixels_, k, offset, of_dots_, from, dots_.data());
  }
  /// y [outputs, pixels] = w [outputs, k] times the patches + beta y.
  void multiply(index_t outputs, const T* w, index_t w_row, T beta, T* y, index_t y_row) const {
    LIMN_CALL_ISA(gemm_block<T>, outputs, in_panels_, k_, T(1), w, w_row, panels_.data(), k_ * width_, width_, beta, y,
                  y_row);
    if (dot_pixels_ > 0)
      LIMN_CALL_ISA(gemm_dot<T>, dot_pixels_, outputs, k_, T(1), dots_.data(), k_, w, w_row, false, beta,
                    y + in_panels_, 1, y_row);
  }

 private:
  index_t width_ = LIMN_CALL_ISA(gemm_geometry<T>, ).columns, in_panels_ = 0, dot_pixels_ = 0, k_ = 0;
  Scratch<T> panels_, dots_;
  Scratch<PanelRun> run_;
  Scratch<index_t> first_run_;
  PanelRun* of_dots_ = nullptr;
};

/// One thread's work: the panels of one task after another.
template <class T>
class PanelWorker {
 public:
  PanelWorker(const Conv2dShape& s, const PanelPlan& plan, const DirectLayout& layout, const T* weight,
              index_t most_outputs)
      : s_(s),
        plan_(plan),
        layout_(layout),
        weight_(weight),
        in_place_(is_pointwise(s)),
        taps_(s.kh * s.kw),
        image_step_(in_place_ ? s.c * s.h * s.w : plan.deep * layout.size),
        split_(in_place_ ? 0 : plan.together * image_step_ + direct_slack),
        patches_(columns(), plan.deep * taps_),
        joined_(plan.together > 1 ? most_outputs * columns() : 0),
        apart_(gemm_rows_collide<T>(s.field(), gemm_block_rows) ? gemm_row_distance<T>(plan.deep * taps_) : 0),
        rows_(gemm_block_rows * apart_) {
    if (!in_place_) std::fill_n(split_.data() + plan.together * image_step_, direct_slack, T(0));
  }

  /// y's rows [top, top + rows) of the outputs [first, first + count) of a group, of images from x's and y's first on.
  void run(index_t images, index_t group, index_t top, index_t first, index_t count, const T* x, const T* bias, T floor,
           T* y) {
    const index_t rows = std::min(plan_.band, s_.oh - top), pixels = rows * s_.ow, all = images * pixels;
    // Pixels in the order of x are one long row.
    patches_.take(all, in_place_ ? 1 : rows, in_place_ ? pixels : s_.ow, layout_.pitch, image_step_);

    const index_t outputs = s_.oh * s_.ow, channels = s_.channels(), o = group * s_.outputs() + first;
    y += (o * s_.oh + top) * s_.ow;
    T* const to = plan_.together > 1 ? joined_.data() : y;
    const index_t to_row = plan_.together > 1 ? all : outputs;
    for (index_t c = 0; c < channels; c += plan_.deep) {
      const index_t deep = std::min(plan_.deep, channels - c), k = deep * taps_;
      copy_patches(images, top, deep, x + (group * channels + c) * s_.h * s_.w);
      for (index_t i = 0; i < count; i += gemm_block_rows) {
        const index_t high = std::min(gemm_block_rows, count - i);
        const T* w = weight_ + (o + i) * s_.field() + c * taps_;
        index_t w_row = s_.field();
        if (apart_ > 0) {
          LIMN_CALL_ISA(gemm_pack_a<T>, high, k, w, w_row, 1, rows_.data(), apart_);
          w = rows_.data();
          w_row = apart_;
        }
        patches_.multiply(high, w, w_row, c == 0 ? T(0) : T(1), to + i * to_row, to_row);
        if (c + deep < channels) continue;
        for (index_t q = i; q < i + high; ++q)
          for (index_t image = 0; image < images; ++image)
            LIMN_CALL_ISA(conv2d_finish<T>, pixels, bias ? bias[o + q] : T(0), floor, to + q * to_row + image * pixels,
                          y + (image * s_.oc + q) * outputs);
      }
    }
  }

 private:
  [[nodiscard]] index_t columns() const { return plan_.together * plan_.band * s_.ow; }

  /// `deep` channels of `images` images from x on.
  void copy_patches(index_t images, index_t top, index_t deep, const T* x) {
    if (!in_place_)
      for (index_t image = 0; image < images; ++image)
        for (index_t c = 0; c < deep; ++c)
          LIMN_CALL_ISA(conv2d_split<T>, s_, layout_, top, x + (image * s_.c + c) * s_.h * s_.w,
                        split_.data() + image * image_step_ + c * layout_.size);
    patches_.copy(deep * taps_, layout_.offset, in_place_, in_place_ ? x + top * s_.w : split_.data());
  }

  const Conv2dShape& s_;
  const PanelPlan& plan_;
  const DirectLayout& layout_;
  const T* weight_;
  bool in_place_;
  index_t taps_, image_step_;
  Scratch<T> split_;
  PatchPanels<T> patches_;
  Scratch<T> joined_;
  index_t apart_;  // of weight rows copied, where as they lie they would share a few sets of the caches; or 0
  Scratch<T> rows_;
};

/// y = conv(x, weight) + bias, at least `floor`; bias may be null.
template <class T>
void conv2d_panels(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const PanelPlan plan = panel_plan(s, sizeof(T));
  const Scratch<index_t> offset(plan.deep * s.kh * s.kw);
  Conv2dShape block = s;  // `deep` channels alone
  block.c = plan.deep;
  block.groups = 1;
  const DirectLayout layout = direct_layout(block, plan.band, offset.data());
  if (is_pointwise(s))
    for (index_t c = 0; c < plan.deep; ++c) offset.data()[c] = c * s.h * s.w;
  const index_t sets = (s.n + plan.together - 1) / plan.together, bands = (s.oh + plan.band - 1) / plan.band,
                tasks = sets * s.groups * bands, outputs = s.outputs(), parts = panel_parts(tasks, outputs);
  const index_t part = (outputs + parts - 1) / parts;
  parallel_for(tasks * parts, 1, [&](index_t begin, index_t end) {
    PanelWorker<T> worker(s, plan, layout, weight, part);
    for (index_t i = begin; i < end; ++i) {
      const index_t first = i % parts * part, task = i / parts, image = task / bands / s.groups * plan.together;
      if (first < outputs)
        worker.run(std::min(plan.together, s.n - image), task / bands % s.groups, task % bands * plan.band, first,
                   std::min(part, outputs - first), x + image * s.c * s.h * s.w, bias, floor,
                   y + image * s.oc * s.oh * s.ow);
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
