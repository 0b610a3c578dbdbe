// The data gradient of a depthwise 3 x 3 convolution with stride 2 and padding 1, for one instruction set.
//
// Column c of dy reaches the columns 2 c (by the kernel's middle column) and 2 c + 1 (by the last one) of dx, and 2 c -
// 1 (by the first); rows likewise. So a vector of dy's row r, and the one a column further, of this row and the next,
// give two vectors of two rows of dx, nine products in all.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Of a row of dy: the strip's columns, and those one further.
template <class T>
struct DepthwiseColumns {
  Vec<T> here, further;
};
template <class T, bool Part>
LIMN_INLINE DepthwiseColumns<T> depthwise_columns(const T* dy, index_t left) {
  if constexpr (!Part) return {load<T>(dy), load<T>(dy + 1)};
  return {load_first<T>(dy, left < lanes<T> ? left : lanes<T>),
          load_first<T>(dy + 1, left - 1 < lanes<T> ? left - 1 : lanes<T>)};
}

/// A row of dx from the sums of its even and its odd columns, of which there are so many.
template <class T, bool Part>
LIMN_INLINE void depthwise_store_pairs(Vec<T> even, Vec<T> odd, index_t count, T* dx) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
  const Vec<T> low = interleave<false, T>(even, odd, all), high = interleave<true, T>(even, odd, all);
  if constexpr (Part) {
    store_first<T>(dx, low, count < lanes<T> ? count : lanes<T>);
    if (count > lanes<T>) store_first<T>(dx + lanes<T>, high, count - lanes<T>);
  } else {
    store<T>(dx, low);
    store<T>(dx + lanes<T>, high);
  }
}

/// The columns of dx that the columns [column, column + lanes) of dy reach.
template <class T, bool Part>
void depthwise_gradient_strip(const Conv2dShape& s, index_t column, const T* weight, const T* dy, T* dx) {
  Vec<T> w[9];
  LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) w[t] = in_register<T>(broadcast<T>(weight[t]));
  const index_t left = s.ow - column, rest = s.w - 2 * column, count = rest < 2 * lanes<T> ? rest : 2 * lanes<T>;
  dy += column;
  dx += 2 * column;
  DepthwiseColumns<T> row = depthwise_columns<T, Part>(dy, left);
  for (index_t r = 0; r < s.oh; ++r) {
    depthwise_store_pairs<T, Part>(w[4] * row.here, w[5] * row.here + w[3] * row.further, count, dx);
    dx += s.w;
    if (2 * r + 1 == s.h) return;
    DepthwiseColumns<T> below{};
    dy += s.ow;
    if (r + 1 < s.oh) below = depthwise_columns<T, Part>(dy, left);
    depthwise_store_pairs<T, Part>(w[7] * row.here + w[1] * below.here,
                                   (w[8] * row.here + w[6] * row.further) + (w[2] * below.here + w[0] * below.further),
                                   count, dx);
    dx += s.w;
    row = below;
  }
}

/// The planes [first, last) of dx, one output a channel.
template <class T>
void depthwise_gradient_planes(const Conv2dShape& s, index_t first, index_t last, const T* dy, const T* weight, T* dx) {
  for (index_t plane = first; plane < last; ++plane) {
    const T *from = dy + plane * s.oh * s.ow, *w = weight + plane % s.c * 9;
    T* to = dx + plane * s.h * s.w;
    for (index_t column = 0; column < s.ow; column += lanes<T>)
      if (column + lanes<T> < s.ow && 2 * (column + lanes<T>) <= s.w)
        depthwise_gradient_strip<T, false>(s, column, w, from, to);
      else
        depthwise_gradient_strip<T, true>(s, column, w, from, to);
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
