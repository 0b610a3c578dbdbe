#pragma once
// In which order the threads of a block take their turns where kernels run on the host.

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda::host {

enum class Order { forward, backward, warps_backward };
inline Order order = Order::forward;

}  // namespace limn::inline LIMN_ABI::kernels::cuda::host
