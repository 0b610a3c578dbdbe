// The inner loops of conv2d_direct.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Pixels of one register tile, and its rows: 28 of 32 registers hold sums (12 of 16 without AVX-512).
template <class T>
inline constexpr index_t direct_pixels = 2 * lanes<T>;
template <class T>
inline constexpr index_t direct_rows = LIMN_VECTOR_BYTES == 64 && sizeof(T) == 4 ? 14
                                       : LIMN_VECTOR_BYTES == 64                 ? 8
                                                                                 : 6;

template <class T>
index_t direct_tile_pixels() {
  return direct_pixels<T>;
}

/// One plane x [h, w] as DirectLayout says: the rows `first` to `first + d.rows` of every phase.
template <class T>
void conv2d_split(const Conv2dShape& s, const DirectLayout& d, index_t first, const T* x, T* split) {
  for (index_t u = 0; u < d.phases_h; ++u)
    for (index_t v = 0; v < d.phases_w; ++v)
      for (index_t r = 0; r < d.rows; ++r) {
        const index_t iy = (first + r) * s.stride_h + u - s.pad_top;
        T* to = split + ((u * d.phases_w + v) * d.rows + r) * d.pitch;
        if (iy < 0 || iy >= s.h)
          for (index_t q = 0; q < d.pitch; ++q) to[q] = T(0);
        else
          copy_clipped<T>(x + iy * s.w, s.w, v - s.pad_left, s.stride_w, d.pitch, to);
      }
}

/// Rows x (Vectors lanes) sums, bias first: to[i * to_row + q] = bias[i] + sum over k of w[i * w_row + k] x[offset[k] +
/// q], at least `floor`.
template <class T, index_t Rows, index_t Vectors>
void conv2d_direct_tile(index_t field, const T* w, index_t w_row, const index_t* offset, const T* x, const T* bias,
                        T floor, T* to, index_t to_row) {
  Vec<T> sum[Rows][Vectors];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] =
      broadcast<T>(bias ? bias[i] : T(0));
  const T* base[4] = {w, w + 4 * w_row, w + 8 * w_row, w + 12 * w_row};  // four rows each: few enough addresses
  for (index_t k = 0; k < field; ++k) {
    const T* from = x + offset[k];
    Vec<T> pixels[Vectors];
    LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) pixels[v] = load<T>(from + v * lanes<T>);
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
      const Vec<T> weight = broadcast<T>(base[i / 4][i % 4 * w_row]);
      LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] += weight * pixels[v];
    }
    LIMN_UNROLLED for (index_t b = 0; b < (Rows + 3) / 4; ++b)++ base[b];
  }
  const Vec<T> least = broadcast<T>(floor);
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v)
      store<T>(to + i * to_row + v * lanes<T>, vmax(least, sum[i][v]));  // a NaN stays
}
template <class T, index_t Vectors, std::size_t... Row>
LIMN_INLINE void conv2d_direct_tile(index_t rows, index_t field, const T* w, index_t w_row, const index_t* offset,
                                    const T* x, const T* bias, T floor, T* to, index_t to_row,
                                    std::index_sequence<Row...>) {
  static constexpr void (*tile[])(index_t, const T*, index_t, const index_t*, const T*, const T*, T, T*,
                                  index_t) = {conv2d_direct_tile<T, Row + 1, Vectors>...};
  tile[rows - 1](field, w, w_row, offset, x, bias, floor, to, to_row);
}

/// The pixels [pixel, pixel + Vectors lanes) of `rows` <= direct_rows outputs, without those between the rows of y.
/// They count in the padded rows of a band of `band` rows, whose first output row is y; `inside`: all are in one row of
/// y.
template <class T, index_t Vectors>
void conv2d_direct_pixels(const Conv2dShape& s, const DirectLayout& d, index_t band, index_t pixel, bool inside,
                          index_t rows, index_t field, const T* w, index_t w_row, const T* x, const T* bias, T floor,
                          T* y) {
  constexpr index_t count = Vectors * lanes<T>;
  alignas(LIMN_VECTOR_BYTES) T tile[direct_rows<T> * count];
  const index_t last = pixel + count < band * d.pitch ? pixel + count : band * d.pitch;
  const bool whole = inside || (d.pitch == s.ow && last == pixel + count);
  T* to = whole ? y + pixel - pixel / d.pitch * (d.pitch - s.ow) : tile;
  const index_t to_row = whole ? s.oh * s.ow : count;
  conv2d_direct_tile<T, Vectors>(rows, field, w, w_row, d.offset, x + pixel, bias, floor, to, to_row,
                                 std::make_index_sequence<static_cast<std::size_t>(direct_rows<T>)>());
  if (whole) return;
  for (index_t oy = pixel / d.pitch; oy * d.pitch < last; ++oy) {
    const index_t row = oy * d.pitch, begin = row > pixel ? row : pixel, end = row + s.ow < last ? row + s.ow : last;
    for (index_t i = 0; i < rows; ++i) {
      const T* from = tile + i * count + (begin - pixel);
      T* out = y + i * s.oh * s.ow + oy * s.ow + (begin - row);
      index_t q = 0;
      for (; q + lanes<T> <= end - begin; q += lanes<T>) store<T>(out + q, load<T>(from + q));
      if (q < end - begin) store_first<T>(out + q, load_first<T>(from + q, end - begin - q), end - begin - q);
    }
  }
}

/// A band of `band` output rows of `outputs` outputs. x: the band's split planes; y: the first output's first row.
/// Tiles run along each row where few of their pixels would be done twice, else across the rows' ends; the last one,
/// of one vector where that is enough, moves back over pixels that are done rather than past the end.
template <class T>
void conv2d_direct_band(const Conv2dShape& s, const DirectLayout& d, index_t band, index_t outputs, const T* w,
                        index_t w_row, const T* x, const T* bias, T floor, T* y) {
  constexpr index_t step = direct_pixels<T>;
  const index_t field = s.field(), parts = (outputs + direct_rows<T> - 1) / direct_rows<T>, base = outputs / parts,
                extra = outputs % parts, until = (band - 1) * d.pitch + s.ow;
  const index_t idle = (s.ow + lanes<T> - 1) / lanes<T> * lanes<T> - s.ow;  // of a row's last vector
  const bool by_row = d.pitch > s.ow && s.ow >= lanes<T> && 16 * idle <= s.ow;
  const index_t run = by_row ? s.ow : until, row_tiles = (run + step - 1) / step,
                tiles = by_row ? band * row_tiles : row_tiles;
  // Read again and again are the pixels of a tile, where they fit into the first-level cache; else a tile's weights.
  const index_t group = field * step * static_cast<index_t>(sizeof(T)) <= (24 << 10) ? 1 : tiles;
  for (index_t start = 0; start < tiles; start += group)
    for (index_t part = 0, first = 0; part < parts; ++part) {
      const index_t rows = base + (part < extra ? 1 : 0);
      const T *weights = w + first * w_row, *add = bias ? bias + first : nullptr;
      T* to = y + first * s.oh * s.ow;
      for (index_t tile = start; tile < tiles && tile < start + group; ++tile) {
        const index_t row = by_row ? tile / row_tiles * d.pitch : 0, at = (by_row ? tile % row_tiles : tile) * step;
        if (run - at > lanes<T>)
          conv2d_direct_pixels<T, 2>(s, d, band, row + (at + step > run && run > step ? run - step : at), by_row, rows,
                                     field, weights, w_row, x, add, floor, to);
        else
          conv2d_direct_pixels<T, 1>(s, d, band, row + (run > lanes<T> ? run - lanes<T> : at), by_row, rows, field,
                                     weights, w_row, x, add, floor, to);
      }
      first += rows;
    }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
