// Products of few rows with many, for one instruction set: the many rows are read once, as they lie, at the speed of
// memory.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// c(i, j) = alpha (row i of a . row j of b) + beta c(i, j) with c(i, j) = c[i * c_row + j * c_column], for Rows
/// rows of a and `columns` rows of b, of k elements each. There are as many sums as lanes: one reduction for all.
template <index_t Rows, class T>
void gemm_dot_tile(index_t columns, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
                   index_t c_row, index_t c_column) {
  constexpr index_t most = lanes<T> / Rows;
  Vec<T> sum[lanes<T>];
  LIMN_UNROLLED for (index_t i = 0; i < lanes<T>; ++i) sum[i] = Vec<T>{};
  const T *left[Rows], *right[most];  // beyond the last row: the last one again
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) left[i] = a + i * lda;
  LIMN_UNROLLED for (index_t j = 0; j < most; ++j) right[j] = b + (j < columns ? j : columns - 1) * ldb;
  // The rows after these are asked for, of three and more into the second-level cache: the first has room for rows of
  // a. Of two they are soon passed, or, 4 KB apart, all fall on the same lines of it; of one the processor foresees
  // them.
  const bool far = Rows > 2 || (Rows == 2 && ldb * static_cast<index_t>(sizeof(T)) % 4096 == 0);
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
  for (index_t i = 0; i < Rows; ++i)
    for (index_t j = 0; j < columns; ++j) {
      T& y = c[i * c_row + j * c_column];
      y = beta == T(0) ? total[i * most + j] : total[i * most + j] + beta * y;
    }
}

/// The same for any number of rows of b.
template <index_t Rows, class T>
void gemm_dot_rows(index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
                   index_t c_row, index_t c_column) {
  constexpr index_t columns = lanes<T> / Rows;
  for (index_t j = 0; j < n; j += columns)
    gemm_dot_tile<Rows, T>(n - j < columns ? n - j : columns, k, alpha, a, lda, b + j * ldb, ldb, beta,
                           c + j * c_column, c_row, c_column);
}

/// The same for any number of rows and any k: four of them, whose part of one block of k stays in the first-level
/// cache, go over the n rows, then the next four; where they are more, over some of the n that stay in the second.
template <class T>
void gemm_dot(index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
              index_t c_row, index_t c_column) {
  constexpr index_t most = lanes<T> < 4 ? lanes<T> : 4;
  const index_t depth = m == 1 ? k : m == 2 ? 2 * gemm_dot_depth : gemm_dot_depth, some = m <= most ? n : 64;
  for (index_t from = 0; from < k; from += depth)
    for (index_t j = 0; j < n; j += some)
      for (index_t i = 0; i < m; i += most) {
        const index_t rows = m - i < most ? m - i : most, columns = n - j < some ? n - j : some,
                      deep = k - from < depth ? k - from : depth;
        const T *left = a + i * lda + from, *right = b + j * ldb + from;
        const T old = from == 0 ? beta : T(1);
        T* to = c + i * c_row + j * c_column;
        if (rows == 1)
          gemm_dot_rows<1, T>(columns, deep, alpha, left, lda, right, ldb, old, to, c_row, c_column);
        else if (rows == 2)
          gemm_dot_rows<2, T>(columns, deep, alpha, left, lda, right, ldb, old, to, c_row, c_column);
        else if constexpr (most == 4)
          rows == 3 ? gemm_dot_rows<3, T>(columns, deep, alpha, left, lda, right, ldb, old, to, c_row, c_column)
                    : gemm_dot_rows<4, T>(columns, deep, alpha, left, lda, right, ldb, old, to, c_row, c_column);
      }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
