#pragma once
// Convolution as it is defined, whatever the kernel, stride and dilation: no patch is ever copied.
//
// A band of x's rows is laid out once so that pixel f of every output reads tap k at offset[k] + f: then a register
// tile of outputs x pixels is a matrix product whose second operand lies in the image itself. 1 x 1 convolutions read x
// where it lies. docs/kernels/conv2d.md.

#include <algorithm>

#include <limn_kernels/conv2d_shape.hpp>
#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Phase (u, v) of the padded plane, every stride_h-th row from u and every stride_w-th column from v, is a matrix
/// [rows, pitch] of its own. Pixel f = oy * pitch + ox of an output reads tap k at offset[k] + f whatever the stride;
/// pixels with ox >= ow are computed and dropped. `size` elements hold all phases of one channel.
struct DirectLayout {
  index_t phases_h, phases_w, rows, pitch, size;
  const index_t* offset;
};
inline constexpr index_t direct_slack = 64;                         // elements behind the last plane that may be read
inline constexpr index_t direct_dots = 4, direct_dots_field = 320;  // pixels, channels of conv2d_direct_last
inline constexpr index_t direct_streamed = index_t{64} << 20;       // bytes of y that no cache would keep

/// The layout for `band` output rows; offset [channels, kh, kw] is filled in.
[[nodiscard]] inline DirectLayout direct_layout(const Conv2dShape& s, index_t band, index_t* offset) {
  const index_t reach_h = (s.kh - 1) * s.dilation_h, reach_w = (s.kw - 1) * s.dilation_w;
  DirectLayout d{std::min(s.stride_h, reach_h + 1),
                 std::min(s.stride_w, reach_w + 1),
                 band + reach_h / s.stride_h,
                 s.ow + reach_w / s.stride_w,
                 0,
                 offset};
  d.size = d.phases_h * d.phases_w * d.rows * d.pitch;
  if (d.size % 256 == 0) d.size += 16;  // planes a power of two apart share a few sets of the caches
  for (index_t k = 0; k < s.field(); ++k) {
    const index_t down = k / s.kw % s.kh * s.dilation_h, right = k % s.kw * s.dilation_w;
    const index_t phase = down % s.stride_h * d.phases_w + right % s.stride_w;
    offset[k] = k / (s.kh * s.kw) * d.size + (phase * d.rows + down / s.stride_h) * d.pitch + right / s.stride_w;
  }
  return d;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d_split.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d_direct.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Tasks that there should be: several a thread, so that one that comes late leaves the others little.
[[nodiscard]] inline index_t direct_tasks() {
  const index_t threads = thread_count();
  return threads == 1 ? 1 : 4 * threads;
}

/// Output rows of one band: its planes stay in the second-level cache, and the busiest thread has few register tiles.
[[nodiscard]] inline index_t direct_band(const Conv2dShape& s, index_t bytes, index_t tile) {
  const index_t row = std::max<index_t>(1, s.channels() * s.w * s.stride_h * bytes), budget = 400 << 10,
                threads = thread_count(), images = s.n * s.groups;
  const index_t pitch = s.ow + (s.kw - 1) * s.dilation_w / s.stride_w, shared = images * s.oh / direct_tasks();
  const index_t most = std::min(s.oh, std::max((6 * tile + s.ow - 1) / s.ow, std::min(shared, budget / row)));
  index_t best = most, least_work = 0;
  for (index_t band = most; band >= std::max<index_t>(1, most / 4); --band) {
    const index_t tasks = images * ((s.oh + band - 1) / band);
    const index_t work =
        (tasks < direct_tasks() ? tasks : round_up(tasks, threads)) * ((band * pitch + tile - 1) / tile);
    if (least_work != 0 && work >= least_work) continue;
    best = band;
    least_work = work;
  }
  return best;
}

/// 1 x 1, stride 1, nothing padded: x is [channels, pixels].
[[nodiscard]] inline bool is_pointwise(const Conv2dShape& s) {
  return s.kh == 1 && s.kw == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_top == 0 && s.pad_left == 0 &&
         s.oh == s.h && s.ow == s.w;
}
/// 1 x 1: how many of a plane's last pixels are dot products along the channels, since they are too few for a vector of
/// `lanes` pixels. It depends on the shape alone, unlike bands.
[[nodiscard]] inline index_t direct_dot_pixels(const Conv2dShape& s, index_t lanes) {
  const index_t left = s.oh * s.ow % lanes;
  const bool pays = left <= direct_dots && left < s.ow && s.field() % lanes == 0 && s.field() <= direct_dots_field;
  return is_pointwise(s) && pays ? left : 0;
}

/// Rows of weights as they lie, or copied a little further apart where a power of two would make them share a few sets
/// of the caches.
template <class T>
class WeightRows {
 public:
  WeightRows(index_t rows, index_t length, const T* weight)
      : step_(length * static_cast<index_t>(sizeof(T)) % 2048 == 0 ? length + 16 : length),
        copy_(step_ == length ? 0 : rows * step_),
        data_(step_ == length ? weight : copy_.data()) {
    if (step_ == length) return;
    for (index_t i = 0; i < rows; ++i) std::copy_n(weight + i * length, length, copy_.data() + i * step_);
  }
  [[nodiscard]] index_t step() const { return step_; }
  [[nodiscard]] const T* row(index_t i) const { return data_ + i * step_; }

 private:
  index_t step_;
  Scratch<T> copy_;
  const T* data_;
};

/// y = conv(x, weight) + bias, at least `floor` (0: ReLU; minus infinity). bias may be null.
template <class T>
void conv2d_direct(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const index_t field = s.field(), channels = s.channels(), outputs = s.outputs();
  const index_t bytes = sizeof(T), tile = LIMN_CALL_ISA(direct_tile_pixels<T>, );
  const Scratch<index_t> offset(field);
  const index_t band = direct_band(s, bytes, tile), bands = (s.oh + band - 1) / band;
  // Where bands are too few for all threads, each is shared out by outputs, evenly.
  const index_t planes = s.n * s.groups * bands, most_parts = (outputs + 27) / 28, threads = thread_count();
  index_t parts = std::min((direct_tasks() - 1) / planes + 1, most_parts);
  while (parts > 1 && parts < most_parts && planes * parts % threads != 0) ++parts;
  const index_t part_outputs = (outputs + parts - 1) / parts;

  const index_t plane = s.h * s.w;
  const bool in_place = is_pointwise(s) && plane % 256 != 0 && (s.oh - (bands - 1) * band) * s.ow >= tile;
  DirectLayout d = direct_layout(s, band, offset.data());
  if (in_place)
    for (index_t k = 0; k < field; ++k) offset.data()[k] = k * plane;
  const WeightRows<T> w(s.oc, field, weight);

  const index_t dots = direct_dot_pixels(s, tile / 2);
  // Past the caches a line at once: in halves it takes half as long again as through them.
  const bool streamed = tile / 2 * bytes == 64 && s.n * s.oc * s.oh * s.ow * bytes >= direct_streamed &&
                        s.ow % (tile / 2) == 0 && reinterpret_cast<std::uintptr_t>(y) % 64 == 0;

  // A band's planes are laid out by the task that reads them, or, where several do, before, for all.
  const index_t laid_out = channels * d.size + direct_slack;
  const Scratch<T> shared(in_place || parts == 1 ? 0 : planes * laid_out);
  const auto lay_out = [&](index_t band_of_all, index_t first_channel, index_t last_channel, T* to) {
    const index_t first = band_of_all % bands * band, image_and_group = band_of_all / bands;
    for (index_t c = first_channel; c < last_channel; ++c)
      LIMN_CALL_ISA(conv2d_split<T>, s, d, first, x + (image_and_group * channels + c) * plane, to + c * d.size);
    if (last_channel == channels) std::fill_n(to + channels * d.size, direct_slack, T(0));
  };
  if (!in_place && parts > 1) {
    const index_t some = (channels * planes + direct_tasks() - 1) / direct_tasks();
    parallel_for(channels * planes, some, [&](index_t begin, index_t end) {
      for (index_t c = begin; c < end;) {
        const index_t of = c / channels, last = std::min(end, (of + 1) * channels);
        lay_out(of, c % channels, last - of * channels, shared.data() + of * laid_out);
        c = last;
      }
    });
  }
  parallel_for(planes * parts, 1, [&](index_t begin, index_t end) {
    const Scratch<T> split(in_place || parts > 1 ? 0 : laid_out);
    for (index_t task = begin; task < end; ++task) {
      const index_t part = task % parts, of = task / parts, first = of % bands * band, group = of / bands % s.groups,
                    image = of / bands / s.groups;
      const index_t rows = std::min(band, s.oh - first), o = part * part_outputs,
                    count = std::min(part_outputs, outputs - o);
      const T* from = split.data();
      if (in_place)
        from = x + (image * s.c + group * channels) * plane + first * s.w;
      else if (parts > 1)
        from = shared.data() + of * laid_out;
      else
        lay_out(of, 0, channels, split.data());
      if (count > 0)
        LIMN_CALL_ISA(conv2d_direct_band<T>, s, d, rows, count, w.row(group * outputs + o), w.step(), from,
                      bias ? bias + group * outputs + o : nullptr, floor, streamed, first + rows == s.oh ? dots : 0,
                      y + ((image * s.oc + group * outputs + o) * s.oh + first) * s.ow);
    }
    if (streamed) LIMN_CALL_ISA(order_stores, );
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
