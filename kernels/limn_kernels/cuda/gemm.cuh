#pragma once
// The CUDA bodies of gemm.hpp and linear.hpp for float and double.

#include <limn_kernels/cuda/product.cuh>
#include <limn_kernels/functors.hpp>
#include <limn_kernels/gemm.hpp>
#include <limn_kernels/linear.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// A matrix with `lines` lines along k, line i and step k at data[i * stride + k] (or, not along k, [k * stride + i]).
template <class T, bool along>
struct MatrixReader {
  static constexpr bool along_k = along;
  const T* data;
  index_t lines;
  int stride;
  bool whole_fours;  // along k: every four numbers lie where one instruction can load them
  index_t group_stride = 0;

  struct Cursor {
    const T* line;  // null behind the last line
    int stride;
    bool whole_fours;

    __device__ void load(int k, int end, T (&to)[4]) const {
      if (along && whole_fours && line && k + 4 <= end) {
        const Four<T> four = *reinterpret_cast<const Four<T>*>(line + k);
#pragma unroll
        for (int q = 0; q < 4; ++q) to[q] = four.of[q];
        return;
      }
#pragma unroll
      for (int q = 0; q < 4; ++q) to[q] = line && k + q < end ? line[index_t{k + q} * (along ? 1 : stride)] : T(0);
    }
  };

  __device__ Cursor at(index_t group, index_t line) const {
    return {line < lines ? data + group * group_stride + line * (along ? stride : 1) : nullptr, stride, whole_fours};
  }
};

template <class T>
__device__ T activated(Activation activation, T x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return evaluate(Relu{}, x);
    case Activation::gelu:
      return evaluate(Gelu{}, x);
    case Activation::gelu_tanh:
      return evaluate(GeluTanh{}, x);
    case Activation::silu:
      return evaluate(Silu{}, x);
    case Activation::tanh:
      return evaluate(Tanh{}, x);
    case Activation::sigmoid:
      return evaluate(Sigmoid{}, x);
  }
  return x;
}

/// c(i, j) = activation(alpha sum + beta c(i, j) + bias[j]).
template <class T>
struct MatrixWriter {
  T* data;
  index_t stride;
  bool whole_fours;
  T alpha, beta;
  Epilogue<T> epilogue = {};
  index_t group_stride = 0;

  __device__ void put(index_t group, index_t row, index_t column, const T (&sums)[4], index_t count) const {
    T* const to = data + group * group_stride + row * stride + column;
    Four<T> four;
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      if (q >= count) continue;
      T value = alpha * sums[q] + (beta == T(0) ? T(0) : beta * to[q]);  // beta 0: a NaN in C does not spread
      if (epilogue.bias) value += epilogue.bias[column + q];
      four.of[q] = activated(epilogue.activation, value);
      if (!whole_fours || count < 4) to[q] = four.of[q];
    }
    if (whole_fours && count == 4) *reinterpret_cast<Four<T>*>(to) = four;
  }
};

template <class T>
void gemm_with(const char* name, const GemmShape& s, T alpha, const T* a, const T* b, T beta, T* c,
               const Epilogue<T>& epilogue) {
  const index_t lda = s.lda > 0 ? s.lda : s.transpose_a ? s.m : s.k;
  const index_t ldb = s.ldb > 0 ? s.ldb : s.transpose_b ? s.k : s.n;
  const index_t ldc = s.ldc > 0 ? s.ldc : s.n;
  const MatrixWriter<T> writer{c, ldc, lies_in_fours(c, ldc), alpha, beta, epilogue};
  const bool fours_a = lies_in_fours(a, lda), fours_b = lies_in_fours(b, ldb);
  constexpr index_t most = INT32_MAX - 4096;
  if (s.k > most || lda > most || ldb > most) fail(name, "rows of more than 2^31 numbers do not run on a GPU");
  const int step_a = static_cast<int>(lda), step_b = static_cast<int>(ldb);
  const auto run = [&](const auto& of_a, const auto& of_b) { product<T>(name, 1, s.m, s.n, s.k, of_a, of_b, writer); };
  if (s.transpose_a && s.transpose_b)
    run(MatrixReader<T, false>{a, s.m, step_a, fours_a}, MatrixReader<T, true>{b, s.n, step_b, fours_b});
  else if (s.transpose_a)
    run(MatrixReader<T, false>{a, s.m, step_a, fours_a}, MatrixReader<T, false>{b, s.n, step_b, fours_b});
  else if (s.transpose_b)
    run(MatrixReader<T, true>{a, s.m, step_a, fours_a}, MatrixReader<T, true>{b, s.n, step_b, fours_b});
  else
    run(MatrixReader<T, true>{a, s.m, step_a, fours_a}, MatrixReader<T, false>{b, s.n, step_b, fours_b});
}

template <class T>
void gemm(const GemmShape& s, T alpha, const T* a, const T* b, T beta, T* c) {
  gemm_with<T>("gemm", s, alpha, a, b, beta, c, {});
}

template <class T>
void linear(const LinearShape& s, const T* x, const T* w, const Epilogue<T>& epilogue, T* y) {
  gemm_with<T>("linear", {.m = s.rows, .n = s.outputs, .k = s.inputs, .transpose_b = true}, T(1), x, w, T(0), y,
               epilogue);
}

#define LIMN_GEMM_ON_GPU(T)                                              \
  template void gemm<T>(const GemmShape&, T, const T*, const T*, T, T*); \
  template void linear<T>(const LinearShape&, const T*, const T*, const Epilogue<T>&, T*);
LIMN_GEMM_ON_GPU(float)
LIMN_GEMM_ON_GPU(double)
#undef LIMN_GEMM_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
