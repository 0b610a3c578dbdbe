// The inner loops of gemm.hpp for one instruction set: a register tile of up to gemm_rows x gemm_columns, packing, dot
// products.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of the register tile: with two vectors a row they fill 28 of 32 registers (AVX-512) or 12 of 16.
inline constexpr index_t gemm_rows = LIMN_VECTOR_BYTES == 64 ? 14 : 6;
template <class T>
inline constexpr index_t gemm_columns = 2 * lanes<T>;

/// The tile's operands: a(i, p) = a[i * a_row + p * a_step], b(p, j) = b[p * b_step + j] for j < gemm_columns.
template <class T>
struct GemmTile {
  index_t k;
  const T* a;
  index_t a_row, a_step;
  const T* b;
  index_t b_step;
  T* c;
  index_t ldc, rows, columns;  // what of the tile is stored
  T alpha, beta;
};

/// C tile = alpha A B + beta C. `Rows` rows are computed, t.rows <= Rows of them stored: a(i, p) must be readable for
/// all.
template <index_t Rows, class T>
void gemm_tile_of(const GemmTile<T>& t) {
  Vec<T> sum[Rows][2];
  LIMN_UNROLL for (index_t i = 0; i < Rows; ++i) sum[i][0] = sum[i][1] = Vec<T>{};
  const T* b = t.b;
  const T* a = t.a;
  const index_t a_row = t.a_row, a_step = t.a_step, b_step = t.b_step;
  for (index_t p = 0; p < t.k; ++p) {
    const Vec<T> b0 = load<T>(b), b1 = load<T>(b + lanes<T>);
    __builtin_prefetch(b + 16 * lanes<T>);
    __builtin_prefetch(b + 17 * lanes<T>);
    LIMN_UNROLL for (index_t i = 0; i < Rows; ++i) {
      const Vec<T> x = broadcast<T>(a[i * a_row]);
      sum[i][0] += x * b0;
      sum[i][1] += x * b1;
    }
    a += a_step;
    b += b_step;
  }
  const Vec<T> alpha = broadcast<T>(t.alpha), beta = broadcast<T>(t.beta);
  const bool whole = t.columns == gemm_columns<T>;
  LIMN_UNROLL for (index_t i = 0; i < Rows; ++i) {
    if (i >= t.rows) break;
    T* c = t.c + i * t.ldc;
    LIMN_UNROLL for (index_t half = 0; half < 2; ++half) {
      const index_t at = half * lanes<T>, count = t.columns - at;
      if (count <= 0) break;
      Vec<T> value = alpha * sum[i][half];
      if (whole || count >= lanes<T>) {
        if (t.beta != T(0)) value += beta * load<T>(c + at);
        store<T>(c + at, value);
      } else {
        if (t.beta != T(0)) value += beta * load_first<T>(c + at, count);
        store_first<T>(c + at, value, count);
      }
    }
  }
}

/// The rows that the tile computing `rows` rows reads.
LIMN_INLINE index_t gemm_tile_height(index_t rows) {
  if (rows <= 2) return rows;
  if (rows <= 4) return 4;
  if (rows <= 6 || gemm_rows == 6) return 6;
  return (rows + 1) / 2 * 2;
}

template <class T>
void gemm_tile(const GemmTile<T>& t) {
  switch (gemm_tile_height(t.rows)) {
    case 1:
      return gemm_tile_of<1, T>(t);
    case 2:
      return gemm_tile_of<2, T>(t);
    case 4:
      return gemm_tile_of<4, T>(t);
    case 6:
      return gemm_tile_of<6, T>(t);
#if LIMN_VECTOR_BYTES == 64
    case 8:
      return gemm_tile_of<8, T>(t);
    case 10:
      return gemm_tile_of<10, T>(t);
    case 12:
      return gemm_tile_of<12, T>(t);
    default:
      return gemm_tile_of<14, T>(t);
#endif
  }
}

/// Four neighbouring elements, and a block of 4 x 4 turned over in registers.
template <class T>
struct QuadOf {
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};
template <class T>
using Quad = typename QuadOf<T>::type;

template <class T>
LIMN_INLINE Quad<T> load_quad(const T* p) {
  Quad<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
LIMN_INLINE void store_quad(T* p, Quad<T> v) {
  std::memcpy(p, &v, sizeof v);
}

template <class T>
LIMN_INLINE void store_transposed(Quad<T> a, Quad<T> b, Quad<T> c, Quad<T> d, T* y, index_t stride) {
  const Quad<T> ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Quad<T> cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store_quad<T>(y, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  store_quad<T>(y + stride, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  store_quad<T>(y + 2 * stride, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  store_quad<T>(y + 3 * stride, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/// y[p * width + i] = x[i * row + p] for p < k, i < count <= width; the columns from `count` on are zero.
template <class T>
void gemm_pack_transposed(index_t k, index_t count, index_t width, const T* x, index_t row, T* y) {
  constexpr index_t strip = 64;  // so many steps of all columns stay in the first-level cache
  for (index_t from = 0; from < k; from += strip) {
    const index_t until = from + strip < k ? from + strip : k;
    index_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const T* r = x + i * row;
      index_t p = from;
      for (; p + 4 <= until; p += 4)
        store_transposed<T>(load_quad(r + p), load_quad(r + row + p), load_quad(r + 2 * row + p),
                            load_quad(r + 3 * row + p), y + p * width + i, width);
      for (; p < until; ++p)
        for (index_t q = 0; q < 4; ++q) y[p * width + i + q] = r[q * row + p];
    }
    for (; i < count; ++i)
      for (index_t p = from; p < until; ++p) y[p * width + i] = x[i * row + p];
    for (; i < width; ++i)
      for (index_t p = from; p < until; ++p) y[p * width + i] = T(0);
  }
}

/// y[p * width + i] = x[p * step + i] for p < k, i < count <= width; the columns from `count` on are zero.
template <class T>
void gemm_pack_rows(index_t k, index_t count, index_t width, const T* x, index_t step, T* y) {
  for (index_t p = 0; p < k; ++p) {
    const T* from = x + p * step;
    T* to = y + p * width;
    index_t i = 0;
    for (; i + lanes<T> <= count; i += lanes<T>) store<T>(to + i, load<T>(from + i));
    for (; i + 4 <= count; i += 4) store_quad<T>(to + i, load_quad<T>(from + i));
    for (; i < count; ++i) to[i] = from[i];
    for (; i < width; ++i) to[i] = T(0);
  }
}

/// y [k, width] = columns 0..columns-1 of op(B), the rest zeros; b(p, j) = b[p * step + j * column], one of the
/// strides 1. The same packs `columns` rows of op(A): a(j, p) = b[p * step + j * column].
template <class T>
void gemm_pack(index_t k, index_t columns, index_t width, const T* b, index_t step, index_t column, T* y) {
  if (column == 1)
    gemm_pack_rows<T>(k, columns, width, b, step, y);
  else
    gemm_pack_transposed<T>(k, columns, width, b, column, y);
}
template <class T>
void gemm_pack_b(index_t k, index_t columns, const T* b, index_t step, index_t column, T* y) {
  gemm_pack<T>(k, columns, gemm_columns<T>, b, step, column, y);
}

/// Packs `rows` rows of op(A) for gemm_block: (rows + 2 gemm_rows) k elements at most.
template <class T>
void gemm_pack_block(index_t rows, index_t k, const T* a, index_t a_row, index_t a_step, T* packed) {
  const index_t parts = (rows + gemm_rows - 1) / gemm_rows, base = rows / parts,
                extra = rows % parts;  // nearly equal heights
  for (index_t part = 0, first = 0; part < parts; ++part) {
    const index_t height = base + (part < extra ? 1 : 0), tall = gemm_tile_height(height);
    gemm_pack<T>(k, height, tall, a + first * a_row, a_step, a_row, packed);
    first += height;
    packed += tall * k;
  }
}

/// `rows` rows of C = alpha A B + beta C. A was packed by gemm_pack_block; panel q of B is at b + q * b_panel, its rows
/// b_step apart.
template <class T>
void gemm_block(index_t rows, index_t n, index_t k, T alpha, const T* packed, const T* b, index_t b_panel,
                index_t b_step, T beta, T* c, index_t ldc) {
  const index_t parts = (rows + gemm_rows - 1) / gemm_rows, base = rows / parts, extra = rows % parts;
  for (index_t j = 0; j < n; j += gemm_columns<T>)
    for (index_t part = 0, first = 0, offset = 0; part < parts; ++part) {
      const index_t height = base + (part < extra ? 1 : 0), tall = gemm_tile_height(height);
      gemm_tile<T>({k, packed + offset, 1, tall, b + j / gemm_columns<T> * b_panel, b_step, c + first * ldc + j, ldc,
                    height, n - j < gemm_columns<T> ? n - j : gemm_columns<T>, alpha, beta});
      first += height;
      offset += tall * k;
    }
}

template <class T>
cpu::GemmGeometry gemm_geometry() {
  return {gemm_rows, gemm_columns<T>};
}

/// The lanes of a vector added up to four, and four such added up to one number each: always in the same order.
template <class T>
LIMN_INLINE Quad<T> fold_quad(Vec<T> v) {
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T> < 4 ? 4 : lanes<T>] = {};
  store<T>(lane, v);
  Quad<T> sum = load_quad<T>(lane);
  LIMN_UNROLL for (index_t i = 4; i < lanes<T>; i += 4) sum += load_quad<T>(lane + i);
  return sum;
}
template <class T>
LIMN_INLINE Quad<T> reduce_quads(Quad<T> a, Quad<T> b, Quad<T> c, Quad<T> d) {
  const Quad<T> ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Quad<T> cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/// c(i, j) = alpha (row i of a . row j of b) + beta c(i, j) for Rows x Columns rows of k elements, c(i, j) = c[i *
/// c_row + j * c_column].
template <index_t Rows, index_t Columns, class T>
void gemm_dot_tile(index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c, index_t c_row,
                   index_t c_column) {
  Vec<T> sum[Rows][Columns];
  LIMN_UNROLL for (index_t i = 0; i < Rows; ++i) LIMN_UNROLL for (index_t j = 0; j < Columns; ++j) sum[i][j] = Vec<T>{};
  index_t p = 0;
  for (; p + lanes<T> <= k; p += lanes<T>) {
    Vec<T> row[Columns];
    LIMN_UNROLL for (index_t j = 0; j < Columns; ++j) row[j] = load<T>(b + j * ldb + p);
    LIMN_UNROLL for (index_t i = 0; i < Rows; ++i) {
      const Vec<T> x = load<T>(a + i * lda + p);
      LIMN_UNROLL for (index_t j = 0; j < Columns; ++j) sum[i][j] += x * row[j];
    }
  }
  LIMN_UNROLL for (index_t i = 0; i < Rows; ++i) {
    T total[4];
    if constexpr (Columns == 4)
      store_quad<T>(total, reduce_quads<T>(fold_quad<T>(sum[i][0]), fold_quad<T>(sum[i][1]), fold_quad<T>(sum[i][2]),
                                           fold_quad<T>(sum[i][3])));
    else
      total[0] = reduce_add<T>(sum[i][0]);
    for (index_t j = 0; j < Columns; ++j) {
      for (index_t q = p; q < k; ++q) total[j] += a[i * lda + q] * b[j * ldb + q];
      T& y = c[i * c_row + j * c_column];
      y = beta == T(0) ? alpha * total[j] : alpha * total[j] + beta * y;
    }
  }
}

/// The same for m x n rows: a product whose operands both lie along k, few rows of which do not pay for packing.
template <class T>
void gemm_dot(index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b, index_t ldb, T beta, T* c,
              index_t c_row, index_t c_column) {
  constexpr index_t most = LIMN_VECTOR_BYTES == 64 ? 4 : 2;  // rows of the tile
  const index_t depth = m <= 8 ? k : 1024;                   // of more rows, so much stays in the second-level cache
  for (index_t first = 0; first < k; first += depth) {
    const index_t count = first + depth < k ? depth : k - first;
    const T* x = a + first;
    const T* w = b + first;
    const T old = first == 0 ? beta : T(1);
    for (index_t j = 0; j < n;) {
      const index_t columns = j + 4 <= n ? 4 : 1;
      for (index_t i = 0; i < m;) {
        const index_t rows = i + most <= m ? most : 1;
        T* y = c + i * c_row + j * c_column;
        if (rows == most && columns == 4)
          gemm_dot_tile<most, 4, T>(count, alpha, x + i * lda, lda, w + j * ldb, ldb, old, y, c_row, c_column);
        else if (rows == most)
          gemm_dot_tile<most, 1, T>(count, alpha, x + i * lda, lda, w + j * ldb, ldb, old, y, c_row, c_column);
        else if (columns == 4)
          gemm_dot_tile<1, 4, T>(count, alpha, x + i * lda, lda, w + j * ldb, ldb, old, y, c_row, c_column);
        else
          gemm_dot_tile<1, 1, T>(count, alpha, x + i * lda, lda, w + j * ldb, ldb, old, y, c_row, c_column);
        i += rows;
      }
      j += columns;
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
