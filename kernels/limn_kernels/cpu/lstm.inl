// One step of an LSTM: the recurrent product with the four gates applied while it is in registers, and its gradient.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows [row, row + R) of the step, units [unit, unit + n).
template <class T, index_t R>
LIMN_INLINE void lstm_tile(const LstmStep<T>& s, index_t row, index_t unit, index_t n, const T* panel) {
  const T* previous[R];
  Vec<T> sum[R][4];
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b =
        row + r < s.batch ? row + r : s.batch - 1;  // rows past the end repeat the last one and are not stored
    previous[r] = s.h_before + b * s.state;
#pragma GCC unroll 8
    for (index_t g = 0; g < 4; ++g)
      sum[r][g] = load_n<T>(s.gates + (b * 4 + g) * s.hidden + unit, n) + load_n<T>(s.bias + g * s.hidden + unit, n);
  }
  multiply_panel<T, R, 4>(s.state, previous, panel, sum);
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b = row + r;
    if (b >= s.batch) break;
    const Vec<T> c_before = load_n<T>(s.c_before + b * s.hidden + unit, n);
    if (s.mask && s.mask[b] == 0) {
      store_n<T>(s.c + b * s.hidden + unit, c_before, n);
      if (s.copies_h)
        store_n<T>(s.h + b * s.hidden + unit, load_n<T>(s.h_before + b * s.hidden + unit, n), n);
      else
        store_n<T>(s.h + b * s.hidden + unit, Vec<T>{}, n);
      continue;
    }
    const Vec<T> i = sigmoid(sum[r][0]), f = sigmoid(sum[r][1]), g = tanh(sum[r][2]), o = sigmoid(sum[r][3]);
    const Vec<T> c = f * c_before + i * g;
    T* gates = s.gates + b * 4 * s.hidden + unit;
    store_n<T>(gates, i, n);
    store_n<T>(gates + s.hidden, f, n);
    store_n<T>(gates + 2 * s.hidden, g, n);
    store_n<T>(gates + 3 * s.hidden, o, n);
    store_n<T>(s.c + b * s.hidden + unit, c, n);
    store_n<T>(s.h + b * s.hidden + unit, o * tanh(c), n);
  }
}

/// Unit blocks [first, last) of one step.
template <class T>
void lstm_step(const LstmStep<T>& s, index_t first, index_t last) {
  for (index_t block = first; block < last; ++block) {
    const index_t unit = block * lanes<T>, n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>;
    const T* panel = s.panels + block * s.state * 4 * lanes<T>;
    if (s.batch == 1) {
      lstm_tile<T, 1>(s, 0, unit, n, panel);
      continue;
    }
    for (index_t row = 0; row < s.batch; row += recurrent_rows) lstm_tile<T, recurrent_rows>(s, row, unit, n, panel);
  }
}

/// Rows [first, last) of the gradient of one step, up to and without the product with the recurrent weights.
template <class T>
void lstm_step_backward(const LstmStepBackward<T>& s, index_t first, index_t last) {
  for (index_t b = first; b < last; ++b) {
    const bool masked = s.mask && s.mask[b] == 0;
    const T* gates = s.gates + b * 4 * s.hidden;
    T* dgates = s.dgates + b * 4 * s.hidden;
    for (index_t unit = 0; unit < s.hidden; unit += lanes<T>) {
      const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>, at = b * s.hidden + unit;
      if (masked) {
        for (index_t gate = 0; gate < 4; ++gate) store_n<T>(dgates + gate * s.hidden + unit, Vec<T>{}, n);
        if (s.hidden_out) store_n<T>(s.hidden_out + at, Vec<T>{}, n);
        continue;
      }
      const Vec<T> i = load_n<T>(gates + unit, n), f = load_n<T>(gates + s.hidden + unit, n);
      const Vec<T> g = load_n<T>(gates + 2 * s.hidden + unit, n), o = load_n<T>(gates + 3 * s.hidden + unit, n);
      const Vec<T> c_before = load_n<T>(s.c_before + at, n), bent = tanh(load_n<T>(s.c + at, n));
      const Vec<T> dh = load_n<T>(s.dhidden + at, n), one = broadcast<T>(T{1});
      const Vec<T> dc = load_n<T>(s.dc + at, n) + dh * o * (one - bent * bent);
      store_n<T>(dgates + unit, dc * g * i * (one - i), n);
      store_n<T>(dgates + s.hidden + unit, dc * c_before * f * (one - f), n);
      store_n<T>(dgates + 2 * s.hidden + unit, dc * i * (one - g * g), n);
      store_n<T>(dgates + 3 * s.hidden + unit, dh * bent * o * (one - o), n);
      store_n<T>(s.dc + at, dc * f, n);
      if (s.hidden_out) store_n<T>(s.hidden_out + at, o * bent, n);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
