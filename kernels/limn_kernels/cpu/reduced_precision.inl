// The register tile of reduced_precision.hpp for one instruction set: sums of products of words (reduced_words.inl).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// C [rows <= Rows, Panels * reduced_columns] (+)= A B. a(i, s, part) = a[i * a_row + s * parts + part]; there are Rows
/// rows.
template <class Sum>
struct ReducedTile {
  index_t rows, steps;
  const std::int32_t* a;
  index_t a_row;
  const std::int32_t* b;
  index_t b_panel;
  Sum* c;
  index_t ldc;
  bool add;
  index_t ahead;  // how many words further on a line is asked for
  const float *x_scale, *w_scale;
  const std::int32_t* correction;
};

/// Whole sums, less the columns' corrections, as floats: one row of a tile. Rounded three times, never fused.
LIMN_INLINE Vec<std::int32_t> scaled_sum(Words sum, Words correction, float x_scale, Vec<float> w_scale) {
  const Vec<float> scale = in_register<float>(x_scale * w_scale);
  return bits_as<Words>(__builtin_convertvector(sum - correction, Vec<float>) * scale);
}

template <class Kind, index_t Rows, index_t Panels>
void reduced_tile_of(const ReducedTile<typename Kind::Sum>& t) {
  using Sum = typename Kind::Sum;
  constexpr index_t vectors = 2 * Panels;
  Vec<Sum> sum[Rows][vectors];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < vectors; ++v) sum[i][v] =
      t.add && i < t.rows ? load<Sum>(t.c + i * t.ldc + v * lanes<Sum>) : Vec<Sum>{};
  const index_t row = t.a_row;  // five rows a pointer, as in gemm_tile_of
  const std::int32_t *a = t.a, *a5 = a + 5 * row, *a10 = a + 10 * row, *b = t.b;
  for (index_t s = 0; s < t.steps; ++s, b += reduced_columns) {
    LIMN_UNROLLED for (index_t q = 0; q < Panels; ++q) {
      __builtin_prefetch(b + q * t.b_panel + t.ahead);
      __builtin_prefetch(b + q * t.b_panel + t.ahead + 16);
    }
    LIMN_UNROLLED for (index_t part = 0; part < Kind::parts; ++part, ++a, ++a5, ++a10) {
      const std::int32_t* from = b;
      asm volatile("" : "+r"(from));  // B is loaded once for each part: the registers are full
      Words w[vectors];
      LIMN_UNROLLED for (index_t v = 0; v < vectors; ++v) w[v] =
          Kind::of_w(part, load<std::int32_t>(from + v / 2 * t.b_panel + v % 2 * lanes<std::int32_t>));
      LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
        const Words x = broadcast<std::int32_t>(i < 5 ? a[i * row] : i < 10 ? a5[(i - 5) * row] : a10[(i - 10) * row]);
        LIMN_UNROLLED for (index_t v = 0; v < vectors; ++v) sum[i][v] = Kind::add(sum[i][v], x, w[v]);
      }
    }
  }
  if constexpr (std::is_same_v<Sum, std::int32_t>)
    if (t.w_scale) LIMN_UNROLLED for (index_t v = 0; v < vectors; ++v) {
        const Words correction = load<std::int32_t>(t.correction + v * lanes<Sum>);
        const Vec<float> scale = load<float>(t.w_scale + v * lanes<Sum>);
        LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) if (i < t.rows) sum[i][v] =
            scaled_sum(sum[i][v], correction, t.x_scale[i], scale);
      }
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) if (i < t.rows) LIMN_UNROLLED for (index_t v = 0; v < vectors; ++v)
      store<Sum>(t.c + i * t.ldc + v * lanes<Sum>, sum[i][v]);
}

/// A tile of one row, or of the next even number of them.
template <class Kind, std::size_t... Half>
LIMN_INLINE void reduced_tile(const ReducedTile<typename Kind::Sum>& t, std::index_sequence<Half...>) {
  static constexpr void (*tile[])(const ReducedTile<typename Kind::Sum>&) = {
      reduced_tile_of<Kind, 1, 1>, reduced_tile_of<Kind, 2 * (static_cast<index_t>(Half) + 1), 1>...};
  tile[t.rows == 1 ? 0 : (t.rows + 1) / 2](t);
}
/// A tile at C's right edge, computed beside C.
template <class Kind, class Heights>
LIMN_INLINE void reduced_edge_tile(index_t columns, ReducedTile<typename Kind::Sum> t, Heights heights) {
  using Sum = typename Kind::Sum;
  alignas(LIMN_VECTOR_BYTES) Sum edge[gemm_rows * reduced_columns];
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(Sum);
  for (index_t i = 0; t.add && i < t.rows; ++i) std::memcpy(edge + i * reduced_columns, t.c + i * t.ldc, bytes);
  Sum* const c = t.c;
  const index_t ldc = t.ldc;
  t.c = edge;
  t.ldc = reduced_columns;
  reduced_tile<Kind>(t, heights);
  for (index_t i = 0; i < t.rows; ++i) std::memcpy(c + i * ldc, edge + i * reduced_columns, bytes);
}

template <class Kind>
LIMN_INLINE void reduced_block_of(const cpu::ReducedBlock& s) {
  using Sum = typename Kind::Sum;
  static_assert(sizeof(Sum) == sizeof(float));
  Sum* const c = reinterpret_cast<Sum*>(s.c);  // whole numbers are kept where the floats will be, copied bit by bit
  constexpr auto heights = std::make_index_sequence<static_cast<std::size_t>(gemm_rows / 2)>{};
  const index_t pairs = (s.rows + 1) / 2, tiles = (2 * pairs + gemm_rows - 1) / gemm_rows;
  for (index_t j = 0; j < s.columns;) {
    // Four panels to one row, two to two: a single sum would wait for itself.
    const index_t many = s.rows == 1   ? 4
                         : s.rows == 2 ? 2
                                       : 1,
                  panels = s.columns - j >= many * reduced_columns ? many : 1;
    for (index_t tile = 0, first = 0; tile < tiles; ++tile) {
      const index_t height = 2 * (pairs / tiles + (tile < pairs % tiles ? 1 : 0)), left = s.rows - first;
      const bool scale = s.w_scale != nullptr;
      // Wanted next: what lies some lines on where B streams past one tile of rows, else the next panel.
      const ReducedTile<Sum> t{left < height ? left : height,
                               s.steps,
                               s.a + first * s.a_row,
                               s.a_row,
                               s.b + j / reduced_columns * s.b_panel,
                               s.b_panel,
                               c + first * s.ldc + j,
                               s.ldc,
                               s.add,
                               tiles == 1  ? 64 * reduced_columns
                               : tile == 0 ? s.b_panel
                                           : 0,
                               scale ? s.x_scale + first : nullptr,
                               scale ? s.w_scale + j : nullptr,
                               scale ? s.correction + j : nullptr};
      if (panels == 4)
        reduced_tile_of<Kind, 1, 4>(t);
      else if (panels == 2 && s.rows == 2)
        reduced_tile_of<Kind, 2, 2>(t);
      else if (panels == 2)
        reduced_tile_of<Kind, 4, 2>(t);
      else if (s.columns - j >= reduced_columns)
        reduced_tile<Kind>(t, heights);
      else
        reduced_edge_tile<Kind>(s.columns - j, t, heights);
      first += height;
    }
    j += panels * reduced_columns;
  }
}

template <class E>
void reduced_block(bool dots, const cpu::ReducedBlock& s) {
  if (dots) return reduced_block_of<typename ArithmeticOf<E>::Dots>(s);
  reduced_block_of<typename ArithmeticOf<E>::Widened>(s);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
