#pragma once
// Which instruction set this processor has, asked once at run time.

#include <cstdlib>
#include <string_view>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// The instruction sets that every CPU kernel is compiled for (see for_each_isa.hpp). Order: each contains the ones
/// before.
enum class Isa : std::uint8_t { generic, avx2, avx512 };

/// The best instruction set of this processor; the environment variable LIMN_ISA=generic|avx2|avx512 can lower it.
[[nodiscard]] inline Isa isa() {
  static const Isa chosen = [] {
    Isa best = Isa::generic;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Isa::avx2;
    if (best == Isa::avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
      best = Isa::avx512;
#endif
    const char* wish = std::getenv("LIMN_ISA");
    if (wish && std::string_view(wish) == "generic") return Isa::generic;
    if (wish && std::string_view(wish) == "avx2" && best == Isa::avx512) return Isa::avx2;
    return best;
  }();
  return chosen;
}

}  // namespace limn::inline LIMN_ABI::kernels

/// Calls the best compiled body of a kernel: LIMN_CALL_ISA(gemm_tile<T>, m, n, k, a, b, c). The name may hold no bare
/// comma.
#if defined(__x86_64__)
#define LIMN_CALL_ISA(function, ...)                                                                            \
  (::limn::kernels::isa() == ::limn::kernels::Isa::avx512 ? ::limn::kernels::cpu::avx512::function(__VA_ARGS__) \
   : ::limn::kernels::isa() == ::limn::kernels::Isa::avx2 ? ::limn::kernels::cpu::avx2::function(__VA_ARGS__)   \
                                                          : ::limn::kernels::cpu::generic::function(__VA_ARGS__))
#else
#define LIMN_CALL_ISA(function, ...) ::limn::kernels::cpu::generic::function(__VA_ARGS__)
#endif
