#pragma once
// The weight gradient where weights are few: depthwise convolutions and first layers.
//
// With x laid out as in conv2d_direct.hpp, dw(o, k) is the sum over rows of the products of a row of dy with the row of
// x that tap k reads: a matrix of dot products along the pixels, nothing packed. Images and bands are summed in a fixed
// number of parts, which are added in order.

#include <limn_kernels/cpu/conv2d_direct.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {
/// `rows` rows of `columns` elements of dy, planes of outputs `plane` elements apart, beside rows of x `pitch` apart.
struct DotsBand {
  index_t rows, columns, plane, pitch, field;
};
}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d_dots.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Whether a group's sums, a vector each, stay in the caches while rows long enough pass by.
[[nodiscard]] inline bool conv2d_pays_dots(const Conv2dShape& s) {
  return s.channels() == 1 || (s.outputs() * s.field() <= 32768 && s.oh * s.ow >= 196);
}

/// dw of all groups, summed band by band: `way` adds up in `way.size()` numbers of its own what bands of dy and of x,
/// laid out, give a group, and makes its weights of them. Overwrites dw.
template <class T, class Way>
void conv2d_weight_gradient_by(const Way& way, const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t field = s.field(), outputs = s.outputs(), channels = s.channels(), bytes = sizeof(T);
  const Scratch<index_t> offset(field);
  // Sums of one group are kept in parts of (image, band), for threads; groups are independent. A band of x stays in the
  // second-level cache.
  const index_t most = s.groups >= 8 ? 1 : 8, row = channels * s.w * s.stride_h * bytes;
  const index_t fitting = std::max<index_t>(1, (index_t{400} << 10) / row);
  // A tile of sums is read and written for each band: that takes 16 vectors of a row or more.
  const index_t vectors_of_row = (s.ow + 15) / 16, least = (15 + vectors_of_row) / vectors_of_row;
  const index_t band = std::min({s.oh, fitting, std::max(least, (s.n * s.oh + most - 1) / most)}),
                bands = (s.oh + band - 1) / band;
  const DirectLayout d = direct_layout(s, band, offset.data());
  const index_t steps = s.n * bands, parts = std::min(steps, most), size = outputs * field;
  const Scratch<T> sums(s.groups * parts * size);
  parallel_for(
      s.groups * parts, 1 + 32768 / (steps * s.oh * s.ow * size / (bands * parts) + 1),
      [&](index_t begin, index_t end) {
        const index_t own_size = way.size(d);
        const Scratch<T> split(channels * d.size + direct_slack), own(own_size);
        for (index_t task = begin; task < end; ++task) {
          const index_t group = task / parts, part = task % parts;
          std::fill_n(own.data(), own_size, T(0));
          for (index_t step = steps * part / parts; step < steps * (part + 1) / parts; ++step) {
            const index_t image = step / bands, first = step % bands * band, rows = std::min(band, s.oh - first);
            for (index_t c = 0; c < channels; ++c)
              LIMN_CALL_ISA(conv2d_split<T>, s, d, first, x + (image * s.c + group * channels + c) * s.h * s.w,
                            split.data() + c * d.size);
            way.add(d, rows, split.data(), dy + ((image * s.oc + group * outputs) * s.oh + first) * s.ow, own.data());
          }
          way.finish(own.data(), sums.data() + task * size);
        }
      });
  for (index_t group = 0; group < s.groups; ++group)
    for (index_t i = 0; i < size; ++i) {
      T sum = T(0);
      for (index_t part = 0; part < parts; ++part) sum += sums.data()[(group * parts + part) * size + i];
      dw[group * size + i] = sum;
    }
}

/// A vector of sums for each weight.
template <class T>
struct WeightDots {
  const Conv2dShape& s;
  [[nodiscard]] index_t size(const DirectLayout&) const {
    return s.outputs() * s.field() * LIMN_CALL_ISA(dots_lanes<T>, );
  }
  void add(const DirectLayout& d, index_t rows, const T* x, const T* dy, T* own) const {
    LIMN_CALL_ISA(conv2d_dots<T>, DotsBand{rows, s.ow, s.oh * s.ow, d.pitch, s.field()}, s.outputs(), dy, x, d.offset,
                  own);
  }
  void finish(const T* own, T* dw) const { LIMN_CALL_ISA(dots_reduce<T>, s.outputs() * s.field(), own, dw); }
};
template <class T>
void conv2d_weight_gradient_dots(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  conv2d_weight_gradient_by(WeightDots<T>{s}, s, x, dy, dw);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
