#pragma once
// The CPU body of pool2d.hpp. Planes are independent: threads share them out.

#include <algorithm>
#include <limits>

#include <limn_kernels/half.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/pool2d.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/pool2d.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// Window `o` along one axis: taps first, first + dilation, ... below last, all inside [0, extent); `size` counts the
/// taps with padding, as far as the padded plane reaches.
struct PoolWindow {
  index_t first, last, size;
};
inline PoolWindow pool_window(index_t o, index_t extent, index_t out, index_t kernel, index_t stride, index_t pad,
                              index_t dilation, bool adaptive) {
  if (adaptive) {
    const index_t first = o * extent / out, last = ((o + 1) * extent + out - 1) / out;
    return {first, last, last - first};
  }
  const index_t start = o * stride - pad, end = start + (kernel - 1) * dilation + 1;
  const index_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
  return {start + skipped * dilation, std::min(end, extent), std::min(end, extent + pad) - start};
}

template <class T>
[[nodiscard]] T lowest() {
  if constexpr (std::is_floating_point_v<T> || is_half<T>)
    return static_cast<T>(-std::numeric_limits<compute_t<T>>::infinity());
  else
    return std::numeric_limits<T>::lowest();
}

/// Calls body(plane, first plane element, output position, rows, columns) for each output.
template <class Body>
void for_each_window(const Pool2dShape& s, Body&& body) {
  parallel_for(s.planes, 1 + 16384 / (s.oh * s.ow * s.kh * s.kw + 1), [&](index_t begin, index_t end) {
    for (index_t plane = begin; plane < end; ++plane)
      for (index_t oy = 0; oy < s.oh; ++oy) {
        const PoolWindow rows = pool_window(oy, s.h, s.oh, s.kh, s.stride_h, s.pad_h, s.dilation_h, s.adaptive);
        for (index_t ox = 0; ox < s.ow; ++ox)
          body(plane * s.h * s.w, plane * s.oh * s.ow + oy * s.ow + ox, rows,
               pool_window(ox, s.w, s.ow, s.kw, s.stride_w, s.pad_w, s.dilation_w, s.adaptive));
      }
  });
}

/// One output: the largest element of a window, a NaN before all, the first of equals; the lowest number there is, from
/// place -1, where a dilated window has all its taps in the padding.
template <class T>
void max_pool_window(const Pool2dShape& s, const T* plane, PoolWindow rows, PoolWindow columns, T& y, index_t& index) {
  if (rows.first >= rows.last || columns.first >= columns.last) {
    y = lowest<T>();
    index = -1;
    return;
  }
  index = rows.first * s.w + columns.first;
  for (index_t i = rows.first; i < rows.last; i += s.dilation_h)
    for (index_t j = columns.first; j < columns.last; j += s.dilation_w) {
      const T value = plane[i * s.w + j], top = plane[index];
      if (value > top || (value != value && top == top)) index = i * s.w + j;
    }
  y = plane[index];
}

/// Windows of neighbours at steps of 1 or 2: those of a row that reach into no padding at its sides, a vector at a
/// time.
template <class T>
void max_pool2d_rows(const Pool2dShape& s, const T* x, T* y, index_t* index) {
  const index_t left = std::min(s.ow, (s.pad_w + s.stride_w - 1) / s.stride_w), room = s.w + s.pad_w - s.kw,
                right = std::clamp(room < 0 ? 0 : room / s.stride_w + 1, left, s.ow);
  parallel_for(s.planes, 1 + 65536 / (s.oh * s.ow * s.kh + 1), [&](index_t begin, index_t end) {
    for (index_t row = begin * s.oh; row < end * s.oh; ++row) {
      const T* plane = x + row / s.oh * s.h * s.w;
      T* to = y + row * s.ow;
      index_t* at = index + row * s.ow;
      const PoolWindow rows = pool_window(row % s.oh, s.h, s.oh, s.kh, s.stride_h, s.pad_h, 1, false);
      for (index_t ox = 0; ox < s.ow; ++ox) {
        if (ox == left) ox = right;
        if (ox == s.ow) break;
        max_pool_window(s, plane, rows, pool_window(ox, s.w, s.ow, s.kw, s.stride_w, s.pad_w, 1, false), to[ox],
                        at[ox]);
      }
      if (left == right) continue;
      const index_t first = rows.first * s.w + left * s.stride_w - s.pad_w;
      LIMN_CALL_ISA(max_pool_row<T>, s.stride_w, right - left, plane + first, rows.last - rows.first, s.kw, s.w, first,
                    to + left, at + left);
    }
  });
}

template <class T>
void max_pool2d(const Pool2dShape& s, const T* x, T* y, index_t* index) {
  if constexpr (std::is_floating_point_v<T>)
    if (s.dilation_h == 1 && s.dilation_w == 1 && !s.adaptive) {
      if (s.kh == 2 && s.kw == 2 && s.stride_h == 2 && s.stride_w == 2 && s.pad_h == 0 && s.pad_w == 0)
        return parallel_for(s.planes, 1 + 65536 / (s.oh * s.ow + 1), [&](index_t begin, index_t end) {
          for (index_t row = begin * s.oh; row < end * s.oh; ++row) {
            const index_t oy = row % s.oh, first = 2 * oy * s.w;
            const T* top = x + row / s.oh * s.h * s.w + first;
            LIMN_CALL_ISA(max_pool_row_2x2<T>, s.ow, top, top + s.w, first, s.w, y + row * s.ow, index + row * s.ow);
          }
        });
      if (s.stride_w <= 2 && s.h * s.w <= INT32_MAX) return max_pool2d_rows(s, x, y, index);
    }
  for_each_window(s, [&](index_t plane, index_t o, PoolWindow rows, PoolWindow columns) {
    max_pool_window(s, x + plane, rows, columns, y[o], index[o]);
  });
}

template <class T>
void max_pool2d_backward(const Pool2dShape& s, const T* dy, const index_t* index, T* dx) {
  const index_t outputs = s.oh * s.ow, inputs = s.h * s.w;
  parallel_for(s.planes, 1 + 16384 / (inputs + 1), [&](index_t begin, index_t end) {
    for (index_t plane = begin; plane < end; ++plane) {
      T* to = dx + plane * inputs;
      std::fill(to, to + inputs, T(0.f));
      for (index_t o = plane * outputs; o < (plane + 1) * outputs; ++o)
        if (index[o] >= 0)
          to[index[o]] = static_cast<T>(static_cast<compute_t<T>>(to[index[o]]) + static_cast<compute_t<T>>(dy[o]));
    }
  });
}

template <class T>
void max_pool2d_pick(const Pool2dShape& s, const T* x, const index_t* index, T* y) {
  const index_t outputs = s.oh * s.ow, inputs = s.h * s.w;
  parallel_for(s.planes, 1 + 16384 / (outputs + 1), [&](index_t begin, index_t end) {
    for (index_t o = begin * outputs; o < end * outputs; ++o)
      y[o] = index[o] < 0 ? T(0.f) : x[o / outputs * inputs + index[o]];
  });
}

inline index_t pool_divisor(AverageCount count, PoolWindow rows, PoolWindow columns) {
  if (count.divisor != 0) return count.divisor;
  if (count.include_pad) return rows.size * columns.size;
  return (rows.last - rows.first) * (columns.last - columns.first);
}

template <class T>
void avg_pool2d(const Pool2dShape& s, AverageCount count, const T* x, T* y) {
  using C = compute_t<T>;
  if constexpr (std::is_floating_point_v<T>)
    if (s.ow == 1 && s.adaptive)  // whole rows, which lie one after another
      return for_each_window(s, [&](index_t plane, index_t o, PoolWindow rows, PoolWindow columns) {
        const T sum = LIMN_CALL_ISA(sum_of_run<T>, (rows.last - rows.first) * s.w, x + plane + rows.first * s.w);
        y[o] = sum / static_cast<T>(pool_divisor(count, rows, columns));
      });
  for_each_window(s, [&](index_t plane, index_t o, PoolWindow rows, PoolWindow columns) {
    C sum{};
    for (index_t i = rows.first; i < rows.last; ++i)
      for (index_t j = columns.first; j < columns.last; ++j) sum += static_cast<C>(x[plane + i * s.w + j]);
    y[o] = static_cast<T>(sum / static_cast<C>(pool_divisor(count, rows, columns)));
  });
}

template <class T>
void avg_pool2d_backward(const Pool2dShape& s, AverageCount count, const T* dy, T* dx) {
  using C = compute_t<T>;
  if (s.oh == 1 && s.ow == 1 && s.adaptive)  // every element of a plane has the same share
    return for_each_window(s, [&](index_t plane, index_t o, PoolWindow rows, PoolWindow columns) {
      const auto divisor = static_cast<C>(pool_divisor(count, rows, columns));
      std::fill_n(dx + plane, s.h * s.w, static_cast<T>(static_cast<C>(dy[o]) / divisor));
    });
  std::fill(dx, dx + s.planes * s.h * s.w, T(0.f));
  for_each_window(s, [&](index_t plane, index_t o, PoolWindow rows, PoolWindow columns) {
    const C share = static_cast<C>(dy[o]) / static_cast<C>(pool_divisor(count, rows, columns));
    for (index_t i = rows.first; i < rows.last; ++i)
      for (index_t j = columns.first; j < columns.last; ++j) {
        T& to = dx[plane + i * s.w + j];
        to = static_cast<T>(static_cast<C>(to) + share);
      }
  });
}

}  // namespace cpu

template <class T>
void max_pool2d(Device device, const Pool2dShape& s, const T* x, T* y, index_t* index) {
  dispatch_floating<T>(
      "max_pool2d", device, [&] { cpu::max_pool2d(s, x, y, index); }, [&](auto) { cuda::max_pool2d(s, x, y, index); });
}
template <class T>
void max_pool2d_backward(Device device, const Pool2dShape& s, const T* dy, const index_t* index, T* dx) {
  dispatch_floating<T>(
      "max_pool2d_backward", device, [&] { cpu::max_pool2d_backward(s, dy, index, dx); },
      [&](auto) { cuda::max_pool2d_backward(s, dy, index, dx); });
}
template <class T>
void max_pool2d_pick(Device device, const Pool2dShape& s, const T* x, const index_t* index, T* y) {
  dispatch_floating<T>(
      "max_pool2d_pick", device, [&] { cpu::max_pool2d_pick(s, x, index, y); },
      [&](auto) { cuda::max_pool2d_pick(s, x, index, y); });
}
template <class T>
void avg_pool2d(Device device, const Pool2dShape& s, AverageCount count, const T* x, T* y) {
  dispatch_floating<T>(
      "avg_pool2d", device, [&] { cpu::avg_pool2d(s, count, x, y); }, [&](auto) { cuda::avg_pool2d(s, count, x, y); });
}
template <class T>
void avg_pool2d_backward(Device device, const Pool2dShape& s, AverageCount count, const T* dy, T* dx) {
  dispatch_floating<T>(
      "avg_pool2d_backward", device, [&] { cpu::avg_pool2d_backward(s, count, dy, dx); },
      [&](auto) { cuda::avg_pool2d_backward(s, count, dy, dx); });
}

}  // namespace limn::inline LIMN_ABI::kernels
