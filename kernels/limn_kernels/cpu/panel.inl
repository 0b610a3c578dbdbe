// A tile of up to panel_rows rows of A times a panel of up to four vectors of columns of B, and what lays panels out.
// Six rows by four vectors take 24 of the 32 registers of AVX-512: each step of k is 10 loads for 24 products.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of a tile: as many as leave the sums (rows x 4 vectors) in registers.
inline constexpr index_t panel_rows = LIMN_VECTOR_BYTES == 64 ? 6 : 3;
/// Columns of a full panel.
template <class T>
inline constexpr index_t panel_columns = 4 * lanes<T>;

/// sum[r][g] += a[r][p a_step] * b[p b_step + g lanes ...] for p < k, in order.
template <class T, index_t R, index_t G>
LIMN_INLINE void multiply_panel(index_t k, const T* const (&a)[R], index_t a_step, const T* b, index_t b_step,
                                Vec<T> (&sum)[R][G]) {
  for (index_t p = 0; p < k; ++p) {
    Vec<T> w[G];
#pragma GCC unroll 8
    for (index_t g = 0; g < G; ++g) w[g] = load<T>(b + g * lanes<T>);
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      const Vec<T> value = broadcast<T>(a[r][p * a_step]);
#pragma GCC unroll 8
      for (index_t g = 0; g < G; ++g) sum[r][g] += value * w[g];
    }
    b += b_step;
  }
}

/// Calls tile.run<R>(first) for parts of [0, rows) of nearly equal height R <= panel_rows.
template <class Tile>
LIMN_INLINE void for_each_tile(index_t rows, const Tile& tile) {
  const index_t parts = (rows + panel_rows - 1) / panel_rows;
  for (index_t part = 0, row = 0; part < parts; ++part) {
    const index_t height = (rows - row + parts - part - 1) / (parts - part);
    switch (height) {
      case 1:
        tile.template run<1>(row);
        break;
      case 2:
        tile.template run<2>(row);
        break;
      case 3:
        tile.template run<3>(row);
        break;
#if LIMN_VECTOR_BYTES == 64
      case 4:
        tile.template run<4>(row);
        break;
      case 5:
        tile.template run<5>(row);
        break;
      case 6:
        tile.template run<6>(row);
        break;
#endif
    }
    row += height;
  }
}

/// y[p y_step + i] = x[i x_step + p] for p < k and i < lanes; where i >= count, 0.
template <class T>
void pack_transposed(index_t k, index_t count, const T* x, index_t x_step, T* y, index_t y_step) {
  for (index_t p = 0; p < k; p += lanes<T>) {
    const index_t n = k - p < lanes<T> ? k - p : lanes<T>;
    Vec<T> v[lanes<T>];
#pragma GCC unroll 16
    for (index_t i = 0; i < lanes<T>; ++i) {
      __builtin_prefetch(x + i * x_step + p +
                         4 * lanes<T>);  // so many rows at a time are too many for the processor's own
      v[i] = i < count ? load_n<T>(x + i * x_step + p, n) : Vec<T>{};
    }
    transpose_block<T>(v);
#pragma GCC unroll 16
    for (index_t i = 0; i < lanes<T>; ++i)
      if (i < n) store<T>(y + (p + i) * y_step, v[i]);
  }
}

/// y[p panel_columns + i] = x[p x_step + i] for p < k, i < count; the other columns of the panel are 0.
template <class T>
void pack_rows(index_t k, index_t count, const T* x, index_t x_step, T* y) {
  for (index_t p = 0; p < k; ++p, x += x_step, y += panel_columns<T>)
#pragma GCC unroll 4
    for (index_t g = 0; g < 4; ++g) {
      const index_t left = count - g * lanes<T>, n = left < lanes<T> ? left : lanes<T>;
      store<T>(y + g * lanes<T>, n > 0 ? load_n<T>(x + g * lanes<T>, n) : Vec<T>{});
    }
}

/// How wide the vectors are, for the caller that lays out panels.
template <class T>
index_t vector_lanes() {
  return lanes<T>;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
