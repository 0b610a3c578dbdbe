// The product with recurrent weights that every step needs, a tile of rows at a time (see recurrent.hpp for the
// panels).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of a tile: as many as leave the accumulators (rows x 4 vectors) in registers.
inline constexpr index_t recurrent_rows = LIMN_VECTOR_BYTES == 64 ? 6 : 3;
/// Vectors of a panel when it serves accumulate_panels.
inline constexpr index_t plain_vectors = 4;

template <class T>
LIMN_INLINE Vec<T> load_n(const T* p, index_t n) {
  return n == lanes<T> ? load<T>(p) : load_first<T>(p, n);
}
template <class T>
LIMN_INLINE void store_n(T* p, Vec<T> v, index_t n) {
  if (n == lanes<T>) return store<T>(p, v);
  store_first<T>(p, v, n);
}

/// sum[r][g] += a[r][0..k) * panel[0..k)[g], in order of k.
template <class T, index_t R, index_t G>
LIMN_INLINE void multiply_panel(index_t k, const T* const (&a)[R], const T* panel, Vec<T> (&sum)[R][G]) {
  for (index_t p = 0; p < k; ++p) {
    Vec<T> w[G];
#pragma GCC unroll 8
    for (index_t g = 0; g < G; ++g) w[g] = load<T>(panel + g * lanes<T>);
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      const Vec<T> value = broadcast<T>(a[r][p]);
#pragma GCC unroll 8
      for (index_t g = 0; g < G; ++g) sum[r][g] += value * w[g];
    }
    panel += G * lanes<T>;
  }
}

/// y[row .. row + R) += a * panel for one panel of plain_vectors vectors, of which `n` columns exist.
template <class T, index_t R>
LIMN_INLINE void accumulate_tile(index_t row, index_t rows, index_t n, index_t k, const T* a, const T* panel, T* y,
                                 index_t ldy) {
  const T* source[R];
  Vec<T> sum[R][plain_vectors];
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    source[r] =
        a + (row + r < rows ? row + r : rows - 1) * k;  // rows past the end repeat the last one and are not stored
#pragma GCC unroll 8
    for (index_t g = 0; g < plain_vectors; ++g) sum[r][g] = Vec<T>{};
  }
  multiply_panel<T, R, plain_vectors>(k, source, panel, sum);
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    if (row + r >= rows) break;
#pragma GCC unroll 8
    for (index_t g = 0; g < plain_vectors; ++g) {
      const index_t left = n - g * lanes<T>, count = left < lanes<T> ? left : lanes<T>;
      if (count <= 0) break;
      T* target = y + (row + r) * ldy + g * lanes<T>;
      store_n<T>(target, load_n<T>(target, count) + sum[r][g], count);
    }
  }
}

/// y [rows, n] += a [rows, k] * w [k, n] for panels [first, last) of w.
template <class T>
void accumulate_panels(index_t rows, index_t n, index_t k, const T* a, const T* panels, T* y, index_t first,
                       index_t last) {
  constexpr index_t width = plain_vectors * lanes<T>;
  for (index_t block = first; block < last; ++block) {
    const T* panel = panels + block * k * width;
    T* target = y + block * width;
    const index_t columns = n - block * width < width ? n - block * width : width;
    if (rows == 1) {
      accumulate_tile<T, 1>(0, rows, columns, k, a, panel, target, n);
      continue;
    }
    for (index_t row = 0; row < rows; row += recurrent_rows)
      accumulate_tile<T, recurrent_rows>(row, rows, columns, k, a, panel, target, n);
  }
}

/// y[j] = sum of x[i][j] over i, in order of i, for columns [first, last) of x [rows, columns].
template <class T>
void column_sums(index_t rows, index_t columns, const T* x, T* y, index_t first, index_t last) {
  for (index_t j = first; j < last; j += lanes<T>) {
    const index_t n = last - j < lanes<T> ? last - j : lanes<T>;
    Vec<T> sum{};
    for (index_t i = 0; i < rows; ++i) sum += load_n<T>(x + i * columns + j, n);
    store_n<T>(y + j, sum, n);
  }
}

/// How wide the vectors are; for the caller that lays out panels.
template <class T>
index_t vector_lanes() {
  return lanes<T>;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
