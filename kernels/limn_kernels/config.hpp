#pragma once
// What every file of limn agrees on: the ABI namespace, the index type, and the marker for host+device functions.

#include <cstddef>
#include <cstdint>

// Objects compiled with different LIMN_WITH_* settings must not link into one program: their inline functions differ.
// The settings are therefore part of every mangled name. They come from the CMake targets, never from the compiler.
#define LIMN_ABI_JOIN_(version, cuda, openmp) v##version##cuda##openmp
#define LIMN_ABI_JOIN(version, cuda, openmp) LIMN_ABI_JOIN_(version, cuda, openmp)
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
#define LIMN_ABI LIMN_ABI_JOIN(0, LIMN_ABI_CUDA, LIMN_ABI_OPENMP)

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
