// Maximum pooling in windows of 2 x 2 at steps of 2, a vector of windows at a time.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// The elements at even and at odd places of the 2 lanes<T> from `row` on.
template <class T, std::size_t... i>
LIMN_INLINE void load_pairs(const T* row, Vec<T>& even, Vec<T>& odd, std::index_sequence<i...>) {
  const Vec<T> low = load<T>(row), high = load<T>(row + lanes<T>);
  even = shuffled(low, high, std::index_sequence<2 * i...>());
  odd = shuffled(low, high, std::index_sequence<2 * i + 1 ...>());
}

/// One row of windows: y[o] = the largest of top[2 o], top[2 o + 1], bottom[2 o], bottom[2 o + 1], the first of equals,
/// a NaN before all; index[o] = its place, top[0] being at `first` and bottom[0] `width` behind it.
template <class T>
void max_pool_row_2x2(index_t count, const T* top, const T* bottom, index_t first, index_t width, T* y,
                      index_t* index) {
  constexpr index_t step = lanes<T>;
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(step)>();
  index_t o = 0;
  for (; o + step <= count; o += step) {
    Vec<T> a, b, c, d;
    load_pairs<T>(top + 2 * o, a, b, all);
    load_pairs<T>(bottom + 2 * o, c, d, all);
    const auto right = (b > a) | ((b != b) & (a == a)), below_right = (d > c) | ((d != d) & (c == c));
    const Vec<T> above = right ? b : a, below = below_right ? d : c;
    const auto lower = (below > above) | ((below != below) & (above == above));
    store<T>(y + o, lower ? below : above);
    // Each is 0 or -1.
    const auto odd = lower ? below_right : right;
    alignas(LIMN_VECTOR_BYTES) std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> column[step], row[step];
    std::memcpy(column, &odd, sizeof odd);
    std::memcpy(row, &lower, sizeof lower);
    for (index_t i = 0; i < step; ++i) index[o + i] = first + 2 * (o + i) - column[i] + (row[i] & width);
  }
  for (; o < count; ++o) {
    const T taps[4] = {top[2 * o], top[2 * o + 1], bottom[2 * o], bottom[2 * o + 1]};
    index_t best = 0;
    for (index_t t = 1; t < 4; ++t)
      if (taps[t] > taps[best] || (taps[t] != taps[t] && taps[best] == taps[best])) best = t;
    y[o] = taps[best];
    index[o] = first + 2 * o + (best & 1) + (best >> 1) * width;
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
