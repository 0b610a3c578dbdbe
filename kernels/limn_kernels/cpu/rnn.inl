// One step of an Elman RNN: the recurrent product with the activation applied while it is in registers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows [row, row + R) of the step, units [unit, unit + n).
template <class T, index_t R>
LIMN_INLINE void rnn_tile(const RnnStep<T>& s, index_t row, index_t unit, index_t n, const T* panel) {
  const T* previous[R];
  Vec<T> sum[R][1];
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b =
        row + r < s.batch ? row + r : s.batch - 1;  // rows past the end repeat the last one and are not stored
    previous[r] = s.h_before + b * s.hidden;
    sum[r][0] = load_n<T>(s.h + b * s.hidden + unit, n) + load_n<T>(s.bias + unit, n);
  }
  multiply_panel<T, R, 1>(s.hidden, previous, panel, sum);
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b = row + r;
    if (b >= s.batch) break;
    Vec<T> h = load_n<T>(s.h_before + b * s.hidden + unit, n);
    if (!s.mask || s.mask[b] != 0)
      h = s.activation == RnnActivation::tanh ? tanh(sum[r][0]) : vmax(Vec<T>{}, sum[r][0]);
    store_n<T>(s.h + b * s.hidden + unit, h, n);
  }
}

/// Unit blocks [first, last) of one step.
template <class T>
void rnn_step(const RnnStep<T>& s, index_t first, index_t last) {
  for (index_t block = first; block < last; ++block) {
    const index_t unit = block * lanes<T>, n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>;
    const T* panel = s.panels + block * s.hidden * lanes<T>;
    if (s.batch == 1) {
      rnn_tile<T, 1>(s, 0, unit, n, panel);
      continue;
    }
    for (index_t row = 0; row < s.batch; row += recurrent_rows) rnn_tile<T, recurrent_rows>(s, row, unit, n, panel);
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
