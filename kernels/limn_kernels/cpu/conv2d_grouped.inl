// The inner loops of conv2d_grouped.hpp for one instruction set: a group's outputs, or channels, in the lanes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Pixels of one register tile: all registers but two hold sums, or three where products are not fused.
inline constexpr index_t grouped_pixels = LIMN_VECTOR_BYTES == 64 ? 28 : LIMN_VECTOR_BYTES == 32 ? 14 : 13;
/// Outputs and taps of one register tile of the weight gradient.
inline constexpr index_t grouped_outputs = LIMN_VECTOR_BYTES == 16 ? 3 : 4,
                         grouped_taps = LIMN_VECTOR_BYTES == 64 ? 6 : 3;

/// to[q * to_step] = start + the sum over k of weight[k] x[offset[k] + q], a vector of outputs each, at least `floor`.
template <index_t Pixels>
void grouped_tile(const GroupedPhase& phase, const float* weight, const float* x, const float* start, float floor,
                  float* to, index_t to_step) {
  Vec<float> sum[Pixels];
  LIMN_UNROLLED for (index_t q = 0; q < Pixels; ++q) sum[q] = load<float>(start);
  const index_t *offset = phase.offset, *const end = offset + phase.field;
  for (; offset != end; ++offset, weight += lanes<float>) {
    const Vec<float> w = in_register<float>(load<float>(weight));
    const float* from = x + *offset;
    LIMN_UNROLLED for (index_t q = 0; q < Pixels; ++q) sum[q] += w * broadcast<float>(from[q]);
  }
  const Vec<float> least = broadcast<float>(floor);
  LIMN_UNROLLED for (index_t q = 0; q < Pixels; ++q, to += to_step)
      store<float>(to, vmax(least, sum[q]));  // a NaN stays
}
template <std::size_t... Pixel>
LIMN_INLINE void grouped_tile(index_t pixels, const GroupedPhase& phase, const float* weight, const float* x,
                              const float* start, float floor, float* to, index_t to_step,
                              std::index_sequence<Pixel...>) {
  static constexpr void (*tile[])(const GroupedPhase&, const float*, const float*, const float*, float, float*,
                                  index_t) = {grouped_tile<Pixel + 1>...};
  tile[pixels - 1](phase, weight, x, start, floor, to, to_step);
}

/// `rows` rows of y of all outputs from those of x, laid out; some rows at a time stay in the first-level cache until
/// they are turned over. The rows of a tile are of one width, and the last overlaps the one before.
template <std::same_as<float> T>
void grouped_band(const GroupedBand& b, index_t rows, const T* x, const T* bias, T floor, T* y) {
  constexpr index_t size = lanes<float>, near = 4096 / size;
  constexpr auto widths = std::make_index_sequence<static_cast<std::size_t>(grouped_pixels)>();
  const index_t fitting = near / (b.width * b.stride_h) * b.stride_h, chunk = fitting > 0 ? fitting : b.stride_h;
  const Scratch<float> turned(turned_size(chunk * b.width));
  for (index_t o = 0; o < b.outputs; o += size) {
    alignas(LIMN_VECTOR_BYTES) float start[size] = {};
    if (bias) store<float>(start, load<float>(bias + o));
    for (index_t top = 0; top < rows; top += chunk) {
      const index_t bottom = top + chunk < rows ? top + chunk : rows;
      for (index_t p = 0; p < b.phases; ++p) {
        const GroupedPhase& phase = b.phase[p];
        const index_t columns = phase.columns, parts = (columns + grouped_pixels - 1) / grouped_pixels;
        if (columns == 0) continue;
        const index_t width = (columns + parts - 1) / parts;
        const float* weight = phase.weight + o * phase.field;
        for (index_t row = top + phase.a, r = top / b.stride_h; row < bottom; row += b.stride_h, ++r)
          for (index_t part = 0; part < parts; ++part) {
            const index_t q = part * width + width < columns ? part * width : columns - width;
            grouped_tile(width, phase, weight, x + r * b.pitch + q, start, floor,
                         turned.data() + ((row - top) * b.width + q * b.stride_w + phase.b) * size, b.stride_w * size,
                         widths);
          }
      }
      from_channels(size, (bottom - top) * b.width, turned.data(), y + o * b.plane + top * b.width, b.plane);
    }
  }
}

/// packed [outputs / lanes][field][lanes] = w [outputs, field], rows w_row apart.
template <std::same_as<float> T>
void grouped_pack(index_t outputs, index_t field, const T* w, index_t w_row, T* packed) {
  constexpr index_t size = lanes<float>;
  for (index_t o = 0; o < outputs; o += size)
    to_channels(size, {w + o * w_row, 1, field, field, w_row}, packed + o * field, 0);
}

/// The same of the weights w [outputs, channels, taps] that the data gradient's phases have: packed [phase]
/// [channels / lanes][output, the phase's taps][lanes].
template <std::same_as<float> T>
void grouped_pack_phases(index_t channels, index_t outputs, index_t taps, const GatherPhase* phase, index_t phases,
                         const index_t* tap, const T* w, T* packed) {
  constexpr index_t size = lanes<float>;
  const Scratch<float> turned(turned_size(taps));
  for (index_t c = 0; c < channels; c += size)
    for (index_t o = 0; o < outputs; ++o) {
      to_channels(size, {w + (o * channels + c) * taps, 1, taps, taps, taps}, turned.data(), 0);
      for (index_t p = 0; p < phases; ++p) {
        const GatherPhase& q = phase[p];
        const index_t count = q.field / outputs;
        float* to = packed + channels * q.first + c * q.field + o * count * size;
        for (index_t i = 0; i < count; ++i, to += size)
          store<float>(to, load<float>(turned.data() + tap[q.first + i] * size));
      }
    }
}

/// sums[i][t], a vector of channels each, += dy[i][f] x[f + the tap's offset], over `rows` rows of f.
template <index_t Outputs, index_t Taps>
void grouped_weights_tile(const DotsBand& b, index_t rows, const index_t* offset, const float* x, const float* dy,
                          float* sums) {
  constexpr index_t size = lanes<float>;
  Vec<float> sum[Outputs][Taps];
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) LIMN_UNROLLED for (index_t t = 0; t < Taps; ++t) sum[i][t] =
      load<float>(sums + (i * b.field + t) * size);
  for (index_t r = 0; r < rows; ++r) {
    const float *from[Taps], *gradient[Outputs];
    LIMN_UNROLLED for (index_t t = 0; t < Taps; ++t) from[t] = x + (offset[t] + r * b.pitch) * size;
    LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) gradient[i] = dy + i * b.plane + r * b.columns;
    for (index_t q = 0; q < b.columns; ++q) {
      Vec<float> v[Taps];
      LIMN_UNROLLED for (index_t t = 0; t < Taps; ++t) v[t] = in_register<float>(load<float>(from[t] + q * size));
      LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) {
        const Vec<float> g = broadcast<float>(gradient[i][q]);
        LIMN_UNROLLED for (index_t t = 0; t < Taps; ++t) sum[i][t] += g * v[t];
      }
    }
  }
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) LIMN_UNROLLED for (index_t t = 0; t < Taps; ++t)
      store<float>(sums + (i * b.field + t) * size, sum[i][t]);
}
template <index_t Outputs>
void grouped_weights_outputs(const DotsBand& b, index_t rows, const index_t* offset, const float* x, const float* dy,
                             float* sums) {
  index_t t = 0;
  for (; t + grouped_taps <= b.field; t += grouped_taps)
    grouped_weights_tile<Outputs, grouped_taps>(b, rows, offset + t, x, dy, sums + t * lanes<float>);
  for (; t + 3 <= b.field; t += 3)
    grouped_weights_tile<Outputs, 3>(b, rows, offset + t, x, dy, sums + t * lanes<float>);
  for (; t < b.field; ++t) grouped_weights_tile<Outputs, 1>(b, rows, offset + t, x, dy, sums + t * lanes<float>);
}
/// sums [outputs, field, lanes] += what a band of dy and of x [b.rows and more][pitch][lanes] give; field: the taps.
template <std::same_as<float> T>
void grouped_weights(const DotsBand& b, index_t outputs, const index_t* offset, const T* x, const T* dy, T* sums) {
  constexpr index_t near = 16384 / (4 * lanes<float>);  // pixels that stay in the first-level cache
  const index_t chunk = b.columns < near ? near / b.columns : 1;
  for (index_t row = 0; row < b.rows; row += chunk) {
    const index_t rows = b.rows - row < chunk ? b.rows - row : chunk;
    const float *from = x + row * b.pitch * lanes<float>, *gradient = dy + row * b.columns;
    index_t o = 0;
    for (; o + grouped_outputs <= outputs; o += grouped_outputs)
      grouped_weights_outputs<grouped_outputs>(b, rows, offset, from, gradient + o * b.plane,
                                               sums + o * b.field * lanes<float>);
    for (; o < outputs; ++o)
      grouped_weights_outputs<1>(b, rows, offset, from, gradient + o * b.plane, sums + o * b.field * lanes<float>);
  }
}
/// to [size][lanes] = x [lanes][size].
template <std::same_as<float> T>
void grouped_turn(index_t size, const T* x, T* to) {
  to_channels(lanes<float>, {x, 1, size, size, size}, to, 0);
}
/// dw [outputs][channels][taps], of `lanes` channels, from sums [outputs][taps][lanes].
template <std::same_as<float> T>
void grouped_unpack(index_t outputs, index_t channels, index_t taps, const T* sums, T* dw) {
  for (index_t o = 0; o < outputs; ++o, sums += taps * lanes<float>, dw += channels * taps)
    from_channels(lanes<float>, taps, sums, dw, taps);
}

inline index_t grouped_lanes() { return lanes<float>; }
template <std::same_as<float> T>
GroupedKernels grouped_kernels() {
  return {lanes<T>,        grouped_pack<T>,    grouped_pack_phases<T>, grouped_band<T>,
          grouped_turn<T>, grouped_weights<T>, grouped_unpack<T>};
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
