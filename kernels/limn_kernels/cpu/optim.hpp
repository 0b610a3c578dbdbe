#pragma once
// The CPU body of optim.hpp.

#include <vector>

#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/optim.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/optim.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

template <class T>
double sum_of_squares(index_t n, const T* x) {
  constexpr index_t grain = 16384;
  std::vector<double> parts(static_cast<std::size_t>((n + grain - 1) / grain));
  parallel_for(n, grain, [&](index_t begin, index_t end) {
    parts[static_cast<std::size_t>(begin / grain)] = LIMN_CALL_ISA(sum_of_squares<T>, end - begin, x + begin);
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

template <class T, class Rule>
void optimizer_update(const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c) {
  parallel_for(n, 16384, [&](index_t begin, index_t end) {
    const auto from = [begin](auto* p) { return p ? p + begin : p; };
    LIMN_CALL_ISA(optimizer_update, rule, end - begin, w + begin, g + begin, from(a), from(b), from(c));
  });
}

}  // namespace cpu

template <class T>
double sum_of_squares(Device device, index_t n, const T* x) {
  double sum = 0;
  dispatch_floating<T>(
      "sum_of_squares", device, [&] { sum = cpu::sum_of_squares(n, x); },
      [&](auto) { sum = cuda::sum_of_squares(n, x); });
  return sum;
}

template <class T, class Rule>
void optimizer_update(Device device, const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c) {
  dispatch_floating<T>(
      "optimizer_update", device, [&] { cpu::optimizer_update(rule, n, w, g, a, b, c); },
      [&](auto) { cuda::optimizer_update(rule, n, w, g, a, b, c); });
}

}  // namespace limn::inline LIMN_ABI::kernels
