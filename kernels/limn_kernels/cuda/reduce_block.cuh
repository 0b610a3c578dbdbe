#pragma once
// One value of all threads of a block: shuffles within a warp, shared memory between warps, always in the same order.

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/functors.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Every thread's value joined by Op (Add, Mul, Maximum, Minimum, And, Or), for every thread of the block.
template <class Op, class T>
__device__ T reduce_block(T value) {
  __shared__ T of_warp[32];
  for (int lanes = 16; lanes > 0; lanes /= 2)
    value = evaluate(Op{}, value, static_cast<T>(__shfl_xor_sync(0xffffffffU, value, lanes)));
  __syncthreads();  // the readers of an earlier call are done with of_warp
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  value = of_warp[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) value = evaluate(Op{}, value, of_warp[warp]);
  return value;
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
