// The normalisations of limn::kernels.
#include <limn_kernels/norm.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                               \
  template void layer_norm_forward(Device, const RowNormShape&, double, const T*, const T*, const T*, T*, double*,     \
                                   double*);                                                                           \
  template void layer_norm_backward(Device, const RowNormShape&, const T*, const T*, const double*, const double*,     \
                                    const T*, T*, T*, T*);                                                             \
  template void channel_moments(Device, const ChannelNormShape&, const T*, double*, double*);                          \
  template void batch_norm_forward(Device, const ChannelNormShape&, const T*, const double*, const double*, const T*,  \
                                   const T*, T*);                                                                      \
  template void batch_norm_backward(Device, const ChannelNormShape&, const T*, const double*, const double*, const T*, \
                                    const T*, T*, T*, T*);                                                             \
  template void batch_norm_backward_constant(Device, const ChannelNormShape&, const T*, const double*, const double*,  \
                                             const T*, const T*, T*, T*, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
