// The convolutions of limn::kernels.
#include <limn_kernels/conv2d.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                   \
  template class PackedConv2d<T>;                                                                          \
  template void conv2d_forward(Device, const Conv2dShape&, const T*, const T*, const T*, T*, Conv2dFusion, \
                               const PackedConv2d<T>*);                                                    \
  template void conv2d_data_gradient(Device, const Conv2dShape&, const T*, const T*, T*);                  \
  template void conv2d_weight_gradient(Device, const Conv2dShape&, const T*, const T*, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
