// Planes whose rows are of 7 or 14 elements, where images of 224 pixels end: channels in the lanes. Planes and kernels
// are turned over in registers before, and back: with many products for each element that costs less than the
// lanes that short rows leave empty, and what lies beside a row is not multiplied at all.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

inline constexpr index_t depthwise_row = 7;  // columns of outputs at a time

/// `taps` rows and columns, rows of `width` elements with half the kernel beside them; enough channels, and planes that
/// a cache keeps.
[[nodiscard]] inline bool depthwise_lanes_are_channels(const Conv2dShape& s, index_t taps, index_t width,
                                                       index_t stride) {
  return s.kh == taps && s.stride_h == stride && s.w == width && s.ow == width / stride && s.pad_left == taps / 2 &&
         s.outputs() == 1 && s.c >= lanes<float> * 3 / 4 && s.h <= 16 && s.oh <= 16;
}

#if LIMN_VECTOR_BYTES >= 32

/// What the outputs of the columns [First, First + 7) read of a row of x: `count` columns, of which the row has some.
template <index_t Taps, index_t Width, index_t Stride>
struct DepthwiseReach {
  static constexpr index_t count = (depthwise_row - 1) * Stride + Taps;
  [[nodiscard]] static constexpr index_t column(index_t first, index_t i) { return first * Stride + i - Taps / 2; }
  [[nodiscard]] static constexpr bool has(index_t first, index_t i) {
    return column(first, i) >= 0 && column(first, i) < Width;
  }
};

/// sums [Taps, Taps, channels] += what x [h, Width, channels] and dy [oh, Width / Stride, channels] give. Two sums for
/// each weight: one would wait for itself.
template <index_t Taps, index_t Width, index_t Stride>
LIMN_INLINE void depthwise_channels_plane_weights(const Conv2dShape& s, const float* x, const float* dy, float* sums) {
  using Reach = DepthwiseReach<Taps, Width, Stride>;
  constexpr index_t row = depthwise_row, ow = Width / Stride, channels = lanes<float>;
  for (index_t k = 0; k < Taps; ++k, sums += Taps * channels) {
    Vec<float> sum[2][Taps] = {}, gradient[row];
    for (index_t oy = 0; oy < s.oh; ++oy) {
      const index_t iy = oy * Stride + k - s.pad_top;
      if (iy < 0 || iy >= s.h) continue;
      LIMN_UNROLLED for (index_t first = 0; first < ow; first += row) {
        LIMN_UNROLLED for (index_t i = 0; i < row; ++i) gradient[i] =
            in_register<float>(load<float>(dy + (oy * ow + first + i) * channels));
        LIMN_UNROLLED for (index_t i = 0; i < Reach::count; ++i) if (Reach::has(first, i)) {
          const Vec<float> here =
              in_register<float>(load<float>(x + (iy * Width + Reach::column(first, i)) * channels));
          LIMN_UNROLLED for (index_t j = i % Stride; j < Taps; j += Stride) if (i >= j && (i - j) / Stride < row)
              sum[i / Stride % 2][j] += gradient[(i - j) / Stride] * here;
        }
      }
    }
    LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j)
        store<float>(sums + j * channels, load<float>(sums + j * channels) + (sum[0][j] + sum[1][j]));
  }
}

/// dw of the channels [begin, end), summed over the images.
template <index_t Taps, index_t Width, index_t Stride>
void depthwise_channels_weights(const Conv2dShape& s, index_t begin, index_t end, const float* x, const float* dy,
                                float* dw) {
  constexpr index_t taps = Taps * Taps, channels = lanes<float>;
  const index_t in = s.h * s.w, out = s.oh * s.ow, turned_sums = turned_size(taps);
  const Scratch<float> turned(turned_size(in) + turned_size(out) + turned_sums);
  float *const planes = turned.data(), *const gradients = planes + turned_size(in),
               *const sums = gradients + turned_size(out);
  for (index_t o = begin; o < end; o += channels) {
    const index_t count = end - o < channels ? end - o : channels;
    for (index_t i = 0; i < turned_sums; i += channels) store<float>(sums + i, Vec<float>{});
    for (index_t n = 0; n < s.n; ++n) {
      to_channels(count, {x + (n * s.c + o) * in, 1, in, in, in}, planes, 0);
      to_channels(count, {dy + (n * s.oc + o) * out, 1, out, out, out}, gradients, 0);
      depthwise_channels_plane_weights<Taps, Width, Stride>(s, planes, gradients, sums);
    }
    from_channels(count, taps, sums, dw + o * taps, taps);
  }
}

#endif
#if LIMN_VECTOR_BYTES == 64

/// x [h, Width, 16], weight [Taps, Taps, 16] -> y [oh, Width / Stride, 16], at least `floor`.
template <index_t Taps, index_t Width, index_t Stride>
LIMN_INLINE void depthwise_channels_plane(const Conv2dShape& s, const float* x, const float* weight, Vec<float> bias,
                                          Vec<float> floor, float* y) {
  using Reach = DepthwiseReach<Taps, Width, Stride>;
  constexpr index_t row = depthwise_row;
  for (index_t oy = 0; oy < s.oh; ++oy)
    LIMN_UNROLLED for (index_t first = 0; first < Width / Stride; first += row, y += row * 16) {
      Vec<float> sum[row], here[Reach::count];
      LIMN_UNROLLED for (index_t i = 0; i < row; ++i) sum[i] = bias;
      for (index_t k = 0; k < Taps; ++k) {
        const index_t iy = oy * Stride + k - s.pad_top;
        if (iy < 0 || iy >= s.h) continue;
        const float* from = x + iy * Width * 16;
        LIMN_UNROLLED for (index_t i = 0; i < Reach::count; ++i) if (Reach::has(first, i)) here[i] =
            in_register<float>(load<float>(from + Reach::column(first, i) * 16));
        LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) {
          const Vec<float> w = in_register<float>(load<float>(weight + (k * Taps + j) * 16));
          LIMN_UNROLLED for (index_t i = 0; i < row; ++i) if (Reach::has(first, i * Stride + j)) sum[i] +=
              w * here[i * Stride + j];
        }
      }
      LIMN_UNROLLED for (index_t i = 0; i < row; ++i) store<float>(y + i * 16, vmax(floor, sum[i]));  // a NaN stays
    }
}

/// The planes [begin, end) of all images' outputs.
template <index_t Taps, index_t Width, index_t Stride>
void depthwise_channels(const Conv2dShape& s, index_t begin, index_t end, const float* x, const float* weight,
                        const float* bias, float floor, float* y) {
  constexpr index_t taps = Taps * Taps;
  const index_t in = s.h * s.w, out = s.oh * s.ow;
  const Scratch<float> turned(turned_size(in) + turned_size(out) + turned_size(taps));
  float *const planes = turned.data(), *const sums = planes + turned_size(in), *const kernels = sums + turned_size(out);
  for (index_t plane = begin, count = 0; plane < end; plane += count) {
    const index_t o = plane % s.oc, rest = s.oc - o < end - plane ? s.oc - o : end - plane;
    count = rest < 16 ? rest : 16;
    to_channels(count, {weight + o * taps, 1, taps, taps, taps}, kernels, 0);
    to_channels(count, {x + plane * in, 1, in, in, in}, planes, 0);
    depthwise_channels_plane<Taps, Width, Stride>(
        s, planes, kernels, bias ? load_first<float>(bias + o, count) : Vec<float>{}, broadcast<float>(floor), sums);
    from_channels(count, out, sums, y + plane * out, out);
  }
}

#endif

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
