#pragma once
// What every file of limn agrees on: the ABI namespace, the index type, and the marker for host+device functions.

#include <cstddef>
#include <cstdint>

// Objects compiled with different LIMN_WITH_* settings must not link into one program: their inline functions differ.
// The settings are therefore part of every mangled name. They come from the CMake targets, never from the compiler.
#define LIMN_ABI_JOIN_(version, cuda, openmp, isa) v##version##cuda##openmp##isa
#define LIMN_ABI_JOIN(version, cuda, openmp, isa) LIMN_ABI_JOIN_(version, cuda, openmp, isa)
#ifdef LIMN_WITH_CUDA
#define LIMN_ABI_CUDA _cuda
#else
#define LIMN_ABI_CUDA
#endif
#ifdef LIMN_WITH_OPENMP
#define LIMN_ABI_OPENMP _omp
#else
#define LIMN_ABI_OPENMP
#endif
#ifdef LIMN_WITH_GENERIC_ISA
#define LIMN_ABI_ISA _generic
#else
#define LIMN_ABI_ISA
#endif
#define LIMN_ABI LIMN_ABI_JOIN(0, LIMN_ABI_CUDA, LIMN_ABI_OPENMP, LIMN_ABI_ISA)

// Whether CPU kernels have bodies for AVX2 and AVX-512 beside the generic one.
#if defined(__x86_64__) && !defined(LIMN_WITH_GENERIC_ISA)
#define LIMN_X86_BODIES
#endif

#ifdef __CUDACC__
#define LIMN_HD __host__ __device__
#else
#define LIMN_HD
#endif

namespace limn::inline LIMN_ABI {

/// Signed, so that differences and downward loops are safe; 64 bits, so that no product of extents overflows in
/// practice.
using index_t = std::int64_t;

}  // namespace limn::inline LIMN_ABI
