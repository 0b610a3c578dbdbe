// Softmax and its logarithm of limn::kernels.
#include <limn_kernels/half.hpp>
#include <limn_kernels/softmax.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                            \
  template void cpu::softmax_forward(const SoftmaxShape&, const T*, T*);            \
  template void cpu::softmax_backward(const SoftmaxShape&, const T*, const T*, T*); \
  template void cpu::log_softmax_forward(const SoftmaxShape&, const T*, T*);        \
  template void cpu::log_softmax_backward(const SoftmaxShape&, const T*, const T*, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
LIMN_COMPILED(bf16);
LIMN_COMPILED(f16);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
