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

/// A register tile's operands: its vectors of pixels lie x_gap apart (a vector, or a row) and go to_gap apart;
/// `streamed` past the caches.
template <class T>
struct DirectTile {
  index_t field;
  const T* w;
  index_t w_row;
  const index_t* offset;
  const T* x;
  index_t x_gap;
  const T* bias;
  T floor;
  bool streamed;
  T* to;
  index_t to_row, to_gap;
  bool asks;  // for its part of y in its last steps; else, where these are few, before the first
};

/// sum[i][v] += a weight of row i times the v-th vector of pixels; the weights move on by one. The pixels after these
/// are asked for: of a field's many planes the processor foresees none.
template <class T, index_t Rows, index_t Vectors>
LIMN_INLINE void conv2d_direct_tap(const T* from, index_t x_gap, const T* (&weight)[4], index_t w_row,
                                   Vec<T> (&sum)[Rows][Vectors]) {
  Vec<T> pixels[Vectors];
  LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
    pixels[v] = load<T>(from + v * x_gap);
    __builtin_prefetch(from + (Vectors + v) * x_gap, 0, 2);
  }
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
    const Vec<T> w = broadcast<T>(weight[i / 4][i % 4 * w_row]);
    LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] += w * pixels[v];
  }
  LIMN_UNROLLED for (index_t b = 0; b < (Rows + 3) / 4; ++b)++ weight[b];
}

/// to[i * to_row + v * to_gap + q] = bias[i] + sum over k of w[i * w_row + k] x[offset[k] + v * x_gap + q], at least
/// `floor`; bias may be null.
template <class T, index_t Rows, index_t Vectors>
void conv2d_direct_tile(const DirectTile<T>& t) {
  Vec<T> sum[Rows][Vectors];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] =
      broadcast<T>(t.bias ? t.bias[i] : T(0));
  const index_t w_row = t.w_row, x_gap = t.x_gap, field = t.field, *offset = t.offset;
  const T *x = t.x, *w = t.w;
  const T* base[4] = {w, w + 4 * w_row, w + 8 * w_row, w + 12 * w_row};  // four rows each: few enough addresses
  if (!t.asks && !t.streamed)
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v)
        __builtin_prefetch(t.to + i * t.to_row + v * t.to_gap, 1);
  index_t k = 0;
  for (const index_t until = t.asks ? field - Rows : field; k < until; ++k)
    conv2d_direct_tap<T>(x + offset[k], x_gap, base, w_row, sum);
  const T* wanted = t.to;
  for (; k < field; ++k, wanted += t.to_row) {
    __builtin_prefetch(wanted);
    __builtin_prefetch(wanted + t.to_gap);
    conv2d_direct_tap<T>(x + offset[k], x_gap, base, w_row, sum);
  }
  const Vec<T> least = broadcast<T>(t.floor);
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] =
      vmax(least, sum[i][v]);  // a NaN stays
  T* to = t.to;
  const index_t to_row = t.to_row, to_gap = t.to_gap;
  if (t.streamed) {
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v)
        store_past_caches<T>(to + i * to_row + v * to_gap, sum[i][v]);
  } else {
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v)
        store<T>(to + i * to_row + v * to_gap, sum[i][v]);
  }
}
template <class T, index_t Vectors, std::size_t... Row>
LIMN_INLINE void conv2d_direct_tile(index_t rows, const DirectTile<T>& t, std::index_sequence<Row...>) {
  static constexpr void (*tile[])(const DirectTile<T>&) = {conv2d_direct_tile<T, Row + 1, Vectors>...};
  tile[rows - 1](t);
}

/// One tile of `rows` <= direct_rows outputs, whose operands but places `t` has: its `vectors` (1 or 2) of pixels begin
/// at `pixel`, which counts in the padded rows of a band of `band` rows, whose first rows are x and y, and is in `row`
/// of them. `in_rows`: each is in one row of y; else they are neighbours, and pixels between the rows of y are dropped.
template <class T>
void conv2d_direct_pixels(const Conv2dShape& s, const DirectLayout& d, index_t band, index_t row, index_t pixel,
                          index_t vectors, bool in_rows, index_t rows, DirectTile<T>& t, const T* x, bool streamed,
                          T* y) {
  constexpr auto heights = std::make_index_sequence<static_cast<std::size_t>(direct_rows<T>)>();
  alignas(LIMN_VECTOR_BYTES) T beside[direct_rows<T> * direct_pixels<T>];
  const index_t count = vectors * lanes<T>, last = pixel + count < band * d.pitch ? pixel + count : band * d.pitch;
  const bool whole = in_rows || (d.pitch == s.ow && last == pixel + count);
  t.x = x + pixel;
  t.to = whole ? y + pixel - row * (d.pitch - s.ow) : beside;
  t.to_row = whole ? s.oh * s.ow : count;
  t.streamed = streamed && whole;
  vectors == 2 ? conv2d_direct_tile<T, 2>(rows, t, heights) : conv2d_direct_tile<T, 1>(rows, t, heights);
  if (whole) return;
  for (index_t oy = row; oy * d.pitch < last; ++oy) {
    const index_t from = oy * d.pitch, begin = from > pixel ? from : pixel,
                  end = from + s.ow < last ? from + s.ow : last;
    for (index_t i = 0; i < rows && begin < end; ++i)
      copy_run<T>(beside + i * count + (begin - pixel), end - begin, y + i * s.oh * s.ow + oy * s.ow + (begin - from));
  }
}

/// Rows of y [Rows, pixels] at most: dot products along the field, which is a multiple of the lanes; turned [4,
/// direct_dots_field].
template <class T, index_t Rows>
LIMN_INLINE void conv2d_direct_dots_rows(index_t field, const T* w, index_t w_row, const T* turned, index_t pixels,
                                         const T* bias, T floor, T* y, index_t y_row) {
  Vec<T> sum[Rows][direct_dots] = {};
  for (index_t k = 0; k < field; k += lanes<T>) {
    Vec<T> x[direct_dots];
    LIMN_UNROLLED for (index_t j = 0; j < direct_dots; ++j) x[j] =
        in_register<T>(load<T>(turned + j * direct_dots_field + k));
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
      const Vec<T> weights = in_register<T>(load<T>(w + i * w_row + k));
      LIMN_UNROLLED for (index_t j = 0; j < direct_dots; ++j) sum[i][j] += weights * x[j];
    }
  }
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t j = 0; j < direct_dots; ++j) {
    const T value = reduce_add<T>(sum[i][j]) + (bias ? bias[i] : T(0));
    if (j < pixels) y[i * y_row + j] = value < floor ? floor : value;  // a NaN stays
  }
}
/// The last pixels of a plane, `pixels` <= direct_dots, for all outputs: too few for a vector of them. x, y: the first.
template <class T>
void conv2d_direct_last(const DirectLayout& d, index_t field, index_t pixels, index_t outputs, const T* w,
                        index_t w_row, const T* x, const T* bias, T floor, T* y, index_t y_row) {
  constexpr index_t rows = LIMN_VECTOR_BYTES == 64 ? 4 : 2;
  T turned[direct_dots * direct_dots_field] = {};
  for (index_t k = 0; k < field; ++k)
    for (index_t j = 0; j < pixels; ++j) turned[j * direct_dots_field + k] = x[d.offset[k] + j];
  index_t o = 0;
  for (; o + rows <= outputs; o += rows)
    conv2d_direct_dots_rows<T, rows>(field, w + o * w_row, w_row, turned, pixels, bias ? bias + o : nullptr, floor,
                                     y + o * y_row, y_row);
  for (; o < outputs; ++o)
    conv2d_direct_dots_rows<T, 1>(field, w + o * w_row, w_row, turned, pixels, bias ? bias + o : nullptr, floor,
                                  y + o * y_row, y_row);
}

/// A band of `band` output rows of `outputs` outputs. x: the band's split planes; y: the first output's first row;
/// `streamed`: y goes past the caches; it is aligned, and its rows are whole vectors.
///
/// Tiles run along each row where few of their pixels would be done twice, and the last vectors of two rows are one
/// tile; else across the rows' ends. The last vectors move back over pixels that are done rather than past the end.
template <class T>
void conv2d_direct_band(const Conv2dShape& s, const DirectLayout& d, index_t band, index_t outputs, const T* w,
                        index_t w_row, const T* x, const T* bias, T floor, bool streamed, index_t dots, T* y) {
  constexpr index_t step = direct_pixels<T>;
  const index_t field = s.field(), parts = (outputs + direct_rows<T> - 1) / direct_rows<T>, base = outputs / parts,
                extra = outputs % parts, until = (band - 1) * d.pitch + s.ow - dots;
  const index_t row_vectors = (s.ow + lanes<T> - 1) / lanes<T>, idle = row_vectors * lanes<T> - s.ow;
  const bool by_row = d.pitch > s.ow && (s.ow >= step || s.ow == lanes<T>)&&16 * idle <= s.ow;
  const index_t tiles = by_row ? (band + 1) / 2 * row_vectors : (until + step - 1) / step, pairs = row_vectors / 2;
  // Read again and again are the pixels of some tiles, where they fit into the first-level cache (taps along a row
  // share theirs), else a tile's weights.
  const index_t near = (24 << 10) / (field * step * static_cast<index_t>(sizeof(T)) + 1);
  const index_t group = near == 0 ? tiles : by_row && near < row_vectors ? row_vectors : near;
  for (index_t start = 0; start < tiles; start += group)
    for (index_t part = 0, first = 0; part < parts; ++part) {
      const index_t rows = base + (part < extra ? 1 : 0);
      DirectTile<T> t{field,
                      w + first * w_row,
                      w_row,
                      d.offset,
                      nullptr,
                      0,
                      bias ? bias + first : nullptr,
                      floor,
                      false,
                      nullptr,
                      0,
                      0,
                      field > 32 && !streamed};
      T* to = y + first * s.oh * s.ow;
      index_t above = start / row_vectors * 2, i = start % row_vectors;
      for (index_t tile = start; tile < tiles && tile < start + group; ++tile) {
        t.x_gap = t.to_gap = lanes<T>;
        if (!by_row) {
          const index_t at = tile * step, vectors = until - at > lanes<T> ? 2 : 1, size = vectors * lanes<T>;
          const index_t pixel = at + size > until && until > size ? until - size : at;
          conv2d_direct_pixels<T>(s, d, band, pixel / d.pitch, pixel, vectors, false, rows, t, x, streamed, to);
          continue;
        }
        // Of two rows: the pairs of vectors of the first, those of the second, the last vectors of both.
        const bool both = above + 1 < band, second = i >= pairs;
        if (i < 2 * pairs && (!second || both)) {
          const index_t at = (second ? i - pairs : i) * step, pixel = at + step > s.ow ? s.ow - step : at,
                        row = above + (second ? 1 : 0);
          conv2d_direct_pixels<T>(s, d, band, row, row * d.pitch + pixel, 2, true, rows, t, x, streamed, to);
        } else if (i == 2 * pairs) {
          t.x_gap = d.pitch;
          t.to_gap = s.ow;
          conv2d_direct_pixels<T>(s, d, band, above, above * d.pitch + s.ow - lanes<T>, both ? 2 : 1, true, rows, t, x,
                                  streamed, to);
        }
        if (++i == row_vectors) i = 0, above += 2;
      }
      first += rows;
    }
  if (dots > 0)
    conv2d_direct_last<T>(d, field, dots, outputs, w, w_row, x + until, bias, floor, y + until, s.oh * s.ow);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
