#pragma once
// The tensor cores' product of a warp, in TF32: float's exponent with 10 bits of mantissa. Tests put another header in
// this one's place, as they do for launch.cuh.

#include <limn_kernels/cuda/check.cuh>
#include <limn_kernels/cuda/four.cuh>
#include <limn_kernels/cuda/scratch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// x rounded to TF32, ties away from zero, as the bits of a float.
__device__ inline unsigned to_tf32(float x) {
  unsigned bits = 0;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
#endif
  return bits;
}

/// A warp reads four matrices of 8 lines of four numbers from shared memory: `line` is line lane % 8 of matrix lane /
/// 8, and to[i] is number lane % 4 of line lane / 4 of matrix i (PTX ISA, ldmatrix, whose pairs of .b16 are our
/// numbers).
__device__ inline void load_matrices(const Four<unsigned>* line, unsigned (&to)[4]) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(line));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

/// d += A B for a warp: A [16, 8], B [8, 8], d [16, 8]. With g = lane / 4 and t = lane % 4 a thread holds
/// a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4);  b: (t, g), (t + 4, g);
/// d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)   (PTX ISA, mma.m16n8k8 of .tf32).
__device__ inline void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

template <class = void>
__global__ void which_code_kernel() {}

/// Whether the code that runs on the current device was compiled with the instructions above, which came with sm_80.
/// (Code for an older GPU runs on a newer one, too: the device alone cannot tell.)
inline bool has_tensor_cores() {
  static thread_local int asked = -1;
  static thread_local bool answer = false;
  if (const int device = selected(); device != asked) {
    cudaFuncAttributes code{};
    check("tensor cores", cudaFuncGetAttributes(&code, which_code_kernel<>));
    answer = code.ptxVersion >= 80;
    asked = device;
  }
  return answer;
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
