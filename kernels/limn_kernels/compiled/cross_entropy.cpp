// Cross-entropy of limn::kernels.
#include <limn_kernels/cross_entropy.hpp>

namespace limn::inline LIMN_ABI::kernels {

#define LIMN_COMPILED(T)                                                                                             \
  template void cross_entropy_forward(Device, const CrossEntropyShape&, const CrossEntropyParameters<T>&, const T*,  \
                                      const std::int64_t*, T*, T*);                                                  \
  template void cross_entropy_backward(Device, const CrossEntropyShape&, const CrossEntropyParameters<T>&, const T*, \
                                       const std::int64_t*, const T*, const T*, T*);                                 \
  template void cross_entropy_with_gradient(Device, const CrossEntropyShape&, const CrossEntropyParameters<T>&,      \
                                            const T*, const std::int64_t*, T, T*, T*, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels
