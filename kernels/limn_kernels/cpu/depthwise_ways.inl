// Which way each depthwise convolution goes, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// The planes [begin, end) of all images' outputs, each by `way`.
template <class T, class Way>
void depthwise_planes_by(const Conv2dShape& s, const Way& way_, index_t begin, index_t end, const T* x, const T* weight,
                         const T* bias, T floor, T* y) {
  // What lies in registers as a copy is loaded for each plane from a reference.
  const std::conditional_t<std::is_trivially_copyable_v<Way>, Way, const Way&> way = way_;
  const index_t outputs = s.outputs(), in = s.h * s.w, out = s.oh * s.ow, oc = s.oc, taps = s.kh * s.kw;
  index_t o = begin % oc, of_channel = o % outputs;  // no division for each plane: it takes as long as a row of it
  x += (begin / oc * s.c + o / outputs) * in;
  y += begin * out;
  for (index_t plane = begin; plane < end; ++plane, y += out) {
    way(x, weight + o * taps, bias ? bias[o] : T(0), floor, y);
    if (++of_channel == outputs) {
      of_channel = 0;
      x += in;
    }
    if (++o == oc) o = 0;
  }
}

// The squares (taps, width, stride) whose planes have channels in the lanes; with AVX2 depthwise_is_padded says it.
#define LIMN_DEPTHWISE_CHANNELS(way) way(5, 7, 1) way(7, 7, 1) way(7, 14, 1) way(5, 14, 2)
#define LIMN_DEPTHWISE_CHANNELS_WEIGHTS(way) \
  way(3, 7, 1) way(5, 7, 1) way(7, 7, 1) way(5, 14, 1) way(7, 14, 1) way(3, 14, 2) way(5, 14, 2)

/// Planes that are worked on together: a task is for a multiple of so many.
template <class T>
index_t depthwise_together(const Conv2dShape& s, bool weights) {
#define LIMN_TOGETHER(...) \
  if (depthwise_lanes_are_channels(s, __VA_ARGS__)) return lanes<float>;
  if (LIMN_VECTOR_BYTES < 32 || !std::is_same_v<T, float>) return 1;
  if (weights) {
    LIMN_DEPTHWISE_CHANNELS_WEIGHTS(LIMN_TOGETHER)
    return 1;
  }
  if (LIMN_VECTOR_BYTES == 32) return depthwise_is_padded(s) ? lanes<float> : 1;
  LIMN_DEPTHWISE_CHANNELS(LIMN_TOGETHER)
#undef LIMN_TOGETHER
  return 1;
}

/// weight [oc, kh, kw].
template <class T>
void depthwise_planes(const Conv2dShape& s, index_t begin, index_t end, const T* x, const T* weight, const T* bias,
                      T floor, T* y) {
#define LIMN_BY(...) return depthwise_planes_by(s, __VA_ARGS__, begin, end, x, weight, bias, floor, y)
#if LIMN_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<T, float>) {
#define LIMN_CHANNELS(...)                          \
  if (depthwise_lanes_are_channels(s, __VA_ARGS__)) \
    return depthwise_channels<__VA_ARGS__>(s, begin, end, x, weight, bias, floor, y);
    LIMN_DEPTHWISE_CHANNELS(LIMN_CHANNELS)
#undef LIMN_CHANNELS
    if (depthwise_is_flat(s)) {  // without loops where images of 224 pixels end: 7 x 7, and 14 x 14 before it
      if (s.stride_h == 1 && (s.h * s.w + 15) / 16 == 4) LIMN_BY(DepthwiseFlatPlane<4>(s));
      if (s.stride_h == 1) LIMN_BY(DepthwiseFlatPlane<0>(s));
      if (s.h == 14) LIMN_BY(DepthwiseFlatPairs<14>(s));
      LIMN_BY(DepthwiseFlatPairs<0>(s));
    }
  }
#elif LIMN_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<T, float>)
    if (depthwise_is_padded(s)) return depthwise_padded_square(s, begin, end, x, weight, bias, floor, y);
#endif
  if (s.stride_h == 1) {
    if (s.kh == 3) LIMN_BY((DepthwisePlane<T, 3, 1>(s)));
    if (s.kh == 5) LIMN_BY((DepthwisePlane<T, 5, 1>(s)));
    LIMN_BY((DepthwisePlane<T, 7, 1>(s)));
  }
  if (s.kh == 3) LIMN_BY((DepthwisePlane<T, 3, 2>(s)));
  if (s.kh == 5) LIMN_BY((DepthwisePlane<T, 5, 2>(s)));
  LIMN_BY((DepthwisePlane<T, 7, 2>(s)));
#undef LIMN_BY
}

template <class T>
void depthwise_weights(const Conv2dShape& s, index_t begin, index_t end, const T* x, const T* dy, T* dw) {
#if LIMN_VECTOR_BYTES >= 32
  if constexpr (std::is_same_v<T, float>) {
#define LIMN_CHANNELS(...)                          \
  if (depthwise_lanes_are_channels(s, __VA_ARGS__)) \
    return depthwise_channels_weights<__VA_ARGS__>(s, begin, end, x, dy, dw);
    LIMN_DEPTHWISE_CHANNELS_WEIGHTS(LIMN_CHANNELS)
#undef LIMN_CHANNELS
#if LIMN_VECTOR_BYTES == 64
    if (depthwise_weights_are_flat(s)) {
      if (s.stride_h == 1) return depthwise_flat_weights(s, DepthwiseFlatPlaneWeights(s), begin, end, x, dy, dw);
      return depthwise_flat_weights(s, DepthwiseFlatPairWeights(s), begin, end, x, dy, dw);
    }
#endif
  }
#endif
#define LIMN_OF(taps)                                                                 \
  return s.stride_h == 1 ? depthwise_weights_of<T, taps, 1>(s, begin, end, x, dy, dw) \
                         : depthwise_weights_of<T, taps, 2>(s, begin, end, x, dy, dw)
  if (s.kh == 3) LIMN_OF(3);
  if (s.kh == 5) LIMN_OF(5);
  LIMN_OF(7);
#undef LIMN_OF
}
#undef LIMN_DEPTHWISE_CHANNELS
#undef LIMN_DEPTHWISE_CHANNELS_WEIGHTS

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
