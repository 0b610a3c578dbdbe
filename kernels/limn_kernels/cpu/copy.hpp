#pragma once
// The CPU body of copy.hpp.

#include <cstring>
#include <type_traits>

#include <limn_kernels/copy.hpp>
#include <limn_kernels/half.hpp>
#include <limn_kernels/parallel.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// Merges neighbouring dimensions that one stride can walk, and drops those of extent 1.
inline StridedShape collapse(const StridedShape& s) {
  StridedShape merged;
  for (index_t i = 0; i < s.rank; ++i) {
    if (s.extents[i] == 1) continue;
    const index_t last = merged.rank - 1;
    if (merged.rank > 0 && merged.strides[last] == s.strides[i] * s.extents[i]) {
      merged.extents[last] *= s.extents[i];
      merged.strides[last] = s.strides[i];
    } else {
      merged.extents[merged.rank] = s.extents[i];
      merged.strides[merged.rank] = s.strides[i];
      ++merged.rank;
    }
  }
  if (merged.rank == 0) {
    merged.rank = 1;
    merged.extents[0] = 1;
    merged.strides[0] = 1;
  }
  return merged;
}

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

template <class T, class U>
void gather_strided(const StridedShape& shape, const T* x, U* y) {
  const StridedShape s = collapse(shape);
  const index_t length = s.extents[s.rank - 1], step = s.strides[s.rank - 1];
  for_each_row_parallel(s, [&](index_t to, index_t from) {
    const T* source = x + from;
    U* target = y + to;
    if constexpr (std::is_same_v<T, U>) {
      if (step == 1) {
        std::memcpy(static_cast<void*>(target), source, static_cast<std::size_t>(length) * sizeof(T));
        return;
      }
    }
    for (index_t i = 0; i < length; ++i) target[i] = convert<U>(source[i * step]);
  });
}

template <class T, class U>
void scatter_strided(const StridedShape& shape, const T* x, U* y) {
  const StridedShape s = collapse(shape);
  const index_t length = s.extents[s.rank - 1], step = s.strides[s.rank - 1];
  for_each_row_parallel(s, [&](index_t from, index_t to) {
    for (index_t i = 0; i < length; ++i) y[to + i * step] = convert<U>(x[from + i]);
  });
}

}  // namespace cpu

template <class T, class U>
void gather_strided(Device device, const StridedShape& s, const T* x, U* y) {
  dispatch_cpu("gather_strided", device, [&] { cpu::gather_strided(s, x, y); });
}
template <class T, class U>
void scatter_strided(Device device, const StridedShape& s, const T* x, U* y) {
  dispatch_cpu("scatter_strided", device, [&] { cpu::scatter_strided(s, x, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels
