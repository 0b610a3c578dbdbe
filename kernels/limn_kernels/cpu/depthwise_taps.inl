// What the taps of a depthwise convolution read, for one instruction set: vectors of columns of a plane, where it lies.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

template <class T>
[[nodiscard]] LIMN_INLINE index_t depthwise_clamped(index_t i) {
  return i < 0 ? 0 : i < lanes<T> ? i : lanes<T>;
}

/// Where in a row of x a vector's taps are: all inside; all but those before the row, or those behind it; or otherwise.
enum class DepthwiseEdge : std::uint8_t { inside, left, right, part };

/// What a vector of outputs reads of a row of w elements.
///
/// Vectors of 64 bytes take two lines of the cache where they are not aligned: the elements that the taps' middle reads
/// are loaded once, and what lies before and behind them, and shifted in registers. So are smaller ones at the ends of
/// a row, if stride 1 leaves them in order; elsewhere they are loaded for each tap, or with stride 2 for two.
template <class T, index_t Taps, index_t Stride>
class DepthwiseReads {
 public:
  /// The taps begin at column `first`, which may be negative.
  LIMN_INLINE DepthwiseReads(index_t first, index_t w) : at_(shifts ? first + middle : first) {
    bool inside = true, before = true, behind = true;  // all loads; all but the first; all but the last
    LIMN_UNROLLED for (index_t i = 0; i < loads; ++i) {
      const index_t from = at_ + offset(i), start = depthwise_clamped<T>(-from), end = depthwise_clamped<T>(w - from);
      inside_[i] = lanes_between(start < end ? start : end, end);
      const bool whole = start == 0 && end == lanes<T>;
      if (!shifts || i < Stride) inside = inside && whole;
      if (i > 0) before = before && whole;
      if (i < loads - 1) behind = behind && whole;
    }
    if (wide || !shifts) {
      edge_ = inside                ? DepthwiseEdge::inside
              : has_sides && before ? DepthwiseEdge::left
              : has_sides && behind ? DepthwiseEdge::right
                                    : DepthwiseEdge::part;
    } else {
      const bool left = first >= 0, right = first + Taps - 1 + lanes<T> <= w;
      edge_ = left && right                 ? DepthwiseEdge::inside
              : right && at_ == 0           ? DepthwiseEdge::left
              : left && at_ + lanes<T> == w ? DepthwiseEdge::right
                                            : DepthwiseEdge::part;
    }
  }
  [[nodiscard]] LIMN_INLINE DepthwiseEdge edge() const { return edge_; }
  /// Vectors of 64 bytes have no left and right: what is outside costs them nothing.
  static constexpr bool has_sides = LIMN_VECTOR_BYTES < 64 && Taps <= 3;

  /// tap[j] = what the outputs read of the row of x at p at tap j; with stride 2 in the order of depthwise_turned.
  template <DepthwiseEdge Edge>
  LIMN_INLINE void read(const T* p, Vec<T> (&tap)[Taps]) const {
    constexpr bool part = Edge == DepthwiseEdge::part;
    p += at_;
    if constexpr (shifts && Stride == 1 && (wide || part)) {  // shifted in registers
      shift<0>(load_at<part>(p, 0), before(p), after(p), tap);
    } else if constexpr (shifts && Stride == 1) {  // loaded, but for what is outside
      const Vec<T> here = in_register<T>(load<T>(p)), outside{};
      shift<0>(here, outside, outside, tap);
      LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) if ((j < middle && Edge != DepthwiseEdge::left) ||
                                                           (j > middle && Edge != DepthwiseEdge::right)) tap[j] =
          in_register<T>(load<T>(p + j - middle));
    } else if constexpr (shifts) {  // even and odd columns shifted in registers
      const Vec<T> a = load_at<part>(p, 0), b = load_at<part>(p, 1), less = before(p), more = after(p);
      shift<first_of<0>>(every_second_lane<false>(a, b, all), neighbours<false>(less), neighbours<false>(more), tap);
      shift<first_of<1>>(every_second_lane<true>(a, b, all), neighbours<true>(less), neighbours<true>(more), tap);
    } else {  // loaded
      LIMN_UNROLLED for (index_t j = 0; j < Taps; j += Stride) {
        const Vec<T> a = j == 0 && Edge == DepthwiseEdge::left ? load_at<true>(p, 0) : load_at<part>(p, j);
        if constexpr (Stride == 1) {
          tap[j] = a;
        } else {
          const Vec<T> b =
              j + 2 == loads && Edge == DepthwiseEdge::right ? load_at<true>(p, j + 1) : load_at<part>(p, j + 1);
          if (j + 1 < Taps) tap[j] = every_second_lane<false>(a, b, all);
          tap[j + 1 < Taps ? j + 1 : j] = every_second_lane<true>(a, b, all);
        }
      }
    }
  }

 private:
  static constexpr bool wide = LIMN_VECTOR_BYTES == 64, shifts = wide || (Stride == 1 && Taps / 2 <= lanes<T>),
                        one = Taps <= 3;  // element before and behind is wanted: in every lane
  static constexpr index_t middle = (Taps - 1) / 2,
                           loads = shifts        ? Stride + 2  // the last two: behind and before
                                   : Stride == 1 ? Taps
                                                 : Taps + Taps % 2;
  static constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
  /// The first tap that reads elements an even (odd) number from the middle.
  template <index_t odd>
  static constexpr index_t first_of = (middle + odd) % 2;

  [[nodiscard]] static LIMN_INLINE index_t offset(index_t i) {
    if (shifts) return i <= Stride ? i * lanes<T> : -lanes<T>;
    if (Stride == 1) return i;
    const index_t tap = i - i % 2;  // and the next; the last one after the one before it, to read nothing behind it
    return (tap + 1 < Taps ? tap : tap - 1) + i % 2 * lanes<T>;
  }
  template <bool Part>
  LIMN_INLINE Vec<T> load_at(const T* p, index_t i) const {
    p += offset(i);
    return in_register<T>(Part ? load_between<T>(p, inside_[i]) : load<T>(p));
  }
  LIMN_INLINE Vec<T> before(const T* p) const {
    const LaneRange& lane = inside_[Stride + 1];
    if constexpr (!one) return load_between<T>(p - lanes<T>, lane);
    return lane.first < lane.last && lane.last == lanes<T> ? broadcast<T>(p[-1]) : Vec<T>{};
  }
  LIMN_INLINE Vec<T> after(const T* p) const {
    const LaneRange& lane = inside_[Stride];
    if constexpr (!one) return load_between<T>(p + Stride * lanes<T>, lane);
    return lane.first == 0 && lane.last > 0 ? broadcast<T>(p[Stride * lanes<T>]) : Vec<T>{};
  }
  template <bool Odd>
  static LIMN_INLINE Vec<T> neighbours(Vec<T> v) {
    if constexpr (one) return v;
    return every_second_lane<Odd>(v, v, all);
  }
  /// tap[J], tap[J + Stride], ...: one phase of the elements around the middle, shifted.
  template <index_t J>
  static LIMN_INLINE void shift(Vec<T> here, Vec<T> less, Vec<T> more, Vec<T> (&tap)[Taps]) {
    constexpr index_t from = J - middle, lane = (from - (Stride == 2 ? from & 1 : 0)) / Stride;
    if constexpr (lane < 0)
      tap[J] = lanes_from<lanes<T> + lane>(less, here, all);
    else
      tap[J] = lanes_from<lane>(here, more, all);
    if constexpr (J + Stride < Taps) shift<J + Stride>(here, less, more, tap);
  }

  index_t at_;
  DepthwiseEdge edge_;
  LaneRange inside_[loads];
};

/// The columns [first, first + count) that a vector writes.
template <class T>
struct DepthwiseColumns {
  index_t first, count;
  LaneRange written;

  /// At `column` of rows of w columns, moved back where they end; a shorter row is written in part.
  LIMN_INLINE DepthwiseColumns(index_t column, index_t w)
      : first(column > w - lanes<T> ? w > lanes<T> ? w - lanes<T> : 0 : column),
        count(w - first < lanes<T> ? w - first : lanes<T>),
        written(lanes_between(0, count)) {}
};
/// The lanes of `written`, which are all unless Edge is `part`.
template <DepthwiseEdge Edge, class T>
LIMN_INLINE void depthwise_write(Vec<T> value, const LaneRange& written, T* to) {
  if (Edge != DepthwiseEdge::part || written.last == lanes<T>)
    store<T>(to, value);
  else
    store_between<T>(to, value, written);
}

/// Outputs in the order of the taps from the order in memory, or back.
template <class T, index_t Stride>
LIMN_INLINE Vec<T> depthwise_turned(Vec<T> v) {
  if constexpr (Stride == 1) return v;
  return lanes_in_order(v, std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>());
}

/// A kernel: as vectors where they leave registers for the rest, else as it lies.
template <class T, index_t Taps>
class DepthwiseKernel {
 public:
  LIMN_INLINE explicit DepthwiseKernel(const T* weight) : weight_(weight) {
    if constexpr (Taps == 3)
      LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) held_[t] = in_register<T>(broadcast<T>(weight[t]));
  }
  /// sum[v] += what a row of x gives to a row of y by the kernel's row k. Added up for itself: all products of an
  /// output in a row would wait for one another.
  template <index_t Vectors>
  LIMN_INLINE void add_row(index_t k, const Vec<T> (&tap)[Vectors][Taps], Vec<T> (&sum)[Vectors]) const {
    Vec<T> product[Vectors];
    LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) {
      const Vec<T> w = at<(Vectors > 1)>(k, j);
      LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) product[v] =
          j == 0 ? w * tap[v][j] : product[v] + w * tap[v][j];
    }
    LIMN_UNROLLED for (index_t v = 0; v < Vectors; ++v) sum[v] += product[v];
  }

  /// The weight at (k, j), for one product or for several.
  template <bool Several>
  LIMN_INLINE Vec<T> at(index_t k, index_t j) const {
    if constexpr (Taps == 3) return held_[k * 3 + j];
    const Vec<T> w = broadcast<T>(weight_[k * Taps + j]);
    if constexpr (Several) return in_register<T>(w);
    return w;
  }

 private:
  const T* weight_;
  Vec<T> held_[Taps == 3 ? 9 : 1];
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
