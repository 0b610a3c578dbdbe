// Products of few rows with a matrix whose rows are contiguous, for one instruction set: it is read where it lies, in
// pieces of its rows as long as the registers hold sums of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of one of several passes.
inline constexpr index_t gemm_few_height = registers == 32 ? 9 : 4;

/// Vectors of a row of B for tiles of so many rows of A: beside the sums the registers hold these and a broadcast.
constexpr index_t gemm_few_vectors(index_t rows) {
  if (registers == 32) return rows <= 2 ? 8 : rows <= 4 ? 6 : rows <= 6 ? 4 : rows <= 9 ? 3 : 2;
  return rows <= 2 ? 4 : rows <= 4 ? 3 : 2;
}

template <index_t Vectors, index_t First, class T, std::size_t... Row>
LIMN_INLINE void gemm_few_tile(index_t rows, const GemmTile<T>& t, std::index_sequence<Row...>) {
  static constexpr void (*tile[])(const GemmTile<T>&) = {
      gemm_tile_of<First + static_cast<index_t>(Row), Vectors, T>...};
  tile[rows - First](t);
}
/// A tile of `rows` rows, of the vectors that gemm_few_vectors says of this many or of one more.
template <class T>
void gemm_few_tile(index_t rows, index_t vectors, const GemmTile<T>& t) {
  using std::make_index_sequence;
  if constexpr (registers == 32) {
    if (vectors == 8) return gemm_few_tile<8, 1, T>(rows, t, make_index_sequence<2>{});
    if (vectors == 6) return gemm_few_tile<6, 2, T>(rows, t, make_index_sequence<3>{});
    if (vectors == 4) return gemm_few_tile<4, 4, T>(rows, t, make_index_sequence<3>{});
    if (vectors == 3) return gemm_few_tile<3, 6, T>(rows, t, make_index_sequence<4>{});
  } else {
    if (vectors == 4) return gemm_few_tile<4, 1, T>(rows, t, make_index_sequence<2>{});
    if (vectors == 3) return gemm_few_tile<3, 2, T>(rows, t, make_index_sequence<3>{});
  }
  gemm_tile<T>(rows, vectors * lanes<T>, t);
}

/// C [rows, n] = alpha A B + beta C. Rows of A lie along k, a_row apart; b(p, j) = b[p * b_step + j]. `edge` has room
/// for k vectors of two lanes. In several passes the rows of A go over a part of B that the caches keep; the first pass
/// asks for rows of B some steps below, few where they all fall on the same lines of a cache.
template <class T>
void gemm_few(index_t rows, index_t n, index_t k, T alpha, const T* a, index_t a_row, const T* b, index_t b_step,
              T beta, T* c, index_t ldc, T* edge) {
  const index_t most = rows <= gemm_rows ? rows : gemm_few_height, parts = (rows + most - 1) / most,
                base = rows / parts, extra = rows % parts, whole = n / lanes<T> * lanes<T>;
  const index_t depth = 512, ahead = b_step * static_cast<index_t>(sizeof(T)) % 4096 == 0 ? 6 : 16;
  for (index_t from = 0; from < k; from += depth) {
    const index_t steps = k - from < depth ? k - from : depth;
    index_t vectors = gemm_few_vectors(extra == 0 ? base : base + 1);
    for (index_t j = 0; j < n;) {
      if (j + vectors * lanes < T >> whole) vectors = whole - j >= 2 * lanes<T> ? 2 : 1;
      const index_t columns = j < whole ? vectors * lanes<T> : n - j;
      const T* own = b + from * b_step + j;
      index_t step = b_step;
      if (j == whole) {
        gemm_pack_b<T>(steps, columns, own, b_step, 1, edge);
        own = edge;
        step = gemm_columns<T>;
      }
      for (index_t part = 0, first = 0; part < parts; ++part) {
        const index_t height = base + (part < extra ? 1 : 0);
        const GemmTile<T> t{steps,
                            a + first * a_row + from,
                            a_row,
                            own,
                            step,
                            c + first * ldc + j,
                            ldc,
                            alpha,
                            from == 0 ? beta : T(1),
                            first == 0 ? own + ahead * step : own,
                            step};
        if (j < whole)
          gemm_few_tile<T>(height, vectors, t);
        else
          gemm_tile<T>(height, columns, t);
        first += height;
      }
      j += columns;
    }
  }
}

/// Up to so many rows A's numbers stay in registers while rows of B are added to C, `gemm_added` at a time: eight,
/// since more, 4 KB apart, would share the lines of a cache.
template <index_t Rows>
inline constexpr index_t gemm_added = (registers - 4) / Rows < 8 ? (registers - 4) / Rows : 8;

/// The first `count` lanes of C's rows += those of Depth rows of B times x.
template <bool Whole, index_t Rows, index_t Depth, class T>
LIMN_INLINE void gemm_add_vector(index_t count, const Vec<T> (&x)[Rows][Depth], const T* b, index_t b_step, T beta,
                                 T* c, index_t ldc) {
  Vec<T> sum[Rows];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
    sum[i] = Vec<T>{};
    if (beta != T(0)) sum[i] = Whole ? load<T>(c + i * ldc) : load_first<T>(c + i * ldc, count);
    if (beta != T(1)) sum[i] *= broadcast<T>(beta);
  }
  LIMN_UNROLLED for (index_t p = 0; p < Depth; ++p) {
    Vec<T> y = Whole ? load<T>(b + p * b_step) : load_first<T>(b + p * b_step, count);
    if constexpr (Rows > 1) y = in_register<T>(y);  // or it would be loaded for each of them
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) sum[i] += x[i][p] * y;
  }
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) Whole ? store<T>(c + i * ldc, sum[i])
                                                         : store_first<T>(c + i * ldc, sum[i], count);
}

/// C [Rows, n] = alpha A B + beta C for Depth rows of B, which are read from their beginnings to their ends.
template <index_t Rows, index_t Depth, class T>
LIMN_INLINE void gemm_add_rows(index_t n, T alpha, const T* a, index_t a_row, const T* b, index_t b_step, T beta, T* c,
                               index_t ldc) {
  Vec<T> x[Rows][Depth];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t p = 0; p < Depth; ++p) x[i][p] =
      in_register<T>(broadcast<T>(alpha * a[i * a_row + p]));
  index_t j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>)
    gemm_add_vector<true, Rows, Depth>(lanes<T>, x, b + j, b_step, beta, c + j, ldc);
  if (j < n) gemm_add_vector<false, Rows, Depth>(n - j, x, b + j, b_step, beta, c + j, ldc);
}

/// The same for any k.
template <index_t Rows, class T>
void gemm_add_all(index_t n, index_t k, T alpha, const T* a, index_t a_row, const T* b, index_t b_step, T beta, T* c,
                  index_t ldc) {
  constexpr index_t most = gemm_added<Rows>, some = most / 4;
  index_t p = 0;
  for (; p + most <= k; p += most, beta = T(1))
    gemm_add_rows<Rows, most, T>(n, alpha, a + p, a_row, b + p * b_step, b_step, beta, c, ldc);
  for (; p + some <= k; p += some, beta = T(1))
    gemm_add_rows<Rows, some, T>(n, alpha, a + p, a_row, b + p * b_step, b_step, beta, c, ldc);
  for (; p < k; ++p, beta = T(1))
    gemm_add_rows<Rows, 1, T>(n, alpha, a + p, a_row, b + p * b_step, b_step, beta, c, ldc);
}
/// The same for 1 to gemm_added_rows rows.
template <class T>
void gemm_add(index_t rows, index_t n, index_t k, T alpha, const T* a, index_t a_row, const T* b, index_t b_step,
              T beta, T* c, index_t ldc) {
  if (rows == 1) gemm_add_all<1, T>(n, k, alpha, a, a_row, b, b_step, beta, c, ldc);
  if (rows == 2) gemm_add_all<2, T>(n, k, alpha, a, a_row, b, b_step, beta, c, ldc);
  if (rows == 3) gemm_add_all<3, T>(n, k, alpha, a, a_row, b, b_step, beta, c, ldc);
}

/// Rows of B that are added to C at a time.
inline constexpr index_t gemm_rank = registers == 32 ? 12 : 5;

/// C [rows, Vectors * lanes] = A B + beta C for Depth rows of B.
template <index_t Depth, index_t Vectors, class T>
LIMN_INLINE void gemm_rank_columns(index_t rows, const T* a, index_t a_row, const T* b, index_t b_step, T beta, T* c,
                                   index_t ldc) {
  const Vec<T> factor = broadcast<T>(beta);
  const bool fresh = beta == T(0), whole = beta == T(1);
  Vec<T> y[Depth][Vectors];
  LIMN_UNROLLED for (index_t p = 0; p < Depth; ++p) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) y[p][v] =
      load<T>(b + p * b_step + v * lanes<T>);
  for (index_t i = 0; i < rows; ++i, a += a_row, c += ldc) {
    Vec<T> sum[Vectors];
    LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
      sum[v] = fresh ? Vec<T>{} : load<T>(c + v * lanes<T>);
      if (!whole) sum[v] *= factor;
    }
    LIMN_UNROLLED for (index_t p = 0; p < Depth; ++p) {
      const Vec<T> x = broadcast<T>(a[p]);
      LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[v] += x * y[p][v];
    }
    LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) store<T>(c + v * lanes<T>, sum[v]);
  }
}

/// The same for n columns, a multiple of lanes. Pieces of B's rows stay in registers while all rows of C pass by, so
/// that each row of B is read once, from its beginning to its end.
template <index_t Depth, class T>
void gemm_rank_update(index_t rows, index_t n, const T* a, index_t a_row, const T* b, index_t b_step, T beta, T* c,
                      index_t ldc) {
  index_t j = 0;
  for (; j + 2 * lanes<T> <= n; j += 2 * lanes<T>)
    gemm_rank_columns<Depth, 2, T>(rows, a, a_row, b + j, b_step, beta, c + j, ldc);
  if (j < n) gemm_rank_columns<Depth, 1, T>(rows, a, a_row, b + j, b_step, beta, c + j, ldc);
}

/// The same for any k.
template <class T>
void gemm_ranks(index_t rows, index_t n, index_t k, const T* a, index_t a_row, const T* b, index_t b_step, T beta, T* c,
                index_t ldc) {
  index_t p = 0;
  for (; p + gemm_rank <= k; p += gemm_rank, beta = T(1))
    gemm_rank_update<gemm_rank, T>(rows, n, a + p, a_row, b + p * b_step, b_step, beta, c, ldc);
  for (; p + 4 <= k; p += 4, beta = T(1))
    gemm_rank_update<4, T>(rows, n, a + p, a_row, b + p * b_step, b_step, beta, c, ldc);
  for (; p < k; ++p, beta = T(1)) gemm_rank_update<1, T>(rows, n, a + p, a_row, b + p * b_step, b_step, beta, c, ldc);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
