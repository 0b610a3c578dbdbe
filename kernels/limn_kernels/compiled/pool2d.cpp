// The pools of limn::kernels.
#include <limn_kernels/half.hpp>
#include <limn_kernels/pool2d.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                       \
  template void max_pool2d(Device, const Pool2dShape&, const T*, T*, index_t*);                \
  template void max_pool2d_backward(Device, const Pool2dShape&, const T*, const index_t*, T*); \
  template void max_pool2d_pick(Device, const Pool2dShape&, const T*, const index_t*, T*);     \
  template void avg_pool2d(Device, const Pool2dShape&, AverageCount, const T*, T*);            \
  template void avg_pool2d_backward(Device, const Pool2dShape&, AverageCount, const T*, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
LIMN_COMPILED(bf16);
LIMN_COMPILED(f16);
LIMN_COMPILED(std::int32_t);
LIMN_COMPILED(std::int64_t);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
