// The simple RNN of limn::kernels.
#include <limn_kernels/rnn.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                         \
  template void cpu::rnn_forward(const RecurrentShape&, RnnActivation, const RnnInputs<T>&, T*);                 \
  template void cpu::rnn_backward(const RecurrentShape&, RnnActivation, const RnnInputs<T>&, const T*, const T*, \
                                  const RnnGradients<T>&)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
