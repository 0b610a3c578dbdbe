// Products of few rows with many, for one instruction set: the many rows are read once, as they lie, at the speed of
// memory.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// c(i, j) = alpha (row i of a . row j of b) + beta c(i, j) with c(i, j) = c[i * c_row + j * c_column], for `rows` <=
/// Rows rows of a and `columns` rows of b, of k elements each. There are as many sums as lanes: one reduction for all.
template <index_t Rows, class T>
void gemm_dot_tile(index_t rows, index_t columns, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb,
                   T beta, T* c, index_t c_row, index_t c_column) {
  constexpr index_t most = lanes<T> / Rows;
  Vec<T> sum[lanes<T>];
  LIMN_UNROLLED for (index_t i = 0; i < lanes<T>; ++i) sum[i] = Vec<T>{};
  const T *left[Rows], *right[most];  // beyond the last row: the last one again
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) left[i] = a + (i < rows ? i : rows - 1) * lda;
  LIMN_UNROLLED for (index_t j = 0; j < most; ++j) right[j] = b + (j < columns ? j : columns - 1) * ldb;
  // The rows after these are asked for: into the first-level cache, but where they are two, soon passed, or would all
  // fall on the same lines of it, and these with them.
  const bool far = Rows == 8 || (Rows == 2 && ldb * static_cast<index_t>(sizeof(T)) % 4096 == 0);
  const index_t ahead = most * ldb;
  index_t p = 0;
  for (; p + lanes<T> <= k; p += lanes<T>) {
    Vec<T> y[most];
    LIMN_UNROLLED for (index_t j = 0; j < most; ++j) y[j] = load<T>(right[j] + p);
    if (far)
      LIMN_UNROLLED for (index_t j = 0; j < most; ++j) __builtin_prefetch(right[j] + p + 2 * ahead, 0, 2);
    else if (Rows > 1)
      LIMN_UNROLLED for (index_t j = 0; j < most; ++j) __builtin_prefetch(right[j] + p + ahead, 0, 3);
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
      const Vec<T> x = in_register<T>(load<T>(left[i] + p));
      LIMN_UNROLLED for (index_t j = 0; j < most; ++j) sum[i * most + j] += x * y[j];
    }
  }
  if (p < k) LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
      const Vec<T> x = load_first<T>(left[i] + p, k - p);
      LIMN_UNROLLED for (index_t j = 0; j < most; ++j) sum[i * most + j] += x * load_first<T>(right[j] + p, k - p);
    }
  alignas(LIMN_VECTOR_BYTES) T total[lanes<T>];
  store<T>(total, broadcast<T>(alpha) * reduce_block<T>(sum));
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < columns; ++j) {
      T& y = c[i * c_row + j * c_column];
      y = beta == T(0) ? total[i * most + j] : total[i * most + j] + beta * y;
    }
}

/// The same for m x n rows, in tiles of the height that fits m best.
template <index_t Rows, class T>
void gemm_dot_by(index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta,
                 T* c, index_t c_row, index_t c_column) {
  if constexpr (2 * Rows <= lanes<T> && Rows < 8)
    if (m > Rows) return gemm_dot_by<2 * Rows, T>(m, n, k, alpha, a, lda, b, ldb, beta, c, c_row, c_column);
  constexpr index_t columns = lanes<T> / Rows;
  for (index_t j = 0; j < n; j += columns)
    for (index_t i = 0; i < m; i += Rows)
      gemm_dot_tile<Rows, T>(m - i < Rows ? m - i : Rows, n - j < columns ? n - j : columns, k, alpha, a + i * lda, lda,
                             b + j * ldb, ldb, beta, c + i * c_row + j * c_column, c_row, c_column);
}

/// The same for any k: the m rows of one block of it stay in the first-level cache; 8 of them at a time, where they are
/// more, go over some of the n rows, that stay in the second.
template <class T>
void gemm_dot(index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
              index_t c_row, index_t c_column) {
  const index_t depth = m == 1   ? k
                        : m == 2 ? 4 * gemm_dot_depth
                        : m <= 4 ? 2 * gemm_dot_depth
                                 : gemm_dot_depth,
                some = m <= 8 ? n : 64;
  for (index_t from = 0; from < k; from += depth)
    for (index_t j = 0; j < n; j += some)
      for (index_t i = 0; i < m; i += 8)
        gemm_dot_by<1, T>(m - i < 8 ? m - i : 8, n - j < some ? n - j : some, k - from < depth ? k - from : depth,
                          alpha, a + i * lda + from, lda, b + j * ldb + from, ldb, from == 0 ? beta : T(1),
                          c + i * c_row + j * c_column, c_row, c_column);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
