// The way back of winograd.hpp for one instruction set: results from the products M, stored to rows of y.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

// ---- The tiles in the lanes, output by output. ----

/// a and b, the two columns of the tiles in the lanes, element by element in turn, in the order of the tiles: those of
/// the first half of them, or of the second.
template <bool Second, std::size_t... e>
LIMN_INLINE Vec<float> winograd_pairs(Vec<float> a, Vec<float> b, std::index_sequence<e...>) {
  constexpr std::size_t n = sizeof...(e), quads = n / 4, from = Second ? n / 2 : 0;
  return shuffled(
      a, b, std::index_sequence<((from + e / 2) % quads * 4 + (from + e / 2) / quads + (e % 2 == 0 ? 0 : n))...>());
}

/// A row of tiles of two columns, y[0] and y[1], where each quarter of them is contiguous.
LIMN_INLINE void winograd_store_pairs(const WinogradBlock& b, index_t position, index_t i, const Vec<float>* y,
                                      float* to) {
  constexpr std::make_index_sequence<static_cast<std::size_t>(lanes<float>)> all;
  constexpr index_t quarter = lanes<float> / 2;  // elements of one
  alignas(LIMN_VECTOR_BYTES) float row[2 * lanes<float>];
  store<float>(row, winograd_pairs<false>(y[0], y[1], all));
  store<float>(row + lanes<float>, winograd_pairs<true>(y[0], y[1], all));
  LIMN_UNROLLED for (index_t r = 0; r < 4; ++r) {
    float* out = to + b.target[position + r] + i * b.y_width;
    __builtin_prefetch(out + b.y_plane, 1);
    if (i < b.rows[position + r]) std::memcpy(out, row + r * quarter, static_cast<std::size_t>(quarter) * sizeof *out);
  }
}

/// A row of the tiles: y[0..Columns - 1] hold the columns of the tiles in the lanes. y has room for whole quads.
template <index_t Columns>
LIMN_INLINE void winograd_store_row(const WinogradBlock& b, index_t position, index_t i, Vec<float>* y, float* to) {
  constexpr index_t quads = (Columns + 3) / 4;
  if constexpr (Columns == 2) {
    const bool* contiguous = b.target_contiguous + position / lanes<float> * 4;
    if (contiguous[0] && contiguous[1] && contiguous[2] && contiguous[3])
      return winograd_store_pairs(b, position, i, y, to);
  }
  LIMN_UNROLLED for (index_t q = 0; q < quads; ++q) winograd_transpose(y + 4 * q);
  LIMN_UNROLLED for (index_t r = 0; r < 4; ++r) {
    const index_t at = position + r;
    if (Columns == 4 && b.target_contiguous[position / lanes<float> * 4 + r]) {
      float* row = to + b.target[at] + i * b.y_width;
      __builtin_prefetch(row + b.y_plane, 1);
      if (i < b.rows[at]) store<float>(row, y[r]);
      continue;
    }
    alignas(LIMN_VECTOR_BYTES) float lane[quads][lanes<float>];
    LIMN_UNROLLED for (index_t q = 0; q < quads; ++q) store<float>(lane[q], y[4 * q + r]);
    LIMN_UNROLLED for (index_t q = 0; q < lanes<float> / 4; ++q) {
      const index_t tile = at + 4 * q;
      if (tile >= b.count || i >= b.rows[tile]) continue;
      float* row = to + b.target[tile] + i * b.y_width;
      const index_t columns = b.columns[tile];
      if (columns == Columns) {
        std::memcpy(row, lane[0] + 4 * q, (Columns < 4 ? Columns : 4) * sizeof(float));
        if constexpr (Columns > 4) std::memcpy(row + 4, lane[1] + 4 * q, (Columns - 4) * sizeof(float));
        __builtin_prefetch(row + b.y_plane, 1);
      } else {
        for (index_t j = 0; j < columns; ++j) row[j] = lane[j / 4][4 * q + j % 4];
      }
    }
  }
}

/// The larger, or the NaN.
LIMN_INLINE Vec<float> winograd_larger(Vec<float> a, Vec<float> b) { return a != a ? a : vmax(a, b); }

/// y of one output for the tiles of one vector, from m[xi * stride]. Pooled: the largest of each 2 x 2 alone.
template <class F, bool Pooled>
void winograd_output_tiles(const WinogradBlock& b, index_t position, const float* m, index_t stride, float bias,
                           float floor, float* to) {
  constexpr index_t t = F::tile, a = t + 2;
  Vec<float> w[t][a];
  LIMN_UNROLLED for (index_t j = 0; j < a; ++j) {
    Vec<float> d[a], o[t];
    LIMN_UNROLLED for (index_t i = 0; i < a; ++i) d[i] = load<float>(m + (i * a + j) * stride);
    winograd_output(F{}, d, o);
    LIMN_UNROLLED for (index_t i = 0; i < t; ++i) w[i][j] = o[i];
  }
  const Vec<float> add = broadcast<float>(bias), least = broadcast<float>(floor);
  if constexpr (Pooled) {
    for (index_t i = 0; i < t; i += 2) {
      Vec<float> above[8] = {}, below[8] = {}, y[8] = {};
      winograd_output(F{}, w[i], above);
      winograd_output(F{}, w[i + 1], below);
      LIMN_UNROLLED for (index_t j = 0; j < t; j += 2) {
        const Vec<float> left = winograd_larger(above[j], below[j]),
                         right = winograd_larger(above[j + 1], below[j + 1]);
        y[j / 2] = vmax(least, winograd_larger(left, right) + add);
      }
      winograd_store_row<t / 2>(b, position, i / 2, y, to);
    }
    return;
  }
  for (index_t i = 0; i < t; ++i) {
    Vec<float> y[8] = {};
    winograd_output(F{}, w[i], y);
    LIMN_UNROLLED for (index_t j = 0; j < t; ++j) y[j] = vmax(least, y[j] + add);  // a NaN stays
    winograd_store_row<t>(b, position, i, y, to);
  }
}

/// y of `outputs` channels of a block from M [xi][panel][outputs][winograd_panel]. y: the first output's plane in the
/// first image; bias may be null; results below `floor` become floor (0: ReLU).
template <class F, bool Pooled>
void winograd_output_block(const WinogradBlock& b, index_t outputs, const float* m, const float* bias, float floor,
                           float* y) {
  constexpr index_t step = lanes<float>;
  const index_t vectors = (b.count + step - 1) / step, panels = (b.count + winograd_panel - 1) / winograd_panel;
  for (index_t o = 0; o < outputs; ++o)
    for (index_t k = 0; k < vectors; ++k)
      winograd_output_tiles<F, Pooled>(b, k * step, m + (k / 2 * outputs + o) * winograd_panel + k % 2 * step,
                                       winograd_stride(panels * outputs * winograd_panel), bias ? bias[o] : 0.f, floor,
                                       y + o * b.y_plane);
}
// ---- The outputs in the lanes, tile by tile. ----

/// y of the outputs in the lanes, `outputs` of them, for `tiles` tiles side by side, as many as fill a vector with a
/// row of results; m: of the first output, [xi * stride + position * winograd_panel].
template <class F, bool Pooled>
void winograd_output_run(const WinogradBlock& b, index_t first, index_t tiles, index_t outputs, const float* m,
                         index_t stride, Vec<float> bias, float floor, float* y) {
  constexpr index_t t = F::tile, a = t + 2, side = Pooled ? t / 2 : t, step = lanes<float>;
  constexpr index_t most = side < step ? step : 2 * step;  // columns of results
  const index_t start = winograd_position(first, b.count, step),
                end = winograd_position(first + tiles - 1, b.count, step);
  const index_t columns = (tiles - 1) * side + b.columns[end];
  float* const to = y + b.target[start];
  for (index_t i = 0; i < b.rows[start]; ++i)
    for (index_t o = 0; o < outputs; ++o) __builtin_prefetch(to + o * b.y_plane + i * b.y_width, 1);
  alignas(LIMN_VECTOR_BYTES) float result[side][most][lanes<float>];
  const Vec<float> least = broadcast<float>(floor);
  for (index_t tile = 0; tile < tiles; ++tile) {
    const float* from = m + winograd_position(first + tile, b.count, step) * winograd_panel;
    Vec<float> w[t][a];
    LIMN_UNROLLED for (index_t j = 0; j < a; ++j) {
      Vec<float> d[a], o[t];
      LIMN_UNROLLED for (index_t i = 0; i < a; ++i) d[i] = load<float>(from + (i * a + j) * stride);
      winograd_output(F{}, d, o);
      LIMN_UNROLLED for (index_t i = 0; i < t; ++i) w[i][j] = o[i];
    }
    if constexpr (Pooled) {
      LIMN_UNROLLED for (index_t i = 0; i < t; i += 2) {
        Vec<float> above[t], below[t];
        winograd_output(F{}, w[i], above);
        winograd_output(F{}, w[i + 1], below);
        LIMN_UNROLLED for (index_t j = 0; j < t; j += 2) {
          const Vec<float> left = winograd_larger(above[j], below[j]),
                           right = winograd_larger(above[j + 1], below[j + 1]);
          store<float>(result[i / 2][tile * side + j / 2], vmax(least, winograd_larger(left, right) + bias));
        }
      }
    } else {
      LIMN_UNROLLED for (index_t i = 0; i < t; ++i) {
        Vec<float> o[t];
        winograd_output(F{}, w[i], o);
        LIMN_UNROLLED for (index_t j = 0; j < t; ++j)
            store<float>(result[i][tile * side + j], vmax(least, o[j] + bias));  // a NaN stays
      }
    }
  }
  for (index_t i = 0; i < b.rows[start]; ++i)
    for (index_t j = 0; j < columns; j += step) {
      Vec<float> r[step];
      LIMN_UNROLLED for (index_t q = 0; q < step; ++q) r[q] = load<float>(result[i][j + q]);
      transpose_block<float>(r);
      const index_t n = columns - j < step ? columns - j : step;
      LIMN_UNROLLED for (index_t o = 0; o < step; ++o) {
        if (o >= outputs) break;
        float* row = to + o * b.y_plane + i * b.y_width + j;
        n == step ? store<float>(row, r[o]) : store_first<float>(row, r[o], n);
      }
    }
}

/// y of `outputs` channels of a block from M [xi][panel of outputs][position][winograd_panel]; otherwise the same.
template <class F, bool Pooled>
void winograd_output_narrow(const WinogradBlock& b, index_t outputs, const float* m, const float* bias, float floor,
                            float* y) {
  constexpr index_t step = lanes<float>, side = Pooled ? F::tile / 2 : F::tile, most = side < step ? step / side : 1;
  const index_t stride = winograd_stride((outputs + winograd_panel - 1) / winograd_panel * winograd_panel * b.count);
  for (index_t o = 0; o < outputs; o += step) {
    const index_t n = outputs - o < step ? outputs - o : step;
    const float* from = m + o / winograd_panel * b.count * winograd_panel + o % winograd_panel;
    const Vec<float> add = bias ? load_first<float>(bias + o, n) : Vec<float>{};
    for (index_t part = 0, first = 0; part < b.parts; ++part) {
      const index_t run = (b.part[part].width - 4) / F::tile;
      for (index_t i = 0; i < run; i += most)
        winograd_output_run<F, Pooled>(b, first + i, run - i < most ? run - i : most, n, from, stride, add, floor,
                                       y + o * b.y_plane);
      first += run;
    }
  }
}

template <class F>
void winograd_outputs(const WinogradBlock& b, bool wide, bool pooled, index_t outputs, const float* m,
                      const float* bias, float floor, float* y) {
  if (wide && pooled) return winograd_output_block<F, true>(b, outputs, m, bias, floor, y);
  if (wide) return winograd_output_block<F, false>(b, outputs, m, bias, floor, y);
  if (pooled) return winograd_output_narrow<F, true>(b, outputs, m, bias, floor, y);
  winograd_output_narrow<F, false>(b, outputs, m, bias, floor, y);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
