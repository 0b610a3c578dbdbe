// The inner loops of winograd_gradient.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

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
      LIMN_UNROLLED for (index_t k = 0; k < 4; ++k) q[k] = winograd_quad(rows + (c + k) * count + i);
      winograd_transpose_quads(q);
      LIMN_UNROLLED for (index_t k = 0; k < 4; ++k) std::memcpy(to + (i + k) * step + c, &q[k], sizeof q[k]);
    }
}

/// What becomes of a tile with `lanes` channels in the lanes, element (i, j) at x[(i * pitch + j) * lanes]: B^T d B of
/// x.
template <class F>
struct WinogradOfInput {
  static constexpr index_t size = F::tile + 2;
  LIMN_INLINE static void transform(const Vec<float>* d, Vec<float>* v) { winograd_input(F{}, d, v); }
};
/// A dy A^T of the gradient.
template <class F>
struct WinogradOfGradient {
  static constexpr index_t size = F::tile;
  LIMN_INLINE static void transform(const Vec<float>* d, Vec<float>* v) { winograd_spread(F{}, d, v); }
};
template <class F, class Of>
void winograd_channel_tile(const float* x, index_t pitch, float* v, index_t stride) {
  constexpr index_t from = Of::size, a = F::tile + 2, step = lanes<float>;
  Vec<float> w[a][from];
  LIMN_UNROLLED for (index_t j = 0; j < from; ++j) {
    Vec<float> d[from], o[a];
    LIMN_UNROLLED for (index_t i = 0; i < from; ++i) d[i] = load<float>(x + (i * pitch + j) * step);
    Of::transform(d, o);
    LIMN_UNROLLED for (index_t i = 0; i < a; ++i) w[i][j] = o[i];
  }
  LIMN_UNROLLED for (index_t i = 0; i < a; ++i) {
    Vec<float> o[a];
    Of::transform(w[i], o);
    LIMN_UNROLLED for (index_t j = 0; j < a; ++j) store<float>(v + (i * a + j) * stride, o[j]);
  }
}

/// The transforms of up to `lanes` channels of a block: v[xi * stride + tile * panel]. x: the first of them. `rows` and
/// `strip` hold one part, `lanes` channels wide.
template <class F, class Of>
void winograd_channels(const WinogradBlock& b, index_t height, index_t width, index_t channels, const float* x,
                       float* rows, float* strip, float* v, index_t stride) {
  constexpr index_t step = lanes<float>, overlap = Of::size - F::tile;
  for (index_t part = 0; part < b.parts; ++part) {
    const WinogradPart& p = b.part[part];
    index_t ready = 0;  // rows shared with the part above
    if (overlap > 0 && part > 0 && b.part[part - 1].image == p.image && b.part[part - 1].row + F::tile == p.row &&
        b.part[part - 1].column == p.column && b.part[part - 1].width == p.width) {
      ready = overlap;
      std::memcpy(strip, strip + F::tile * p.width * step,
                  static_cast<std::size_t>(overlap * p.width * step) * sizeof(float));
    }
    for (index_t i = ready; i < Of::size; ++i)
      winograd_turn_row(x + p.image, height * width, channels, height, width, p.row + i, p.column, p.width, rows,
                        strip + i * p.width * step);
    for (index_t i = 0; i < (p.width - 4) / F::tile; ++i, v += winograd_panel)
      winograd_channel_tile<F, Of>(strip + F::tile * i * step, p.width, v, stride);
  }
}
template <class F>
void winograd_channels_of_input(const WinogradBlock& b, index_t height, index_t width, index_t channels, const float* x,
                                float* rows, float* strip, float* v, index_t stride) {
  winograd_channels<F, WinogradOfInput<F>>(b, height, width, channels, x, rows, strip, v, stride);
}
template <class F>
void winograd_channels_of_gradient(const WinogradBlock& b, index_t height, index_t width, index_t channels,
                                   const float* dy, float* rows, float* strip, float* m, index_t stride) {
  winograd_channels<F, WinogradOfGradient<F>>(b, height, width, channels, dy, rows, strip, m, stride);
}

/// The sums over `count` tiles for up to two panels of outputs and two of channels, from xi = `first` on:
/// c[xi][outputs][2 panels] (+)= m^T v. Panels are m_panel and v_panel elements apart.
template <std::same_as<float> T>
void winograd_gradient_products(index_t first, index_t xi_count, index_t count, index_t outputs, index_t channels,
                                const T* m, index_t m_stride, index_t m_panel, const T* v, index_t v_stride,
                                index_t v_panel, T* c, bool add) {
  constexpr index_t panel = winograd_panel;
  for (index_t xi = first; xi < first + xi_count; ++xi) {
    const float *m_xi = m + xi * m_stride, *v_xi = v + xi * v_stride;
    for (index_t o = 0; o < outputs; o += panel)
      for (index_t i = 0; i < channels; i += panel) {
        const float *own_m = m_xi + o / panel * m_panel, *own_v = v_xi + i / panel * v_panel;
        const bool last_m = o + panel >= outputs, last_v = i + panel >= channels;
        const WinogradNext next{.a = !last_v  ? nullptr
                                     : last_m ? m_xi + m_stride
                                              : own_m + m_panel,
                                .b = !last_v  ? own_v + v_panel
                                     : last_m ? v_xi + v_stride
                                              : v_xi};
        winograd_tiles(last_m ? outputs - o : panel, count, own_m, own_v, next, c + (xi * outputs + o) * 2 * panel + i,
                       2 * panel, add);
      }
  }
}

/// dw[output * output_stride + channel * 9 + tap] = G^T c G for `outputs` outputs and up to two panels of channels.
template <class F>
void winograd_collect_block(index_t outputs, index_t channels, const float* c, float* dw, index_t output_stride) {
  constexpr index_t a = F::tile + 2, step = lanes<float>;
  for (index_t o = 0; o < outputs; ++o)
    for (index_t half = 0; half * step < channels; ++half) {
      Vec<float> s[3][a];
      LIMN_UNROLLED for (index_t j = 0; j < a; ++j) {
        Vec<float> u[a], g[3];
        LIMN_UNROLLED for (index_t i = 0; i < a; ++i) u[i] =
            load<float>(c + ((i * a + j) * outputs + o) * 2 * winograd_panel + half * step);
        winograd_collect(F{}, u, g);
        LIMN_UNROLLED for (index_t i = 0; i < 3; ++i) s[i][j] = g[i];
      }
      alignas(LIMN_VECTOR_BYTES) float lane[9][lanes<float>];
      LIMN_UNROLLED for (index_t i = 0; i < 3; ++i) {
        Vec<float> g[3];
        winograd_collect(F{}, s[i], g);
        LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) store<float>(lane[3 * i + j], g[j]);
      }
      const index_t left = channels - half * step;
      float* to = dw + o * output_stride + half * step * 9;
      for (index_t k = 0; k < step && k < left; ++k)
        for (index_t t = 0; t < 9; ++t) to[k * 9 + t] = lane[t][k];
    }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
