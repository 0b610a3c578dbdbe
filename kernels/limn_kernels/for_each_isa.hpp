// No #pragma once: includes the file named by LIMN_ISA_BODY once per instruction set.
//
//   #define LIMN_ISA_BODY <limn_kernels/cpu/gemm.inl>
//   #include <limn_kernels/for_each_isa.hpp>
//
// The body defines its functions in namespace limn::kernels::cpu::LIMN_ISA, where LIMN_ISA is generic, avx2 or avx512,
// uses the vector types of simd.hpp (LIMN_VECTOR_BYTES wide), and starts no threads: a lambda does not inherit the
// target, so the parallel_for belongs into the caller, outside. Everything in a body that is called must be LIMN_INLINE
// or a template of that namespace. The caller picks one with LIMN_CALL_ISA (isa.hpp).

#ifndef LIMN_INLINE
#define LIMN_INLINE inline __attribute__((always_inline))
#endif

#define LIMN_ISA generic
#define LIMN_VECTOR_BYTES 16
#include LIMN_ISA_BODY
#undef LIMN_ISA
#undef LIMN_VECTOR_BYTES

#if defined(LIMN_X86_BODIES)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#define LIMN_ISA avx2
#define LIMN_VECTOR_BYTES 32
#include LIMN_ISA_BODY
#undef LIMN_ISA
#undef LIMN_VECTOR_BYTES
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#pragma clang attribute push(__attribute__((min_vector_width(512))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,prefer-vector-width=512")
#endif
#define LIMN_ISA avx512
#define LIMN_VECTOR_BYTES 64
#include LIMN_ISA_BODY
#undef LIMN_ISA
#undef LIMN_VECTOR_BYTES
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
#undef LIMN_ISA_BODY
