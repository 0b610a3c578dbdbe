// The inner loops of winograd_gradient.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// A dy A^T of one channel for the tiles of one vector: m[xi * stride].
template <class F>
void winograd_spread_tiles(const float* strip, index_t pitch, const index_t* offset, const bool* contiguous, float* m,
                           index_t stride) {
  constexpr index_t t = F::tile, a = t + 2;
  static_assert(t == 4);
  Vec<float> w[t][a];
  LIMN_UNROLL for (index_t i = 0; i < t; ++i) {
    Vec<float> y[4];
    LIMN_UNROLL for (index_t r = 0; r < 4; ++r) y[r] = winograd_load(strip + i * pitch, offset + r, contiguous[r]);
    winograd_transpose(y);
    winograd_spread(F{}, y, w[i]);
  }
  LIMN_UNROLL for (index_t j = 0; j < a; ++j) {
    Vec<float> y[t], o[a];
    LIMN_UNROLL for (index_t i = 0; i < t; ++i) y[i] = w[i][j];
    winograd_spread(F{}, y, o);
    LIMN_UNROLL for (index_t i = 0; i < a; ++i) store<float>(m + (i * a + j) * stride, o[i]);
  }
}

/// A dy A^T of `channels` channels of a block: m[xi * stride + channel * row + position]. dy: the first of them.
template <class F>
void winograd_spread_block(const WinogradBlock& b, index_t height, index_t width, index_t channels, const float* dy,
                           float* strip, float* m, index_t stride, index_t row) {
  constexpr index_t step = lanes<float>;
  for (index_t c = 0; c < channels; ++c) {
    winograd_strip(b, height, width, dy + c * height * width, strip);
    for (index_t k = 0; k * step < b.count; ++k)
      winograd_spread_tiles<F>(strip, b.pitch, b.source + k * step, b.source_contiguous + k * 4, m + c * row + k * step,
                               stride);
  }
}

/// Row `y` of up to `lanes` channels with the channels in the lanes: to[column * lanes + channel]; zero outside.
LIMN_INLINE void winograd_turn_row(const float* x, index_t plane, index_t channels, index_t height, index_t width,
                                   index_t y, index_t column, index_t count, float* rows, float* to) {
  constexpr index_t step = lanes<float>;
  if (y < 0 || y >= height) {
    for (index_t i = 0; i < count; ++i) store<float>(to + i * step, Vec<float>{});
    return;
  }
  for (index_t c = 0; c < step; ++c) {
    const float* row = x + c * plane + y * width;
    if (c < channels)
      for (index_t k = 0; k < count; k += 16) __builtin_prefetch(row + width + column + k);
    winograd_copy_row(c < channels ? row : nullptr, width, column, count, rows + c * count);
  }
  for (index_t i = 0; i < count; i += 4)  // count is a multiple of 4
    for (index_t c = 0; c < step; c += 4) {
      WinogradQuad q[4];
      LIMN_UNROLL for (index_t k = 0; k < 4; ++k) q[k] = winograd_quad(rows + (c + k) * count + i);
      winograd_transpose_quads(q);
      LIMN_UNROLL for (index_t k = 0; k < 4; ++k) std::memcpy(to + (i + k) * step + c, &q[k], sizeof q[k]);
    }
}

/// V of one tile with `lanes` channels in the lanes: d(i, j) = x[(i * pitch + j) * lanes].
template <class F>
void winograd_input_channels(const float* x, index_t pitch, float* v, index_t stride) {
  constexpr index_t a = F::tile + 2, step = lanes<float>;
  Vec<float> w[a][a];
  LIMN_UNROLL for (index_t j = 0; j < a; ++j) {
    Vec<float> d[a], o[a];
    LIMN_UNROLL for (index_t i = 0; i < a; ++i) d[i] = load<float>(x + (i * pitch + j) * step);
    winograd_input(F{}, d, o);
    LIMN_UNROLL for (index_t i = 0; i < a; ++i) w[i][j] = o[i];
  }
  LIMN_UNROLL for (index_t i = 0; i < a; ++i) {
    Vec<float> o[a];
    winograd_input(F{}, w[i], o);
    LIMN_UNROLL for (index_t j = 0; j < a; ++j) store<float>(v + (i * a + j) * stride, o[j]);
  }
}

/// V of up to `lanes` channels of a block: v[xi * stride + position * panel]. x: the first of them. `rows` and `strip`
/// hold one part, `lanes` channels wide.
template <class F>
void winograd_turned_block(const WinogradBlock& b, index_t height, index_t width, index_t channels, const float* x,
                           float* rows, float* strip, float* v, index_t stride) {
  constexpr index_t step = lanes<float>, a = F::tile + 2;
  index_t done = 0;
  for (index_t part = 0; part < b.parts; ++part) {
    const WinogradPart& p = b.part[part];
    index_t ready = 0;  // rows shared with the part above
    if (part > 0 && b.part[part - 1].image == p.image && b.part[part - 1].row + F::tile == p.row &&
        b.part[part - 1].column == p.column && b.part[part - 1].width == p.width) {
      ready = 2;
      std::memcpy(strip, strip + F::tile * p.width * step,
                  static_cast<std::size_t>(2 * p.width * step) * sizeof(float));
    }
    for (index_t i = ready; i < a; ++i)
      winograd_turn_row(x + p.image, height * width, channels, height, width, p.row + i, p.column, p.width, rows,
                        strip + i * p.width * step);
    const index_t tiles = (p.width - 4) / F::tile;
    for (index_t i = 0; i < tiles; ++i, ++done)
      winograd_input_channels<F>(strip + F::tile * i * step, p.width, v + b.place[done] * winograd_panel, stride);
  }
}

/// The products' sums: c[xi][outputs][panel] (+)= m v^T of one panel of channels. m[xi * m_stride + output * m_row +
/// k], v[xi * v_stride + k * panel], k < count.
inline void winograd_gradient_products(index_t xi_count, index_t count, index_t outputs, const float* m,
                                       index_t m_stride, index_t m_row, const float* v, index_t v_stride, float* c,
                                       bool add) {
  for (index_t xi = 0; xi < xi_count; ++xi)
    winograd_tiles(outputs, count, m + xi * m_stride, m_row, 1, v + xi * v_stride, c + xi * outputs * winograd_panel,
                   winograd_panel, add);
}

/// dw[output * output_stride + channel * 9 + tap] = G^T c G for `outputs` outputs and `channels` <= panel channels.
template <class F>
void winograd_collect_block(index_t outputs, index_t channels, const float* c, float* dw, index_t output_stride) {
  constexpr index_t a = F::tile + 2, step = lanes<float>;
  for (index_t o = 0; o < outputs; ++o)
    for (index_t half = 0; half * step < channels; ++half) {
      Vec<float> s[3][a];
      LIMN_UNROLL for (index_t j = 0; j < a; ++j) {
        Vec<float> u[a], g[3];
        LIMN_UNROLL for (index_t i = 0; i < a; ++i) u[i] =
            load<float>(c + ((i * a + j) * outputs + o) * winograd_panel + half * step);
        winograd_collect(F{}, u, g);
        LIMN_UNROLL for (index_t i = 0; i < 3; ++i) s[i][j] = g[i];
      }
      alignas(LIMN_VECTOR_BYTES) float lane[9][lanes<float>];
      LIMN_UNROLL for (index_t i = 0; i < 3; ++i) {
        Vec<float> g[3];
        winograd_collect(F{}, s[i], g);
        LIMN_UNROLL for (index_t j = 0; j < 3; ++j) store<float>(lane[3 * i + j], g[j]);
      }
      const index_t left = channels - half * step;
      float* to = dw + o * output_stride + half * step * 9;
      for (index_t k = 0; k < step && k < left; ++k)
        for (index_t t = 0; t < 9; ++t) to[k * 9 + t] = lane[t][k];
    }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
