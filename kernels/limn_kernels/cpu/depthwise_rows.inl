// Depthwise convolutions with 5 or 7 rows of taps, for one instruction set: blocks of rows of y, whose sums stay in
// registers while each row of x that they read passes by once.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// A plane laid out as DirectLayout says, its taps, and where its rows go.
template <class T>
struct DepthwiseRows {
  const T* x;
  index_t pitch, odd_rows;  // distances of rows, and (stride 2) of the first odd row from the first
  index_t kw;
  const index_t* column;  // [kw]: where the taps of a row are read
  const T* weight;
  T bias, floor;
  T* y;
  index_t ow;
};

/// The rows [row, row + rows) of y, rows <= Rows, at `column`: one vector of `count` columns or, with Vectors == 2, two
/// that are `gap` apart.
template <class T, index_t Taps, index_t Stride, index_t Rows, index_t Vectors>
void depthwise_rows_block(const DepthwiseRows<T>& p, index_t row, index_t rows, index_t column, index_t gap,
                          index_t count) {
  Vec<T> sum[Rows][Vectors];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] =
      broadcast<T>(p.bias);
  const T* first = p.x + row * p.pitch + column;
  LIMN_UNROLLED for (index_t r = 0; r < (Rows - 1) * Stride + Taps; ++r) {
    const T* x = first + r % Stride * p.odd_rows + r / Stride * p.pitch;
    for (index_t j = 0; j < p.kw; ++j) {
      Vec<T> pixels[Vectors];
      LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) pixels[v] =
          in_register<T>(load<T>(x + p.column[j] + v * gap));
      LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) if (r >= i * Stride && r < i * Stride + Taps) {
        const Vec<T> w = broadcast<T>(p.weight[(r - i * Stride) * p.kw + j]);
        LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] += w * pixels[v];
      }
    }
  }
  const Vec<T> least = broadcast<T>(p.floor);
  T* to = p.y + row * p.ow + column;
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) if (i < rows) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
    const Vec<T> value = vmax(least, sum[i][v]);  // a NaN stays
    T* at = to + i * p.ow + v * gap;
    if (Vectors == 1 && count < lanes<T>)
      store_first<T>(at, value, count);
    else
      store<T>(at, value);
  }
}

/// A plane of oh rows: in strips of two vectors of columns and four rows, or of one and eight. The last strip moves
/// back over the one before it.
template <class T, index_t Taps, index_t Stride>
void depthwise_rows_plane(const DepthwiseRows<T>& p, index_t oh) {
  constexpr index_t size = lanes<T>;
  for (index_t q = 0; q < p.ow;) {
    const index_t left = p.ow - q;
    if (left > size) {
      const index_t column = left >= 2 * size   ? q
                             : p.ow >= 2 * size ? p.ow - 2 * size
                                                : q,
                    gap = p.ow >= 2 * size ? size : left - size;
      for (index_t row = 0; row < oh; row += 4)
        depthwise_rows_block<T, Taps, Stride, 4, 2>(p, row, oh - row < 4 ? oh - row : 4, column, gap, size);
      q += 2 * size;
    } else {
      const index_t column = p.ow >= size ? p.ow - size : 0;
      for (index_t row = 0; row < oh; row += 8)
        depthwise_rows_block<T, Taps, Stride, 8, 1>(p, row, oh - row < 8 ? oh - row : 8, column, 0,
                                                    p.ow >= size ? size : left);
      q += size;
    }
  }
}
template <class T>
void depthwise_rows(const DepthwiseRows<T>& p, index_t taps, index_t stride, index_t oh) {
  if (taps == 5)
    stride == 1 ? depthwise_rows_plane<T, 5, 1>(p, oh) : depthwise_rows_plane<T, 5, 2>(p, oh);
  else
    stride == 1 ? depthwise_rows_plane<T, 7, 1>(p, oh) : depthwise_rows_plane<T, 7, 2>(p, oh);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
