// One step of a GRU: the products with the three gates applied while they are in registers, and its gradient.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// The gates of one row in the units [unit, unit + n) from their sums r, z, n of x and n of h; writes what the step
/// leaves behind.
template <class T>
LIMN_INLINE void gru_cell(const GruStep<T>& s, index_t b, index_t unit, index_t n, const Vec<T> (&sum)[4]) {
  const Vec<T> h_before = load_n<T>(s.h_before + b * s.hidden + unit, n);
  T* const h = s.h + b * s.hidden + unit;
  if (s.mask && s.mask[b] == 0) return store_n<T>(h, h_before, n);
  const Vec<T> reset = sigmoid(sum[0]), z = sigmoid(sum[1]), candidate = tanh(sum[2] + reset * sum[3]);
  store_n<T>(h, candidate + z * (h_before - candidate), n);
  if (!s.gates) return;
  T* gates = s.gates + b * 3 * s.hidden + unit;
  store_n<T>(gates, reset, n);
  store_n<T>(gates + s.hidden, z, n);
  store_n<T>(gates + 2 * s.hidden, candidate, n);
  store_n<T>(s.inner + b * s.hidden + unit, sum[3], n);
}

/// Rows of the step in the units [unit, unit + n): one pass over input and state, then the gates in registers.
template <class T>
struct GruTile {
  const GruStep<T>& s;
  index_t unit, n;
  const T* panel;

  template <index_t R>
  LIMN_INLINE void run(index_t row) const {
    constexpr index_t step = 3 * lanes<T>;
    const T* state[R];
    Vec<T> sum[R][3], of_x[R];
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) state[r] = s.h_before + (row + r) * s.hidden;
    if (s.products) {
#pragma GCC unroll 8
      for (index_t r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (index_t g = 0; g < 3; ++g) sum[r][g] = load_n<T>(s.products + ((row + r) * 3 + g) * s.hidden + unit, n);
    } else {
      start_sums<T, R, 3>(s.x + row * s.input, s.input, s.bias + unit, s.hidden, n, panel, sum);
    }
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      of_x[r] = sum[r][2];
      sum[r][2] = load_n<T>(s.bias + 3 * s.hidden + unit, n);
    }
    multiply_panel<T, R, 3>(s.hidden, state, 1, panel + s.input * step, step, sum);
#pragma GCC unroll 8
    for (index_t r = 0; r < R; ++r) {
      const Vec<T> four[4] = {sum[r][0], sum[r][1], of_x[r], sum[r][2]};
      gru_cell<T>(s, row + r, unit, n, four);
    }
  }
};

/// Unit blocks [first, last) of one step, from the last to the first when `back`.
template <class T>
void gru_step(const GruStep<T>& s, bool back, index_t first, index_t last) {
  const index_t length = (s.input + s.hidden) * 3 * lanes<T>;
  for (index_t i = first; i < last; ++i) {
    const index_t block = back ? last - 1 - (i - first) : i, unit = block * lanes<T>;
    const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>;
    for_each_tile(s.batch, GruTile<T>{s, unit, n, s.panels + block * length});
  }
}

/// Units [first, last) of one step of few rows: of_x has the input products, of_h is scratch memory.
template <class T>
void gru_step_stream(const GruStep<T>& s, const T* w_hh, const T* of_x, T* of_h, bool back, index_t first,
                     index_t last) {
  for (index_t row = 0; row < 3 * s.batch; ++row)
    for (index_t unit = first; unit < last; ++unit) of_h[row * s.hidden + unit] = T(0);
  stream_units<T>(s.batch, 3, s.hidden, s.hidden, w_hh, s.h_before, of_h, back, first, last);
  for (index_t b = 0; b < s.batch; ++b)
    for (index_t unit = first; unit < last; unit += lanes<T>) {
      const index_t n = last - unit < lanes<T> ? last - unit : lanes<T>, at = b * 3 * s.hidden + unit;
      Vec<T> sum[4];
      for (index_t g = 0; g < 4; ++g) sum[g] = load_n<T>(s.bias + g * s.hidden + unit, n);
      for (index_t g = 0; g < 3; ++g) {
        sum[g] += load_n<T>(of_x + at + g * s.hidden, n);
        sum[g < 2 ? g : 3] += load_n<T>(of_h + at + g * s.hidden, n);
      }
      gru_cell<T>(s, b, unit, n, sum);
    }
}

/// Rows [first, last) of the gradient of one step, up to and without the product with the recurrent weights.
template <class T>
void gru_step_backward(const GruStepBackward<T>& s, index_t first, index_t last) {
  for (index_t b = first; b < last; ++b) {
    const bool masked = s.mask && s.mask[b] == 0;
    const T* gates = s.gates + b * 3 * s.hidden;
    T* dx_side = s.dgates_x + b * s.row;
    T* dh_side = s.dgates_h + b * s.row;
    for (index_t unit = 0; unit < s.hidden; unit += lanes<T>) {
      const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>, at = b * s.hidden + unit;
      const Vec<T> dh = load_n<T>(s.dstate + at, n) + load_n<T>(s.dh + at, n), one = broadcast<T>(T{1});
      if (masked) {
        store_n<T>(s.dstate + at, dh, n);
        for (index_t gate = 0; gate < 3; ++gate) {
          store_n<T>(dx_side + gate * s.hidden + unit, Vec<T>{}, n);
          store_n<T>(dh_side + gate * s.hidden + unit, Vec<T>{}, n);
        }
        continue;
      }
      const Vec<T> r = load_n<T>(gates + unit, n), z = load_n<T>(gates + s.hidden + unit, n);
      const Vec<T> candidate = load_n<T>(gates + 2 * s.hidden + unit, n), inner = load_n<T>(s.inner + at, n);
      const Vec<T> dz = dh * (load_n<T>(s.h_before + at, n) - candidate) * z * (one - z);
      const Vec<T> dn = dh * (one - z) * (one - candidate * candidate), dr = dn * inner * r * (one - r);
      store_n<T>(dx_side + unit, dr, n);
      store_n<T>(dx_side + s.hidden + unit, dz, n);
      store_n<T>(dx_side + 2 * s.hidden + unit, dn, n);
      store_n<T>(dh_side + unit, dr, n);
      store_n<T>(dh_side + s.hidden + unit, dz, n);
      store_n<T>(dh_side + 2 * s.hidden + unit, dn * r, n);
      store_n<T>(s.dstate + at, dh * z, n);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
