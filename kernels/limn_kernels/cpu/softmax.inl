// The loops of softmax.hpp for one instruction set. A strip is [axis, columns] with `stride` elements between rows; a
// strip of one column with stride 1 is a plain row. Sums run in short blocks of T, joined in double.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

inline constexpr index_t softmax_block = 64;  // vectors added in T before the sum moves to double

/// A sum of many vectors: blocks in T, their lanes in double.
template <class T>
struct LongSum {
  Vec<T> block{};
  index_t waiting = 0;
  double total = 0;
  LIMN_INLINE void add(Vec<T> v) {
    block = block + v;
    if (++waiting == softmax_block) flush();
  }
  LIMN_INLINE void flush() {
    total += static_cast<double>(reduce_add<T>(block));
    block = Vec<T>{};
    waiting = 0;
  }
};

template <class T, std::size_t... lane>
LIMN_INLINE Vec<T> padded(Vec<T> v, index_t n, T fill, std::index_sequence<lane...>) {
  using I = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
  return Vec<I>{static_cast<I>(lane)...} < static_cast<I>(n) ? v : broadcast<T>(fill);
}
/// The first n of lanes elements, the others `fill`.
template <class T>
LIMN_INLINE Vec<T> load_padded(const T* p, index_t n, T fill) {
  return padded<T>(load_first<T>(p, n), n, fill, std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>());
}

/// The elements from p on that lie before the next whole vector in memory: where the order does not matter, those after
/// them go without vectors that take two lines of the cache each.
template <class T>
LIMN_INLINE index_t before_aligned(const T* p) {
  const auto past = reinterpret_cast<std::uintptr_t>(p) / sizeof(T) % static_cast<std::size_t>(lanes<T>);
  return past == 0 ? 0 : lanes<T> - static_cast<index_t>(past);
}

/// n >= 1.
template <class T>
T row_maximum(index_t n, const T* x) {
  if (n < lanes<T>) {
    T top = x[0];
    for (index_t i = 1; i < n; ++i) top = x[i] > top ? x[i] : top;
    return top;
  }
  Vec<T> most = load<T>(x + n - lanes<T>), a = load<T>(x), b = most, c = most;
  index_t i = before_aligned(x);
  for (; i + 4 * lanes<T> <= n; i += 4 * lanes<T>) {
    most = vmax(most, load<T>(x + i));
    a = vmax(a, load<T>(x + i + lanes<T>));
    b = vmax(b, load<T>(x + i + 2 * lanes<T>));
    c = vmax(c, load<T>(x + i + 3 * lanes<T>));
  }
  for (; i + lanes<T> <= n; i += lanes<T>) most = vmax(most, load<T>(x + i));
  return reduce_max<T>(vmax(vmax(most, a), vmax(b, c)));
}

/// y = exp(x - top) where y is given; returns the sum. `next`: the row behind x is asked for from memory meanwhile.
template <class T, bool keep, bool next = false>
double exp_row(index_t n, const T* x, T top, T* y) {
  LongSum<T> sum;
  const Vec<T> tops = broadcast<T>(top);
  index_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    if constexpr (next) __builtin_prefetch(x + n + i);
    const Vec<T> e = exp_below(load<T>(x + i) - tops);
    if constexpr (keep) store<T>(y + i, e);
    sum.add(e);
  }
  if (i < n) {
    const Vec<T> e = exp_below(load_padded<T>(x + i, n - i, -static_cast<T>(__builtin_inff())) - tops);
    if constexpr (keep) store_first<T>(y + i, e, n - i);
    sum.add(e);
  }
  sum.flush();
  return sum.total;
}

/// [rows, n]. What the next row is taken from is found before this one is finished: each waits for lanes to be joined.
template <class T>
void softmax_rows(index_t rows, index_t n, const T* x, T* y) {
  T top = row_maximum(n, x);
  for (index_t left = rows; left > 0; --left, x += n, y += n) {
    const double sum = exp_row<T, true>(n, x, top, y);
    if (left > 1) top = row_maximum(n, x + n);
    const Vec<T> scale = broadcast<T>(static_cast<T>(1 / sum));
    const index_t start = before_aligned(y);
    index_t i = start < n ? start : n;
    if (i > 0) store_first<T>(y, load_first<T>(y, i) * scale, i);
    for (; i + lanes<T> <= n; i += lanes<T>) store<T>(y + i, load<T>(y + i) * scale);
    if (i < n) store_first<T>(y + i, load_first<T>(y + i, n - i) * scale, n - i);
  }
}

template <class T>
void log_softmax_rows(index_t rows, index_t n, const T* x, T* y) {
  T top = row_maximum(n, x);
  for (index_t left = rows; left > 0; --left, x += n, y += n) {
    const Vec<T> tops = broadcast<T>(top),
                 shift = broadcast<T>(static_cast<T>(std::log(exp_row<T, false>(n, x, top, nullptr))));
    if (left > 1) top = row_maximum(n, x + n);
    index_t i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) store<T>(y + i, (load<T>(x + i) - tops) - shift);
    if (i < n) store_first<T>(y + i, (load_first<T>(x + i, n - i) - tops) - shift, n - i);
  }
}

template <class T>
void softmax_row_gradient(index_t n, const T* y, const T* dy, T* dx) {
  LongSum<T> dot;
  index_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) dot.add(load<T>(y + i) * load<T>(dy + i));
  if (i < n) dot.add(load_first<T>(y + i, n - i) * load_first<T>(dy + i, n - i));
  dot.flush();
  const Vec<T> mean = broadcast<T>(static_cast<T>(dot.total));
  for (i = 0; i + lanes<T> <= n; i += lanes<T>) store<T>(dx + i, load<T>(y + i) * (load<T>(dy + i) - mean));
  if (i < n) store_first<T>(dx + i, load_first<T>(y + i, n - i) * (load_first<T>(dy + i, n - i) - mean), n - i);
}

template <class T>
void log_softmax_row_gradient(index_t n, const T* y, const T* dy, T* dx) {
  LongSum<T> sum;
  index_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) sum.add(load<T>(dy + i));
  if (i < n) sum.add(load_first<T>(dy + i, n - i));
  sum.flush();
  const Vec<T> total = broadcast<T>(static_cast<T>(sum.total));
  for (i = 0; i + lanes<T> <= n; i += lanes<T>) store<T>(dx + i, load<T>(dy + i) - exp(load<T>(y + i)) * total);
  if (i < n) store_first<T>(dx + i, load_first<T>(dy + i, n - i) - exp(load_first<T>(y + i, n - i)) * total, n - i);
}

// Strips of several columns: each vector lane is a column of its own; the sum of a column runs down the axis.

template <class T>
LIMN_INLINE Vec<T> load_some(const T* p, index_t n) {
  return n == lanes<T> ? load<T>(p) : load_first<T>(p, n);
}
template <class T>
LIMN_INLINE void store_some(T* p, Vec<T> v, index_t n) {
  n == lanes<T> ? store<T>(p, v) : store_first<T>(p, v, n);
}

template <class T>
void softmax_columns_of(index_t axis, index_t stride, index_t width, const T* x, T* y) {
  Vec<T> top = load_some<T>(x, width), sum{};
  for (index_t k = 1; k < axis; ++k) top = vmax(top, load_some<T>(x + k * stride, width));
  for (index_t k = 0; k < axis; ++k) {
    const Vec<T> e = exp_below(load_some<T>(x + k * stride, width) - top);
    store_some<T>(y + k * stride, e, width);
    sum = sum + e;
  }
  for (index_t k = 0; k < axis; ++k) store_some<T>(y + k * stride, load_some<T>(y + k * stride, width) / sum, width);
}

template <class T>
void log_softmax_columns_of(index_t axis, index_t stride, index_t width, const T* x, T* y) {
  Vec<T> top = load_some<T>(x, width), sum{};
  for (index_t k = 1; k < axis; ++k) top = vmax(top, load_some<T>(x + k * stride, width));
  for (index_t k = 0; k < axis; ++k) sum = sum + exp_below(load_some<T>(x + k * stride, width) - top);
  const Vec<T> shift = log(sum);
  for (index_t k = 0; k < axis; ++k)
    store_some<T>(y + k * stride, (load_some<T>(x + k * stride, width) - top) - shift, width);
}

template <class T>
void softmax_columns_gradient(index_t axis, index_t stride, index_t width, const T* y, const T* dy, T* dx) {
  Vec<T> dot{};
  for (index_t k = 0; k < axis; ++k)
    dot = dot + load_some<T>(y + k * stride, width) * load_some<T>(dy + k * stride, width);
  for (index_t k = 0; k < axis; ++k)
    store_some<T>(dx + k * stride, load_some<T>(y + k * stride, width) * (load_some<T>(dy + k * stride, width) - dot),
                  width);
}

template <class T>
void log_softmax_columns_gradient(index_t axis, index_t stride, index_t width, const T* y, const T* dy, T* dx) {
  Vec<T> sum{};
  for (index_t k = 0; k < axis; ++k) sum = sum + load_some<T>(dy + k * stride, width);
  for (index_t k = 0; k < axis; ++k)
    store_some<T>(dx + k * stride,
                  load_some<T>(dy + k * stride, width) - exp(load_some<T>(y + k * stride, width)) * sum, width);
}

#define LIMN_SOFTMAX_STRIPS(name)                                                                              \
  template <class T>                                                                                           \
  void name##_strip(index_t axis, index_t stride, index_t columns, const T* x, T* y) {                         \
    if (stride == 1) return name##_rows<T>(1, axis, x, y);                                                     \
    for (index_t i = 0; i < columns; i += lanes<T>)                                                            \
      name##_columns_of<T>(axis, stride, columns - i < lanes<T> ? columns - i : lanes<T>, x + i, y + i);       \
  }                                                                                                            \
  template <class T>                                                                                           \
  void name##_strip_gradient(index_t axis, index_t stride, index_t columns, const T* y, const T* dy, T* dx) {  \
    if (stride == 1) return name##_row_gradient<T>(axis, y, dy, dx);                                           \
    for (index_t i = 0; i < columns; i += lanes<T>)                                                            \
      name##_columns_gradient<T>(axis, stride, columns - i < lanes<T> ? columns - i : lanes<T>, y + i, dy + i, \
                                 dx + i);                                                                      \
  }
LIMN_SOFTMAX_STRIPS(softmax)
LIMN_SOFTMAX_STRIPS(log_softmax)
#undef LIMN_SOFTMAX_STRIPS

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
