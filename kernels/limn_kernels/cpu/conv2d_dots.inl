// The inner loops of conv2d_dots.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Outputs and taps of one register tile.
inline constexpr index_t dots_outputs = LIMN_VECTOR_BYTES == 64 ? 4 : 2, dots_taps = 6;

/// sum[i][j] += dy[i][f] x[j][f], lane by lane, for one vector of f; Part: for its first `count` lanes.
template <class T, bool Part, index_t Outputs, index_t Taps>
LIMN_INLINE void conv2d_dots_step(const T* const (&dy)[Outputs], index_t y, const T* const (&x)[Taps], index_t f,
                                  index_t count, Vec<T> (&sum)[Outputs][Taps]) {
  Vec<T> g[Outputs];
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) g[i] =
      in_register<T>(Part ? load_first<T>(dy[i] + y, count) : load<T>(dy[i] + y));
  LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) {
    const Vec<T> v = in_register<T>(Part ? load_first<T>(x[j] + f, count) : load<T>(x[j] + f));
    LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) sum[i][j] += g[i] * v;
  }
}

/// sums[i * field + j], a vector each, += the products of `rows` rows of dy with those that tap j reads.
template <class T, index_t Outputs, index_t Taps>
void conv2d_dots_tile(const DotsBand& b, index_t rows, const T* dy, const T* x, const index_t* offset, T* sums) {
  Vec<T> sum[Outputs][Taps];
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) sum[i][j] =
      load<T>(sums + (i * b.field + j) * lanes<T>);
  const T *of_dy[Outputs], *of_x[Taps];
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) of_dy[i] = dy + i * b.plane;
  LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j) of_x[j] = x + offset[j];
  const index_t columns = b.columns, whole = columns - columns % lanes<T>;
  for (index_t r = 0; r < rows; ++r) {
    const index_t y = r * columns, f = r * b.pitch;
    for (index_t q = 0; q < whole; q += lanes<T>)
      conv2d_dots_step<T, false, Outputs, Taps>(of_dy, y + q, of_x, f + q, 0, sum);
    if (whole < columns)
      conv2d_dots_step<T, true, Outputs, Taps>(of_dy, y + whole, of_x, f + whole, columns - whole, sum);
  }
  LIMN_UNROLLED for (index_t i = 0; i < Outputs; ++i) LIMN_UNROLLED for (index_t j = 0; j < Taps; ++j)
      store<T>(sums + (i * b.field + j) * lanes<T>, sum[i][j]);
}

/// sums [Outputs, field] += the band's products; a few rows of dy at a time, which stay in the first-level cache while
/// all taps pass by.
template <class T, index_t Outputs>
void conv2d_dots_outputs(const DotsBand& b, const T* dy, const T* x, const index_t* offset, T* sums) {
  constexpr index_t near = 16384 / static_cast<index_t>(sizeof(T)) / dots_outputs;
  const index_t chunk = b.columns < near ? near / b.columns : 1;
  for (index_t row = 0; row < b.rows; row += chunk) {
    const index_t rows = b.rows - row < chunk ? b.rows - row : chunk;
    const T *from_dy = dy + row * b.columns, *from_x = x + row * b.pitch;
    index_t k = 0;
    for (; k + dots_taps <= b.field; k += dots_taps)
      conv2d_dots_tile<T, Outputs, dots_taps>(b, rows, from_dy, from_x, offset + k, sums + k * lanes<T>);
    for (; k + 3 <= b.field; k += 3)
      conv2d_dots_tile<T, Outputs, 3>(b, rows, from_dy, from_x, offset + k, sums + k * lanes<T>);
    for (; k < b.field; ++k) conv2d_dots_tile<T, Outputs, 1>(b, rows, from_dy, from_x, offset + k, sums + k * lanes<T>);
  }
}

/// sums [outputs, field], a vector each, += the products of dy's rows, where they lie, with all taps.
template <class T>
void conv2d_dots(const DotsBand& b, index_t outputs, const T* dy, const T* x, const index_t* offset, T* sums) {
  index_t o = 0;
  for (; o + dots_outputs <= outputs; o += dots_outputs)
    conv2d_dots_outputs<T, dots_outputs>(b, dy + o * b.plane, x, offset, sums + o * b.field * lanes<T>);
  for (; o < outputs; ++o) conv2d_dots_outputs<T, 1>(b, dy + o * b.plane, x, offset, sums + o * b.field * lanes<T>);
}

/// y[i] = the sum of the lanes of the i-th vector.
template <class T>
void dots_reduce(index_t count, const T* sums, T* y) {
  for (index_t i = 0; i < count; ++i) y[i] = reduce_add<T>(load<T>(sums + i * lanes<T>));
}
template <class T>
index_t dots_lanes() {
  return lanes<T>;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
