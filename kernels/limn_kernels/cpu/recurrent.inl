// Products with recurrent weights, packed or, where rows are few, as they are stored; and sums over rows.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// y [rows, n] += a [rows, k] * one panel of w, of which `columns` columns exist.
template <class T>
struct AccumulateTile {
  index_t columns, k, lda;
  const T *a, *panel;
  T* y;
  index_t ldy;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    const T* source[R];
    Vec<T> sum[R][4];
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      source[r] = a + (row + r) * lda;
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

/// y [rows, n] += a [rows, k] * w [k, n] for panels [first, last) of w; rows of a are lda apart.
template <class T>
void accumulate_panels(index_t rows, index_t n, index_t k, const T* a, index_t lda, const T* panels, T* y,
                       index_t first, index_t last) {
  for (index_t block = first; block < last; ++block) {
    const T* panel = panels + block * k * panel_columns<T>;
    const index_t at = block * panel_columns<T>, left = n - at;
    for_each_tile(rows,
                  AccumulateTile<T>{left < panel_columns<T> ? left : panel_columns<T>, k, lda, a, panel, y + at, n});
  }
}

/// sum[r][g] = bias[g bias_step ...] + row r of x * the part of a gate panel that belongs to w_ih.
template <class T, index_t R, index_t G>
LIMN_INLINE void start_sums(const T* x, index_t input, const T* bias, index_t bias_step, index_t n, const T* panel,
                            Vec<T> (&sum)[R][G]) {
  const T* source[R];
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) source[r] = x + r * input;
#pragma GCC unroll 8
  for (index_t g = 0; g < G; ++g) {
    const Vec<T> start = load_n<T>(bias + g * bias_step, n);
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) sum[r][g] = start;
  }
  multiply_panel<T, R, G>(input, source, 1, panel, G * lanes<T>, sum);
}

/// Input products of any rows in the units [unit, unit + n) of G gates.
template <class T, index_t G>
struct InputTile {
  index_t hidden, input, unit, n;
  const T *x, *panel, *bias;
  T* y;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    Vec<T> sum[R][G];
    start_sums<T, R, G>(x + row * input, input, bias + unit, hidden, n, panel, sum);
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (index_t g = 0; g < G; ++g) store_n<T>(y + ((row + r) * G + g) * hidden + unit, sum[r][g], n);
  }
};

/// y [rows, gates hidden] = bias [gates hidden] + x [rows, input] w_ih^T for unit blocks [first, last) of gate panels.
template <class T>
void input_panels(index_t gates, index_t rows, index_t hidden, index_t input, index_t state, const T* x,
                  const T* panels, const T* bias, T* y, index_t first, index_t last) {
  for (index_t block = first; block < last; ++block) {
    const index_t unit = block * lanes<T>, n = hidden - unit < lanes<T> ? hidden - unit : lanes<T>;
    const T* panel = panels + block * (input + state) * gates * lanes<T>;
    if (gates == 4)
      for_each_tile(rows, InputTile<T, 4>{hidden, input, unit, n, x, panel, bias, y});
    else
      for_each_tile(rows, InputTile<T, 3>{hidden, input, unit, n, x, panel, bias, y});
  }
}

/// Lane j: x . row j of w, of k elements each; beyond the n rows of w the last one again. Row after row: one stream of
/// memory is what the processor follows best.
template <class T>
LIMN_INLINE Vec<T> dot_rows(index_t n, index_t k, const T* w, const T* x) {
  constexpr index_t ahead = 2048 / static_cast<index_t>(sizeof(T));
  Vec<T> row[lanes<T>];
#pragma GCC unroll 16
  for (index_t j = 0; j < lanes<T>; ++j) {
    const T* from = w + (j < n ? j : n - 1) * k;
    Vec<T> sum[4] = {};
    index_t p = 0;
    for (; p + 4 * lanes<T> <= k; p += 4 * lanes<T>)
#pragma GCC unroll 4
      for (index_t i = 0; i < 4; ++i) {
        __builtin_prefetch(from + p + i * lanes<T> + ahead);
        sum[i] += load<T>(x + p + i * lanes<T>) * load<T>(from + p + i * lanes<T>);
      }
    for (; p < k; p += lanes<T>) {
      const index_t count = k - p < lanes<T> ? k - p : lanes<T>;
      sum[0] += load_n<T>(x + p, count) * load_n<T>(from + p, count);
    }
    row[j] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
  return reduce_block<T>(row);
}

/// y [batch, gates hidden] += x [batch, k] w^T in the units [first, last) of every gate, w [gates hidden, k] as it is
/// stored and read once, from the last row to the first when `back`.
template <class T>
void stream_units(index_t batch, index_t gates, index_t hidden, index_t k, const T* w, const T* x, T* y, bool back,
                  index_t first, index_t last) {
  const index_t blocks = (last - first + lanes<T> - 1) / lanes<T>;
  for (index_t i = 0; i < gates * blocks; ++i) {
    const index_t at = back ? gates * blocks - 1 - i : i, unit = first + at % blocks * lanes<T>;
    const index_t n = last - unit < lanes<T> ? last - unit : lanes<T>, row = at / blocks * hidden + unit;
    if (batch == 1)
      store_n<T>(y + row, load_n<T>(y + row, n) + dot_rows<T>(n, k, w + row * k, x), n);
    else
      gemm_dot<T>(batch, n, k, T(1), x, k, w + row * k, k, gates * hidden * k >= gemm_from_memory, T(1), y + row,
                  gates * hidden, 1);
  }
}

/// Columns of a tile of stream_columns: with R rows their sums stay in registers.
template <index_t R>
inline constexpr index_t stream_vectors = LIMN_VECTOR_BYTES == 64 ? (R == 1   ? 16
                                                                     : R <= 3 ? 8
                                                                              : 4)
                                          : R == 1                ? 8
                                                                  : 4;

/// y [rows, columns] += a [rows, k] w [k, columns] for few rows and w as it is stored, ldw apart: it is read once, from
/// the last row to the first when `back`.
template <class T>
struct StreamColumns {
  index_t k, lda, columns, ldw, ldy;
  const T *a, *w;
  T* y;
  bool back;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    tiles<R, stream_vectors<R>>(row, 0);
  }

  /// The columns from j on, as many as can in tiles of V vectors.
  template <index_t R, index_t V>
  LIMN_INLINE void tiles(index_t row, index_t j) const {
    if constexpr (V == 1) {
      for (; j < columns; j += lanes<T>) tile<R, 1>(row, j, columns - j < lanes<T> ? columns - j : lanes<T>);
    } else {
      for (; j + V * lanes<T> <= columns; j += V * lanes<T>) tile<R, V>(row, j, lanes<T>);
      tiles<R, V / 2>(row, j);
    }
  }

  /// V vectors of columns, the last of n elements.
  template <index_t R, index_t V>
  LIMN_INLINE void tile(index_t row, index_t column, index_t n) const {
    const T* source = a + row * lda;
    Vec<T> sum[R][V];
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (index_t v = 0; v < V; ++v) sum[r][v] = Vec<T>{};
    const index_t step = back ? -1 : 1;
    index_t p = back ? k - 1 : 0;
    for (index_t i = 0; i < k; ++i, p += step) {
      const T* from = w + p * ldw + column;
      Vec<T> value[R];
#pragma GCC unroll 8
      for (index_t r = 0; r < R; ++r) value[r] = broadcast<T>(source[r * lda + p]);
#pragma GCC unroll 16
      for (index_t v = 0; v < V; ++v) {
        __builtin_prefetch(from + 4 * step * ldw + v * lanes<T>);
        Vec<T> weight = load_n<T>(from + v * lanes<T>, n);
        if constexpr (R > 1) weight = in_register<T>(weight);  // or it would be loaded for each row
#pragma GCC unroll 8
        for (index_t r = 0; r < R; ++r) sum[r][v] += value[r] * weight;
      }
    }
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (index_t v = 0; v < V; ++v) {
        T* to = y + (row + r) * ldy + column + v * lanes<T>;
        store_n<T>(to, load_n<T>(to, n) + sum[r][v], n);
      }
  }
};
template <class T>
void stream_columns(index_t rows, const StreamColumns<T>& s) {
  for_each_tile(rows, s);
}

/// y[i] = the sum of x[i ldx ...] over k elements, added to y[i] if `adds`.
template <class T>
void row_sums(index_t rows, index_t k, const T* x, index_t ldx, bool adds, T* y) {
  for (index_t i = 0; i < rows; ++i, x += ldx) {
    Vec<T> sum[4] = {};
    index_t p = 0;
    for (; p + 4 * lanes<T> <= k; p += 4 * lanes<T>)
#pragma GCC unroll 4
      for (index_t v = 0; v < 4; ++v) sum[v] += load<T>(x + p + v * lanes<T>);
    for (; p < k; p += lanes<T>) sum[0] += load_n<T>(x + p, k - p < lanes<T> ? k - p : lanes<T>);
    const T total = reduce_add<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
    y[i] = adds ? y[i] + total : total;
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
