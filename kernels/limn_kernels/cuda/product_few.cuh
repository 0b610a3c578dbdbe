#pragma once
// Products of few rows, for which tiles would be mostly empty: depthwise convolutions, gradients in three channels, a
// layer's answer to one image. Readers and writers are those of product.cuh.

#include <limn_kernels/cuda/four.cuh>
#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/reduce_block.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// `groups` products of one shape, each with k divided into `parts` of `part` (a multiple of 16).
struct ProductShape {
  index_t groups, m, n, k, parts, part;
};

inline constexpr index_t few_rows = 8;
inline constexpr unsigned few_threads = 256;
inline constexpr int few_slice = 64;  // of k: A's numbers in shared memory

/// A thread has a column of B and its sums with all rows of A (at most `rows`). For columns that are neighbours.
template <int rows, class T, class A, class B, class Writer>
__global__ void product_of_few_rows_kernel(ProductShape s, A a, B b, Writer c) {
  __shared__ T tile_a[rows][few_slice];
  const index_t across = (s.n + few_threads - 1) / few_threads;
  for (index_t tile = blockIdx.x; tile < s.groups * across; tile += gridDim.x) {
    const index_t group = tile / across, column = tile % across * few_threads + threadIdx.x;
    const auto from_b = b.at(group, column);
    T sums[rows] = {};
    const int depth = static_cast<int>(s.k);
    for (int k = 0; k < depth; k += few_slice) {
      __syncthreads();  // the slice before is used up
      for (unsigned i = threadIdx.x; i < rows * few_slice / 4; i += few_threads) {
        const unsigned row = i / (few_slice / 4), at = i % (few_slice / 4) * 4;
        T four[4];
        a.at(group, row).load(k + static_cast<int>(at), depth, four);
        for (unsigned q = 0; q < 4; ++q) tile_a[row][at + q] = four[q];
      }
      __syncthreads();
      const int length = depth - k < few_slice ? depth - k : few_slice;
      for (int i = 0; i < length; i += 4) {
        T of_b[4];
        from_b.load(k + i, depth, of_b);
#pragma unroll
        for (int q = 0; q < 4; ++q)
#pragma unroll
          for (int row = 0; row < rows; ++row) sums[row] += tile_a[row][i + q] * of_b[q];
      }
    }
    if (column >= s.n) continue;
#pragma unroll
    for (int row = 0; row < rows; ++row) {
      const T four[4] = {sums[row], T(0), T(0), T(0)};
      if (row < s.m) c.put(group, row, column, four, 1);
    }
  }
}

/// A block has a column of B and its sums with all rows of A (at most `rows`); the threads share k out by fours. For
/// operands whose neighbours are neighbours in k.
template <int rows, class T, class A, class B, class Writer>
__global__ void product_by_dots_kernel(ProductShape s, A a, B b, Writer c) {
  for (index_t job = blockIdx.x; job < s.groups * s.n; job += gridDim.x) {
    const index_t group = job / s.n, column = job % s.n;
    const auto from_b = b.at(group, column);
    T sums[rows] = {};
    const int depth = static_cast<int>(s.k);
    for (int k = static_cast<int>(threadIdx.x) * 4; k < depth; k += static_cast<int>(few_threads) * 4) {
      T of_a[4], of_b[4];
      from_b.load(k, depth, of_b);
#pragma unroll
      for (int row = 0; row < rows; ++row) {
        a.at(group, row).load(k, depth, of_a);
#pragma unroll
        for (int q = 0; q < 4; ++q) sums[row] += of_a[q] * of_b[q];
      }
    }
#pragma unroll
    for (int row = 0; row < rows; ++row) {
      const T sum = reduce_block<Add>(sums[row]), four[4] = {sum, T(0), T(0), T(0)};
      if (threadIdx.x == 0 && row < s.m) c.put(group, row, column, four, 1);
    }
  }
}

template <class T, class A, class B, class Writer>
void product_of_few_rows(const char* name, const ProductShape& s, const A& a, const B& b, const Writer& c) {
  const auto start = [&](auto kernel) {
    launch(name, kernel, blocks_for(s.groups * ((s.n + few_threads - 1) / few_threads), 1), few_threads, s, a, b, c);
  };
  if (s.m == 1) return start(product_of_few_rows_kernel<1, T, A, B, Writer>);
  if (s.m <= 4) return start(product_of_few_rows_kernel<4, T, A, B, Writer>);
  start(product_of_few_rows_kernel<few_rows, T, A, B, Writer>);
}

template <class T, class A, class B, class Writer>
void product_by_dots(const char* name, const ProductShape& s, const A& a, const B& b, const Writer& c) {
  const auto start = [&](auto kernel) { launch(name, kernel, blocks_for(s.groups * s.n, 1), few_threads, s, a, b, c); };
  if (s.m == 1) return start(product_by_dots_kernel<1, T, A, B, Writer>);
  start(product_by_dots_kernel<4, T, A, B, Writer>);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
