// The inner loops of conv2d_dots.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Outputs and taps of one register tile.
inline constexpr index_t dots_outputs = LIMN_VECTOR_BYTES == 64 ? 4 : 2;
inline constexpr index_t dots_taps = LIMN_VECTOR_BYTES == 64 ? 6 : 4;

/// dw[i * dw_row + j] += sum over f < count of dy[i * dy_row + f] x[offset[j] + f]; count is a multiple of the lanes.
template <class T, index_t Outputs, index_t Taps>
void conv2d_dots_tile(index_t count, const T* dy, index_t dy_row, const T* x, const index_t* offset, T* dw,
                      index_t dw_row) {
  Vec<T> sum[Outputs][Taps] = {};
  for (index_t f = 0; f < count; f += lanes<T>) {
    Vec<T> g[Outputs];
    LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) g[i] = load<T>(dy + i * dy_row + f);
    LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) {
      const Vec<T> v = load<T>(x + offset[j] + f);
      LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) sum[i][j] += g[i] * v;
    }
  }
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j)
      dw[i * dw_row + j] += reduce_add<T>(sum[i][j]);
}
template <class T, index_t Outputs>
void conv2d_dots_row(index_t count, index_t field, const T* dy, index_t dy_row, const T* x, const index_t* offset,
                     T* dw, index_t dw_row) {
  index_t k = 0;
  for (; k + dots_taps <= field; k += dots_taps)
    conv2d_dots_tile<T, Outputs, dots_taps>(count, dy, dy_row, x, offset + k, dw + k, dw_row);
  for (; k + 3 <= field; k += 3) conv2d_dots_tile<T, Outputs, 3>(count, dy, dy_row, x, offset + k, dw + k, dw_row);
  for (; k < field; ++k) conv2d_dots_tile<T, Outputs, 1>(count, dy, dy_row, x, offset + k, dw + k, dw_row);
}

/// dw [outputs, field] += the products of dy's rows, laid out like x's, with all taps.
template <class T>
void conv2d_dots(index_t count, index_t outputs, index_t field, const T* dy, index_t dy_row, const T* x,
                 const index_t* offset, T* dw) {
  index_t o = 0;
  for (; o + dots_outputs <= outputs; o += dots_outputs)
    conv2d_dots_row<T, dots_outputs>(count, field, dy + o * dy_row, dy_row, x, offset, dw + o * field, field);
  for (; o < outputs; ++o)
    conv2d_dots_row<T, 1>(count, field, dy + o * dy_row, dy_row, x, offset, dw + o * field, field);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
