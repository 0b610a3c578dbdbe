#pragma once
// Matrix products: the kernel that convolutions, linear and recurrent layers and attention stand on.

#include <type_traits>

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// C [m, n] = alpha op(A) op(B) + beta C with op(A) [m, k] and op(B) [k, n]. Matrices are row-major; ld* is the
/// distance of rows as stored (0 = no gap). A transposed operand is stored [k, m] or [n, k].
struct GemmShape {
  index_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  index_t lda = 0, ldb = 0, ldc = 0;
};

namespace cpu {
template <class T>
void gemm(GemmShape shape, T alpha, const T* a, const T* b, T beta, T* c);
}  // namespace cpu
namespace cuda {
template <class T>
void gemm(const GemmShape& shape, T alpha, const T* a, const T* b, T beta, T* c);  // float, double
}  // namespace cuda

/// With beta 0, C is only written (NaN in it does not spread). Each element of C is summed over k in the same order
/// whatever the number of threads. C may not overlap A or B.
template <class T>
void gemm(Device device, const GemmShape& shape, T alpha, const T* a, const T* b, T beta, T* c) {
  if constexpr (std::is_floating_point_v<T>)
    dispatch(
        "gemm", device, [&] { cpu::gemm(shape, alpha, a, b, beta, c); },
        [&](auto) { cuda::gemm(shape, alpha, a, b, beta, c); });
  else
    dispatch_cpu("gemm", device, [&] { cpu::gemm(shape, alpha, a, b, beta, c); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/gemm.hpp>
