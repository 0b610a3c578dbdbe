#pragma once
// Which instruction set this processor has, asked once at run time.

#include <cstdlib>
#include <string_view>

#include <limn_kernels/config.hpp>
#if defined(LIMN_X86_BODIES)
#include <cpuid.h>
#endif

namespace limn::inline LIMN_ABI::kernels {

/// The instruction sets that every CPU kernel is compiled for (see for_each_isa.hpp). Order: each contains the ones
/// before.
enum class Isa : std::uint8_t { generic, avx2, avx512 };

/// The best instruction set of this processor; the environment variable LIMN_ISA=generic|avx2|avx512 can lower it.
[[nodiscard]] inline Isa isa() {
  static const Isa chosen = [] {
    Isa best = Isa::generic;
#if defined(LIMN_X86_BODIES)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Isa::avx2;
    if (best == Isa::avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
      best = Isa::avx512;
#endif
    const char* wish = std::getenv("LIMN_ISA");
    if (wish && std::string_view(wish) == "generic") return Isa::generic;
    if (wish && std::string_view(wish).starts_with("avx2") && best == Isa::avx512) return Isa::avx2;
    return best;
  }();
  return chosen;
}

/// Dot products of small numbers, which some processors have beside an instruction set: vdpbf16ps (with avx512) and
/// vpdpbusd (with avx512 or avx2).
struct DotInstructions {
  bool bf16 = false, bytes = false;
};

/// What this processor has of them. LIMN_ISA=generic|avx2|avx512 means those sets and nothing beside; avx2_vnni means
/// avx2 with vpdpbusd.
[[nodiscard]] inline DotInstructions dot_instructions() {
  static const DotInstructions found = [] {
    DotInstructions dots;
#if defined(LIMN_X86_BODIES)
    const char* wish = std::getenv("LIMN_ISA");
    if (wish && std::string_view(wish) != "avx2_vnni") return dots;
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool vnni = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1u);  // AVX512_VNNI
    const bool more = __get_cpuid_count(7, 1, &a, &b, &c, &d);
    if (isa() == Isa::avx512) dots = {more && (a >> 5 & 1u), vnni};  // AVX512_BF16
    if (isa() == Isa::avx2) dots = {false, more && (a >> 4 & 1u)};   // AVX_VNNI
#endif
    return dots;
  }();
  return found;
}

}  // namespace limn::inline LIMN_ABI::kernels

/// Calls the best compiled body of a kernel: LIMN_CALL_ISA(gemm_tile<T>, m, n, k, a, b, c). The name may hold no bare
/// comma.
#if defined(LIMN_X86_BODIES)
#define LIMN_CALL_ISA(function, ...)                                                                            \
  (::limn::kernels::isa() == ::limn::kernels::Isa::avx512 ? ::limn::kernels::cpu::avx512::function(__VA_ARGS__) \
   : ::limn::kernels::isa() == ::limn::kernels::Isa::avx2 ? ::limn::kernels::cpu::avx2::function(__VA_ARGS__)   \
                                                          : ::limn::kernels::cpu::generic::function(__VA_ARGS__))
#else
#define LIMN_CALL_ISA(function, ...) ::limn::kernels::cpu::generic::function(__VA_ARGS__)
#endif
