// Depthwise planes with AVX2, eight channels in the lanes, whatever their width: for kernels of many taps, and for rows
// shorter than a vector. Planes are turned over into rows with zeros beside them, so that no output is at an edge.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Where turning over costs less than what the strips of DepthwisePlane lose, by measurement.
[[nodiscard]] inline bool depthwise_is_padded(const Conv2dShape& s) {
  return s.outputs() == 1 && s.c >= 6 && s.pad_left >= 0 && (s.kh == 3 ? s.ow == 7 : s.ow >= 7);
}

#if LIMN_VECTOR_BYTES == 32

/// A plane with zeros beside its rows, `band` rows of y at a time: both fit into the second-level cache.
struct DepthwisePadded {
  index_t pitch, band, rows;  // columns of a row; rows of y, and of x that they read
  explicit DepthwisePadded(const Conv2dShape& s) {
    const index_t reads = (s.ow - 1) * s.stride_w + s.kw, row = s.pad_left + s.w;
    pitch = reads > row ? reads : row;
    band = 6144 / (pitch * s.stride_h);
    if (band < s.kh) band = s.kh;
    if (band > s.oh) band = s.oh;
    rows = (band - 1) * s.stride_h + s.kh;
  }
};

/// sum[i] += a row of x, from the first tap of the first output on, times a row of the kernel.
template <index_t Taps, index_t Stride, index_t Row>
LIMN_INLINE void depthwise_channels_row(const float* x, const float* weight, Vec<float> (&sum)[Row]) {
  Vec<float> w[Taps];
  LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) w[j] = in_register<float>(load<float>(weight + j * lanes<float>));
  LIMN_UNROLLED for (index_t i = 0; i < (Row - 1) * Stride + Taps; ++i) {
    const Vec<float> here = in_register<float>(load<float>(x + i * lanes<float>));
    LIMN_UNROLLED for (index_t j = i % Stride; j < Taps; j += Stride) if (i >= j && (i - j) / Stride < Row)
        sum[(i - j) / Stride] += w[j] * here;
  }
}

/// The planes [begin, end) of all images' outputs, `Row` columns of eight channels at a time.
template <index_t Taps, index_t Stride, index_t Row>
void depthwise_padded(const Conv2dShape& s, index_t begin, index_t end, const float* x, const float* weight,
                      const float* bias, float floor, float* y) {
  constexpr index_t taps = Taps * Taps, channels = lanes<float>;
  const DepthwisePadded padded(s);
  const index_t in = s.h * s.w, out = s.oh * s.ow, size = padded.pitch * padded.rows * channels;
  const Scratch<float> turned(size + channels * channels + turned_size(padded.band * s.ow) + turned_size(taps));
  float *const planes = turned.data(), *const sums = planes + size + channels * channels,
               *const kernels = sums + turned_size(padded.band * s.ow);
  for (index_t i = 0; i < size; i += channels) store<float>(planes + i, Vec<float>{});
  const Vec<float> least = broadcast<float>(floor);
  for (index_t plane = begin, count = 0; plane < end; plane += count) {
    const index_t o = plane % s.oc, rest = s.oc - o < end - plane ? s.oc - o : end - plane;
    count = rest < channels ? rest : channels;
    to_channels(count, {weight + o * taps, 1, taps, taps, taps}, kernels, 0);
    const Vec<float> start = bias ? load_n<float>(bias + o, count) : Vec<float>{};
    for (index_t top = 0; top < s.oh; top += padded.band) {
      const index_t bottom = top + padded.band < s.oh ? top + padded.band : s.oh, before = top * Stride - s.pad_top;
      const index_t first = before > 0 ? before : 0, behind = (bottom - 1) * Stride - s.pad_top + Taps,
                    last = behind < s.h ? behind : s.h;
      to_channels(count, {x + plane * in + first * s.w, last - first, s.w, s.w, in}, planes + s.pad_left * channels,
                  padded.pitch * channels);
      for (index_t oy = top; oy < bottom; ++oy)
        for (index_t column = 0; column < s.ow; column += Row) {
          const index_t ox = column + Row <= s.ow ? column : s.ow - Row;
          Vec<float> sum[Row];
          LIMN_UNROLLED for (index_t i = 0; i < Row; ++i) sum[i] = start;
          for (index_t k = 0; k < Taps; ++k) {
            const index_t iy = oy * Stride + k - s.pad_top;
            if (iy < 0 || iy >= s.h) continue;
            depthwise_channels_row<Taps, Stride>(planes + ((iy - first) * padded.pitch + ox * Stride) * channels,
                                                 kernels + k * Taps * channels, sum);
          }
          LIMN_UNROLLED for (index_t i = 0; i < Row; ++i)
              store<float>(sums + ((oy - top) * s.ow + ox + i) * channels, vmax(least, sum[i]));  // a NaN stays
        }
      from_channels(count, (bottom - top) * s.ow, sums, y + plane * out + top * s.ow, out);
    }
  }
}

/// Whole segments of 7 or of 8 columns, where that is all.
template <index_t Taps, index_t Stride>
void depthwise_padded_of(const Conv2dShape& s, index_t begin, index_t end, const float* x, const float* weight,
                         const float* bias, float floor, float* y) {
  if (s.ow % 7 == 0 && s.ow % 8 != 0)
    return depthwise_padded<Taps, Stride, 7>(s, begin, end, x, weight, bias, floor, y);
  depthwise_padded<Taps, Stride, 8>(s, begin, end, x, weight, bias, floor, y);
}
template <std::same_as<float> T>
void depthwise_padded_square(const Conv2dShape& s, index_t begin, index_t end, const T* x, const T* weight,
                             const T* bias, T floor, T* y) {
  const auto of = s.stride_h == 1 ? s.kh == 3   ? depthwise_padded_of<3, 1>
                                    : s.kh == 5 ? depthwise_padded_of<5, 1>
                                                : depthwise_padded_of<7, 1>
                  : s.kh == 3 ? depthwise_padded_of<3, 2>
                  : s.kh == 5     ? depthwise_padded_of<5, 2>
                                  : depthwise_padded_of<7, 2>;
  of(s, begin, end, x, weight, bias, floor, y);
}

#endif

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
