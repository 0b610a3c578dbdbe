#pragma once
// The CUDA body of optim.hpp for float and double, with the rules of the CPU.

#include <vector>

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/reduce_block.cuh>
#include <limn_kernels/cuda/scratch.cuh>
#include <limn_kernels/math.hpp>
#include <limn_kernels/optim.hpp>

#define LIMN_FUNCTOR_NAMESPACE scalar
#define LIMN_FUNCTOR LIMN_HD inline
#include <limn_kernels/optim.inl>
#undef LIMN_FUNCTOR_NAMESPACE
#undef LIMN_FUNCTOR

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr unsigned optim_threads = 256;

/// partial[p] = the sum of the squares of x[p length, (p + 1) length).
template <class T>
__global__ void sum_of_squares_kernel(index_t n, index_t parts, index_t length, const T* x, double* partial) {
  for (index_t part = blockIdx.x; part < parts; part += gridDim.x) {
    const index_t first = part * length, end = first + length < n ? first + length : n;
    double sum = 0;
    for (index_t i = first + threadIdx.x; i < end; i += blockDim.x) {
      const double value = static_cast<double>(x[i]);
      sum += value * value;
    }
    sum = reduce_block<Add>(sum);
    if (threadIdx.x == 0) partial[part] = sum;
  }
}

template <class T>
double sum_of_squares(index_t n, const T* x) {
  if (n == 0) return 0;
  constexpr index_t shortest = 16 * optim_threads, most = 1024;
  const index_t wanted = (n + shortest - 1) / shortest, parts = wanted < most ? wanted : most;
  const Scratch<double> partial(parts);
  launch("sum_of_squares", sum_of_squares_kernel<T>, blocks_for(parts, 1), optim_threads, n, parts,
         (n + parts - 1) / parts, x, partial.data());
  std::vector<double> sums(static_cast<std::size_t>(parts));
  kernels::copy_bytes(sums.data(), cpu_device, partial.data(), cuda_device(selected()), sums.size() * sizeof(double));
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

/// State arrays that the rule does not use may be null.
template <class T, class Rule>
__global__ void optimizer_update_kernel(Rule rule, index_t n, T* w, const T* g, T* a, T* b, T* c) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    T of_w = w[i], of_a = a ? a[i] : T(0), of_b = b ? b[i] : T(0), of_c = c ? c[i] : T(0);
    scalar::update(rule, of_w, g[i], of_a, of_b, of_c);
    w[i] = of_w;
    if (a) a[i] = of_a;
    if (b) b[i] = of_b;
    if (c) c[i] = of_c;
  }
}

template <class T, class Rule>
void optimizer_update(const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c) {
  launch("optimizer_update", optimizer_update_kernel<T, Rule>, blocks_for(n, optim_threads), optim_threads, rule, n, w,
         g, a, b, c);
}

#define LIMN_RULE_ON_GPU(T, Rule) \
  template void optimizer_update<T, Rule<T>>(const Rule<T>&, index_t, T*, const T*, T*, T*, T*);
#define LIMN_OPTIM_ON_GPU(T)                            \
  template double sum_of_squares<T>(index_t, const T*); \
  LIMN_RULE_ON_GPU(T, SgdRule)                          \
  LIMN_RULE_ON_GPU(T, AdamRule)                         \
  LIMN_RULE_ON_GPU(T, NadamRule)                        \
  LIMN_RULE_ON_GPU(T, RadamRule)                        \
  LIMN_RULE_ON_GPU(T, AdamaxRule)                       \
  LIMN_RULE_ON_GPU(T, RmspropRule)                      \
  LIMN_RULE_ON_GPU(T, AdagradRule)                      \
  LIMN_RULE_ON_GPU(T, AdadeltaRule)
LIMN_OPTIM_ON_GPU(float)
LIMN_OPTIM_ON_GPU(double)
#undef LIMN_OPTIM_ON_GPU
#undef LIMN_RULE_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
