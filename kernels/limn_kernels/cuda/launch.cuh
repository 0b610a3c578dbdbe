#pragma once
// Starting kernels. The only header of the kernels that knows how: tests put another one in its place, which runs the
// same kernel sources on the CPU. Kernels may use threadIdx, blockIdx, blockDim, gridDim (x alone), __global__,
// __device__,
// __shared__, __syncthreads, __shfl_xor_sync; every thread of a block reaches every barrier.

#include <limn_kernels/cuda/check.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Blocks that cover `count` items at `per_block` each; kernels stride by gridDim, so that the cap is harmless.
[[nodiscard]] inline unsigned blocks_for(index_t count, index_t per_block) {
  const index_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks > 65535 * 16 ? 65535 * 16 : blocks);
}

/// Runs kernel(args...) on `blocks` x `threads` (a multiple of 32) in the current device's default stream.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), unsigned blocks, unsigned threads, const Args&... args) {
  if (blocks == 0) return;
  kernel<<<blocks, threads>>>(args...);
  check(name, cudaGetLastError());
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
