#pragma once
// The data gradient, gathered: nothing is added to memory that was zeroed before.
//
// The rows of dx that leave the remainder a (columns: b) when divided by the stride are, for each (a, b), a convolution
// of stride 1 of dy with those taps (i, j) that reach them: dx(r stride + a) = sum of w(i) dy(r + (a + pad - i
// dilation) / stride), over the i for which that is whole. Each is what conv2d_direct.hpp computes, with another list
// of offsets.

#include <limn_kernels/cpu/conv2d_direct.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One remainder (a, b): its rows and columns of dx, and its taps in the arrays of offsets and packed weights.
struct GatherPhase {
  index_t a, b, rows, columns, first, field;
};

/// The quotient, rounded down.
[[nodiscard]] inline index_t floor_divide(index_t a, index_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// The convolution of dy that each phase is, but for its taps: the first of which reads the first row and column.
[[nodiscard]] inline Conv2dShape gather_source(const Conv2dShape& s) {
  Conv2dShape of_dy{
      s.n, s.oc, s.oh, s.ow, s.c, 1, 1, (s.h + s.stride_h - 1) / s.stride_h, (s.w + s.stride_w - 1) / s.stride_w};
  of_dy.groups = s.groups;
  of_dy.pad_top = -floor_divide(s.pad_top - (s.kh - 1) * s.dilation_h, s.stride_h);
  of_dy.pad_left = -floor_divide(s.pad_left - (s.kw - 1) * s.dilation_w, s.stride_w);
  return of_dy;
}

/// Where the taps of all phases are read in the laid-out dy.
class GatherTaps {
 public:
  /// Of gather_source(s), `band` of whose rows are laid out at a time.
  GatherTaps(const Conv2dShape& s, const Conv2dShape& of_dy, index_t band)
      : count_(s.stride_h * s.stride_w),
        phase_(count_),
        offset_(s.outputs() * s.kh * s.kw),
        tap_(s.outputs() * s.kh * s.kw) {
    const index_t high_h = floor_divide(s.stride_h - 1 + s.pad_top, s.stride_h),
                  high_w = floor_divide(s.stride_w - 1 + s.pad_left, s.stride_w);
    layout_ = {1, 1, band + high_h + of_dy.pad_top, of_dy.ow + high_w + of_dy.pad_left, 0, offset_.data()};
    layout_.size = layout_.rows * layout_.pitch;
    if (layout_.size % 256 == 0) layout_.size += 16;
    index_t k = 0;
    for (index_t p = 0; p < count_; ++p) {
      const index_t a = p / s.stride_w, b = p % s.stride_w, first = k;
      for (index_t t = 0; t < s.kh * s.kw; ++t) {  // of the first output
        const index_t down = a + s.pad_top - t / s.kw * s.dilation_h, right = b + s.pad_left - t % s.kw * s.dilation_w;
        if (down % s.stride_h != 0 || right % s.stride_w != 0) continue;
        tap_.data()[k] = t;
        offset_.data()[k++] = (down / s.stride_h + of_dy.pad_top) * layout_.pitch + right / s.stride_w + of_dy.pad_left;
      }
      const index_t taps = k - first;
      for (; k < first + s.outputs() * taps; ++k) {
        tap_.data()[k] = tap_.data()[k - taps] + s.channels() * s.kh * s.kw;
        offset_.data()[k] = offset_.data()[k - taps] + layout_.size;
      }
      phase_.data()[p] = {
          a, b, (s.h - a + s.stride_h - 1) / s.stride_h, (s.w - b + s.stride_w - 1) / s.stride_w, first, k - first};
    }
  }
  [[nodiscard]] const DirectLayout& layout() const { return layout_; }
  [[nodiscard]] index_t phases() const { return count_; }
  [[nodiscard]] const GatherPhase& phase(index_t p) const { return phase_.data()[p]; }
  [[nodiscard]] const GatherPhase* all() const { return phase_.data(); }
  [[nodiscard]] const index_t* offset(const GatherPhase& q) const { return offset_.data() + q.first; }
  /// The elements of the kernel; of a phase's first output from its `first` on.
  [[nodiscard]] const index_t* taps() const { return tap_.data(); }

 private:
  index_t count_;
  Scratch<GatherPhase> phase_;
  Scratch<index_t> offset_, tap_;
  DirectLayout layout_{};
};

/// Their weights [phase][channel][field], group by group.
template <class T>
class GatherWeights {
 public:
  GatherWeights(const Conv2dShape& s, const GatherTaps& taps, const T* weight)
      : s_(s), group_(s.channels() * (s.outputs() * s.kh * s.kw + 16 * taps.phases())), data_(s.groups * group_) {
    // Some channels at a time: their weights of one output lie side by side.
    constexpr index_t some = 16;
    const index_t blocks = (s.channels() + some - 1) / some;
    parallel_for(s.groups * blocks, 1 + 65536 / (some * s.outputs() * s.kh * s.kw + 1),
                 [&](index_t begin, index_t end) {
                   for (index_t block = begin; block < end; ++block) {
                     const index_t group = block / blocks, first_channel = block % blocks * some,
                                   channels = std::min(some, s.channels() - first_channel);
                     const T* from = weight + group * s.outputs() * s.field() + first_channel * s.kh * s.kw;
                     for (index_t p = 0; p < taps.phases(); ++p) {
                       const GatherPhase& q = taps.phase(p);
                       LIMN_CALL_ISA(conv2d_pick_weights<T>, channels, s.outputs(), s.field(), s.kh * s.kw,
                                     q.field / s.outputs(), taps.taps() + q.first, from,
                                     of(q, group) + first_channel * row(q), row(q));
                     }
                   }
                 });
  }
  /// The distance of two channels' weights, never a power of two.
  [[nodiscard]] static index_t row(const GatherPhase& q) { return q.field % 256 == 0 ? q.field + 16 : q.field; }
  [[nodiscard]] T* of(const GatherPhase& q, index_t group) const {
    const index_t p = q.a * s_.stride_w + q.b;
    return data_.data() + group * group_ + s_.channels() * (q.first + 16 * p);
  }

 private:
  const Conv2dShape& s_;
  index_t group_;
  Scratch<T> data_;
};

template <class T>
void conv2d_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const index_t channels = s.channels(), outputs = s.outputs(), bytes = sizeof(T);
  const index_t tile = LIMN_CALL_ISA(direct_tile_pixels<T>, );
  const Conv2dShape of_dy = gather_source(s);
  const index_t band = direct_band(of_dy, bytes, tile), bands = (of_dy.oh + band - 1) / band;
  const GatherTaps taps(s, of_dy, band);
  const GatherWeights<T> weights(s, taps, weight);
  const DirectLayout& layout = taps.layout();
  const bool strided = s.stride_h > 1 || s.stride_w > 1;
  // Where tasks are too few for all threads, channels are shared out, and each part lays dy out for itself.
  const index_t tasks = s.n * s.groups * bands, threads = thread_count(), most_parts = (channels + 27) / 28,
                parts = threads == 1 ? 1 : std::min((2 * threads - 1) / tasks + 1, most_parts),
                most_channels = (channels + parts - 1) / parts;

  parallel_for(
      tasks * parts, channels == 1 ? 1 + 32768 / (s.h * s.w * s.kh * s.kw) : 1, [&](index_t begin, index_t end) {
        const Scratch<T> split(outputs * layout.size + direct_slack);
        const Scratch<T> phase_rows(strided ? most_channels * band * of_dy.ow : 0);
        for (index_t i = begin; i < end; ++i) {
          const index_t task = i / parts, first_channel = i % parts * most_channels,
                        some = std::min(most_channels, channels - first_channel);
          if (some <= 0) continue;
          const index_t first = task % bands * band, group = task / bands % s.groups, image = task / bands / s.groups;
          for (index_t o = 0; o < outputs; ++o)
            LIMN_CALL_ISA(conv2d_split<T>, of_dy, layout, first,
                          dy + (image * s.oc + group * outputs + o) * s.oh * s.ow, split.data() + o * layout.size);
          std::fill_n(split.data() + outputs * layout.size, direct_slack, T(0));
          T* to = dx + (image * s.c + group * channels + first_channel) * s.h * s.w;
          for (index_t p = 0; p < taps.phases(); ++p) {
            const GatherPhase& q = taps.phase(p);
            const index_t rows = std::min(band, q.rows - first);
            if (rows <= 0 || q.columns <= 0) continue;
            DirectLayout d = layout;
            d.offset = taps.offset(q);
            Conv2dShape part{1, q.field, 0, 0, some, 1, 1, strided ? rows : s.h, q.columns};
            T* out = strided ? phase_rows.data() : to + first * s.w;
            const T* w = weights.of(q, group) + first_channel * weights.row(q);
            if (channels == 1) {
              part.kh = q.field;
              part.oh = rows;
              LIMN_CALL_ISA(conv2d_depthwise_plane<T>, part, d, split.data(), w, T(0), out);
            } else {
              LIMN_CALL_ISA(conv2d_direct_band<T>, part, d, rows, some, w, weights.row(q), split.data(), nullptr,
                            -std::numeric_limits<T>::infinity(), false, 0, out);
            }
            if (!strided) continue;
            for (index_t c = 0; c < some; ++c)
              for (index_t r = 0; r < rows; ++r) {
                const T* from = out + (c * rows + r) * q.columns;
                T* row = to + (c * s.h + (first + r) * s.stride_h + q.a) * s.w + q.b;
                for (index_t k = 0; k < q.columns; ++k) row[k * s.stride_w] = from[k];
              }
          }
        }
      });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
