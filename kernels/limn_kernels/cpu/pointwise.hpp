#pragma once
// The CPU body of pointwise.hpp: threads and the choice of instruction set; the loops are in pointwise.inl.

#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/pointwise.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

template <class T, class U>
U convert_to(T value) {
  if constexpr (is_half<T> || is_half<U>)
    return static_cast<U>(static_cast<compute_t<U>>(static_cast<compute_t<T>>(value)));
  else
    return static_cast<U>(value);
}

inline constexpr index_t pointwise_grain =
    16384;  // elements a chunk: long enough to pay for a thread, short enough to share

/// A walk over up to three operands; operand k of dimension d steps by strides[k][d].
template <index_t operands>
struct Walk {
  index_t rank = 0;
  index_t extents[8] = {};
  index_t strides[operands][8] = {};

  /// Adds an inner dimension, merged with the one before where one stride can walk both.
  void add(index_t extent, const index_t (&step)[operands]) {
    if (extent == 1) return;
    bool merge = rank > 0;
    for (index_t k = 0; k < operands && merge; ++k) merge = strides[k][rank - 1] == step[k] * extent;
    if (!merge) ++rank;
    for (index_t k = 0; k < operands; ++k) strides[k][rank - 1] = step[k];
    extents[rank - 1] = merge ? extents[rank - 1] * extent : extent;
  }
  void finish() {
    if (rank > 0) return;
    rank = 1;
    extents[0] = 1;
  }
  [[nodiscard]] index_t rows() const {
    index_t product = 1;
    for (index_t i = 0; i + 1 < rank; ++i) product *= extents[i];
    return product;
  }
  [[nodiscard]] index_t row_length() const { return extents[rank - 1]; }
  [[nodiscard]] index_t row_step(index_t k) const { return strides[k][rank - 1]; }
};

/// The offsets of the operands at consecutive rows of a walk.
template <index_t operands>
struct RowCursor {
  const Walk<operands>& walk;
  index_t position[8] = {};
  index_t offset[operands] = {};

  RowCursor(const Walk<operands>& w, index_t row) : walk(w) {
    for (index_t d = walk.rank - 2; d >= 0; --d) {
      position[d] = row % walk.extents[d];
      row /= walk.extents[d];
      for (index_t k = 0; k < operands; ++k) offset[k] += position[d] * walk.strides[k][d];
    }
  }
  void next() {
    for (index_t d = walk.rank - 2; d >= 0; --d) {
      for (index_t k = 0; k < operands; ++k) offset[k] += walk.strides[k][d];
      if (++position[d] < walk.extents[d]) return;
      for (index_t k = 0; k < operands; ++k) offset[k] -= position[d] * walk.strides[k][d];
      position[d] = 0;
    }
  }
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/pointwise.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

template <class F, class T, class R>
void unary(index_t n, const T* x, R* y, const F& f) {
  parallel_for(n, pointwise_grain,
               [&](index_t begin, index_t end) { LIMN_CALL_ISA(unary_block, f, end - begin, x + begin, y + begin); });
}

template <class F, class T, class R>
void binary(const BroadcastShape& s, const T* a, const T* b, R* y, const F& f) {
  if (s.numel() == 0) return;
  Walk<2> walk;
  for (index_t i = 0; i < s.rank; ++i) walk.add(s.extents[i], {s.a[i], s.b[i]});
  walk.finish();
  const index_t length = walk.row_length(), rows = walk.rows();
  if (rows == 1) {  // one long row: shared out by elements
    const index_t step_a = walk.row_step(0), step_b = walk.row_step(1);
    parallel_for(length, pointwise_grain, [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(binary_row, f, end - begin, a + begin * step_a, step_a, b + begin * step_b, step_b, y + begin);
    });
    return;
  }
  parallel_for(rows, 1 + pointwise_grain / length,
               [&](index_t begin, index_t end) { LIMN_CALL_ISA(binary_rows, f, walk, begin, end, a, b, y); });
}

template <class T>
void select(const SelectShape& s, const bool* condition, const T* a, const T* b, T* y) {
  Walk<3> walk;
  for (index_t i = 0; i < s.rank; ++i) {
    if (s.extents[i] == 0) return;
    walk.add(s.extents[i], {s.condition[i], s.a[i], s.b[i]});
  }
  walk.finish();
  const index_t length = walk.row_length(), rows = walk.rows();
  if (rows == 1)  // one long row: shared out by elements
    return parallel_for(length, pointwise_grain, [&](index_t begin, index_t end) {
      const index_t step_c = walk.row_step(0), step_a = walk.row_step(1), step_b = walk.row_step(2);
      LIMN_CALL_ISA(select_row<T>, end - begin, condition + begin * step_c, step_c, a + begin * step_a, step_a,
                    b + begin * step_b, step_b, y + begin);
    });
  parallel_for(rows, 1 + pointwise_grain / length, [&](index_t begin, index_t end) {
    RowCursor<3> cursor(walk, begin);
    for (index_t row = begin; row < end; ++row, cursor.next()) {
      LIMN_CALL_ISA(select_row<T>, length, condition + cursor.offset[0], walk.row_step(0), a + cursor.offset[1],
                    walk.row_step(1), b + cursor.offset[2], walk.row_step(2), y + row * length);
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
