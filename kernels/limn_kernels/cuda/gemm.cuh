#pragma once
// The CUDA body of gemm.hpp for float and double: tiles of 64 x 64 in shared memory, 4 x 4 sums a thread.

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr index_t gemm_tile = 64, gemm_slice = 16, gemm_share = 4;
inline constexpr unsigned gemm_threads = 256;  // (gemm_tile / gemm_share) squared

/// One block computes one tile of C, in slices of k. A and B arrive as (row, column) strides, so a transposed operand
/// needs no kernel of its own; elements outside the matrices count as zero.
template <class T>
__global__ void gemm_kernel(GemmShape s, index_t a_row, index_t a_column, index_t b_row, index_t b_column, T alpha,
                            const T* a, const T* b, T beta, T* c) {
  __shared__ T tile_a[gemm_slice][gemm_tile + 1];  // + 1: threads that read a column meet different banks
  __shared__ T tile_b[gemm_slice][gemm_tile + 1];
  const index_t across = (s.n + gemm_tile - 1) / gemm_tile;
  const index_t tiles = (s.m + gemm_tile - 1) / gemm_tile * across;
  const index_t thread = threadIdx.x;
  const index_t my_row = thread / (gemm_tile / gemm_share), my_column = thread % (gemm_tile / gemm_share);

  for (index_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const index_t first_row = tile / across * gemm_tile, first_column = tile % across * gemm_tile;
    T sums[gemm_share][gemm_share] = {};
    for (index_t first_k = 0; first_k < s.k; first_k += gemm_slice) {
      for (index_t i = thread; i < gemm_tile * gemm_slice; i += gemm_threads) {
        const index_t k_a = i % gemm_slice, row = i / gemm_slice;
        tile_a[k_a][row] = first_row + row < s.m && first_k + k_a < s.k
                               ? a[(first_row + row) * a_row + (first_k + k_a) * a_column]
                               : T(0);
        const index_t k_b = i / gemm_tile, column = i % gemm_tile;
        tile_b[k_b][column] = first_column + column < s.n && first_k + k_b < s.k
                                  ? b[(first_k + k_b) * b_row + (first_column + column) * b_column]
                                  : T(0);
      }
      __syncthreads();
      for (index_t k = 0; k < gemm_slice; ++k)
        for (index_t i = 0; i < gemm_share; ++i)
          for (index_t j = 0; j < gemm_share; ++j)
            sums[i][j] +=
                tile_a[k][my_row + i * (gemm_tile / gemm_share)] * tile_b[k][my_column + j * (gemm_tile / gemm_share)];
      __syncthreads();  // before the next slice overwrites the tiles
    }
    const index_t ldc = s.ldc > 0 ? s.ldc : s.n;
    for (index_t i = 0; i < gemm_share; ++i)
      for (index_t j = 0; j < gemm_share; ++j) {
        const index_t row = first_row + my_row + i * (gemm_tile / gemm_share);
        const index_t column = first_column + my_column + j * (gemm_tile / gemm_share);
        if (row >= s.m || column >= s.n) continue;
        T* to = c + row * ldc + column;
        *to = alpha * sums[i][j] + (beta == T(0) ? T(0) : beta * *to);  // beta 0: a NaN in C does not spread
      }
  }
}

template <class T>
void gemm(const GemmShape& s, T alpha, const T* a, const T* b, T beta, T* c) {
  const index_t lda = s.lda > 0 ? s.lda : s.transpose_a ? s.m : s.k;
  const index_t ldb = s.ldb > 0 ? s.ldb : s.transpose_b ? s.k : s.n;
  const index_t tiles = (s.m + gemm_tile - 1) / gemm_tile * ((s.n + gemm_tile - 1) / gemm_tile);
  launch("gemm", gemm_kernel<T>, blocks_for(tiles, 1), gemm_threads, s, s.transpose_a ? index_t{1} : lda,
         s.transpose_a ? lda : index_t{1}, s.transpose_b ? index_t{1} : ldb, s.transpose_b ? ldb : index_t{1}, alpha, a,
         b, beta, c);
}

template void gemm<float>(const GemmShape&, float, const float*, const float*, float, float*);
template void gemm<double>(const GemmShape&, double, const double*, const double*, double, double*);

}  // namespace limn::inline LIMN_ABI::kernels::cuda
