#pragma once
// Batches of matrix products.

#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// `count` products of one shape: product i reads a + a_offsets[i], b + b_offsets[i] (offsets on the host) and writes c
/// + i * m * n.
struct MatmulShape {
  GemmShape matrix;
  index_t count = 1;
};

template <class T>
void matmul(Device device, const MatmulShape& s, const T* a, const index_t* a_offsets, const T* b,
            const index_t* b_offsets, T* c) {
  const auto on_cpu = [&] {
    const index_t work = s.matrix.m * s.matrix.n * s.matrix.k;
    // Small products run side by side, large ones each on all threads: either way with the same sums.
    const index_t grain = work >= 96 * 96 * 96 ? s.count : 1 + 65536 / (work + 1);
    parallel_for(s.count, grain, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i)
        cpu::gemm<T>(s.matrix, T(1), a + a_offsets[i], b + b_offsets[i], T(0), c + i * s.matrix.m * s.matrix.n);
    });
  };
  if constexpr (std::is_floating_point_v<T>)
    dispatch("matmul", device, on_cpu, [&](auto) {
      for (index_t i = 0; i < s.count; ++i)
        cuda::gemm<T>(s.matrix, T(1), a + a_offsets[i], b + b_offsets[i], T(0), c + i * s.matrix.m * s.matrix.n);
    });
  else
    dispatch_cpu("matmul", device, on_cpu);
}

}  // namespace limn::inline LIMN_ABI::kernels
