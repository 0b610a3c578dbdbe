#pragma once
// The CUDA body of pointwise.hpp, with the functors of the CPU, for float and double.

#include <limn_kernels/cuda/four.cuh>
#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/pointwise.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr unsigned pointwise_threads = 256;

/// With `fours` every four numbers are moved at once, and those left over at the end one by one.
template <class F, class T, class R>
__global__ void unary_kernel(index_t n, const T* x, R* y, F f, bool fours) {
  const index_t first = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, whole = fours ? n / 4 : 0;
  for (index_t i = first; i < whole; i += step) {
    const Four<T> from = reinterpret_cast<const Four<T>*>(x)[i];
    Four<R> to;
#pragma unroll
    for (int q = 0; q < 4; ++q) to.of[q] = static_cast<R>(evaluate(f, from.of[q]));
    reinterpret_cast<Four<R>*>(y)[i] = to;
  }
  for (index_t i = 4 * whole + first; i < n; i += step) y[i] = static_cast<R>(evaluate(f, x[i]));
}

/// Operands that are read in the order of y.
template <class F, class T, class R>
__global__ void plain_binary_kernel(index_t n, const T* a, const T* b, R* y, F f, bool fours) {
  const index_t first = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x, whole = fours ? n / 4 : 0;
  for (index_t i = first; i < whole; i += step) {
    const Four<T> of_a = reinterpret_cast<const Four<T>*>(a)[i], of_b = reinterpret_cast<const Four<T>*>(b)[i];
    Four<R> to;
#pragma unroll
    for (int q = 0; q < 4; ++q) to.of[q] = static_cast<R>(evaluate(f, of_a.of[q], of_b.of[q]));
    reinterpret_cast<Four<R>*>(y)[i] = to;
  }
  for (index_t i = 4 * whole + first; i < n; i += step) y[i] = static_cast<R>(evaluate(f, a[i], b[i]));
}

/// Index: 32 bits where they count all elements; divisions of 64 cost a GPU four times as much.
template <class Index, class F, class T, class R>
__global__ void binary_kernel(BroadcastShape s, index_t n, const T* a, const T* b, R* y, F f) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    Index rest = static_cast<Index>(i);
    index_t at_a = 0, at_b = 0;
    for (index_t d = s.rank - 1; d >= 0; --d) {
      const Index extent = static_cast<Index>(s.extents[d]), position = rest % extent;
      rest /= extent;
      at_a += static_cast<index_t>(position) * s.a[d];
      at_b += static_cast<index_t>(position) * s.b[d];
    }
    y[i] = static_cast<R>(evaluate(f, a[at_a], b[at_b]));
  }
}

template <class T>
__global__ void select_kernel(SelectShape s, index_t n, const bool* condition, const T* a, const T* b, T* y) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    index_t rest = i, at_condition = 0, at_a = 0, at_b = 0;
    for (index_t d = s.rank - 1; d >= 0; --d) {
      const index_t position = rest % s.extents[d];
      rest /= s.extents[d];
      at_condition += position * s.condition[d];
      at_a += position * s.a[d];
      at_b += position * s.b[d];
    }
    y[i] = condition[at_condition] ? a[at_a] : b[at_b];
  }
}

template <class F, class T, class R>
void unary(index_t n, const T* x, R* y, const F& f) {
  launch("unary", unary_kernel<F, T, R>, blocks_for(n, 4 * pointwise_threads), pointwise_threads, n, x, y, f,
         lies_in_fours(x, 4) && lies_in_fours(y, 4));
}

/// Whether strides are those of contiguous memory.
inline bool is_plain(index_t rank, const index_t* extents, const index_t* strides) {
  index_t expected = 1;
  for (index_t d = rank - 1; d >= 0; --d) {
    if (extents[d] != 1 && strides[d] != expected) return false;
    expected *= extents[d];
  }
  return true;
}

template <class F, class T, class R>
void binary(const BroadcastShape& s, const T* a, const T* b, R* y, const F& f) {
  const index_t n = s.numel();
  if (is_plain(s.rank, s.extents, s.a) && is_plain(s.rank, s.extents, s.b))
    return launch("binary", plain_binary_kernel<F, T, R>, blocks_for(n, 4 * pointwise_threads), pointwise_threads, n, a,
                  b, y, f, lies_in_fours(a, 4) && lies_in_fours(b, 4) && lies_in_fours(y, 4));
  const auto kernel = n < index_t{1} << 32 ? binary_kernel<std::uint32_t, F, T, R> : binary_kernel<index_t, F, T, R>;
  launch("binary", kernel, blocks_for(n, pointwise_threads), pointwise_threads, s, n, a, b, y, f);
}

template <class T>
void select(const SelectShape& s, const bool* condition, const T* a, const T* b, T* y) {
  index_t n = 1;
  for (index_t i = 0; i < s.rank; ++i) n *= s.extents[i];
  launch("select", select_kernel<T>, blocks_for(n, pointwise_threads), pointwise_threads, s, n, condition, a, b, y);
}

// The functors that the GPU has: add a line for a new one. A missing one is a link error that names it.
#define LIMN_UNARY_ON_GPU(...)                                                                       \
  template void unary<__VA_ARGS__, float, float>(index_t, const float*, float*, const __VA_ARGS__&); \
  template void unary<__VA_ARGS__, double, double>(index_t, const double*, double*, const __VA_ARGS__&);
#define LIMN_BINARY_ON_GPU(R, T, ...)                                                                          \
  template void binary<__VA_ARGS__, T, R>(const BroadcastShape&, const T*, const T*, R*, const __VA_ARGS__&);  \
  template void unary<WithLeft<__VA_ARGS__, T>, T, R>(index_t, const T*, R*, const WithLeft<__VA_ARGS__, T>&); \
  template void unary<WithRight<__VA_ARGS__, T>, T, R>(index_t, const T*, R*, const WithRight<__VA_ARGS__, T>&);
#define LIMN_ARITHMETIC_ON_GPU(...) \
  LIMN_BINARY_ON_GPU(float, float, __VA_ARGS__) LIMN_BINARY_ON_GPU(double, double, __VA_ARGS__)
#define LIMN_COMPARISON_ON_GPU(...) \
  LIMN_BINARY_ON_GPU(bool, float, __VA_ARGS__) LIMN_BINARY_ON_GPU(bool, double, __VA_ARGS__)
#define LIMN_GRADIENT_ON_GPU(...)                                                                                 \
  template void binary<__VA_ARGS__, float, float>(const BroadcastShape&, const float*, const float*, float*,      \
                                                  const __VA_ARGS__&);                                            \
  template void binary<__VA_ARGS__, double, double>(const BroadcastShape&, const double*, const double*, double*, \
                                                    const __VA_ARGS__&);

LIMN_UNARY_ON_GPU(Neg)
LIMN_UNARY_ON_GPU(Abs)
LIMN_UNARY_ON_GPU(Sign)
LIMN_UNARY_ON_GPU(Square)
LIMN_UNARY_ON_GPU(Reciprocal)
LIMN_UNARY_ON_GPU(Sqrt)
LIMN_UNARY_ON_GPU(Rsqrt)
LIMN_UNARY_ON_GPU(Exp)
LIMN_UNARY_ON_GPU(Expm1)
LIMN_UNARY_ON_GPU(Log)
LIMN_UNARY_ON_GPU(Log1p)
LIMN_UNARY_ON_GPU(Sin)
LIMN_UNARY_ON_GPU(Cos)
LIMN_UNARY_ON_GPU(Tanh)
LIMN_UNARY_ON_GPU(Sigmoid)
LIMN_UNARY_ON_GPU(Erf)
LIMN_UNARY_ON_GPU(Floor)
LIMN_UNARY_ON_GPU(Ceil)
LIMN_UNARY_ON_GPU(Round)
LIMN_UNARY_ON_GPU(Relu)
LIMN_UNARY_ON_GPU(Gelu)
LIMN_UNARY_ON_GPU(GeluTanh)
LIMN_UNARY_ON_GPU(Silu)
LIMN_UNARY_ON_GPU(LeakyRelu)
LIMN_UNARY_ON_GPU(Elu)
LIMN_UNARY_ON_GPU(Softplus)
template void unary<Clamp<float>, float, float>(index_t, const float*, float*, const Clamp<float>&);
template void unary<Clamp<double>, double, double>(index_t, const double*, double*, const Clamp<double>&);
LIMN_ARITHMETIC_ON_GPU(Add)
LIMN_ARITHMETIC_ON_GPU(Sub)
LIMN_ARITHMETIC_ON_GPU(Mul)
LIMN_ARITHMETIC_ON_GPU(Div)
LIMN_ARITHMETIC_ON_GPU(Pow)
LIMN_ARITHMETIC_ON_GPU(Minimum)
LIMN_ARITHMETIC_ON_GPU(Maximum)
LIMN_COMPARISON_ON_GPU(Equal)
LIMN_COMPARISON_ON_GPU(NotEqual)
LIMN_COMPARISON_ON_GPU(Less)
LIMN_COMPARISON_ON_GPU(LessEqual)
LIMN_COMPARISON_ON_GPU(Greater)
LIMN_COMPARISON_ON_GPU(GreaterEqual)
LIMN_GRADIENT_ON_GPU(Gradient<Abs>)
LIMN_GRADIENT_ON_GPU(Gradient<Relu>)
LIMN_GRADIENT_ON_GPU(Gradient<Gelu>)
LIMN_GRADIENT_ON_GPU(Gradient<GeluTanh>)
LIMN_GRADIENT_ON_GPU(Gradient<Silu>)
LIMN_GRADIENT_ON_GPU(Gradient<LeakyRelu>)
LIMN_GRADIENT_ON_GPU(Gradient<Elu>)
LIMN_GRADIENT_ON_GPU(Gradient<Softplus>)
template void binary<Gradient<Clamp<float>>, float, float>(const BroadcastShape&, const float*, const float*, float*,
                                                           const Gradient<Clamp<float>>&);
template void binary<Gradient<Clamp<double>>, double, double>(const BroadcastShape&, const double*, const double*,
                                                              double*, const Gradient<Clamp<double>>&);
LIMN_GRADIENT_ON_GPU(GradientFromResult<Tanh>)
LIMN_GRADIENT_ON_GPU(GradientFromResult<Sigmoid>)
template void select<float>(const SelectShape&, const bool*, const float*, const float*, float*);
template void select<double>(const SelectShape&, const bool*, const double*, const double*, double*);

#undef LIMN_UNARY_ON_GPU
#undef LIMN_BINARY_ON_GPU
#undef LIMN_ARITHMETIC_ON_GPU
#undef LIMN_COMPARISON_ON_GPU
#undef LIMN_GRADIENT_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
