#pragma once
// Matrix products: the kernel that convolutions, linear and recurrent layers and attention stand on.

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
  dispatch_floating<T>(
      "gemm", device, [&] { cpu::gemm(shape, alpha, a, b, beta, c); },
      [&](auto) { cuda::gemm(shape, alpha, a, b, beta, c); });
}

/// op(B) [k, n] packed once for many products, in the order in which this processor's kernel reads it: as many bytes as
/// op(B), its columns rounded up to a whole tile. Float and double; on the CPU.
template <class T>
class PackedMatrix {
 public:
  /// b is [k, n], or [n, k] when transposed; ldb as in GemmShape. It is not needed afterwards.
  PackedMatrix(index_t k, index_t n, bool transposed, const T* b, index_t ldb = 0);
  ~PackedMatrix();
  PackedMatrix(const PackedMatrix&) = delete;
  PackedMatrix& operator=(const PackedMatrix&) = delete;

  [[nodiscard]] index_t k() const { return k_; }
  [[nodiscard]] index_t n() const { return n_; }
  [[nodiscard]] index_t padded_n() const { return padded_n_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(k_ * padded_n_) * sizeof(T); }

 private:
  index_t k_, n_, padded_n_;
  T* data_;
};

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/gemm.cpp
#include <limn_kernels/cpu/gemm.hpp>
#endif
