#pragma once
// Rows picked by index, and their transpose: rows added by index.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x is [outer, rows, inner], contiguous; the list of indices has `count` entries in [0, rows) and lies
/// where x does.
struct GatherShape {
  index_t outer, rows, inner, count;
};

/// y[o, i, :] = x[o, indices[i], :], y [outer, count, inner]. An index of -1 gives zeros.
template <class T>
void gather_rows(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y);

/// y[o, indices[i], :] += x[o, i, :] in order of i; y is [outer, rows, inner], x [outer, count, inner]. -1 is skipped.
template <class T>
void scatter_add_rows(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y);

/// y[o, i, e] = x[o, indices[o, i, e], e], index and result [outer, count, inner] (torch.gather).
template <class T>
void gather_elements(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y);
/// y[o, indices[o, i, e], e] += x[o, i, e].
template <class T>
void scatter_add_elements(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y);

namespace cuda {
template <class T>
void gather_rows(const GatherShape& s, const T* x, const index_t* indices, T* y);
template <class T>
void scatter_add_rows(const GatherShape& s, const T* x, const index_t* indices, T* y);
template <class T>
void gather_elements(const GatherShape& s, const T* x, const index_t* indices, T* y);
template <class T>
void scatter_add_elements(const GatherShape& s, const T* x, const index_t* indices, T* y);
}  // namespace cuda

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/gather.hpp>
