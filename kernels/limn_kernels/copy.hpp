#pragma once
// Strided copies: the way from a view to contiguous memory and back.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// A walk over `rank` <= 8 dimensions (row-major order) of one strided and one contiguous side.
struct StridedShape {
  index_t rank = 0;
  index_t extents[8] = {};
  index_t strides[8] = {};  // in elements; 0 and negative allowed

  [[nodiscard]] index_t numel() const {
    index_t product = 1;
    for (index_t i = 0; i < rank; ++i) product *= extents[i];
    return product;
  }
};

/// y[i] = U(x[walk(i)]): y contiguous, x strided.
template <class T, class U>
void gather_strided(Device device, const StridedShape& s, const T* x, U* y);
/// y[walk(i)] = U(x[i]): x contiguous, y strided. Strides of y must not make elements coincide.
template <class T, class U>
void scatter_strided(Device device, const StridedShape& s, const T* x, U* y);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/copy.hpp>
