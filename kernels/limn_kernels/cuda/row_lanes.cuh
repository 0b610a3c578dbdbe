#pragma once
// How rows of any length are shared out to threads without a division an element: `lanes` neighbouring threads a row.

#include <limn_kernels/cuda/launch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr unsigned row_threads = 256;

/// The largest power of two that is at most `length` and row_threads.
[[nodiscard]] inline unsigned lanes_for(index_t length) {
  unsigned lanes = 1;
  while (lanes < row_threads && 2 * lanes <= length) lanes *= 2;
  return lanes;
}
[[nodiscard]] inline unsigned row_blocks(index_t rows, index_t length) {
  return blocks_for(length == 0 ? 0 : rows, row_threads / lanes_for(length));
}

/// In a kernel: the first row of this thread, how far it is to its next, and the thread's place in the row.
struct RowLane {
  index_t first, step, lane;
  __device__ explicit RowLane(unsigned lanes)
      : first(static_cast<index_t>(blockIdx.x) * (blockDim.x / lanes) + threadIdx.x / lanes),
        step(static_cast<index_t>(gridDim.x) * (blockDim.x / lanes)),
        lane(threadIdx.x % lanes) {}
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
