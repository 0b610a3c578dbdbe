#pragma once
// One wording for each mistake a caller can make. Checks live at the public op; kernels trust.

#include <limn/core/shape.hpp>

namespace limn::inline LIMN_ABI {

/// Returns axis in [0, rank): a negative axis counts from the end.
[[nodiscard]] inline index_t check_axis(const char* op, index_t axis, const Shape& shape) {
  const index_t from_start = axis < 0 ? axis + shape.rank() : axis;
  if (from_start < 0 || from_start >= shape.rank()) fail(op, "axis ", axis, " is out of range for x of shape ", shape);
  return from_start;
}

inline void check_rank(const char* op, const char* name, const Shape& shape, index_t rank) {
  if (shape.rank() != rank) fail(op, name, " has shape ", shape, " but must have ", rank, " dimensions");
}

inline void check_shape(const char* op, const char* name, const Shape& got, const Shape& wanted) {
  if (!(got == wanted)) fail(op, name, " has shape ", got, " but must have shape ", wanted);
}

}  // namespace limn::inline LIMN_ABI
