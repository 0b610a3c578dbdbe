// The inner loops of gemm.hpp for one instruction set: a register tile of up to gemm_rows x gemm_columns, packing, dot rows.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of the register tile: with two vectors a row they fill 28 of 32 registers (AVX-512) or 12 of 16.
inline constexpr index_t gemm_rows = LIMN_VECTOR_BYTES == 64 ? 14 : 6;
template <class T> inline constexpr index_t gemm_columns = 2 * lanes<T>;

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

/// C tile = alpha A B + beta C. `Rows` rows are computed, t.rows <= Rows of them stored: a(i, p) must be readable for all.
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
    case 1: return gemm_tile_of<1, T>(t);
    case 2: return gemm_tile_of<2, T>(t);
    case 4: return gemm_tile_of<4, T>(t);
    case 6: return gemm_tile_of<6, T>(t);
#if LIMN_VECTOR_BYTES == 64
    case 8: return gemm_tile_of<8, T>(t);
    case 10: return gemm_tile_of<10, T>(t);
    case 12: return gemm_tile_of<12, T>(t);
    default: return gemm_tile_of<14, T>(t);
#endif
  }
}

/// y [k, height] = rows 0..rows-1 of op(A), rows up to height filled with zeros; a(i, p) = a[i * row + p * step].
template <class T>
void gemm_pack_a(index_t k, index_t rows, index_t height, const T* a, index_t row, index_t step, T* y) {
  if (step == 1) {
    for (index_t i = 0; i < height; ++i) {
      const T* x = a + i * row;
      T* to = y + i;
      if (i < rows)
        for (index_t p = 0; p < k; ++p) to[p * height] = x[p];
      else
        for (index_t p = 0; p < k; ++p) to[p * height] = T(0);
    }
    return;
  }
  for (index_t p = 0; p < k; ++p)
    for (index_t i = 0; i < height; ++i) y[p * height + i] = i < rows ? a[i * row + p * step] : T(0);
}

/// y [k, gemm_columns] = columns 0..columns-1 of op(B), the rest zeros; b(p, j) = b[p * step + j * column].
template <class T>
void gemm_pack_b(index_t k, index_t columns, const T* b, index_t step, index_t column, T* y) {
  constexpr index_t width = gemm_columns<T>;
  if (column == 1) {
    for (index_t p = 0; p < k; ++p) {
      const T* x = b + p * step;
      T* to = y + p * width;
      if (columns == width) {
        store<T>(to, load<T>(x));
        store<T>(to + lanes<T>, load<T>(x + lanes<T>));
      } else {
        for (index_t j = 0; j < width; ++j) to[j] = j < columns ? x[j] : T(0);
      }
    }
    return;
  }
  constexpr index_t strip = 16;  // so many steps of all columns stay in the first-level cache
  for (index_t from = 0; from < k; from += strip) {
    const index_t until = from + strip < k ? from + strip : k;
    for (index_t j = 0; j < width; ++j) {
      const T* x = b + j * column;
      if (j < columns)
        for (index_t p = from; p < until; ++p) y[p * width + j] = x[p * step];
      else
        for (index_t p = from; p < until; ++p) y[p * width + j] = T(0);
    }
  }
}

/// Packs `rows` rows of op(A) for gemm_block: (rows + 2 gemm_rows) k elements at most.
template <class T>
void gemm_pack_block(index_t rows, index_t k, const T* a, index_t a_row, index_t a_step, T* packed) {
  const index_t parts = (rows + gemm_rows - 1) / gemm_rows, base = rows / parts, extra = rows % parts;  // nearly equal heights
  for (index_t part = 0, first = 0; part < parts; ++part) {
    const index_t height = base + (part < extra ? 1 : 0), tall = gemm_tile_height(height);
    gemm_pack_a<T>(k, height, tall, a + first * a_row, a_row, a_step, packed);
    first += height;
    packed += tall * k;
  }
}

/// `rows` rows of C = alpha A B + beta C. A was packed by gemm_pack_block; panel q of B is at b + q * b_panel, its rows b_step apart.
template <class T>
void gemm_block(index_t rows, index_t n, index_t k, T alpha, const T* packed, const T* b, index_t b_panel, index_t b_step, T beta, T* c, index_t ldc) {
  const index_t parts = (rows + gemm_rows - 1) / gemm_rows, base = rows / parts, extra = rows % parts;
  for (index_t j = 0; j < n; j += gemm_columns<T>)
    for (index_t part = 0, first = 0, offset = 0; part < parts; ++part) {
      const index_t height = base + (part < extra ? 1 : 0), tall = gemm_tile_height(height);
      gemm_tile<T>({k, packed + offset, 1, tall, b + j / gemm_columns<T> * b_panel, b_step, c + first * ldc + j, ldc, height,
                    n - j < gemm_columns<T> ? n - j : gemm_columns<T>, alpha, beta});
      first += height;
      offset += tall * k;
    }
}

template <class T>
cpu::GemmGeometry gemm_geometry() {
  return {gemm_rows, gemm_columns<T>};
}

/// c[j] = alpha (x . row j of b) + beta c[j] for n rows of k elements: a product with one row, bounded by the reading of b.
template <class T>
void gemm_dot_rows(index_t n, index_t k, T alpha, const T* x, const T* b, index_t ldb, T beta, T* c) {
  constexpr index_t step = 4 * lanes<T>;
  for (index_t j = 0; j < n; ++j) {
    const T* row = b + j * ldb;
    Vec<T> s0{}, s1{}, s2{}, s3{};
    index_t p = 0;
    for (; p + step <= k; p += step) {
      s0 += load<T>(x + p) * load<T>(row + p);
      s1 += load<T>(x + p + lanes<T>) * load<T>(row + p + lanes<T>);
      s2 += load<T>(x + p + 2 * lanes<T>) * load<T>(row + p + 2 * lanes<T>);
      s3 += load<T>(x + p + 3 * lanes<T>) * load<T>(row + p + 3 * lanes<T>);
    }
    for (; p + lanes<T> <= k; p += lanes<T>) s0 += load<T>(x + p) * load<T>(row + p);
    T sum = reduce_add<T>((s0 + s1) + (s2 + s3));
    for (; p < k; ++p) sum += x[p] * row[p];
    c[j] = beta == T(0) ? alpha * sum : alpha * sum + beta * c[j];
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
