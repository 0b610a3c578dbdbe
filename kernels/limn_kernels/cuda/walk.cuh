#pragma once
// A StridedShape on the GPU: the offset of any element of the walk.

#include <limn_kernels/copy.hpp>
#include <limn_kernels/cuda/launch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// A collapsed walk. One of at most 2^32 elements divides in 32 bits, which costs a GPU a quarter of 64.
struct Walk {
  StridedShape s;
  bool narrow;

  explicit Walk(const StridedShape& shape) : s(collapse(shape)), narrow(s.numel() <= index_t{1} << 32) {}

  [[nodiscard]] index_t numel() const { return s.numel(); }
  [[nodiscard]] index_t last_stride() const { return s.strides[s.rank - 1]; }

  /// The offset of element i in row-major order.
  [[nodiscard]] __device__ index_t at(index_t i) const {
    return narrow ? offset(static_cast<std::uint32_t>(i)) : offset(i);
  }

 private:
  template <class Index>
  [[nodiscard]] __device__ index_t offset(Index i) const {
    index_t sum = 0;
    for (index_t d = s.rank - 1; d > 0; --d) {
      const Index extent = static_cast<Index>(s.extents[d]);
      sum += static_cast<index_t>(i % extent) * s.strides[d];
      i /= extent;
    }
    return sum + static_cast<index_t>(i) * s.strides[0];
  }
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
