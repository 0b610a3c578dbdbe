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

/// What `size` numbers of each channel in the lanes take: a square block at least is turned over.
[[nodiscard]] LIMN_INLINE index_t depthwise_turned_size(index_t size) {
  constexpr index_t channels = lanes<float>;
  return channels * (size < channels ? channels : size);
}

/// Numbers of some channels: `rows` rows of `size`, so far apart, those of one channel and the next `channel` apart.
struct DepthwiseNumbers {
  const float* at;
  index_t rows, size, row, channel;
};

/// to[i][p][q] = row i's number p of channel q < count; zeros for the other lanes, and where a block has more numbers
/// than a row. The last block of a row overlaps the one before it.
template <bool Whole, bool Short>
void depthwise_turn(index_t count, const DepthwiseNumbers& x, float* to, index_t to_row) {
  constexpr index_t channels = lanes<float>;
  const LaneRange numbers = lanes_between(0, Short ? x.size : channels);
  const float* from = x.at;
  for (index_t i = 0; i < x.rows; ++i, from += x.row, to += to_row)
    for (index_t at = 0; at < x.size; at += channels) {
      const index_t first = Short || at + channels <= x.size ? at : x.size - channels;
      Vec<float> r[channels];
      LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) {
        const float* p = from + q * x.channel + first;
        r[q] = !Whole && q >= count ? Vec<float>{} : Short ? load_between<float>(p, numbers) : load<float>(p);
      }
      transpose_block<float>(r);
      LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) store<float>(to + (first + q) * channels, r[q]);
    }
}
inline void depthwise_to_channels(index_t count, const DepthwiseNumbers& x, float* to, index_t to_row) {
  const bool whole = count == lanes<float>, brief = x.size < lanes<float>;
  if (whole && !brief) return depthwise_turn<true, false>(count, x, to, to_row);
  if (whole) return depthwise_turn<true, true>(count, x, to, to_row);
  if (!brief) return depthwise_turn<false, false>(count, x, to, to_row);
  depthwise_turn<false, true>(count, x, to, to_row);
}
/// And back, of one row.
template <bool Whole>
void depthwise_turn_back(index_t count, index_t size, const float* from, float* y, index_t channel) {
  constexpr index_t channels = lanes<float>;
  const index_t wide = size < channels ? size : channels;
  for (index_t at = 0; at < size; at += channels) {
    const index_t first = at + wide <= size ? at : size - wide;
    Vec<float> r[channels];
    LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) r[q] = load<float>(from + (first + q) * channels);
    transpose_block<float>(r);
    LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) if (Whole || q < count)
        store_n<float>(y + q * channel + first, r[q], wide);
  }
}
inline void depthwise_from_channels(index_t count, index_t size, const float* from, float* y, index_t channel) {
  if (count == lanes<float>) return depthwise_turn_back<true>(count, size, from, y, channel);
  depthwise_turn_back<false>(count, size, from, y, channel);
}

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
  const index_t in = s.h * s.w, out = s.oh * s.ow, turned_sums = depthwise_turned_size(taps);
  const Scratch<float> turned(depthwise_turned_size(in) + depthwise_turned_size(out) + turned_sums);
  float *const planes = turned.data(), *const gradients = planes + depthwise_turned_size(in),
               *const sums = gradients + depthwise_turned_size(out);
  for (index_t o = begin; o < end; o += channels) {
    const index_t count = end - o < channels ? end - o : channels;
    for (index_t i = 0; i < turned_sums; i += channels) store<float>(sums + i, Vec<float>{});
    for (index_t n = 0; n < s.n; ++n) {
      depthwise_to_channels(count, {x + (n * s.c + o) * in, 1, in, in, in}, planes, 0);
      depthwise_to_channels(count, {dy + (n * s.oc + o) * out, 1, out, out, out}, gradients, 0);
      depthwise_channels_plane_weights<Taps, Width, Stride>(s, planes, gradients, sums);
    }
    depthwise_from_channels(count, taps, sums, dw + o * taps, taps);
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
  const Scratch<float> turned(depthwise_turned_size(in) + depthwise_turned_size(out) + depthwise_turned_size(taps));
  float *const planes = turned.data(), *const sums = planes + depthwise_turned_size(in),
               *const kernels = sums + depthwise_turned_size(out);
  for (index_t plane = begin, count = 0; plane < end; plane += count) {
    const index_t o = plane % s.oc, rest = s.oc - o < end - plane ? s.oc - o : end - plane;
    count = rest < 16 ? rest : 16;
    depthwise_to_channels(count, {weight + o * taps, 1, taps, taps, taps}, kernels, 0);
    depthwise_to_channels(count, {x + plane * in, 1, in, in, in}, planes, 0);
    depthwise_channels_plane<Taps, Width, Stride>(
        s, planes, kernels, bias ? load_first<float>(bias + o, count) : Vec<float>{}, broadcast<float>(floor), sums);
    depthwise_from_channels(count, out, sums, y + plane * out, out);
  }
}

#endif

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
