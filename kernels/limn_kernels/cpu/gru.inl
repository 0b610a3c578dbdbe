// One step of a GRU: the recurrent product with the three gates applied while it is in registers, and its gradient.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows [row, row + R) of the step, units [unit, unit + n).
template <class T, index_t R>
LIMN_INLINE void gru_tile(const GruStep<T>& s, index_t row, index_t unit, index_t n, const T* panel) {
  const T* previous[R];
  Vec<T> sum[R][3];
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b =
        row + r < s.batch ? row + r : s.batch - 1;  // rows past the end repeat the last one and are not stored
    previous[r] = s.h_before + b * s.hidden;
    const T* gates = s.gates + b * 3 * s.hidden + unit;
    sum[r][0] = load_n<T>(gates, n) + load_n<T>(s.bias + unit, n);
    sum[r][1] = load_n<T>(gates + s.hidden, n) + load_n<T>(s.bias + s.hidden + unit, n);
    sum[r][2] = load_n<T>(s.bias + 3 * s.hidden + unit, n);
  }
  multiply_panel<T, R, 3>(s.hidden, previous, panel, sum);
#pragma GCC unroll 8
  for (index_t r = 0; r < R; ++r) {
    const index_t b = row + r;
    if (b >= s.batch) break;
    const Vec<T> h_before = load_n<T>(s.h_before + b * s.hidden + unit, n);
    if (s.mask && s.mask[b] == 0) {
      store_n<T>(s.h + b * s.hidden + unit, h_before, n);
      continue;
    }
    T* gates = s.gates + b * 3 * s.hidden + unit;
    const Vec<T> from_x = load_n<T>(gates + 2 * s.hidden, n) + load_n<T>(s.bias + 2 * s.hidden + unit, n);
    const Vec<T> reset = sigmoid(sum[r][0]), z = sigmoid(sum[r][1]);
    const Vec<T> candidate = tanh(from_x + reset * sum[r][2]);
    store_n<T>(gates, reset, n);
    store_n<T>(gates + s.hidden, z, n);
    store_n<T>(gates + 2 * s.hidden, candidate, n);
    store_n<T>(s.inner + b * s.hidden + unit, sum[r][2], n);
    store_n<T>(s.h + b * s.hidden + unit, candidate + z * (h_before - candidate), n);
  }
}

/// Unit blocks [first, last) of one step.
template <class T>
void gru_step(const GruStep<T>& s, index_t first, index_t last) {
  for (index_t block = first; block < last; ++block) {
    const index_t unit = block * lanes<T>, n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>;
    const T* panel = s.panels + block * s.hidden * 3 * lanes<T>;
    if (s.batch == 1) {
      gru_tile<T, 1>(s, 0, unit, n, panel);
      continue;
    }
    for (index_t row = 0; row < s.batch; row += recurrent_rows) gru_tile<T, recurrent_rows>(s, row, unit, n, panel);
  }
}

/// Rows [first, last) of the gradient of one step, up to and without the product with the recurrent weights.
template <class T>
void gru_step_backward(const GruStepBackward<T>& s, index_t first, index_t last) {
  for (index_t b = first; b < last; ++b) {
    const bool masked = s.mask && s.mask[b] == 0;
    const T* gates = s.gates + b * 3 * s.hidden;
    T* dx_side = s.dgates_x + b * 3 * s.hidden;
    T* dh_side = s.dgates_h + b * 3 * s.hidden;
    for (index_t unit = 0; unit < s.hidden; unit += lanes<T>) {
      const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>, at = b * s.hidden + unit;
      if (masked) {
        for (index_t gate = 0; gate < 3; ++gate) {
          store_n<T>(dx_side + gate * s.hidden + unit, Vec<T>{}, n);
          store_n<T>(dh_side + gate * s.hidden + unit, Vec<T>{}, n);
        }
        continue;
      }
      const Vec<T> r = load_n<T>(gates + unit, n), z = load_n<T>(gates + s.hidden + unit, n);
      const Vec<T> candidate = load_n<T>(gates + 2 * s.hidden + unit, n), inner = load_n<T>(s.inner + at, n);
      const Vec<T> dh = load_n<T>(s.dh + at, n), one = broadcast<T>(T{1});
      const Vec<T> dz = dh * (load_n<T>(s.h_before + at, n) - candidate) * z * (one - z);
      const Vec<T> dn = dh * (one - z) * (one - candidate * candidate), dr = dn * inner * r * (one - r);
      store_n<T>(dx_side + unit, dr, n);
      store_n<T>(dx_side + s.hidden + unit, dz, n);
      store_n<T>(dx_side + 2 * s.hidden + unit, dn, n);
      store_n<T>(dh_side + unit, dr, n);
      store_n<T>(dh_side + s.hidden + unit, dz, n);
      store_n<T>(dh_side + 2 * s.hidden + unit, dn * r, n);
      store_n<T>(s.dh + at, dh * z, n);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
