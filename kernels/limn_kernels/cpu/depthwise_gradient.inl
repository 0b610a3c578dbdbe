// The data gradient of a depthwise convolution with stride 2, for one instruction set: dy's rows pass by once, each
// giving to as many rows of dx as the kernel has.
//
// Column c of dy reaches the columns 2 c - pad_left + j of dx: those of one parity by the even columns j of the kernel,
// those of the other by the odd ones. So the vectors of dy that lie 0, 1, ... columns further, by the even columns and
// by the odd ones, are two vectors of sums, which are a row of dx when they are interleaved.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Two vectors of columns of dx from `first` on, which is even: moved back by an even number where a row of dx ends.
/// And what they read of a row of dy.
template <class T, index_t Taps>
struct DepthwisePair {
  index_t first;
  LaneRange written[2];
  DepthwiseReads<T, (Taps + 1) / 2, 1> reads;

  LIMN_INLINE DepthwisePair(const Conv2dShape& s, index_t column)
      : first(column <= s.w - wide ? column
              : s.w > wide         ? (s.w - wide + 1) / 2 * 2
                                   : 0),
        written{lanes_between(0, depthwise_clamped<T>(s.w - first)),
                lanes_between(0, depthwise_clamped<T>(s.w - first - lanes<T>))},
        reads((first - (Taps - 1 - s.pad_left % 2 - s.pad_left)) / 2, s.ow) {}
  static constexpr index_t wide = 2 * lanes<T>;
  [[nodiscard]] LIMN_INLINE DepthwiseEdge edge() const {
    return written[1].last == lanes<T> ? reads.edge() : DepthwiseEdge::part;
  }
};
/// The row of dx that begins at `to`, from the sums of its even and its odd columns.
template <DepthwiseEdge Edge, class T, index_t Taps>
LIMN_INLINE void depthwise_write_pair(const Vec<T> (&sum)[2], const DepthwisePair<T, Taps>& pair, T* to) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
  depthwise_write<Edge, T>(interleave<false, T>(sum[0], sum[1], all), pair.written[0], to);
  if (Edge == DepthwiseEdge::part && pair.written[1].last == 0) return;
  depthwise_write<Edge, T>(interleave<true, T>(sum[0], sum[1], all), pair.written[1], to + lanes<T>);
}

/// product[0], product[1] = what a row of dy gives to the even and the odd columns of a row of dx by the kernel's row
/// k. An odd padding makes the kernel's odd columns reach the even ones.
template <bool OddPad, class T, index_t Taps>
LIMN_INLINE void depthwise_gradient_row(const DepthwiseKernel<T, Taps>& kernel, index_t k,
                                        const Vec<T> (&tap)[(Taps + 1) / 2], Vec<T> (&product)[2]) {
  constexpr index_t reach = (Taps - 1) / 2, shift = OddPad ? 0 : 1;
  Vec<T>&by_even = product[OddPad], &by_odd = product[!OddPad];
  by_even = kernel.template at<false>(k, Taps - 1) * tap[0];
  by_odd = kernel.template at<false>(k, Taps - 2) * tap[shift];
  LIMN_UNROLLED for (index_t i = 1; i <= reach; ++i) by_even += kernel.template at<false>(k, Taps - 1 - 2 * i) * tap[i];
  LIMN_UNROLLED for (index_t i = 1; i < reach; ++i) by_odd +=
      kernel.template at<false>(k, Taps - 2 - 2 * i) * tap[i + shift];
}

/// A pair of vectors of columns, all rows.
template <bool OddPad, DepthwiseEdge Edge, class T, index_t Taps>
void depthwise_gradient_pair(const Conv2dShape& s, const DepthwisePair<T, Taps>& pair_, const T* dy,
                             const DepthwiseKernel<T, Taps>& kernel, T* dx) {
  constexpr index_t waiting = Taps - 2;       // rows of dx that a row of dy does not finish
  const DepthwisePair<T, Taps> pair = pair_;  // a copy: what masks it has stay in registers
  const index_t h = s.h, w = s.w, oh = s.oh, ow = s.ow;
  Vec<T> sum[Taps][2] = {}, product[2], tap[(Taps + 1) / 2];
  T* to = dx + pair.first - s.pad_top * w;
  for (index_t r = 0, row = -s.pad_top; row < h; ++r, row += 2, dy += ow, to += 2 * w) {
    if (r < oh) {
      pair.reads.template read<Edge>(dy, tap);
      LIMN_UNROLLED for (index_t k = 0; k < Taps; ++k) {
        depthwise_gradient_row<OddPad>(kernel, k, tap, product);
        LIMN_UNROLLED for (index_t b = 0; b < 2; ++b) sum[k][b] = k < waiting ? sum[k][b] + product[b] : product[b];
      }
    }
    if (row >= 0) depthwise_write_pair<Edge>(sum[0], pair, to);
    if (row + 1 >= 0 && row + 1 < h) depthwise_write_pair<Edge>(sum[1], pair, to + w);
    LIMN_UNROLLED for (index_t i = 0; i < Taps; ++i) LIMN_UNROLLED for (index_t b = 0; b < 2; ++b) sum[i][b] =
        i < waiting ? sum[i < waiting ? i + 2 : i][b] : Vec<T>{};
  }
}

/// The planes [first, last) of dx, one output a channel.
template <bool OddPad, class T, index_t Taps>
void depthwise_gradient_planes(const Conv2dShape& s, index_t first, index_t last, const T* dy, const T* weight, T* dx) {
  using Pair = DepthwisePair<T, Taps>;
  const index_t count = (s.w + Pair::wide - 1) / Pair::wide;
  const Scratch<Pair> pairs(count);
  for (index_t i = 0; i < count; ++i) pairs.data()[i] = Pair(s, i * Pair::wide);
  for (index_t plane = first; plane < last; ++plane) {
    const DepthwiseKernel<T, Taps> kernel(weight + plane % s.c * Taps * Taps);
    const T* from = dy + plane * s.oh * s.ow;
    T* to = dx + plane * s.h * s.w;
    for (index_t i = 0; i < count; ++i)
      if (pairs.data()[i].edge() == DepthwiseEdge::inside)
        depthwise_gradient_pair<OddPad, DepthwiseEdge::inside>(s, pairs.data()[i], from, kernel, to);
      else
        depthwise_gradient_pair<OddPad, DepthwiseEdge::part>(s, pairs.data()[i], from, kernel, to);
  }
}
template <class T, index_t Taps>
void depthwise_gradient_of(const Conv2dShape& s, index_t first, index_t last, const T* dy, const T* weight, T* dx) {
  if (s.pad_left % 2 == 1) return depthwise_gradient_planes<true, T, Taps>(s, first, last, dy, weight, dx);
  depthwise_gradient_planes<false, T, Taps>(s, first, last, dy, weight, dx);
}
template <class T>
void depthwise_gradient(const Conv2dShape& s, index_t first, index_t last, const T* dy, const T* weight, T* dx) {
  if (s.kh == 3) return depthwise_gradient_of<T, 3>(s, first, last, dy, weight, dx);
  if (s.kh == 5) return depthwise_gradient_of<T, 5>(s, first, last, dy, weight, dx);
  depthwise_gradient_of<T, 7>(s, first, last, dy, weight, dx);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
