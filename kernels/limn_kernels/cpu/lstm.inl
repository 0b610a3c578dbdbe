// One step of an LSTM: the products with the four gates applied while they are in registers, and its gradient.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// The gates of R rows from `row` on in the units [unit, unit + n) from their sums; writes what the step leaves behind.
/// The outputs follow when all cells are known: the functions of one row wait for each other, those of R rows do not.
template <class T, index_t R>
LIMN_INLINE void lstm_cells(const LstmStep<T>& s, index_t row, index_t unit, index_t n, Vec<T> (&sum)[R][4]) {
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b = row + r, at = b * s.hidden + unit;
    const Vec<T> c_before = load_n<T>(s.c_before + at, n);
    if (s.mask && s.mask[b] == 0) {
      store_n<T>(s.c + at, c_before, n);
      store_n<T>(s.h + at, s.copies_h ? load_n<T>(s.h_before + at, n) : Vec<T>{}, n);
      continue;
    }
    const Vec<T> i = sigmoid(sum[r][0]), f = sigmoid(sum[r][1]), g = tanh(sum[r][2]), o = sigmoid(sum[r][3]);
    const Vec<T> c = f * c_before + i * g;
    store_n<T>(s.c + at, c, n);
    sum[r][0] = c;
    sum[r][3] = o;
    if (!s.gates) continue;
    T* gates = s.gates + b * 4 * s.hidden + unit;
    store_n<T>(gates, i, n);
    store_n<T>(gates + s.hidden, f, n);
    store_n<T>(gates + 2 * s.hidden, g, n);
    store_n<T>(gates + 3 * s.hidden, o, n);
  }
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r)
    if (!s.mask || s.mask[row + r] != 0) store_n<T>(s.h + (row + r) * s.hidden + unit, sum[r][3] * tanh(sum[r][0]), n);
}

/// Rows of the step in the units [unit, unit + n): one pass over input and state, then the gates in registers.
template <class T>
struct LstmTile {
  const LstmStep<T>& s;
  index_t unit, n;
  const T* panel;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    constexpr index_t step = 4 * lanes<T>;
    const T* state[R];
    Vec<T> sum[R][4];
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) state[r] = s.h_before + (row + r) * s.state;
    if (s.products) {
#pragma GCC unroll 8
      for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (index_t g = 0; g < 4; ++g) sum[r][g] = load_n<T>(s.products + ((row + r) * 4 + g) * s.hidden + unit, n);
    } else {
      start_sums<T, R, 4>(s.x + row * s.input, s.input, s.bias + unit, s.hidden, n, panel, sum);
    }
    if (s.gates) {  // what a step keeps goes to memory: its lines are asked for meanwhile
#pragma GCC unroll 8
      for (index_t r = 0; r < R; ++r) {
        __builtin_prefetch(s.c + (row + r) * s.hidden + unit, 1, 2);
        __builtin_prefetch(s.h + (row + r) * s.hidden + unit, 1, 2);
#pragma GCC unroll 8
        for (index_t g = 0; g < 4; ++g) __builtin_prefetch(s.gates + ((row + r) * 4 + g) * s.hidden + unit, 1, 2);
      }
    }
    multiply_panel<T, R, 4>(s.state, state, 1, panel + s.input * step, step, sum);
    lstm_cells<T, R>(s, row, unit, n, sum);
  }
};

/// Unit blocks [first, last) of one step, from the last to the first when `back`.
template <class T>
void lstm_step(const LstmStep<T>& s, bool back, index_t first, index_t last) {
  const index_t length = (s.input + s.state) * 4 * lanes<T>;
  for (index_t i = first; i < last; ++i) {
    const index_t block = back ? last - 1 - (i - first) : i, unit = block * lanes<T>;
    const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>;
    for_each_tile(s.batch, LstmTile<T>{s, unit, n, s.panels + block * length});
  }
}

/// Units [first, last) of one step of few rows; `sums` has the input products and receives the recurrent ones.
template <class T>
void lstm_step_stream(const LstmStep<T>& s, const T* w_hh, T* sums, bool back, index_t first, index_t last) {
  stream_units<T>(s.batch, 4, s.hidden, s.state, w_hh, s.h_before, sums, back, first, last);
  for (index_t b = 0; b < s.batch; ++b)
    for (index_t unit = first; unit < last; unit += lanes<T>) {
      const index_t n = last - unit < lanes<T> ? last - unit : lanes<T>;
      Vec<T> sum[1][4];
#pragma GCC unroll 8
      for (index_t g = 0; g < 4; ++g)
        sum[0][g] = load_n<T>(sums + (b * 4 + g) * s.hidden + unit, n) + load_n<T>(s.bias + g * s.hidden + unit, n);
      lstm_cells<T, 1>(s, b, unit, n, sum);
    }
}

/// Rows [first, last) of the gradient of one step, up to and without the product with the recurrent weights.
template <class T>
void lstm_step_backward(const LstmStepBackward<T>& s, index_t first, index_t last) {
  const Vec<T> one = broadcast<T>(T{1}), zero{};
  for (index_t b = first; b < last; ++b) {
    const bool masked = s.mask && s.mask[b] == 0;
    const T* gates = s.gates + b * 4 * s.hidden;
    T* dgates = s.dgates + b * s.row;
    for (index_t unit = 0; unit < s.hidden; unit += lanes<T>) {
      const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>, at = b * s.hidden + unit;
      for (index_t gate = 0; gate < 4; ++gate) {  // the next row: too many streams for the processor's own
        __builtin_prefetch(gates + (4 + gate) * s.hidden + unit);
        __builtin_prefetch(dgates + s.row + gate * s.hidden + unit, 1);
      }
      __builtin_prefetch(s.c + at + s.hidden);
      __builtin_prefetch(s.c_before + at + s.hidden);
      if (s.dh) __builtin_prefetch(s.dh + at + s.hidden);
      Vec<T> dh = load_n<T>(s.dstate + at, n);
      if (s.dh) dh += load_n<T>(s.dh + at, n);
      store_n<T>(s.dstate + at, masked ? dh : zero, n);
      if (masked) {
        for (index_t gate = 0; gate < 4; ++gate) store_n<T>(dgates + gate * s.hidden + unit, zero, n);
        if (s.hidden_out) store_n<T>(s.hidden_out + at, zero, n);
        continue;
      }
      const Vec<T> i = load_n<T>(gates + unit, n), f = load_n<T>(gates + s.hidden + unit, n);
      const Vec<T> g = load_n<T>(gates + 2 * s.hidden + unit, n), o = load_n<T>(gates + 3 * s.hidden + unit, n);
      const Vec<T> c_before = load_n<T>(s.c_before + at, n), bent = tanh(load_n<T>(s.c + at, n));
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
