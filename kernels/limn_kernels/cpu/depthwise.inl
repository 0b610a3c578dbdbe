// The inner loops of depthwise.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

template <class T>
LIMN_INLINE Vec<T> depthwise_load(const T* p, index_t n) {
  return n >= lanes<T> ? load<T>(p) : n > 0 ? load_first<T>(p, n) : Vec<T>{};
}
template <class V, std::size_t... i>
LIMN_INLINE V depthwise_shifted(V v, std::index_sequence<i...>) {  // lane i becomes lane i + 1, lane 0 zero
  return shuffled(V{}, v, std::index_sequence<(i + sizeof...(i) - 1)...>());
}
template <class V, std::size_t... i>
LIMN_INLINE V depthwise_even(V a, V b, std::index_sequence<i...>) {
  return shuffled(a, b, std::index_sequence<(2 * i)...>());
}
template <class V, std::size_t... i>
LIMN_INLINE V depthwise_odd(V a, V b, std::index_sequence<i...>) {
  return shuffled(a, b, std::index_sequence<(2 * i + 1)...>());
}

/// tap[j] = what the outputs column, column + 1, ... read of a row of `width` elements at tap j = 0..2, padding 1.
template <class T, index_t Stride>
LIMN_INLINE void depthwise_taps(const T* row, index_t width, index_t column, Vec<T>* tap) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
  const index_t at = column * Stride, left = width - at;
  const T* p = row + at;
  if constexpr (Stride == 1) {
    tap[1] = depthwise_load<T>(p, left);
    tap[0] = column == 0 ? depthwise_shifted(tap[1], all) : depthwise_load<T>(p - 1, left + 1);
    tap[2] = depthwise_load<T>(p + 1, left - 1);
  } else {
    const Vec<T> a = depthwise_load<T>(p, left), b = depthwise_load<T>(p + lanes<T>, left - lanes<T>);
    tap[1] = depthwise_even(a, b, all);
    tap[2] = depthwise_odd(a, b, all);
    tap[0] = column == 0 ? depthwise_shifted(tap[2], all)
                         : depthwise_even(depthwise_load<T>(p - 1, left + 1),
                                          depthwise_load<T>(p - 1 + lanes<T>, left + 1 - lanes<T>), all);
  }
}

/// `Rows` output rows from `first` on of one plane.
template <class T, index_t Stride, index_t Rows>
LIMN_INLINE void depthwise_rows(const Conv2dShape& s, index_t first, const T* x, const Vec<T>* w, Vec<T> bias, T* y) {
  for (index_t column = 0; column < s.ow; column += lanes<T>) {
    Vec<T> sum[Rows];
    LIMN_UNROLLED for (index_t r = 0; r < Rows; ++r) sum[r] = bias;
    LIMN_UNROLLED for (index_t i = 0; i < (Rows - 1) * Stride + 3; ++i) {
      const index_t iy = first * Stride - 1 + i;
      if (iy < 0 || iy >= s.h) continue;
      Vec<T> tap[3];
      depthwise_taps<T, Stride>(x + iy * s.w, s.w, column, tap);
      LIMN_UNROLLED for (index_t r = 0; r < Rows; ++r) {
        const index_t k = i - r * Stride;
        if (k < 0 || k > 2) continue;
        sum[r] += w[3 * k] * tap[0];
        sum[r] += w[3 * k + 1] * tap[1];
        sum[r] += w[3 * k + 2] * tap[2];
      }
    }
    const index_t count = s.ow - column;
    LIMN_UNROLLED for (index_t r = 0; r < Rows; ++r) {
      T* to = y + (first + r) * s.ow + column;
      if (count >= lanes<T>)
        store<T>(to, sum[r]);
      else
        store_first<T>(to, sum[r], count);
    }
  }
}

/// One plane; weight [9], `turned` by 180 degrees for the data gradient.
template <class T, index_t Stride>
void depthwise_plane_strided(const Conv2dShape& s, const T* x, const T* weight, bool turned, T bias, T* y) {
  Vec<T> w[9];
  LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) w[t] = broadcast<T>(weight[turned ? 8 - t : t]);
  constexpr index_t rows = Stride == 1 ? 4 : 2;
  index_t oy = 0;
  for (; oy + rows <= s.oh; oy += rows) depthwise_rows<T, Stride, rows>(s, oy, x, w, broadcast<T>(bias), y);
  for (; oy < s.oh; ++oy) depthwise_rows<T, Stride, 1>(s, oy, x, w, broadcast<T>(bias), y);
}

template <class T>
void depthwise_plane(const Conv2dShape& s, const T* x, const T* weight, bool turned, T bias, T* y) {
  if (s.stride_h == 1) return depthwise_plane_strided<T, 1>(s, x, weight, turned, bias, y);
  depthwise_plane_strided<T, 2>(s, x, weight, turned, bias, y);
}

/// dw [9] of one channel, summed over the images, which are x_image and y_image elements apart.
template <class T, index_t Stride>
void depthwise_weights_strided(const Conv2dShape& s, const T* x, index_t x_image, const T* dy, index_t y_image, T* dw) {
  Vec<T> sum[9] = {};
  for (index_t n = 0; n < s.n; ++n, x += x_image, dy += y_image)
    for (index_t oy = 0; oy < s.oh; ++oy)
      for (index_t column = 0; column < s.ow; column += lanes<T>) {
        const Vec<T> g = depthwise_load<T>(dy + oy * s.ow + column, s.ow - column);
        LIMN_UNROLLED for (index_t k = 0; k < 3; ++k) {
          const index_t iy = oy * Stride - 1 + k;
          if (iy < 0 || iy >= s.h) continue;
          Vec<T> tap[3];
          depthwise_taps<T, Stride>(x + iy * s.w, s.w, column, tap);
          LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) sum[3 * k + j] += g * tap[j];
        }
      }
  LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) dw[t] = reduce_add<T>(sum[t]);
}

template <class T>
void depthwise_weights(const Conv2dShape& s, const T* x, index_t x_image, const T* dy, index_t y_image, T* dw) {
  if (s.stride_h == 1) return depthwise_weights_strided<T, 1>(s, x, x_image, dy, y_image, dw);
  depthwise_weights_strided<T, 2>(s, x, x_image, dy, y_image, dw);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
