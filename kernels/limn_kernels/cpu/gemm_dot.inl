// Products of few rows with many, for one instruction set: the many rows are read once, as they lie, at the speed of
// memory.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// How `Rows` rows of a pass by rows of b: so many of these at a time, so many vectors of each. Caches give long pieces
/// of four rows faster than short ones of sixteen, memory eight streams faster than four. A tile has as many groups of
/// `columns` as its sums have lanes for.
template <index_t Rows, bool FromMemory, class T>
struct GemmDotTile {
  static constexpr index_t streams = FromMemory ? 8 : 4, most = lanes<T> / Rows,
                           columns = most < streams ? most : streams, groups = most / columns,
                           fit = (registers == 32 ? 24 : 8) / (Rows * columns),
                           vectors = fit >= 4   ? 4
                                     : fit >= 2 ? 2
                                                : 1;
};

/// sum[i][j][v] += row i of a . row j of b in the v-th vector from p on, of `count` elements in all.
template <bool Whole, index_t Rows, index_t Columns, index_t Vectors, index_t Sums, class T>
LIMN_INLINE void gemm_dot_step(const T* const (&a)[Rows], const T* const (&b)[Columns], index_t p, index_t count,
                               Vec<T> (&sum)[Rows][Columns][Sums]) {
  Vec<T> x[Rows][Vectors];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
    const T* from = a[i] + p + v * lanes<T>;
    x[i][v] = in_register<T>(Whole ? load<T>(from) : load_first<T>(from, count));
  }
  LIMN_UNROLLED for (index_t j = 0; j < Columns; ++j) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
    // In a register: as an operand of every product it would be loaded for every row of a.
    const T* from = b[j] + p + v * lanes<T>;
    const Vec<T> y = in_register<T>(Whole ? load<T>(from) : load_first<T>(from, count));
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) sum[i][j][v] += x[i][v] * y;
  }
}

/// c(i, j) = alpha (row i of a . row j of b) + beta c(i, j) with c(i, j) = c[i * c_row + j * c_column], for Rows
/// rows of a and `columns` rows of b, of k elements each. There are as many sums as lanes: one reduction for all.
template <index_t Rows, bool FromMemory, class T>
void gemm_dot_tile(index_t columns, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
                   index_t c_row, index_t c_column) {
  using Tile = GemmDotTile<Rows, FromMemory, T>;
  constexpr index_t wide = Tile::columns, vectors = Tile::vectors, most = Tile::groups * wide;
  // What comes from memory is asked for, into the second-level cache: the first has room for rows of a.
  const index_t ahead = 16 * ldb;
  const T* left[Rows];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) left[i] = a + i * lda;
  Vec<T> sum[lanes<T>] = {};
  for (index_t group = 0; group < most; group += wide) {
    const T* right[wide];  // beyond the last row: the last one again
    LIMN_UNROLLED for (index_t j = 0; j < wide; ++j) right[j] =
        b + (group + j < columns ? group + j : columns - 1) * ldb;
    Vec<T> part[Rows][wide][vectors] = {};
    index_t p = 0;
    for (; p + vectors * lanes<T> <= k; p += vectors * lanes<T>) {
      if constexpr (FromMemory)
        LIMN_UNROLLED for (index_t j = 0; j < wide; ++j) LIMN_UNROLLED for (index_t v = 0; v < vectors; ++v)
            __builtin_prefetch(right[j] + p + v * lanes<T> + ahead, 0, 2);
      gemm_dot_step<true, Rows, wide, vectors>(left, right, p, vectors * lanes<T>, part);
    }
    for (; vectors > 1 && p + lanes<T> <= k; p += lanes<T>)
      gemm_dot_step<true, Rows, wide, 1>(left, right, p, lanes<T>, part);
    if (p < k) gemm_dot_step<false, Rows, wide, 1>(left, right, p, k - p, part);
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t j = 0; j < wide; ++j) {
      LIMN_UNROLLED for (index_t v = 1; v < vectors; ++v) part[i][j][0] += part[i][j][v];
      sum[i * most + group + j] = part[i][j][0];
    }
  }
  alignas(LIMN_VECTOR_BYTES) T total[lanes<T>];
  store<T>(total, broadcast<T>(alpha) * reduce_block<T>(sum));
  for (index_t i = 0; i < Rows; ++i)
    for (index_t j = 0; j < columns; ++j) {
      T& y = c[i * c_row + j * c_column];
      y = beta == T(0) ? total[i * most + j] : total[i * most + j] + beta * y;
    }
}

/// The same for any number of rows of b.
template <index_t Rows, bool FromMemory, class T>
void gemm_dot_tiles(index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
                    index_t c_row, index_t c_column) {
  using Tile = GemmDotTile<Rows, FromMemory, T>;
  constexpr index_t columns = Tile::groups * Tile::columns;
  for (index_t j = 0; j < n; j += columns)
    gemm_dot_tile<Rows, FromMemory, T>(n - j < columns ? n - j : columns, k, alpha, a, lda, b + j * ldb, ldb, beta,
                                       c + j * c_column, c_row, c_column);
}
template <index_t Rows, class T>
void gemm_dot_rows(index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, bool from_memory,
                   T beta, T* c, index_t c_row, index_t c_column) {
  if (from_memory)
    gemm_dot_tiles<Rows, true, T>(n, k, alpha, a, lda, b, ldb, beta, c, c_row, c_column);
  else
    gemm_dot_tiles<Rows, false, T>(n, k, alpha, a, lda, b, ldb, beta, c, c_row, c_column);
}

/// The same for any number of rows and any k: four of them, whose part of one block of k stays in the first-level
/// cache, go over the n rows, then the next; five are three and two, and no pass is much shorter than another. Where
/// they are more, they go over some of the n that stay in the second. from_memory: b is larger than the caches.
template <class T>
void gemm_dot(index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb,
              bool from_memory, T beta, T* c, index_t c_row, index_t c_column) {
  constexpr index_t most = lanes<T> < 4 ? lanes<T> : 4;
  const index_t depth = m == 1 ? k : m == 2 ? 2 * gemm_dot_depth : gemm_dot_depth, some = m <= most ? n : 64;
  for (index_t from = 0; from < k; from += depth)
    for (index_t j = 0; j < n; j += some)
      for (index_t i = 0, rows = 0; i < m; i += rows) {
        const index_t parts = (m - i + most - 1) / most;
        rows = (m - i + parts - 1) / parts;
        const index_t columns = n - j < some ? n - j : some, deep = k - from < depth ? k - from : depth;
        const T *left = a + i * lda + from, *right = b + j * ldb + from;
        const T old = from == 0 ? beta : T(1);
        T* to = c + i * c_row + j * c_column;
        if (rows == 1)
          gemm_dot_rows<1, T>(columns, deep, alpha, left, lda, right, ldb, from_memory, old, to, c_row, c_column);
        else if (rows == 2)
          gemm_dot_rows<2, T>(columns, deep, alpha, left, lda, right, ldb, from_memory, old, to, c_row, c_column);
        else if constexpr (most == 4)
          rows == 3
              ? gemm_dot_rows<3, T>(columns, deep, alpha, left, lda, right, ldb, from_memory, old, to, c_row, c_column)
              : gemm_dot_rows<4, T>(columns, deep, alpha, left, lda, right, ldb, from_memory, old, to, c_row, c_column);
      }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
