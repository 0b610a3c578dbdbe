#pragma once
// The CPU body of copy.hpp.

#include <cstring>
#include <type_traits>

#include <limn_kernels/copy.hpp>
#include <limn_kernels/half.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/copy.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// Calls row(contiguous offset, strided offset) for each run along the last dimension, in row-major order of rows
/// [first, last).
template <class Row>
void for_each_row(const StridedShape& s, index_t first, index_t last, Row&& row) {
  const index_t outer_rank = s.rank - 1, length = s.extents[outer_rank];
  index_t position[8] = {}, offset = 0, rest = first;
  for (index_t d = outer_rank - 1; d >= 0; --d) {
    position[d] = rest % s.extents[d];
    rest /= s.extents[d];
    offset += position[d] * s.strides[d];
  }
  for (index_t r = first; r < last; ++r) {
    row(r * length, offset);
    for (index_t d = outer_rank - 1; d >= 0; --d) {
      offset += s.strides[d];
      if (++position[d] < s.extents[d]) break;
      offset -= position[d] * s.strides[d];
      position[d] = 0;
    }
  }
}

template <class Row>
void for_each_row_parallel(const StridedShape& s, Row&& row) {
  const index_t length = s.extents[s.rank - 1];
  if (s.numel() == 0) return;
  const index_t rows = s.numel() / length, grain = 1 + 16384 / length;
  parallel_for(rows, grain, [&](index_t begin, index_t end) { for_each_row(s, begin, end, row); });
}

template <class U, class T>
U convert(T value) {
  if constexpr (is_half<T> || is_half<U>)
    return static_cast<U>(static_cast<compute_t<U>>(static_cast<compute_t<T>>(value)));
  else
    return static_cast<U>(value);
}

/// count elements, from_step apart, converted and put to_step apart.
template <class T, class U>
void copy_row(index_t count, const T* from, index_t from_step, U* to, index_t to_step) {
  if constexpr (std::is_same_v<T, U>)
    if (from_step == 1 && to_step == 1) {
      std::memcpy(static_cast<void*>(to), from, static_cast<std::size_t>(count) * sizeof(T));
      return;
    }
  if (from_step == -1 && to_step == 1)  // a loop of its own: it becomes one of vectors
    for (index_t i = 0; i < count; ++i) to[i] = convert<U>(from[-i]);
  else
    for (index_t i = 0; i < count; ++i) to[i * to_step] = convert<U>(from[i * from_step]);
}

/// The side of a square of elements that fill lines of a cache both ways.
template <class T, class U>
inline constexpr index_t turned_side = 64 / static_cast<index_t>(sizeof(T) < sizeof(U) ? sizeof(T) : sizeof(U));

/// y[i * y_row + j] = x[j * x_row + i] for i < high, j < wide, at most turned_side: by way of a square, so that each
/// line is touched once, however many of them fall on the same place of a cache.
template <class T, class U>
void copy_turned(index_t high, index_t wide, const T* x, index_t x_row, U* y, index_t y_row) {
  constexpr index_t side = turned_side<T, U>;
  U square[side * side];
  if (high == side && wide == side) {
    for (index_t j = 0; j < side; ++j)
      for (index_t i = 0; i < side; ++i) square[i * side + j] = convert<U>(x[j * x_row + i]);
    for (index_t i = 0; i < side; ++i)
      std::memcpy(static_cast<void*>(y + i * y_row), square + i * side, side * sizeof(U));
    return;
  }
  for (index_t j = 0; j < wide; ++j)
    for (index_t i = 0; i < high; ++i) square[i * side + j] = convert<U>(x[j * x_row + i]);
  for (index_t i = 0; i < high; ++i)
    std::memcpy(static_cast<void*>(y + i * y_row), square + i * side, static_cast<std::size_t>(wide) * sizeof(U));
}

template <class T, class U>
void gather_strided(const StridedShape& shape, const T* x, U* y) {
  const StridedShape s = collapse(shape);
  const index_t last = s.rank - 1, length = s.extents[last], step = s.strides[last], turned = turned_dimension(s);
  if (turned < 0)
    return for_each_row_parallel(s, [&](index_t to, index_t from) { copy_row(length, x + from, step, y + to, 1); });

  // One task: a band of that dimension, all of the last one. The walk is over what remains, and the bands. What no
  // cache holds is read in longer pieces.
  constexpr index_t side = turned_side<T, U>, from_memory = index_t{1} << 22;
  const index_t band = s.numel() < from_memory ? side : 4 * side;
  index_t apart = length;  // of neighbours along that dimension, in y
  for (index_t d = turned + 1; d < last; ++d) apart *= s.extents[d];
  const index_t high = s.extents[turned], bands = (high + band - 1) / band, tasks = s.numel() / (high * length) * bands;
  parallel_for(tasks, 1 + 16384 / (band * length), [&](index_t begin, index_t end) {
    for (index_t task = begin; task < end; ++task) {
      index_t rest = task / bands, from = 0, to = 0, scale = length;
      for (index_t d = last - 1; d >= 0; scale *= s.extents[d--]) {
        if (d == turned) continue;
        from += rest % s.extents[d] * s.strides[d];
        to += rest % s.extents[d] * scale;
        rest /= s.extents[d];
      }
      const index_t first = task % bands * band, rows = high - first < band ? high - first : band;
      const T* of_band = x + from + first;
      U* to_band = y + to + first * apart;
      if constexpr (std::is_same_v<T, U> && (std::is_same_v<T, float> || std::is_same_v<T, double>))
        LIMN_CALL_ISA(copy_turned<T>, rows, length, of_band, step, to_band, apart);
      else
        for (index_t i = 0; i < rows; i += side)
          for (index_t j = 0; j < length; j += side)
            copy_turned(rows - i < side ? rows - i : side, length - j < side ? length - j : side,
                        of_band + i + j * step, step, to_band + i * apart + j, apart);
    }
  });
}

template <class T, class U>
void scatter_strided(const StridedShape& shape, const T* x, U* y) {
  const StridedShape s = collapse(shape);
  const index_t length = s.extents[s.rank - 1], step = s.strides[s.rank - 1];
  for_each_row_parallel(s, [&](index_t from, index_t to) { copy_row(length, x + from, 1, y + to, step); });
}

}  // namespace cpu

template <class T, class U>
void gather_strided(Device device, const StridedShape& s, const T* x, U* y) {
  const auto on_cpu = [&] { cpu::gather_strided(s, x, y); };
  if constexpr (detail::copies_on_gpu<T, U>)
    dispatch("gather_strided", device, on_cpu, [&](auto) {
      cuda::gather_strided(s, reinterpret_cast<const detail::copied_t<T, U>*>(x),
                           reinterpret_cast<detail::copied_t<U, T>*>(y));
    });
  else
    dispatch_cpu("gather_strided", device, on_cpu);
}
template <class T, class U>
void scatter_strided(Device device, const StridedShape& s, const T* x, U* y) {
  const auto on_cpu = [&] { cpu::scatter_strided(s, x, y); };
  if constexpr (detail::copies_on_gpu<T, U>)
    dispatch("scatter_strided", device, on_cpu, [&](auto) {
      cuda::scatter_strided(s, reinterpret_cast<const detail::copied_t<T, U>*>(x),
                            reinterpret_cast<detail::copied_t<U, T>*>(y));
    });
  else
    dispatch_cpu("scatter_strided", device, on_cpu);
}

}  // namespace limn::inline LIMN_ABI::kernels
