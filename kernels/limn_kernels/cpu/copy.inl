// Copies of what lies the other way round, for one instruction set: squares turned over in registers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// y[i * y_row + j] = x[j * x_row + i] for i < high, j < wide, at most as many as a vector has lanes.
template <class T>
LIMN_INLINE void copy_turned_part(index_t high, index_t wide, const T* x, index_t x_row, T* y, index_t y_row) {
  Vec<T> r[lanes<T>];
  LIMN_UNROLLED for (index_t q = 0; q < lanes<T>; ++q) r[q] = q < wide ? load_first<T>(x + q * x_row, high) : Vec<T>{};
  transpose_block<T>(r);
  LIMN_UNROLLED for (index_t q = 0; q < lanes<T>; ++q) if (q < high) store_first<T>(y + q * y_row, r[q], wide);
}
/// All of them.
template <class T>
LIMN_INLINE void copy_turned_whole(const T* x, index_t x_row, T* y, index_t y_row) {
  Vec<T> r[lanes<T>];
  LIMN_UNROLLED for (index_t q = 0; q < lanes<T>; ++q) r[q] = load<T>(x + q * x_row);
  transpose_block<T>(r);
  LIMN_UNROLLED for (index_t q = 0; q < lanes<T>; ++q) store<T>(y + q * y_row, r[q]);
}

/// A square whose sides are lines of a cache: each line is touched once, however many fall on the same place of it.
template <class T>
LIMN_INLINE void copy_turned_lines(const T* x, index_t x_row, T* y, index_t y_row) {
  constexpr index_t side = lanes<T>, line = 64 / static_cast<index_t>(sizeof(T));
  if constexpr (side == line) {
    copy_turned_whole<T>(x, x_row, y, y_row);
  } else {
    alignas(64) T square[line * line];
    for (index_t q = 0; q < line; q += side)
      for (index_t p = 0; p < line; p += side)
        copy_turned_whole<T>(x + q * x_row + p, x_row, square + p * line + q, line);
    for (index_t p = 0; p < line; ++p) std::memcpy(y + p * y_row, square + p * line, 64);
  }
}

/// Any numbers of them. Of a high band the next squares are asked for: some lines of each row of x, which are far
/// apart, come from memory together.
template <class T>
void copy_turned(index_t high, index_t wide, const T* x, index_t x_row, T* y, index_t y_row) {
  constexpr index_t side = lanes<T>, line = 64 / static_cast<index_t>(sizeof(T));
  const index_t whole_high = high / line * line, whole_wide = wide / line * line;
  for (index_t j = 0; j < whole_wide; j += line) {
    if (high > line && j + line < whole_wide)
      for (index_t q = 0; q < line; ++q)
        for (index_t i = 0; i < whole_high; i += line) __builtin_prefetch(x + (j + line + q) * x_row + i);
    for (index_t i = 0; i < whole_high; i += line)
      copy_turned_lines<T>(x + j * x_row + i, x_row, y + i * y_row + j, y_row);
  }
  // What is left below, and to the right of all of it.
  for (index_t j = 0; j < wide; j += side)
    for (index_t i = j < whole_wide ? whole_high : 0; i < high; i += side)
      copy_turned_part<T>(high - i < side ? high - i : side, wide - j < side ? wide - j : side, x + j * x_row + i,
                          x_row, y + i * y_row + j, y_row);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
