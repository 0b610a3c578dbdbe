#pragma once
// Resampling along one axis by a table of weights: every kind of interpolation, and its transpose.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x is contiguous [outer, n, inner], y [outer, out, inner].
struct InterpolateShape {
  index_t outer = 1, n = 1, out = 1, inner = 1;
};

/// Output i is the sum of weight[t] * x[source[t]] over t in [first[i], first[i + 1]), in this order. Tables lie on the
/// host.
struct InterpolateTaps {
  const index_t* first;   ///< out + 1 of them
  const index_t* source;  ///< in [0, n)
  const double* weight;
};

/// y = the weighted sums. Two-byte floats are summed in float. y must not overlap x.
template <class T>
void interpolate(Device device, const InterpolateShape& s, const InterpolateTaps& taps, const T* x, T* y);

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/interpolate.cpp
#include <limn_kernels/cpu/interpolate.hpp>
#endif
