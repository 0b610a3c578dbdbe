// The inner loops of conv2d.hpp for one instruction set: blocks of the patch matrix, rows of a depthwise convolution,
// what is done to a product's result.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// to[i] = x[from + i * step] for i < count, zero where the position leaves [0, extent).
template <class T>
LIMN_INLINE void copy_clipped(const T* x, index_t extent, index_t from, index_t step, index_t count, T* to) {
  if (step == 1) {
    const index_t before = from < 0 ? (-from < count ? -from : count) : 0;
    index_t inside = extent - (from + before);
    inside = inside < 0 ? 0 : inside < count - before ? inside : count - before;
    for (index_t i = 0; i < before; ++i) to[i] = T(0);
    if (inside == 2 * lanes<T>) {
      store<T>(to + before, load<T>(x + from + before));
      store<T>(to + before + lanes<T>, load<T>(x + from + before + lanes<T>));
    } else {
      index_t i = 0;
      for (; i + lanes<T> <= inside; i += lanes<T>) store<T>(to + before + i, load<T>(x + from + before + i));
      if (i < inside) store_first<T>(to + before + i, load_first<T>(x + from + before + i, inside - i), inside - i);
    }
    for (index_t i = before + inside; i < count; ++i) to[i] = T(0);
    return;
  }
  // Inside for i in [low, high).
  const index_t low = from >= 0 ? 0 : (step - 1 - from) / step < count ? (step - 1 - from) / step : count;
  index_t high = from >= extent ? 0 : (extent - from + step - 1) / step;
  high = high < count ? high : count;
  index_t i = 0;
  for (; i < low; ++i) to[i] = T(0);
  if (step == 2) {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
    for (; i + lanes<T> <= high && from + 2 * (i + lanes<T>) <= extent; i += lanes<T>)
      store<T>(to + i, even_lanes(load<T>(x + from + 2 * i), load<T>(x + from + 2 * i + lanes<T>), all));
    if (const index_t rest = high - i; rest > 0 && rest <= lanes<T>) {
      const T* last = x + from + 2 * i;
      const index_t count_of_last = 2 * rest - 1, first = count_of_last < lanes<T> ? count_of_last : lanes<T>;
      const Vec<T> left = load_first<T>(last, first);
      const Vec<T> right = count_of_last > first ? load_first<T>(last + first, count_of_last - first) : Vec<T>{};
      store_first<T>(to + i, even_lanes(left, right, all), rest);
      i = high;
    }
  }
  for (; i < high; ++i) to[i] = x[from + i * step];
  for (; i < count; ++i) to[i] = T(0);
}

/// to[c * to_step + o * taps + i] = from[o * step + c * size + tap[i]] for c < channels, o < outputs, i < taps.
template <class T>
void conv2d_pick_weights(index_t channels, index_t outputs, index_t step, index_t size, index_t taps,
                         const index_t* tap, const T* from, T* to, index_t to_step) {
#if LIMN_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<T, float>)
    if (size <= lanes<T>) {
      Vec<std::int32_t> lane{};
      for (index_t i = 0; i < taps; ++i) lane[i] = static_cast<std::int32_t>(tap[i]);
      for (index_t o = 0; o < outputs; ++o) {
        const T* x = from + o * step;
        T* y = to + o * taps;
        // A whole vector, over the next ones' places, while there are such.
        if ((outputs - o) * taps >= lanes<T>)
          for (index_t c = 0; c < channels; ++c, x += size, y += to_step) {
            __builtin_prefetch(x + 3 * step);
            const Vec<T> v = load_first<T>(x, size);
            store<T>(y, picked(v, v, lane));
          }
        else
          for (index_t c = 0; c < channels; ++c, x += size, y += to_step) {
            __builtin_prefetch(x + 3 * step);
            const Vec<T> v = load_first<T>(x, size);
            store_first<T>(y, picked(v, v, lane), taps);
          }
      }
      return;
    }
#endif
  for (index_t o = 0; o < outputs; ++o)
    for (index_t c = 0; c < channels; ++c)
      for (index_t i = 0; i < taps; ++i) to[c * to_step + o * taps + i] = from[o * step + c * size + tap[i]];
}

/// One plane of conv2d_thin.
template <class T>
void conv2d_thin_plane(const Conv2dShape& s, const T* x, T* thin) {
  for (index_t oy = 0; oy < s.oh; ++oy)
    copy_clipped<T>(x + oy * s.stride_h * s.w, s.w, 0, s.stride_w, s.ow, thin + oy * s.ow);
}

/// columns[t, q] for t < taps and the pixels of `rows` rows: the patches of x, laid out `pitch` apart, as a matrix.
/// Each vector writes over the idle end of the one before; one may be written behind the last.
template <class T>
void conv2d_columns(index_t taps, const index_t* offset, index_t rows, index_t ow, index_t pitch, const T* x,
                    T* columns) {
  for (index_t t = 0; t < taps; ++t)
    for (index_t oy = 0; oy < rows; ++oy, columns += ow) {
      const T* from = x + offset[t] + oy * pitch;
      for (index_t q = 0; q < ow; q += lanes<T>) store<T>(columns + q, load<T>(from + q));
    }
}

/// y[i] = max(floor, x[i] + add) for i < count; a NaN stays. x may be y.
template <class T>
void conv2d_finish(index_t count, T add, T floor, const T* x, T* y) {
  const Vec<T> more = broadcast<T>(add), least = broadcast<T>(floor);
  index_t i = 0;
  for (; i + lanes<T> <= count; i += lanes<T>) store<T>(y + i, vmax(least, load<T>(x + i) + more));
  if (i < count) store_first<T>(y + i, vmax(least, load_first<T>(x + i, count - i) + more), count - i);
}

template <class T>
LIMN_INLINE void copy_run(const T* x, index_t count, T* y) {
  index_t i = 0;
  for (; i + lanes<T> <= count; i += lanes<T>) store<T>(y + i, load<T>(x + i));
  if (i < count) store_first<T>(y + i, load_first<T>(x + i, count - i), count - i);
}

/// Where patch `pixel` of an image has the first element of its row i of channel c, when strides are the kernel's size.
LIMN_INLINE index_t patch_row(const Conv2dShape& s, index_t pixel, index_t c, index_t i) {
  return (c * s.h + pixel / s.ow * s.kh + i) * s.w + pixel % s.ow * s.kw;
}
/// The elements [first, first + taps) of the patches [pixel, pixel + count) go from `rows` [pixels, field] to the
/// image.
template <class T>
void conv2d_patches_to_image(const Conv2dShape& s, index_t pixel, index_t count, index_t first, index_t taps,
                             const T* rows, T* image) {
  const index_t field = s.field();
  for (index_t k = first; k < first + taps;) {
    const index_t j = k % s.kw, left = first + taps - k, run = s.kw - j < left ? s.kw - j : left;
    for (index_t p = pixel; p < pixel + count; ++p)
      copy_run<T>(rows + p * field + k, run, image + patch_row(s, p, k / (s.kh * s.kw), k / s.kw % s.kh) + j);
    k += run;
  }
}
/// The patches [pixel, pixel + count) from the image to `rows` [pixels, field].
template <class T>
void conv2d_image_to_patches(const Conv2dShape& s, index_t pixel, index_t count, const T* image, T* rows) {
  const index_t field = s.field();
  for (index_t k = 0; k < field; k += s.kw)
    for (index_t p = pixel; p < pixel + count; ++p)
      copy_run<T>(image + patch_row(s, p, k / (s.kh * s.kw), k / s.kw % s.kh), s.kw, rows + p * field + k);
}

/// One output plane of a depthwise convolution of a plane laid out so. Rows of `pitch` outputs are computed without
/// regard to their ends; what lies beyond ow is dropped.
template <class T>
void conv2d_depthwise_plane(const Conv2dShape& s, const DirectLayout& d, const T* split, const T* weight, T bias,
                            T* y) {
  constexpr index_t block = 4 * lanes<T>, chunk = 2048;
  static_assert(block <= direct_slack && chunk % block == 0);
  alignas(LIMN_VECTOR_BYTES) T flat[chunk];
  const index_t taps = s.kh * s.kw, total = (s.oh - 1) * d.pitch + s.ow;
  for (index_t first = 0; first < total; first += chunk) {
    const index_t until = first + chunk < total ? first + chunk : total;
    for (index_t f = first; f < until; f += block) {
      Vec<T> s0 = broadcast<T>(bias), s1 = s0, s2 = s0, s3 = s0;
      for (index_t t = 0; t < taps; ++t) {
        const Vec<T> w = broadcast<T>(weight[t]);
        const T* p = split + d.offset[t] + f;
        s0 += w * load<T>(p);
        s1 += w * load<T>(p + lanes<T>);
        s2 += w * load<T>(p + 2 * lanes<T>);
        s3 += w * load<T>(p + 3 * lanes<T>);
      }
      T* to = flat + (f - first);
      store<T>(to, s0);
      store<T>(to + lanes<T>, s1);
      store<T>(to + 2 * lanes<T>, s2);
      store<T>(to + 3 * lanes<T>, s3);
    }
    for (index_t oy = first / d.pitch; oy * d.pitch < until; ++oy) {
      const index_t begin = oy * d.pitch > first ? oy * d.pitch : first;
      const index_t end = oy * d.pitch + s.ow < until ? oy * d.pitch + s.ow : until;
      T* to = y + oy * s.ow + (begin - oy * d.pitch);
      index_t i = begin;
      for (; i + lanes<T> <= end; i += lanes<T>) store<T>(to + (i - begin), load<T>(flat + (i - first)));
      if (i < end) store_first<T>(to + (i - begin), load_first<T>(flat + (i - first), end - i), end - i);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
