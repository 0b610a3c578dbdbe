// Interpolation of limn::kernels.
#include <limn_kernels/half.hpp>
#include <limn_kernels/interpolate.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T) \
  template void interpolate(Device, const InterpolateShape&, const InterpolateTaps&, const T*, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
LIMN_COMPILED(bf16);
LIMN_COMPILED(f16);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
