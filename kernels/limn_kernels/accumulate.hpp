#pragma once
// Sums over contiguous memory, as the gradient engine needs them.

#include <limn_kernels/copy.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// y[i] = a[i] + b[i]; y may be a or b.
template <class T>
void add(Device device, index_t n, const T* a, const T* b, T* y);

/// y[walk(i)] += x[i] in order of i; the walk may visit an element many times (s.strides 0: a sum over that dimension).
template <class T>
void sum_into(Device device, const StridedShape& s, const T* x, T* y);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/accumulate.hpp>
