#pragma once
// Reductions along one axis: sum, product, maximum, minimum, any, all; the place of the extreme; running sums.

#include <limn_kernels/dispatch.hpp>
#include <limn_kernels/functors.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x is contiguous [outer, axis, inner]; y is [outer, inner].
struct ReduceShape {
  index_t outer = 1, axis = 1, inner = 1;
};

/// y = x_0 (op) x_1 (op) ... along the axis. Op: Add, Mul, Maximum, Minimum; And, Or for bool. An empty axis gives the
/// neutral element. Floating sums and products go through double beyond short blocks, in an order that depends on the
/// shape alone. A NaN gives NaN. y must not overlap x.
template <class Op, class T>
void reduce(Device device, const ReduceShape& s, const T* x, T* y);

/// y = the first position of the largest (Op = Maximum) or smallest (Minimum) element along the axis; a NaN counts as
/// that.
template <class Op, class T>
void arg_reduce(Device device, const ReduceShape& s, const T* x, std::int64_t* y);

/// y_k = x_0 + ... + x_k along the axis; y has the shape of x and may be x.
template <class T>
void running_sum(Device device, const ReduceShape& s, const T* x, T* y);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/reduce.hpp>
