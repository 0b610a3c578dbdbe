// The weight gradient of a depthwise convolution of 3, 5 or 7 rows and columns, stride 1 or 2, for one instruction set:
// a vector of sums for each weight, strip by strip down the plane; of large kernels some rows at a time.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of the kernel whose sums are in registers, beside a row's taps and two vectors.
template <index_t Taps>
inline constexpr index_t depthwise_rows_at_once = registers / Taps - 2 < 1      ? 1
                                                  : registers / Taps - 2 < Taps ? registers / Taps - 2
                                                                                : Taps;

/// A vector of columns of dy, the lanes `kept` of which the strip before has not, and what they read of a row of x.
template <class T, index_t Taps, index_t Stride>
struct DepthwiseWeightsStrip {
  DepthwiseColumns<T> columns;
  DepthwiseReads<T, Taps, Stride> reads;
  LaneRange kept;
  LIMN_INLINE DepthwiseWeightsStrip(const Conv2dShape& s, index_t column)
      : columns(column, s.ow),
        reads(columns.first * Stride - s.pad_left, s.w),
        kept(lanes_between(column - columns.first, columns.count)) {}
};

/// sum[i][j] += the products of a strip of dy and what the taps (first + i, j) read of x.
template <index_t Rows, DepthwiseEdge Edge, class T, index_t Taps, index_t Stride>
LIMN_INLINE void depthwise_weights_strip(const Conv2dShape& s, const DepthwiseWeightsStrip<T, Taps, Stride>& strip_,
                                         index_t first, const T* x, const T* dy, Vec<T> (&sum)[Rows][Taps]) {
  constexpr index_t held = (Rows - 1) / Stride + 1;             // rows of dy that meet a row of x
  const DepthwiseWeightsStrip<T, Taps, Stride> strip = strip_;  // a copy: what masks it has stay in registers
  const index_t h = s.h, w = s.w, oh = s.oh, ow = s.ow;
  Vec<T> own[Rows][Taps] = {}, gradient[held] = {}, tap[Taps];  // in registers, unlike what sum points to
  dy += strip.columns.first;
  index_t iy = first - s.pad_top;
  for (index_t oy = 0; oy < oh + held - 1; ++oy, dy += ow, iy += Stride) {
    LIMN_UNROLLED for (index_t i = held - 1; i > 0; --i) gradient[i] = gradient[i - 1];
    gradient[0] = Vec<T>{};
    if (oy < oh)
      gradient[0] = depthwise_turned<T, Stride>(
          strip.kept.last - strip.kept.first == lanes<T> ? load<T>(dy) : load_between<T>(dy, strip.kept));
    LIMN_UNROLLED for (index_t phase = 0; phase < Stride && phase < Rows; ++phase) {
      if (iy + phase < 0 || iy + phase >= h) continue;
      strip.reads.template read<Edge>(x + (iy + phase) * w, tap);
      LIMN_UNROLLED for (index_t i = phase; i < Rows; i += Stride) LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j)
          own[i][j] += gradient[i / Stride] * tap[j];
    }
  }
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) sum[i][j] +=
      own[i][j];
}

/// sums[i] = the sum of sum[i]'s lanes: of as many together as there are lanes, since one after another they would take
/// longer than a small plane.
template <class T, index_t Count>
LIMN_INLINE void depthwise_add_lanes(const Vec<T>* sum, T* sums) {
  constexpr index_t size = lanes<T>, together = Count % size < (size + 1) / 2 ? Count / size * size : Count;
  LIMN_UNROLLED for (index_t t = 0; t < together; t += size) {
    Vec<T> some[size];
    LIMN_UNROLLED for (index_t i = 0; i < size; ++i) some[i] = t + i < Count ? sum[t + i] : Vec<T>{};
    store_first<T>(sums + t, reduce_block<T>(some), Count - t < size ? Count - t : size);
  }
  LIMN_UNROLLED for (index_t t = together; t < Count; ++t) sums[t] = reduce_add<T>(sum[t]);
}

/// dw [Rows, Taps] of the channel o from the kernel's row `first` on, summed over the images.
template <index_t Rows, class T, index_t Taps, index_t Stride>
void depthwise_weights_rows(const Conv2dShape& s, const DepthwiseWeightsStrip<T, Taps, Stride>* strips, index_t first,
                            index_t o, const T* x, const T* dy, T* dw) {
  Vec<T> sum[Rows][Taps] = {};
  for (index_t n = 0; n < s.n; ++n) {
    const T *from = x + (n * s.c + o / s.outputs()) * s.h * s.w, *gradient = dy + (n * s.oc + o) * s.oh * s.ow;
    for (index_t i = 0; i * lanes<T> < s.ow; ++i)
      if (strips[i].reads.edge() == DepthwiseEdge::inside)
        depthwise_weights_strip<Rows, DepthwiseEdge::inside>(s, strips[i], first, from, gradient, sum);
      else
        depthwise_weights_strip<Rows, DepthwiseEdge::part>(s, strips[i], first, from, gradient, sum);
  }
  depthwise_add_lanes<T, Rows * Taps>(sum[0], dw);
}

/// dw of the channels [begin, end).
template <class T, index_t Taps, index_t Stride>
void depthwise_weights_of(const Conv2dShape& s, index_t begin, index_t end, const T* x, const T* dy, T* dw) {
  const index_t count = (s.ow + lanes<T> - 1) / lanes<T>;
  const Scratch<DepthwiseWeightsStrip<T, Taps, Stride>> strips(count);
  for (index_t i = 0; i < count; ++i) strips.data()[i] = DepthwiseWeightsStrip<T, Taps, Stride>(s, i * lanes<T>);
  constexpr index_t rows = depthwise_rows_at_once<Taps>, rest = Taps % rows;
  for (index_t o = begin; o < end; ++o) {
    T* to = dw + o * Taps * Taps;
    for (index_t first = 0; first + rows <= Taps; first += rows)
      depthwise_weights_rows<rows>(s, strips.data(), first, o, x, dy, to + first * Taps);
    if constexpr (rest > 0)
      depthwise_weights_rows<rest>(s, strips.data(), Taps - rest, o, x, dy, to + (Taps - rest) * Taps);
  }
}
template <class T>
void depthwise_weights(const Conv2dShape& s, index_t begin, index_t end, const T* x, const T* dy, T* dw) {
#define LIMN_OF(taps)                                                                 \
  return s.stride_h == 1 ? depthwise_weights_of<T, taps, 1>(s, begin, end, x, dy, dw) \
                         : depthwise_weights_of<T, taps, 2>(s, begin, end, x, dy, dw)
  if (s.kh == 3) LIMN_OF(3);
  if (s.kh == 5) LIMN_OF(5);
  LIMN_OF(7);
#undef LIMN_OF
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
