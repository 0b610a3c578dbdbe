#pragma once
// The CPU body of optim.hpp.

#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/optim.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/optim.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {

template <class T, class Rule>
void optimizer_update(Device device, const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c) {
  dispatch_cpu("optimizer_update", device, [&] {
    parallel_for(n, 16384, [&](index_t begin, index_t end) {
      const auto from = [begin](auto* p) { return p ? p + begin : p; };
      LIMN_CALL_ISA(optimizer_update, rule, end - begin, w + begin, g + begin, from(a), from(b), from(c));
    });
  });
}

}  // namespace limn::inline LIMN_ABI::kernels
