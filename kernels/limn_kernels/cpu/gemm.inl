// The register tile of gemm.hpp, up to gemm_rows x gemm_columns, and blocks of it, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Vector registers there are.
#if defined(__aarch64__)
inline constexpr index_t registers = 32;
#else
inline constexpr index_t registers = LIMN_VECTOR_BYTES == 64 ? 32 : 16;
#endif
/// Rows of the register tile: with two vectors a row they fill 28 of 32 registers (AVX-512, NEON) or 12 of 16.
inline constexpr index_t gemm_rows = registers == 32 ? 14 : 6;
template <class T>
inline constexpr index_t gemm_columns = 2 * lanes<T>;

/// So many last steps of a tile ask for its part of C, row by row.
inline constexpr index_t gemm_last = 32;

/// The tile's operands: a(i, p) = a[i * a_row + p], b(p, j) = b[p * b_step + j].
template <class T>
struct GemmTile {
  index_t k;
  const T* a;
  index_t a_row;
  const T* b;
  index_t b_step;
  T* c;
  index_t ldc;
  T alpha, beta;
  const T* ahead;  // what is wanted after this tile: step p asks for two lines at p * ahead_step
  index_t ahead_step;
};

/// C [Rows, Vectors * lanes] = alpha A B + beta C.
template <index_t Rows, index_t Vectors, class T>
void gemm_tile_of(const GemmTile<T>& t) {
  Vec<T> sum[Rows][Vectors];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] =
      Vec<T>{};
  // Five rows a pointer: what addresses of two registers reach. The rows are read as they lie, number by number.
  const index_t row = t.a_row, step = t.b_step, k = t.k;
  const T *a = t.a, *a5 = a + 5 * row, *a10 = a + 10 * row, *b = t.b, *ahead = t.ahead;
  index_t ahead_step = t.ahead_step, p = 0, until = k < gemm_last ? 0 : k - gemm_last;
  for (;;) {
    for (; p < until; ++p, ++a, ++a5, ++a10, b += step, ahead += ahead_step) {
      // Into the second-level cache: in the first, what comes next would push out the rows of A.
      __builtin_prefetch(ahead, 0, 2);
      if constexpr (Vectors * LIMN_VECTOR_BYTES > 64) __builtin_prefetch(ahead + 64 / sizeof(T), 0, 2);
      LIMN_UNROLLED for (index_t v = 2; v < Vectors; ++v) __builtin_prefetch(ahead + v * lanes<T>, 0, 2);
      Vec<T> y[Vectors];
      LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) y[v] = load<T>(b + v * lanes<T>);
      LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
        const Vec<T> x = broadcast<T>(i < 5 ? a[i * row] : i < 10 ? a5[(i - 5) * row] : a10[(i - 10) * row]);
        LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] += x * y[v];
      }
    }
    if (p == k) break;
    until = k;
    ahead = t.c;
    ahead_step = t.ldc;
  }
  if (t.alpha != T(1)) {
    const Vec<T> alpha = broadcast<T>(t.alpha);
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] *=
        alpha;
  }
  const bool fresh = t.beta == T(0);
  const Vec<T> beta = broadcast<T>(t.beta);
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
    T* to = t.c + i * t.ldc + v * lanes<T>;
    store<T>(to, fresh ? sum[i][v] : sum[i][v] + beta * load<T>(to));
  }
}

template <class T, std::size_t... Row>
LIMN_INLINE void gemm_tile(index_t rows, const GemmTile<T>& t, std::index_sequence<Row...>) {
  static constexpr void (*tile[])(const GemmTile<T>&) = {gemm_tile_of<Row + 1, 2, T>...};
  tile[rows - 1](t);
}

/// Half a tile: one vector a row, in pieces of the tile's height, 8, 4, 2 and 1 rows.
template <class T>
void gemm_half_tile(index_t rows, GemmTile<T> t) {
  while (rows > 0) {
    const index_t height = rows >= gemm_rows && gemm_rows > 8 ? gemm_rows
                           : rows >= 8                        ? 8
                           : rows >= 4                        ? 4
                           : rows >= 2                        ? 2
                                                              : 1;
    if (height == gemm_rows)
      gemm_tile_of<gemm_rows, 1, T>(t);
    else if (height == 8)
      gemm_tile_of<8, 1, T>(t);
    else if (height == 4)
      gemm_tile_of<4, 1, T>(t);
    else if (height == 2)
      gemm_tile_of<2, 1, T>(t);
    else
      gemm_tile_of<1, 1, T>(t);
    rows -= height;
    t.a += height * t.a_row;
    t.c += height * t.ldc;
  }
}

/// A tile of rows <= gemm_rows, columns <= gemm_columns. One at C's right edge is computed beside C and copied.
template <class T>
void gemm_tile(index_t rows, index_t columns, const GemmTile<T>& t) {
  constexpr auto heights = std::make_index_sequence<static_cast<std::size_t>(gemm_rows)>{};
  if (columns == gemm_columns<T>) return gemm_tile<T>(rows, t, heights);
  if (columns == lanes<T>) return gemm_half_tile<T>(rows, t);
  alignas(LIMN_VECTOR_BYTES) T edge[gemm_rows * gemm_columns<T>];
  GemmTile<T> beside = t;
  beside.c = edge;
  beside.ldc = gemm_columns<T>;
  beside.beta = T(0);
  if (columns < lanes<T>)
    gemm_half_tile<T>(rows, beside);
  else
    gemm_tile<T>(rows, beside, heights);
  const Vec<T> beta = broadcast<T>(t.beta);
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < columns; j += lanes<T>) {
      const index_t count = columns - j < lanes<T> ? columns - j : lanes<T>;
      T* y = t.c + i * t.ldc + j;
      const Vec<T> x = load<T>(edge + i * gemm_columns<T> + j);
      store_first<T>(y, t.beta == T(0) ? x : x + beta * load_first<T>(y, count), count);
    }
}

/// Up to so many rows four panels of B pass by at once.
inline constexpr index_t gemm_streamed_rows = registers == 32 ? 3 : 1;

/// C [Rows, 4 panels] = alpha A B + beta C: memory gives four streams at a time a tenth more than one. The tile's
/// `ahead_step` is the distance of panels; each asks for its lines 12 steps ahead.
template <index_t Rows, class T>
void gemm_streams(const GemmTile<T>& t) {
  Vec<T> sum[Rows][4][2];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t q = 0; q < 4; ++q) sum[i][q][0] =
      sum[i][q][1] = Vec<T>{};
  const T *a = t.a, *b = t.b;
  const index_t row = t.a_row, step = t.b_step, panel = t.ahead_step, ahead = 12 * step;
  for (index_t p = 0; p < t.k; ++p, ++a, b += step) LIMN_UNROLLED for (index_t q = 0; q < 4; ++q) {
      const T* from = b + q * panel;
      __builtin_prefetch(from + ahead);
      __builtin_prefetch(from + ahead + lanes<T>);
      Vec<T> left = load<T>(from), right = load<T>(from + lanes<T>);
      if constexpr (Rows > 1) left = in_register<T>(left), right = in_register<T>(right);
      LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
        const Vec<T> x = broadcast<T>(a[i * row]);
        sum[i][q][0] += x * left;
        sum[i][q][1] += x * right;
      }
    }
  const Vec<T> alpha = broadcast<T>(t.alpha), beta = broadcast<T>(t.beta);
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t q = 0; q < 4; ++q)
      LIMN_UNROLLED for (index_t v = 0; v < 2; ++v) {
    T* c = t.c + i * t.ldc + q * gemm_columns<T> + v * lanes<T>;
    store<T>(c, t.beta == T(0) ? alpha * sum[i][q][v] : alpha * sum[i][q][v] + beta * load<T>(c));
  }
}

/// `rows` rows of C = alpha A B + beta C, in tiles of nearly equal heights. A's rows lie along k, a_row apart. Panel q
/// of B (gemm_columns columns) is at b + q * b_panel, its rows b_step apart.
template <class T>
void gemm_block(index_t rows, index_t n, index_t k, T alpha, const T* a, index_t a_row, const T* b, index_t b_panel,
                index_t b_step, T beta, T* c, index_t ldc) {
  index_t j = 0;
  for (; rows <= gemm_streamed_rows && j + 4 * gemm_columns<T> <= n; j += 4 * gemm_columns<T>) {
    const GemmTile<T> t{k,    a,       a_row,  b + j / gemm_columns<T> * b_panel, b_step, c + j, ldc, alpha,
                        beta, nullptr, b_panel};
    if (rows == 1) gemm_streams<1, T>(t);
    if constexpr (gemm_streamed_rows == 3) {
      if (rows == 2) gemm_streams<2, T>(t);
      if (rows == 3) gemm_streams<3, T>(t);
    }
  }
  for (; j < n; j += gemm_columns<T>) {
    // Of one vector a row the tiles are as high as can be: fewer sums would wait for one another.
    const bool narrow = gemm_rows >= 8 && n - j <= lanes<T>;
    const index_t parts = (rows + gemm_rows - 1) / gemm_rows, base = narrow ? gemm_rows : rows / parts,
                  extra = narrow ? 0 : rows % parts;
    for (index_t part = 0, first = 0; part < parts; ++part) {
      const index_t even = base + (part < extra ? 1 : 0), height = even < rows - first ? even : rows - first;
      const T *panel = b + j / gemm_columns<T> * b_panel, *rows_of_a = a + first * a_row;
      // Wanted next: where one tile of rows streams B past it, B some lines on; where panels are few, the rows below;
      // otherwise the next panel, for which one tile can ask.
      GemmTile<T> t{k, rows_of_a, a_row, panel, b_step, c + first * ldc + j, ldc, alpha, beta, rows_of_a, 0};
      if (parts == 1 && height > 1) {
        t.ahead = panel + 64 * b_step;
        t.ahead_step = b_step;
      } else if (j == 0 && n <= 4 * gemm_columns<T> && b_step == gemm_columns<T> && a_row < 2 * k) {
        t.ahead = rows_of_a + height * a_row;
        t.ahead_step = height * a_row / k;
      } else if (part == 0 && parts > 1) {
        t.ahead = panel + b_panel;
        t.ahead_step = b_step;
      }
      gemm_tile<T>(height, n - j < gemm_columns<T> ? n - j : gemm_columns<T>, t);
      first += height;
    }
  }
}

template <class T>
cpu::GemmGeometry gemm_geometry() {
  return {gemm_rows, gemm_columns<T>};
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
