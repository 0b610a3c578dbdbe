// Maximum pooling, a vector of windows at a time: of 2 x 2 at steps of 2, and of any size at steps of 1 or 2. Sums of
// runs.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// One row of windows: y[o] = the largest of top[2 o], top[2 o + 1], bottom[2 o], bottom[2 o + 1], the first of equals,
/// a NaN before all; index[o] = its place, top[0] being at `first` and bottom[0] `width` behind it.
template <class T>
void max_pool_row_2x2(index_t count, const T* top, const T* bottom, index_t first, index_t width, T* y,
                      index_t* index) {
  constexpr index_t step = lanes<T>;
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(step)>();
  index_t o = 0;
  for (; o + step <= count; o += step) {
    const Vec<T> left = load<T>(top + 2 * o), next = load<T>(top + 2 * o + step), a = even_lanes(left, next, all),
                 b = odd_lanes(left, next, all);
    const Vec<T> under = load<T>(bottom + 2 * o), beside = load<T>(bottom + 2 * o + step),
                 c = even_lanes(under, beside, all), d = odd_lanes(under, beside, all);
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

/// One row of `count` windows at steps of Stride, each `rows` rows, `width` apart, of `columns` elements: y[o] = the
/// largest from x[Stride o] on, the first of equals, a NaN before all; index[o] = its place, x[0] being at `first`.
/// Nothing is read beyond the last window.
template <class T, index_t Stride>
void max_pool_row_by(index_t count, const T* x, index_t rows, index_t columns, index_t width, index_t first, T* y,
                     index_t* index) {
  using Place = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr index_t size = lanes<T>;
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(size)>();
  for (index_t o = 0; o < count; o += size) {
    const index_t some = count - o < size ? count - o : size, elements = Stride * (some - 1) + 1,
                  beyond = elements - size;
    const bool whole = o + size < count || (Stride == 1 && some == size);
    Vec<T> best{};
    Vec<Place> place{};
    for (index_t i = 0; i < rows; ++i)
      for (index_t j = 0; j < columns; ++j) {
        const T* p = x + i * width + Stride * o + j;
        Vec<T> v = whole ? load<T>(p) : load_first<T>(p, elements < size ? elements : size);
        if constexpr (Stride == 2) {
          const Vec<T> next = whole ? load<T>(p + size) : beyond > 0 ? load_first<T>(p + size, beyond) : Vec<T>{};
          v = even_lanes(v, next, all);
        }
        if (i + j == 0) {
          best = v;
          continue;
        }
        const auto larger = (v > best) | ((v != v) & (best == best));
        best = larger ? v : best;
        place = larger ? broadcast<Place>(static_cast<Place>(i * width + j)) : place;
      }
    alignas(LIMN_VECTOR_BYTES) Place at[size];
    std::memcpy(at, &place, sizeof place);
    if (some == size)
      store<T>(y + o, best);
    else
      store_first<T>(y + o, best, some);
    for (index_t k = 0; k < some; ++k) index[o + k] = first + Stride * (o + k) + at[k];
  }
}

template <class T>
void max_pool_row(index_t stride, index_t count, const T* x, index_t rows, index_t columns, index_t width,
                  index_t first, T* y, index_t* index) {
  stride == 1 ? max_pool_row_by<T, 1>(count, x, rows, columns, width, first, y, index)
              : max_pool_row_by<T, 2>(count, x, rows, columns, width, first, y, index);
}

/// The sum of x[0..count).
template <class T>
T sum_of_run(index_t count, const T* x) {
  Vec<T> sum[4] = {};
  index_t i = 0;
  for (; i + 4 * lanes<T> <= count; i += 4 * lanes<T>)
    LIMN_UNROLLED for (index_t k = 0; k < 4; ++k) sum[k] += load<T>(x + i + k * lanes<T>);
  for (; i + lanes<T> <= count; i += lanes<T>) sum[0] += load<T>(x + i);
  if (i < count) sum[1] += load_first<T>(x + i, count - i);
  return reduce_add<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
