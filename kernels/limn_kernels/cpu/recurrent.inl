// The product with recurrent weights that every step of a backward walk needs, and sums over rows.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// y [rows, n] += a [rows, k] * one panel of w, of which `columns` columns exist.
template <class T>
struct AccumulateTile {
  index_t columns, k;
  const T *a, *panel;
  T* y;
  index_t ldy;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    const T* source[R];
    Vec<T> sum[R][4];
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      source[r] = a + (row + r) * k;
#pragma GCC unroll 8
      for (index_t g = 0; g < 4; ++g) sum[r][g] = Vec<T>{};
    }
    multiply_panel<T, R, 4>(k, source, 1, panel, panel_columns<T>, sum);
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
    for_each_tile(rows, AccumulateTile<T>{left < panel_columns<T> ? left : panel_columns<T>, k, a, panel, y + at, n});
  }
}

/// The sums of the lanes of four vectors.
template <class T>
LIMN_INLINE void reduce_four(const Vec<T> (&v)[4], T (&sum)[4]) {
  if constexpr (lanes<T> < 4) {
    for (index_t i = 0; i < 4; ++i) sum[i] = reduce_add<T>(v[i]);
  } else {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
    const Vec<T> even = interleave_low(v[0], v[2], all) + interleave_high(v[0], v[2], all);
    const Vec<T> odd = interleave_low(v[1], v[3], all) + interleave_high(v[1], v[3], all);
    Vec<T> four = interleave_low(even, odd, all) + interleave_high(even, odd, all);  // lane i belongs to v[i % 4]
    if constexpr (lanes<T> >= 16) four += exchanged<8>(four, all);
    if constexpr (lanes<T> >= 8) four += exchanged<4>(four, all);
    for (index_t i = 0; i < 4; ++i) sum[i] = four[i];
  }
}

/// y[r ldy + j] += w[j] . x[r ldx] over k elements, for J <= 4 rows j of w (which are read from beyond the caches:
/// once, and asked for ahead of time) and R rows of x.
template <class T, index_t J, index_t R>
LIMN_INLINE void stream_tile(index_t k, const T* w, const T* x, index_t ldx, T* y, index_t ldy) {
  constexpr index_t ahead = 8192 / static_cast<index_t>(sizeof(T));
  Vec<T> sum[R][4] = {};
  index_t p = 0;
  for (; p + lanes<T> <= k; p += lanes<T>) {
    Vec<T> row[J];
#pragma GCC unroll 4
    for (index_t j = 0; j < J; ++j) {
      __builtin_prefetch(w + j * k + p + ahead);
      row[j] = load<T>(w + j * k + p);
    }
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      const Vec<T> value = load<T>(x + r * ldx + p);
#pragma GCC unroll 4
      for (index_t j = 0; j < J; ++j) sum[r][j] += value * row[j];
    }
  }
  if (p < k)
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (index_t j = 0; j < J; ++j)
        sum[r][j] += load_first<T>(x + r * ldx + p, k - p) * load_first<T>(w + j * k + p, k - p);
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    T total[4];
    reduce_four<T>(sum[r], total);
    for (index_t j = 0; j < J; ++j) y[r * ldy + j] += total[j];
  }
}
/// n rows of w and parts of the rows of x.
template <class T>
struct StreamRows {
  index_t n, k;
  const T *w, *x;
  T* y;
  index_t ldy;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    index_t j = 0;
    for (; j + 4 <= n; j += 4) stream_tile<T, 4, R>(k, w + j * k, x + row * k, k, y + row * ldy + j, ldy);
    for (; j < n; ++j) stream_tile<T, 1, R>(k, w + j * k, x + row * k, k, y + row * ldy + j, ldy);
  }
};

/// y [batch, gates hidden] += x [batch, k] w^T in the units [first, last) of every gate, w [gates hidden, k] as it is
/// stored.
template <class T>
void stream_units(index_t batch, index_t gates, index_t hidden, index_t k, const T* w, const T* x, T* y, index_t first,
                  index_t last) {
  for (index_t gate = 0; gate < gates; ++gate) {
    const index_t row = gate * hidden + first;
    for_each_tile(batch, StreamRows<T>{last - first, k, w + row * k, x, y + row, gates * hidden});
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
