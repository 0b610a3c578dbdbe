// The LSTM of limn::kernels, and the packed weights that the GRU reads too.
#include <limn_kernels/lstm.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                        \
  template class PackedRecurrent<T>;                                                                            \
  template void cpu::lstm_forward(const RecurrentShape&, const LstmInputs<T>&, const LstmStates<T>&);           \
  template void cpu::lstm_backward(const RecurrentShape&, const LstmInputs<T>&, const LstmStates<T>&, const T*, \
                                   const T*, const LstmGradients<T>&)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
