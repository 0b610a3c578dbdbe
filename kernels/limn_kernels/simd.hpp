#pragma once
// Vector types and their basic operations, once per instruction set: namespace
// limn::kernels::cpu::{generic,avx2,avx512}.

#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include <limn_kernels/half.hpp>
#include <limn_kernels/isa.hpp>

/// Before a loop over the rows of a register tile: it is unrolled whole, so that an array of vectors stays in
/// registers. The loop's bounds are constants, and it has no `break`: Clang would keep the array in memory.
#if defined(__clang__)
#define LIMN_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define LIMN_UNROLLED _Pragma("GCC unroll 32")
#endif

#define LIMN_ISA_BODY <limn_kernels/cpu/simd.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/shuffles.inl>
#include <limn_kernels/for_each_isa.hpp>
