// The product with recurrent weights that every step of a backward walk needs, and sums over rows.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// y [rows, n] += a [rows, k] * one panel of w, of which `columns` columns exist.
template <class T>
struct AccumulateTile {
  index_t columns, k;
  const T *a, *panel, *ahead;
  T* y;
  index_t ldy;

  template <index_t R>
  LIMN_INLINE void run(index_t row, index_t part) const {
    const T* source[R];
    Vec<T> sum[R][4];
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      source[r] = a + (row + r) * k;
#pragma GCC unroll 8
      for (index_t g = 0; g < 4; ++g) sum[r][g] = Vec<T>{};
    }
    multiply_panel<T, R, 4>(k, source, 1, panel, panel_columns<T>, ahead + part % 4 * lanes<T>, sum);
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (index_t g = 0; g < 4; ++g) {
        const index_t left = columns - g * lanes<T>, count = left < lanes<T> ? left : lanes<T>;
        if (count <= 0) break;
        T* target = y + (row + r) * ldy + g * lanes<T>;
        store_n<T>(target, load_n<T>(target, count) + sum[r][g], count);
      }
  }
};

/// y [rows, n] += a [rows, k] * w [k, n] for panels [first, last) of w.
template <class T>
void accumulate_panels(index_t rows, index_t n, index_t k, const T* a, const T* panels, T* y, index_t first,
                       index_t last) {
  for (index_t block = first; block < last; ++block) {
    const T* panel = panels + block * k * panel_columns<T>;
    const index_t at = block * panel_columns<T>, left = n - at;
    const T* ahead = block + 1 < last ? panel + k * panel_columns<T> : panel;
    for_each_tile(rows,
                  AccumulateTile<T>{left < panel_columns<T> ? left : panel_columns<T>, k, a, panel, ahead, y + at, n});
  }
}

/// y[j] = sum of x[i][j] over i, in order of i, for columns [first, last) of x [rows, columns].
template <class T>
void column_sums(index_t rows, index_t columns, const T* x, T* y, index_t first, index_t last) {
  for (index_t j = first; j < last; j += 4 * lanes<T>) {
    Vec<T> sum[4] = {};
    const index_t left = last - j;
    if (left >= 4 * lanes<T>) {
      for (index_t i = 0; i < rows; ++i)
#pragma GCC unroll 4
        for (index_t g = 0; g < 4; ++g) sum[g] += load<T>(x + i * columns + j + g * lanes<T>);
#pragma GCC unroll 4
      for (index_t g = 0; g < 4; ++g) store<T>(y + j + g * lanes<T>, sum[g]);
      continue;
    }
    for (index_t g = 0; g * lanes<T> < left; ++g) {
      const index_t n = left - g * lanes<T> < lanes<T> ? left - g * lanes<T> : lanes<T>;
      for (index_t i = 0; i < rows; ++i) sum[g] += load_n<T>(x + i * columns + j + g * lanes<T>, n);
      store_n<T>(y + j + g * lanes<T>, sum[g], n);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
