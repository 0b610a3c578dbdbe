// The inner loops of depthwise.hpp for one instruction set: strips of one vector of columns, row by row down the plane.
//
// A row of x is loaded once, as the three vectors that the taps of a row of the kernel want, and serves every row of y
// that reads it; the sums of rows that are not done yet stay in registers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

template <class V, std::size_t... i>
LIMN_INLINE V depthwise_up(V before, V v, std::index_sequence<i...>) {  // lane i is v's lane i - 1; 0: the last before
  return shuffled(before, v, std::index_sequence<(i + sizeof...(i) - 1)...>());
}
template <class V, std::size_t... i>
LIMN_INLINE V depthwise_down(V v, V after, std::index_sequence<i...>) {  // lane i + 1; the last one: the first after
  return shuffled(v, after, std::index_sequence<(i + 1)...>());
}
/// The columns [column, column + out) of y, one vector of them where there are as many: then the last strip moves back
/// over the one before it. They read `in` elements of x of each of the vectors (1, or 2 with stride 2) at x + at.
struct DepthwiseStrip {
  index_t column, out, at, in[2];
  bool left, right;  ///< what lies before the first, behind the last element is padding
  bool part;         ///< not all vectors are whole
};
template <class T, index_t Stride>
LIMN_INLINE DepthwiseStrip depthwise_strip(const Conv2dShape& s, index_t column) {
  if (column > s.ow - lanes<T>) column = s.ow > lanes<T> ? s.ow - lanes<T> : 0;
  const index_t at = column * Stride, left = s.w - at, beyond = left - lanes<T>;
  DepthwiseStrip strip{
      column,  s.ow - column < lanes<T> ? s.ow - column : lanes<T>,
      at,      {left < lanes<T> ? left : lanes<T>, beyond < 0 ? 0 : beyond < lanes<T> ? beyond : lanes<T>},
      at == 0, left <= lanes<T>,
      false};
  strip.part = strip.in[Stride - 1] < lanes<T>;
  return strip;
}

/// tap[j] = what the outputs of the strip read of the row at p at tap j = 0..2; with stride 2 in the order of
/// depthwise_turned. Vectors of 64 bytes are loaded once and shifted in registers: where they are not aligned, each
/// load takes two lines of the cache.
template <class T, index_t Stride, bool Part>
LIMN_INLINE void depthwise_taps(const DepthwiseStrip& strip, const T* p, Vec<T>* tap) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
  const Vec<T> a = in_register<T>(Part ? load_first<T>(p, strip.in[0]) : load<T>(p));
  if constexpr (Stride == 2) {
    const Vec<T> b = in_register<T>(Part ? load_first<T>(p + lanes<T>, strip.in[1]) : load<T>(p + lanes<T>));
    tap[1] = every_second_lane<false>(a, b, all);
    tap[2] = every_second_lane<true>(a, b, all);
    if constexpr (LIMN_VECTOR_BYTES == 32)
      tap[0] = Part || strip.left
                   ? every_second_lane<false>(depthwise_up(strip.left ? Vec<T>{} : broadcast<T>(p[-1]), a, all),
                                              depthwise_up(a, b, all), all)
                   : every_second_lane<false>(in_register<T>(load<T>(p - 1)), in_register<T>(load<T>(p + lanes<T> - 1)),
                                              all);
    else
      tap[0] = depthwise_up(strip.left ? Vec<T>{} : broadcast<T>(p[-1]), tap[2], all);
  } else if constexpr (LIMN_VECTOR_BYTES == 64) {
    tap[0] = depthwise_up(Part || strip.left ? Vec<T>{} : broadcast<T>(p[-1]), a, all);
    tap[1] = a;
    tap[2] = depthwise_down(a, Part || strip.right ? Vec<T>{} : broadcast<T>(p[lanes<T>]), all);
  } else {
    tap[0] = strip.left ? depthwise_up(Vec<T>{}, a, all) : in_register<T>(load<T>(p - 1));
    tap[1] = a;
    tap[2] = strip.right ? depthwise_down(a, Vec<T>{}, all) : in_register<T>(load<T>(p + 1));
  }
}
/// Outputs in the order of the taps from the order in memory, or back.
template <class T, index_t Stride>
LIMN_INLINE Vec<T> depthwise_turned(Vec<T> v) {
  if constexpr (Stride == 1) return v;
  return lanes_in_order(v, std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>());
}
/// What one row of x gives to one row of y. A sum of its own: nine in a row would wait for one another.
template <class V>
LIMN_INLINE V depthwise_row(const V* w, const V* tap) {
  V sum = w[0] * tap[0];
  sum += w[1] * tap[1];
  sum += w[2] * tap[2];
  return sum;
}

template <class T, index_t Stride, bool Part>
LIMN_INLINE void depthwise_store(T* y, Vec<T> v, index_t count) {
  const Vec<T> in_order = depthwise_turned<T, Stride>(v);
  if constexpr (Part)
    store_first<T>(y, in_order, count);
  else
    store<T>(y, in_order);
}

/// The rows [top, bottom) of a strip of y, at least `floor`. x, y: the plane at the strip's columns.
template <class T, index_t Stride, bool Part>
LIMN_INLINE void depthwise_rows(const Conv2dShape& s, const DepthwiseStrip& strip, index_t top, index_t bottom,
                                const T* x, const T* weight, T bias, T floor, T* y) {
  Vec<T> w[9];
  LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) w[t] = in_register<T>(broadcast<T>(weight[t]));
  const Vec<T> start = broadcast<T>(bias), least = broadcast<T>(floor);
  const index_t row = s.w, y_row = s.ow, out = strip.out;
  Vec<T> tap[3], above = start, here = start;  // the sums so far of the row to store next, and of the one below it
  x += top * Stride * row;
  y += top * y_row;
  if (top > 0) {
    depthwise_taps<T, Stride, Part>(strip, x - row, tap);
    above = start + depthwise_row(w, tap);
  }
  depthwise_taps<T, Stride, Part>(strip, x, tap);
  above = above + depthwise_row(w + 3, tap);
  if constexpr (Stride == 1) here = start + depthwise_row(w, tap);
  const index_t last = (bottom - 1) * Stride + 1 < s.h ? bottom : bottom - 1;  // rows above it read three rows of x
  for (index_t oy = top; oy < last; ++oy, y += y_row) {
    x += row;
    depthwise_taps<T, Stride, Part>(strip, x, tap);
    depthwise_store<T, Stride, Part>(y, vmax(least, above + depthwise_row(w + 6, tap)), out);  // a NaN stays
    if constexpr (Stride == 2) {
      here = start + depthwise_row(w, tap);
      if (oy + 1 == bottom) break;
      x += row;
      depthwise_taps<T, Stride, Part>(strip, x, tap);
    }
    above = here + depthwise_row(w + 3, tap);
    if constexpr (Stride == 1) here = start + depthwise_row(w, tap);
  }
  if (last < bottom) depthwise_store<T, Stride, Part>(y, vmax(least, above), out);
}

/// One plane; a large one in bands of rows, which the strips of it find in the second-level cache.
template <class T, index_t Stride>
struct DepthwisePlane {
  const Conv2dShape s;
  LIMN_INLINE void operator()(const T* x, const T* w, T bias, T floor, T* y) const {
    const index_t band = s.w < 2048 ? 16384 / s.w : 8;
    for (index_t top = 0; top < s.oh; top += band)
      for (index_t column = 0; column < s.ow; column += lanes<T>) {
        const DepthwiseStrip strip = depthwise_strip<T, Stride>(s, column);
        const index_t bottom = top + band < s.oh ? top + band : s.oh;
        if (strip.part)
          depthwise_rows<T, Stride, true>(s, strip, top, bottom, x + strip.at, w, bias, floor, y + strip.column);
        else
          depthwise_rows<T, Stride, false>(s, strip, top, bottom, x + strip.at, w, bias, floor, y + strip.column);
      }
  }
};

/// sum[3 k + j] += the products of a strip of dy, without the lanes that the strip before has, and the taps (k, j) of
/// x.
template <class T, index_t Stride, bool Part>
LIMN_INLINE void depthwise_weights_strip(const Conv2dShape& s, const DepthwiseStrip& strip, index_t column, const T* x,
                                         const T* dy, Vec<T>* sum) {
  Vec<T> lane{}, tap[3], own[9] = {};  // in registers, unlike what sum points to
  LIMN_UNROLLED for (index_t i = 0; i < lanes<T>; ++i) lane[i] = static_cast<T>(i);
  const auto kept = lane >= broadcast<T>(static_cast<T>(column - strip.column));
  Vec<T> above{}, here{},
      below{};  // the rows of dy that read the row of x at the taps' last row, the middle, the first
  for (index_t oy = 0; oy <= s.oh; ++oy) {
    below = Vec<T>{};
    if (oy < s.oh)
      below = depthwise_turned<T, Stride>(kept ? (Part ? load_first<T>(dy, strip.out) : load<T>(dy)) : Vec<T>{});
    dy += s.ow;
    const index_t iy = oy * Stride - 1;  // the first row of x that `below` reads
    if (iy >= 0 && iy < s.h) {
      depthwise_taps<T, Stride, Part>(strip, x + iy * s.w, tap);
      LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) {
        own[j] += below * tap[j];
        if constexpr (Stride == 1) own[3 + j] += here * tap[j];
        own[6 + j] += above * tap[j];
      }
    }
    if constexpr (Stride == 2)
      if (oy < s.oh) {
        depthwise_taps<T, Stride, Part>(strip, x + (iy + 1) * s.w, tap);
        LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) own[3 + j] += below * tap[j];
      }
    above = Stride == 1 ? here : below;
    here = below;
  }
  LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) sum[t] += own[t];
}

/// dw [9] of one channel, summed over the images, which are x_image and y_image elements apart.
template <class T, index_t Stride>
void depthwise_weights_strided(const Conv2dShape& s, const T* x, index_t x_image, const T* dy, index_t y_image, T* dw) {
  Vec<T> sum[9] = {};
  for (index_t n = 0; n < s.n; ++n, x += x_image, dy += y_image)
    for (index_t column = 0; column < s.ow; column += lanes<T>) {
      const DepthwiseStrip strip = depthwise_strip<T, Stride>(s, column);
      if (strip.part)
        depthwise_weights_strip<T, Stride, true>(s, strip, column, x + strip.at, dy + strip.column, sum);
      else
        depthwise_weights_strip<T, Stride, false>(s, strip, column, x + strip.at, dy + strip.column, sum);
    }
  // As many sums together as there are lanes: one after another they would take longer than a small plane.
  constexpr index_t size = lanes<T>, together = size > 9 ? 9 : 9 / size * size;
  LIMN_UNROLLED for (index_t t = 0; t < together; t += size) {
    Vec<T> some[size];
    LIMN_UNROLLED for (index_t i = 0; i < size; ++i) some[i] = t + i < 9 ? sum[t + i] : Vec<T>{};
    store_first<T>(dw + t, reduce_block<T>(some), size > 9 ? 9 : size);
  }
  LIMN_UNROLLED for (index_t t = together; t < 9; ++t) dw[t] = reduce_add<T>(sum[t]);
}

template <class T>
void depthwise_weights(const Conv2dShape& s, const T* x, index_t x_image, const T* dy, index_t y_image, T* dw) {
  if (s.stride_h == 1) return depthwise_weights_strided<T, 1>(s, x, x_image, dy, y_image, dw);
  depthwise_weights_strided<T, 2>(s, x, x_image, dy, y_image, dw);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
