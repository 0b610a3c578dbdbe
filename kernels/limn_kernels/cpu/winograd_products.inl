// The 36 (or 64) matrix products of U and V for one instruction set: the register tile between the transforms.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows of the largest register tile.
inline constexpr index_t winograd_rows = LIMN_VECTOR_BYTES == 64 ? 14 : 6;

/// The panels that come next, where they are far: asked for while others are multiplied. Null: near already.
struct WinogradNext {
  const float *a = nullptr, *b = nullptr;
};
/// What a tile asks for: in each step of k a line at `first` and one at `second`.
struct WinogradAhead {
  const float *first, *second;
  index_t step;
};
/// Of the tiles of a panel the first two ask for half of each panel that comes next, evenly, so that memory never rests
/// (an only tile for all of one); where nothing is far, for its own b a little ahead.
LIMN_INLINE WinogradAhead winograd_ahead(WinogradNext next, index_t k, const float* b, index_t part, index_t parts) {
  constexpr index_t line = lanes<float>;
  if (part > 1 || (!next.a && !next.b)) {
    const float* own = b + 12 * winograd_panel;
    return {own, own + line, winograd_panel};
  }
  const index_t half = k * line;
  if (parts == 1) {
    const float* only = next.b ? next.b : next.a;
    return {only, only + half, line};
  }
  return {(next.b ? next.b : b) + part * half, (next.a ? next.a : b) + part * half, line};
}

/// c [Rows, panel] = a^T b: a and b are panels [k, panel], Rows columns of a are used. `add`: c += a^T b.
template <index_t Rows>
void winograd_tile(index_t k, const float* a, const float* b, WinogradAhead ahead, float* c, index_t ldc, bool add) {
  constexpr index_t step = lanes<float>;
  Vec<float> sum[Rows][2];
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
    sum[i][0] = sum[i][1] = Vec<float>{};
    if (!add) continue;
    __builtin_prefetch(c + i * ldc, 1);
    __builtin_prefetch(c + i * ldc + step, 1);
  }
  for (index_t p = 0; p < k; ++p) {
    const Vec<float> b0 = load<float>(b), b1 = load<float>(b + step);
    __builtin_prefetch(ahead.first, 0, 2);
    __builtin_prefetch(ahead.second, 0, 2);
    ahead.first += ahead.step;
    ahead.second += ahead.step;
    LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
      const Vec<float> x = broadcast<float>(a[i]);
      sum[i][0] += x * b0;
      sum[i][1] += x * b1;
    }
    a += winograd_panel;
    b += winograd_panel;
  }
  LIMN_UNROLLED for (index_t i = 0; i < Rows; ++i) {
    float* to = c + i * ldc;
    if (add) {
      sum[i][0] += load<float>(to);
      sum[i][1] += load<float>(to + step);
    }
    store<float>(to, sum[i][0]);
    store<float>(to + step, sum[i][1]);
  }
}

/// The same for any number of rows up to a panel, in tiles of nearly equal height.
template <std::same_as<float> T>
void winograd_tiles(index_t rows, index_t k, const T* a, const T* b, WinogradNext next, T* c, index_t ldc, bool add) {
  const index_t parts = (rows + winograd_rows - 1) / winograd_rows, base = rows / parts, extra = rows % parts;
  for (index_t part = 0, first = 0; part < parts; ++part) {
    const index_t height = base + (part < extra ? 1 : 0);
    float* to = c + first * ldc;
    const WinogradAhead ahead = winograd_ahead(next, k, b, part, parts);
    switch (height) {
#define LIMN_TILE(n)                                        \
  case n:                                                   \
    winograd_tile<n>(k, a + first, b, ahead, to, ldc, add); \
    break;
      LIMN_TILE(1)
      LIMN_TILE(2)
      LIMN_TILE(3)
      LIMN_TILE(4)
      LIMN_TILE(5)
      LIMN_TILE(6)
#if LIMN_VECTOR_BYTES == 64
      LIMN_TILE(7)
      LIMN_TILE(8)
      LIMN_TILE(9)
      LIMN_TILE(10)
      LIMN_TILE(11)
      LIMN_TILE(12)
      LIMN_TILE(13)
      LIMN_TILE(14)
#endif
#undef LIMN_TILE
      default:
        break;
    }
    first += height;
  }
}

/// M [xi][panel][outputs][winograd_panel] of some outputs of a block: V's positions in the lanes. u: the first output's
/// panel of U [xi][output panel][channels][winograd_panel], xi u_stride apart.
template <std::same_as<float> T>
void winograd_products_wide(index_t xi_count, index_t panels, index_t channels, index_t outputs, const T* u,
                            index_t u_stride, const T* v, T* m) {
  const index_t v_stride = winograd_stride(panels * channels * winograd_panel),
                m_stride = winograd_stride(panels * outputs * winograd_panel);
  for (index_t xi = 0; xi < xi_count; ++xi, u += u_stride, v += v_stride)
    for (index_t o = 0; o < outputs; o += winograd_panel) {
      const index_t rows = outputs - o < winograd_panel ? outputs - o : winograd_panel;
      const float *own = u + o * channels,
                  *following = o + winograd_panel < outputs ? own + channels * winograd_panel : u + u_stride;
      for (index_t panel = 0; panel < panels; ++panel)
        winograd_tiles(rows, channels, own, v + panel * channels * winograd_panel,
                       {.a = panel + 1 == panels ? following : nullptr},
                       m + xi * m_stride + (panel * outputs + o) * winograd_panel, winograd_panel, false);
    }
}

/// The same with the outputs in the lanes, M [xi][panel of outputs][position][winograd_panel]: no lane is idle however
/// few the positions.
template <std::same_as<float> T>
void winograd_products_narrow(index_t xi_count, index_t count, index_t channels, index_t outputs, const T* u,
                              index_t u_stride, const T* v, T* m) {
  const index_t panels = (count + winograd_panel - 1) / winograd_panel, whole = channels * winograd_panel;
  const index_t v_stride = winograd_stride(panels * whole);
  const index_t m_stride = winograd_stride((outputs + winograd_panel - 1) / winograd_panel * winograd_panel * count);
  for (index_t xi = 0; xi < xi_count; ++xi, u += u_stride, v += v_stride)
    for (index_t o = 0; o < outputs; o += winograd_panel)
      for (index_t panel = 0; panel < panels; ++panel) {
        const index_t left = count - panel * winograd_panel, rows = left < winograd_panel ? left : winograd_panel;
        const float *own_u = u + o * channels, *own_v = v + panel * whole;
        const bool last_u = o + winograd_panel >= outputs, last_v = panel + 1 == panels;
        const WinogradNext next{.a = !last_v  ? own_v + whole
                                     : last_u ? v + v_stride
                                              : v,
                                .b = panel > 0 ? nullptr
                                     : last_u  ? u + u_stride
                                               : own_u + whole};
        winograd_tiles(rows, channels, own_v, own_u, next,
                       m + xi * m_stride + (o * count + panel * winograd_panel * winograd_panel), winograd_panel,
                       false);
      }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
