// Depthwise convolutions of 3, 5 or 7 rows and columns, stride 1 or 2, for one instruction set: strips of columns, row
// by row down the plane.
//
// A row of x is loaded once, as the vectors that the taps of a row of the kernel want, and serves every row of y that
// reads it; the sums of rows that are not done yet stay in registers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// A strip of one or two vectors of columns of y, and what they read of a row of x.
template <class T, index_t Taps, index_t Stride, index_t Vectors>
struct DepthwiseStrip {
  struct Vector {
    DepthwiseColumns<T> columns;
    DepthwiseReads<T, Taps, Stride> reads;
    LIMN_INLINE Vector(const Conv2dShape& s, index_t column)
        : columns(column, s.ow), reads(columns.first * Stride - s.pad_left, s.w) {}
  };
  Vector first, last;  // the same where there is only one
  LIMN_INLINE DepthwiseStrip(const Conv2dShape& s, index_t column)
      : first(s, column), last(s, column + (Vectors - 1) * lanes<T>) {}
  [[nodiscard]] LIMN_INLINE DepthwiseEdge edge() const {
    const bool whole = first.columns.count == lanes<T> && first.reads.edge() == last.reads.edge();
    return whole ? first.reads.edge() : DepthwiseEdge::part;
  }
  [[nodiscard]] LIMN_INLINE const Vector& vector(index_t v) const { return v == 0 ? first : last; }
};

template <DepthwiseEdge Edge, class T, index_t Taps, index_t Stride, index_t Vectors>
LIMN_INLINE void depthwise_strip_taps(const DepthwiseStrip<T, Taps, Stride, Vectors>& strip, const T* row,
                                      Vec<T> (&tap)[Vectors][Taps]) {
  LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) strip.vector(v).reads.template read<Edge>(row, tap[v]);
}

/// The rows [top, bottom) of a strip of y, at least `floor`.
template <DepthwiseEdge Edge, class T, index_t Taps, index_t Stride, index_t Vectors>
void depthwise_strip(const Conv2dShape& s, const DepthwiseStrip<T, Taps, Stride, Vectors>& strip_, index_t top,
                     index_t bottom, const T* x, const T* weight, T bias, T floor, T* y) {
  constexpr index_t waiting = (Taps - 1) / Stride;                // rows of y that one row of x does not finish
  const DepthwiseStrip<T, Taps, Stride, Vectors> strip = strip_;  // a copy: what masks it has stay in registers
  const DepthwiseKernel<T, Taps> kernel(weight);
  const Vec<T> start = broadcast<T>(bias), least = broadcast<T>(floor);
  const index_t h = s.h, w = s.w, ow = s.ow;
  Vec<T> sum[waiting][Vectors], done[Vectors], tap[Vectors][Taps];
  LIMN_UNROLLED for (index_t i = 0; i < waiting; ++i) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[i][v] =
      start;
  index_t iy = top * Stride - s.pad_top;
  const T* row = x + iy * w;
  T* to = y + (top - waiting) * ow;
  // The row iy of x is the last that row oy of y reads; sum[i] belongs to row oy + 1 + i.
  for (index_t oy = top - waiting; oy < bottom; ++oy, to += ow) {
    LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
      done[v] = sum[0][v];
      LIMN_UNROLLED for (index_t i = 0; i + 1 < waiting; ++i) sum[i][v] = sum[i + 1][v];
      sum[waiting - 1][v] = start;
    }
    if (iy >= 0 && iy < h) {
      depthwise_strip_taps<Edge>(strip, row, tap);
      kernel.add_row(Taps - 1, tap, done);
      LIMN_UNROLLED for (index_t i = 0; i < waiting; ++i) kernel.add_row(Taps - 1 - Stride * (i + 1), tap, sum[i]);
    }
    if (oy >= top) LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) {
        const DepthwiseColumns<T>& columns = strip.vector(v).columns;
        const Vec<T> value = depthwise_turned<T, Stride>(vmax(least, done[v]));  // a NaN stays
        if (LIMN_VECTOR_BYTES < 64 && (s.oh - oy) * ow >= lanes<T>)
          store<T>(to + columns.first, value);  // what lies behind a row shorter than a vector is written after it
        else
          depthwise_write<Edge, T>(value, columns.written, to + columns.first);
      }
    ++iy;
    row += w;
    if constexpr (Stride == 2) {
      if (iy >= 0 && iy < h) {
        depthwise_strip_taps<Edge>(strip, row, tap);
        LIMN_UNROLLED for (index_t i = 0; i < waiting; ++i) kernel.add_row(Taps - 2 - 2 * i, tap, sum[i]);
      }
      ++iy;
      row += w;
    }
  }
}

/// One plane; a large one in bands of rows, which the strips of it find in the second-level cache. The strips are made
/// for all planes: each takes as long as some rows.
template <class T, index_t Taps, index_t Stride>
class DepthwisePlane {
 public:
  explicit DepthwisePlane(const Conv2dShape& s)
      : s_(s),
        band_(s.w < 2048 ? 16384 / s.w : 8),
        count_(s.ow % wide > 0 && s.ow % wide <= lanes<T> ? s.ow / wide : (s.ow + wide - 1) / wide),
        strips_(count_),
        last_(s, count_ * wide) {
    for (index_t i = 0; i < count_; ++i) strips_.data()[i] = Strip(s, i * wide);
  }
  LIMN_INLINE void operator()(const T* x, const T* w, T bias, T floor, T* y) const {
    for (index_t top = 0; top < s_.oh; top += band_) {
      const index_t bottom = top + band_ < s_.oh ? top + band_ : s_.oh;
      for (index_t i = 0; i < count_; ++i) rows(strips_.data()[i], top, bottom, x, w, bias, floor, y);
      if (count_ * wide < s_.ow) rows(last_, top, bottom, x, w, bias, floor, y);
    }
  }

 private:
  static constexpr index_t vectors = LIMN_VECTOR_BYTES == 64 && Taps * Stride > 3 ? 2 : 1, wide = vectors * lanes<T>;
  using Strip = DepthwiseStrip<T, Taps, Stride, vectors>;

  template <class Some>
  LIMN_INLINE void rows(const Some& strip, index_t top, index_t bottom, const T* x, const T* w, T bias, T floor,
                        T* y) const {
    using enum DepthwiseEdge;
    const DepthwiseEdge edge = strip.edge();
    if constexpr (DepthwiseReads<T, Taps, Stride>::has_sides) {
      if (edge == left) return depthwise_strip<left>(s_, strip, top, bottom, x, w, bias, floor, y);
      if (edge == right) return depthwise_strip<right>(s_, strip, top, bottom, x, w, bias, floor, y);
    }
    if (edge == inside) return depthwise_strip<inside>(s_, strip, top, bottom, x, w, bias, floor, y);
    depthwise_strip<part>(s_, strip, top, bottom, x, w, bias, floor, y);
  }

  Conv2dShape s_;
  index_t band_, count_;
  Scratch<Strip> strips_;
  DepthwiseStrip<T, Taps, Stride, 1> last_;  // one vector of columns, where they are not two vectors each
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
