#pragma once
// Sums over contiguous memory, as the gradient engine needs them.

#include <limn_kernels/copy.hpp>

namespace limn::inline LIMN_ABI::kernels {

namespace cuda {
template <class T>
void add(index_t n, const T* a, const T* b, T* y);
template <class T>
void sum_into(const StridedShape& s, const T* x, T* y);
}  // namespace cuda

/// y[i] = a[i] + b[i]; y may be a or b.
template <class T>
void add(Device device, index_t n, const T* a, const T* b, T* y);

/// y[walk(i)] += x[i], in an order that depends on s and the kind of device alone; x is contiguous. The walk visits an
/// element many times where a stride is 0, a sum over that dimension, and in no other way.
template <class T>
void sum_into(Device device, const StridedShape& s, const T* x, T* y);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/accumulate.hpp>
