#pragma once
// Products in reduced precision: floats in and out, bf16 or int8 in between (docs/kernels/reduced_precision.md).

#include <vector>

#include <limn_kernels/half.hpp>
#include <limn_kernels/linear.hpp>
#include <limn_kernels/matmul.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// The types in between: those that PackedMatrix<E> below keeps a matrix of floats in.
template <class E>
inline constexpr bool is_reduced = std::is_same_v<E, bf16> || std::is_same_v<E, std::int8_t>;

/// What PackedMatrix<E> below is: op(B) [k, n] of floats, kept in bf16 or in bytes for many products.
///
/// bf16: rounded to nearest, ties to even. A bf16 below 2^-126 counts as 0.
/// int8: each column j has its scale s_j = max_p |b(p, j)| / 127; kept is b(p, j) / s_j rounded to nearest, ties to
/// even, in -127..127. A column whose largest number is below 2^-120 is one of zeros; one with a number that is not
/// finite gives NaN. k <= 66311, so that no sum leaves 32 bits.
template <class E>
class ReducedMatrix {
 public:
  /// b is [k, n], or [n, k] when transposed; ldb as in GemmShape. It is not needed afterwards.
  ReducedMatrix(index_t k, index_t n, bool transposed, const float* b, index_t ldb = 0);
  ~ReducedMatrix();
  ReducedMatrix(const ReducedMatrix&) = delete;
  ReducedMatrix& operator=(const ReducedMatrix&) = delete;

  [[nodiscard]] index_t k() const { return k_; }
  [[nodiscard]] index_t n() const { return n_; }
  [[nodiscard]] index_t padded_n() const { return padded_n_; }
  /// Panels of a tile's columns, each [k / numbers of a word, columns] words of 32 bits.
  [[nodiscard]] const std::int32_t* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const;
  // Of bytes, padded_n each: the scales, and 128 times the sum of each column.
  [[nodiscard]] const float* scales() const { return scales_.data(); }
  [[nodiscard]] const std::int32_t* corrections() const { return corrections_.data(); }

 private:
  index_t k_, n_, padded_n_;
  std::int32_t* data_;
  std::vector<float> scales_;
  std::vector<std::int32_t> corrections_;
};
template <class E>
requires is_reduced<E>
class PackedMatrix<E> : public ReducedMatrix<E> {
 public:
  using ReducedMatrix<E>::ReducedMatrix;
};

namespace cpu {
template <class E>
void linear_reduced(index_t rows, const float* x, const PackedMatrix<E>& w, const Epilogue<float>& epilogue, float* y);
template <class T>
void gemm_bf16(GemmShape s, const T* a, const T* b, const Epilogue<T>& epilogue, T* c);
}  // namespace cpu

/// y [rows, outputs] = epilogue(x w^T) with w^T packed, x and y float.
///
/// bf16: x is rounded as w is, on every processor; products are exact, sums in float, in the order of k. So y is within
/// k 2^-24 sum |x w| of the exact product of the rounded numbers, and those are within 2^-8 of the given ones.
/// int8: each row of x is rounded as a column of w is, with its own scale; the sums are exact whole numbers, and y(i,
/// j) = sum * (scale of row i * scale of column j): the same bits on every processor (with activation none or relu). In
/// both, a row of y does not depend on the other rows, nor on the number of threads.
template <class E>
requires is_reduced<E>
void linear(Device device, index_t rows, const float* x, const PackedMatrix<E>& w, const Epilogue<float>& epilogue,
            float* y) {
  dispatch_cpu("linear", device, [&] { cpu::linear_reduced<E>(rows, x, w, epilogue, y); });
}

/// C = epilogue(op(A) op(B)), both rounded to bf16 first as above: for training, where weights change with every call.
/// T is float.
template <class T>
void gemm_bf16(Device device, const GemmShape& s, const T* a, const T* b, T* c, const Epilogue<T>& epilogue = {}) {
  dispatch_cpu("gemm_bf16", device, [&] { cpu::gemm_bf16(s, a, b, epilogue, c); });
}

/// A batch of them, as in matmul.hpp.
template <class T>
void matmul_bf16(Device device, const MatmulShape& s, const T* a, const index_t* a_offsets, const T* b,
                 const index_t* b_offsets, T* c) {
  dispatch_cpu("matmul_bf16", device, [&] {
    const index_t work = s.matrix.m * s.matrix.n * s.matrix.k;
    const index_t grain = work >= 96 * 96 * 96 ? s.count : 1 + 65536 / (work + 1);
    parallel_for(s.count, grain, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i)
        cpu::gemm_bf16(s.matrix, a + a_offsets[i], b + b_offsets[i], {}, c + i * s.matrix.m * s.matrix.n);
    });
  });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/reduced_precision.cpp
#include <limn_kernels/cpu/reduced_precision.hpp>
#endif
