// The pointwise part of one step of an Elman RNN.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Rows [first, last) of one step whose products are in h.
template <class T>
void rnn_step_rows(const RnnStep<T>& s, index_t first, index_t last) {
  for (index_t b = first; b < last; ++b)
    for (index_t unit = 0; unit < s.hidden; unit += lanes<T>) {
      const index_t n = s.hidden - unit < lanes<T> ? s.hidden - unit : lanes<T>, at = b * s.hidden + unit;
      const Vec<T> sum = load_n<T>(s.h + at, n) + load_n<T>(s.bias + unit, n);
      Vec<T> h = load_n<T>(s.h_before + at, n);
      if (!s.mask || s.mask[b] != 0) h = s.activation == RnnActivation::tanh ? tanh(sum) : vmax(Vec<T>{}, sum);
      store_n<T>(s.h + at, h, n);
    }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
