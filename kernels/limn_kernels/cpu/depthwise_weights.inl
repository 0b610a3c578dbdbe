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

#if LIMN_VECTOR_BYTES == 64

/// 3 x 3, one element of padding on each side: rows lie end to end in the lanes, as they do in memory. (Rows that fill
/// one vector, and wide ones, lose little where they end.)
[[nodiscard]] inline bool depthwise_weights_are_flat(const Conv2dShape& s) {
  if (s.stride_h == 2) return depthwise_is_flat(s);
  return s.kh == 3 && s.pad_top == 1 && s.pad_left == 1 && s.oh == s.h && s.ow == s.w && s.w <= 128 &&
         (s.w < 13 || s.w > 16);
}

/// Stride 1. The row k of the kernel reads for an element of dy what lies k - 1 rows on, so an element of x meets in dy
/// what lies 1 - k rows on. Its neighbours come from the vectors beside it, but for those beyond the ends of its row.
class DepthwiseFlatPlaneWeights {
 public:
  explicit DepthwiseFlatPlaneWeights(const Conv2dShape& s)
      : w_(s.w), size_(s.h * s.w), period_(s.w / std::gcd(s.w, index_t{16})), kept_(2 * period_) {
    for (index_t i = 0; i < 16 * period_; ++i) {
      kept_.data()[i / 16 * 2][i % 16] = i % w_ == 0 ? 0 : -1;
      kept_.data()[i / 16 * 2 + 1][i % 16] = i % w_ == w_ - 1 ? 0 : -1;
    }
  }
  LIMN_INLINE void operator()(const float* x, const float* dy, Vec<float> (&sum)[3][3]) const {
    constexpr auto all = std::make_index_sequence<16>();
    const index_t w = w_, size = size_;
    const Vec<std::int32_t>*kept = kept_.data(), *const end = kept + 2 * period_;
    Vec<float> own[3][3] = {}, before{}, here = elements(x, 0, size);  // in registers, unlike what sum points to
    for (index_t at = 0; at < size; at += 16) {
      const Vec<float> behind = elements(x, at + 16, size);
      const Vec<float> tap[3] = {in_register<float>(depthwise_kept(lanes_from<15>(before, here, all), kept[0])), here,
                                 in_register<float>(depthwise_kept(lanes_from<1>(here, behind, all), kept[1]))};
      LIMN_UNROLLED for (index_t k = 0; k < 3; ++k) {
        const Vec<float> gradient = in_register<float>(elements(dy, at + (1 - k) * w, size));
        LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) own[k][j] += gradient * tap[j];
      }
      before = here;
      here = behind;
      kept += 2;
      if (kept == end) kept = kept_.data();
    }
    LIMN_UNROLLED for (index_t k = 0; k < 3; ++k) LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) sum[k][j] += own[k][j];
  }

 private:
  /// Those of a plane of `size` from `at` on, which may be negative; zeros outside.
  [[nodiscard]] static LIMN_INLINE Vec<float> elements(const float* plane, index_t at, index_t size) {
    if (at >= 0 && at + 16 <= size) return load<float>(plane + at);
    return load_between<float>(plane + at,
                               lanes_between(depthwise_clamped<float>(-at), depthwise_clamped<float>(size - at)));
  }
  index_t w_, size_, period_;        // of so many vectors the columns come again
  Scratch<Vec<std::int32_t>> kept_;  // of each the lanes with a neighbour before them, and behind them
};

/// Stride 2: of a pair of rows of x the first meets a row of dy by the kernel's middle row, the second the same by its
/// last row and the next by its first.
class DepthwiseFlatPairWeights {
 public:
  explicit DepthwiseFlatPairWeights(const Conv2dShape& s) : taps_(s), h_(s.h), w_(s.w), half_(s.ow) {
    for (std::int32_t i = 0; i < 16; ++i) {
      const auto half = static_cast<std::int32_t>(s.ow);
      lower_[i] = i < half ? -1 : 0;
      upper_[i] = i >= half && i < 2 * half ? -1 : 0;
      twice_[i] = i < half ? i : i < 2 * half ? i - half : 16;
    }
  }
  LIMN_INLINE void operator()(const float* x, const float* dy, Vec<float> (&sum)[3][3]) const {
    const DepthwiseFlatPairWeights own = *this;  // a copy: what masks it has stay in registers
    const index_t last = (own.h_ - 1) / 2;
    Vec<float> near[3] = {}, next[3] = {};
    for (index_t oy = 0; oy < last; ++oy, x += 2 * own.w_, dy += own.half_)
      own.add_pair(x, 2 * own.w_, dy, 2 * own.half_, near, next);
    own.add_pair(x, own.h_ % 2 == 0 ? 2 * own.w_ : own.w_, dy, own.half_, near, next);
    LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) {
      sum[0][j] += depthwise_kept(next[j], upper_);
      sum[1][j] += depthwise_kept(near[j], lower_);
      sum[2][j] += depthwise_kept(near[j], upper_);
    }
  }

 private:
  /// `count` elements of x, a pair of rows or one, and of dy the row that both meet, and the next if there is one.
  LIMN_INLINE void add_pair(const float* x, index_t count, const float* dy, index_t gradients, Vec<float> (&near)[3],
                            Vec<float> (&next)[3]) const {
    Vec<float> tap[3];
    taps_.read(x, count, tap);
    const Vec<float> rows = load_first<float>(dy, gradients), first = picked(rows, Vec<float>{}, twice_);
    LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) {
      near[j] += first * tap[j];
      next[j] += rows * tap[j];
    }
  }

  DepthwiseFlatPairTaps taps_;
  index_t h_, w_, half_;
  Vec<std::int32_t> lower_{}, upper_{}, twice_{};
};

/// dw of the channels [begin, end), summed over the images plane by plane by `way`.
template <class Way>
void depthwise_flat_weights(const Conv2dShape& s, const Way& way, index_t begin, index_t end, const float* x,
                            const float* dy, float* dw) {
  const index_t in = s.h * s.w, out = s.oh * s.ow;
  for (index_t o = begin; o < end; ++o) {
    Vec<float> sum[3][3] = {};
    for (index_t n = 0; n < s.n; ++n) way(x + (n * s.c + o / s.outputs()) * in, dy + (n * s.oc + o) * out, sum);
    depthwise_add_lanes<float, 9>(sum[0], dw + o * 9);
  }
}

#endif

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
