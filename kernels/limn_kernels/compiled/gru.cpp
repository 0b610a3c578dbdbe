// The GRU of limn::kernels.
#include <limn_kernels/gru.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                     \
  template void cpu::gru_forward(const RecurrentShape&, const GruInputs<T>&, const GruStates<T>&);           \
  template void cpu::gru_backward(const RecurrentShape&, const GruInputs<T>&, const GruStates<T>&, const T*, \
                                  const GruGradients<T>&)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
