#pragma once
// The CPU body of interpolate.hpp: threads share out the rows of y.

#include <algorithm>

#include <limn_kernels/half.hpp>
#include <limn_kernels/interpolate.hpp>
#include <limn_kernels/parallel.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// One row of y: `inner` elements, each the weighted sum of the elements above one another in x.
template <class T>
void interpolate_row(index_t inner, const InterpolateTaps& taps, index_t begin, index_t end, const T* x, T* y) {
  using C = compute_t<T>;
  constexpr index_t block = 64;  // sums kept in registers and the first-level cache
  for (index_t from = 0; from < inner; from += block) {
    const index_t count = std::min(block, inner - from);
    C sum[block] = {};
    for (index_t t = begin; t < end; ++t) {
      const C weight = static_cast<C>(taps.weight[t]);
      const T* row = x + taps.source[t] * inner + from;
      for (index_t q = 0; q < count; ++q) sum[q] += weight * static_cast<C>(row[q]);
    }
    for (index_t q = 0; q < count; ++q) y[from + q] = static_cast<T>(sum[q]);
  }
}

template <class T>
void interpolate(const InterpolateShape& s, const InterpolateTaps& taps, const T* x, T* y) {
  using C = compute_t<T>;
  const index_t work = s.inner * (1 + taps.first[s.out] / std::max<index_t>(1, s.out));  // of one row
  parallel_for(s.outer * s.out, 1 + 16384 / (work + 1), [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) {
      const index_t i = row % s.out;
      const T* plane = x + row / s.out * s.n * s.inner;
      if (s.inner > 1) {
        interpolate_row(s.inner, taps, taps.first[i], taps.first[i + 1], plane, y + row * s.inner);
        continue;
      }
      C sum{};
      for (index_t t = taps.first[i]; t < taps.first[i + 1]; ++t)
        sum += static_cast<C>(taps.weight[t]) * static_cast<C>(plane[taps.source[t]]);
      y[row] = static_cast<T>(sum);
    }
  });
}

}  // namespace cpu

template <class T>
void interpolate(Device device, const InterpolateShape& s, const InterpolateTaps& taps, const T* x, T* y) {
  dispatch_cpu("interpolate", device, [&] { cpu::interpolate(s, taps, x, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels
