// The inner loops of winograd.hpp for one instruction set: the transforms.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Positions (or outputs) of one panel: what the register tile is wide.
inline constexpr index_t winograd_panel = 2 * lanes<float>;
inline index_t winograd_panel_width() { return winograd_panel; }

// ---- Sixteen (or 8, or 4) tiles in the lanes of a vector. ----

/// Four neighbouring elements.
typedef float WinogradQuad __attribute__((vector_size(16)));
LIMN_INLINE WinogradQuad winograd_quad(const float* p) {
  WinogradQuad v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// The quads at p + offset[0], p + offset[4], ...: one for each 128 bits of a vector.
LIMN_INLINE Vec<float> winograd_load(const float* p, const index_t* offset, bool contiguous) {
  if (contiguous) return load<float>(p + offset[0]);
#if LIMN_VECTOR_BYTES == 64
  const auto low =
      __builtin_shufflevector(winograd_quad(p + offset[0]), winograd_quad(p + offset[4]), 0, 1, 2, 3, 4, 5, 6, 7);
  const auto high =
      __builtin_shufflevector(winograd_quad(p + offset[8]), winograd_quad(p + offset[12]), 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LIMN_VECTOR_BYTES == 32
  return __builtin_shufflevector(winograd_quad(p + offset[0]), winograd_quad(p + offset[4]), 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return load<float>(p + offset[0]);
#endif
}

/// The 4 x 4 matrix of rows q[0..3] is transposed.
LIMN_INLINE void winograd_transpose_quads(WinogradQuad* q) {
  const WinogradQuad a = __builtin_shufflevector(q[0], q[1], 0, 4, 1, 5),
                     b = __builtin_shufflevector(q[0], q[1], 2, 6, 3, 7),
                     c = __builtin_shufflevector(q[2], q[3], 0, 4, 1, 5),
                     d = __builtin_shufflevector(q[2], q[3], 2, 6, 3, 7);
  q[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  q[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  q[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  q[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/// In each 128 bits, the 4 x 4 matrix of rows v[0..3] is transposed.
LIMN_INLINE void winograd_transpose(Vec<float>* v) {
#if LIMN_VECTOR_BYTES == 64
#define LIMN_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define LIMN_HIGH(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LIMN_LEFT(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define LIMN_RIGHT(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#elif LIMN_VECTOR_BYTES == 32
#define LIMN_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define LIMN_HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LIMN_LEFT(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define LIMN_RIGHT(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#else
#define LIMN_LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define LIMN_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LIMN_LEFT(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define LIMN_RIGHT(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#endif
  const Vec<float> a = LIMN_LOW(v[0], v[1]), b = LIMN_HIGH(v[0], v[1]), c = LIMN_LOW(v[2], v[3]),
                   d = LIMN_HIGH(v[2], v[3]);
  v[0] = LIMN_LEFT(a, c);
  v[1] = LIMN_RIGHT(a, c);
  v[2] = LIMN_LEFT(b, d);
  v[3] = LIMN_RIGHT(b, d);
#undef LIMN_LOW
#undef LIMN_HIGH
#undef LIMN_LEFT
#undef LIMN_RIGHT
}

/// Copies columns [from, from + count) of a row [extent], zero outside; `row` null: all zero. count <= what `to` holds.
LIMN_INLINE void winograd_copy_row(const float* row, index_t extent, index_t from, index_t count, float* to) {
  constexpr index_t step = lanes<float>;
  const index_t low = !row ? count : from >= 0 ? 0 : -from < count ? -from : count;
  const index_t end = extent - from < count ? (extent - from > low ? extent - from : low) : count;
  for (index_t i = 0; i < low; ++i) to[i] = 0;
  for (index_t i = end; i < count; ++i) to[i] = 0;
  if (low == end) return;
  const float* x = row + from;
  index_t i = low;
  for (; i + step <= end; i += step) store<float>(to + i, load<float>(x + i));
  if (i == end) return;
  if (end - low >= step) return store<float>(to + (end - step), load<float>(x + (end - step)));
  for (; i < end; ++i) to[i] = x[i];
}

/// The tile rows of one channel, zero-padded, as WinogradBlock says. x: the channel's plane of the first image. The
/// runs are short and a plane apart, so that the processor does not foresee them: the next channel's are asked for
/// here.
inline void winograd_strip(const WinogradBlock& b, index_t height, index_t width, const float* x, float* strip) {
  for (index_t part = 0; part < b.parts; ++part) {
    const WinogradPart& p = b.part[part];
    for (index_t i = 0; i < b.tile_rows; ++i) {
      const index_t y = p.row + i;
      if (y < 0 || y >= height) {
        winograd_copy_row(nullptr, width, p.column, p.width, strip + p.strip + i * b.pitch);
        continue;
      }
      const float *row = x + p.image + y * width, *next = row + height * width + p.column;
      for (index_t k = 0; k < p.width + 16; k += 16) __builtin_prefetch(next + k);
      winograd_copy_row(row, width, p.column, p.width, strip + p.strip + i * b.pitch);
    }
  }
}

/// V of one channel for the tiles of one vector: v[xi * stride].
template <class F>
void winograd_input_tiles(const float* strip, index_t pitch, const index_t* offset, const bool* contiguous, float* v,
                          index_t stride) {
  constexpr index_t a = F::tile + 2;
  Vec<float> w[a][a];
  LIMN_UNROLLED for (index_t i = 0; i < a; ++i) {
    Vec<float> d[8];
    const float* row = strip + i * pitch;
    LIMN_UNROLLED for (index_t r = 0; r < 4; ++r) {
      d[r] = winograd_load(row, offset + r, contiguous[r]);
      d[4 + r] = winograd_load(row + 4, offset + r, contiguous[r]);
    }
    winograd_transpose(d);
    winograd_transpose(d + 4);
    winograd_input(F{}, d, w[i]);
  }
  LIMN_UNROLLED for (index_t j = 0; j < a; ++j) {
    Vec<float> d[a], o[a];
    LIMN_UNROLLED for (index_t i = 0; i < a; ++i) d[i] = w[i][j];
    winograd_input(F{}, d, o);
    LIMN_UNROLLED for (index_t i = 0; i < a; ++i) store<float>(v + (i * a + j) * stride, o[i]);
  }
}

/// V [xi][panel][channels][winograd_panel] of all channels of a block. x: the group's first plane in the first image.
template <class F>
void winograd_input_block(const WinogradBlock& b, index_t height, index_t width, index_t channels, const float* x,
                          float* strip, float* v) {
  constexpr index_t step = lanes<float>;
  const index_t vectors = (b.count + step - 1) / step, panels = (b.count + winograd_panel - 1) / winograd_panel;
  const index_t stride = winograd_stride(panels * channels * winograd_panel);
  for (index_t c = 0; c < channels; ++c) {
    winograd_strip(b, height, width, x + c * height * width, strip);
    for (index_t k = 0; k < vectors; ++k)
      winograd_input_tiles<F>(strip, b.pitch, b.source + k * step, b.source_contiguous + k * 4,
                              v + (k / 2 * channels + c) * winograd_panel + k % 2 * step, stride);
    if (vectors % 2 == 1)  // the second half of the last panel
      for (index_t xi = 0; xi < (F::tile + 2) * (F::tile + 2); ++xi)
        store<float>(v + xi * stride + ((panels - 1) * channels + c) * winograd_panel + step, Vec<float>{});
  }
}

// ---- Weights. ----

/// Channels whose weights are laid out together.
inline constexpr index_t winograd_slice = 16;
inline index_t winograd_slice_channels() { return winograd_slice; }

/// g[(9 c + t) winograd_panel + o] = w[o * output_stride + c * channel_stride + t] of `count` outputs; the rest of each
/// row is zero.
LIMN_INLINE void winograd_weight_columns(index_t count, index_t channels, const float* w, index_t output_stride,
                                         index_t channel_stride, float* g) {
  if (count < winograd_panel) std::memset(g, 0, static_cast<std::size_t>(9 * channels * winograd_panel) * sizeof *g);
  if (channel_stride == 9) {
    for (index_t o = 0; o < count; ++o)  // the next slice: too many rows for the processor to foresee
      for (index_t i = 0; i < 9 * channels; i += 16) __builtin_prefetch(w + o * output_stride + 9 * channels + i, 0, 2);
    return gemm_transpose<float>(count, 9 * channels, w, output_stride, g, winograd_panel);
  }
  for (index_t c = 0; c < channels; ++c, w += channel_stride, g += 9 * winograd_panel) {
    index_t o = 0;
    for (; o + 4 <= count; o += 4) {
      const float* from = w + o * output_stride;
      LIMN_UNROLLED for (index_t t = 0; t < 8; t += 4) {
        WinogradQuad q[4];
        LIMN_UNROLLED for (index_t i = 0; i < 4; ++i) q[i] = winograd_quad(from + i * output_stride + t);
        winograd_transpose_quads(q);
        LIMN_UNROLLED for (index_t i = 0; i < 4; ++i) std::memcpy(g + (t + i) * winograd_panel + o, &q[i], sizeof q[i]);
      }
      for (index_t i = 0; i < 4; ++i) {
        g[8 * winograd_panel + o + i] = from[i * output_stride + 8];
        __builtin_prefetch(from + i * output_stride + channel_stride);
      }
    }
    for (; o < count; ++o)
      for (index_t t = 0; t < 9; ++t) g[t * winograd_panel + o] = w[o * output_stride + t];
  }
}

/// U of one panel of outputs (`count` of them) and channels <= winograd_slice: u[xi * stride + c * winograd_panel + o].
/// `turned` rotates the kernels by 180 degrees.
template <class F>
void winograd_weight_panel(index_t count, index_t channels, const float* w, index_t output_stride,
                           index_t channel_stride, bool turned, float* u, index_t stride) {
  constexpr index_t a = F::tile + 2, step = lanes<float>;
  alignas(LIMN_VECTOR_BYTES) float g[winograd_slice * 9 * winograd_panel];
  winograd_weight_columns(count, channels, w, output_stride, channel_stride, g);
  const index_t tap = turned ? -winograd_panel : winograd_panel;
  for (index_t at = 0; at < channels * winograd_panel; at += step) {
    const float* from = g + at / winograd_panel * 9 * winograd_panel + at % winograd_panel - (turned ? 8 * tap : 0);
    Vec<float> s[a][3];
    LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) {
      Vec<float> column[3], o[a];
      LIMN_UNROLLED for (index_t i = 0; i < 3; ++i) column[i] = load<float>(from + (3 * i + j) * tap);
      winograd_weight(F{}, column, o);
      LIMN_UNROLLED for (index_t i = 0; i < a; ++i) s[i][j] = o[i];
    }
    LIMN_UNROLLED for (index_t i = 0; i < a; ++i) {
      Vec<float> o[a];
      winograd_weight(F{}, s[i], o);
      LIMN_UNROLLED for (index_t j = 0; j < a; ++j) store<float>(u + (i * a + j) * stride + at, o[j]);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
