#pragma once
// Reductions along one axis: sum, product, maximum, minimum, any, all; the place of the extreme; running sums.

#include <limits>

#include <limn_kernels/dispatch.hpp>
#include <limn_kernels/functors.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x is contiguous [outer, axis, inner]; y is [outer, inner].
struct ReduceShape {
  index_t outer = 1, axis = 1, inner = 1;
};

/// What a reduction accumulates in: double for sums and products of fractions, 64 bits for integers, T itself for the
/// rest.
template <class Op, class T>
struct Accumulator {
  using type = compute_t<T>;
};
template <class T>
requires(std::is_floating_point_v<compute_t<T>>) struct Accumulator<Add, T> {
  using type = double;
};
template <class T>
requires(std::is_floating_point_v<compute_t<T>>) struct Accumulator<Mul, T> {
  using type = double;
};
template <class T>
requires(std::is_integral_v<T>) struct Accumulator<Add, T> {
  using type = std::int64_t;
};
template <class T>
requires(std::is_integral_v<T>) struct Accumulator<Mul, T> {
  using type = std::int64_t;
};
template <class Op, class T>
using accumulator_t = typename Accumulator<Op, T>::type;

template <class Op, class A>
constexpr A neutral() {
  using Limits = std::numeric_limits<A>;
  if constexpr (std::is_same_v<Op, Mul> || std::is_same_v<Op, And>)
    return A(1);
  else if constexpr (std::is_same_v<Op, Maximum>)
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  else if constexpr (std::is_same_v<Op, Minimum>)
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  else
    return A(0);
}

namespace cuda {
template <class Op, class T>
void reduce(const ReduceShape& s, const T* x, T* y);
template <class Op, class T>
void arg_reduce(const ReduceShape& s, const T* x, std::int64_t* y);
template <class T>
void running_sum(const ReduceShape& s, const T* x, T* y);
}  // namespace cuda

namespace detail {
template <class Op, class T>
inline constexpr bool reduces_on_gpu = std::is_floating_point_v<T> ||
                                       (std::is_same_v<T, bool> && (std::is_same_v<Op, And> || std::is_same_v<Op, Or>));
}  // namespace detail

/// y = x_0 (op) x_1 (op) ... along the axis. Op: Add, Mul, Maximum, Minimum; And, Or for bool. An empty axis gives the
/// neutral element. Floating sums and products go through double beyond short blocks, in an order that depends on the
/// shape and the kind of device alone. A NaN gives NaN. y must not overlap x.
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
