#pragma once
// Takes the place of limn_kernels/cuda/mma.cuh in tests: the same products from the fragments that a warp's fibres
// hold.

#include <array>
#include <bit>

#include <limn_kernels/cuda/four.cuh>
#include <limn_kernels/cuda/launch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline unsigned to_tf32(float x) {
  if (x != x) return 0x7fffe000U;
  return (std::bit_cast<unsigned>(x) + 0x1000U) & ~0x1fffU;  // magnitude and sign: ties go away from zero
}

inline void load_matrices(const Four<unsigned>* line, unsigned (&to)[4]) {
  host::Executor& executor = host::Executor::instance();
  const unsigned lane = executor.lane();
  executor.share(line);
  for (unsigned i = 0; i < 4; ++i) to[i] = executor.shared_by<const Four<unsigned>*>(i * 8 + lane / 4)->of[lane % 4];
  executor.warp_barrier();
}

inline void mma_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  using Fragments = std::array<unsigned, 6>;
  const Fragments mine{a[0], a[1], a[2], a[3], b[0], b[1]};
  for (const unsigned bits : mine)
    if ((bits & 0x1fffU) != 0) fail("mma_m16n8k8", "an operand was not rounded to TF32");
  host::Executor& executor = host::Executor::instance();
  const unsigned group = executor.lane() / 4, member = executor.lane() % 4;
  executor.share(mine);
  const auto from = [&](unsigned lane, unsigned at) {
    return std::bit_cast<float>(executor.shared_by<Fragments>(lane)[at]);
  };
  float of_a[2][8], of_b[2][8];  // rows group and group + 8, columns 2 member and 2 member + 1
  for (unsigned i = 0; i < 2; ++i)
    for (unsigned k = 0; k < 8; ++k) {
      of_a[i][k] = from(group * 4 + k % 4, i + k / 4 * 2);
      of_b[i][k] = from((member * 2 + i) * 4 + k % 4, 4 + k / 4);
    }
  for (unsigned i = 0; i < 4; ++i)
    for (unsigned k = 0; k < 8; ++k) d[i] += of_a[i / 2][k] * of_b[i % 2][k];
  executor.warp_barrier();
}

inline bool has_tensor_cores() { return true; }

}  // namespace limn::inline LIMN_ABI::kernels::cuda
