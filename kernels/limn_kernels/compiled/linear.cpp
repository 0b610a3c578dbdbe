// Products with an epilogue of limn::kernels.
#include <limn_kernels/linear.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T) \
  template void cpu::linear(const LinearShape&, const T*, const T*, const PackedMatrix<T>*, const Epilogue<T>&, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
