// The attention kernels of limn::kernels.
#include <limn_kernels/attention.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                      \
  template void cpu::attention_forward(const AttentionShape&, const AttentionInputs<T>&, T*, T*);             \
  template void cpu::attention_backward(const AttentionShape&, const AttentionInputs<T>&, const T*, const T*, \
                                        const T*, const AttentionGradients<T>&)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
