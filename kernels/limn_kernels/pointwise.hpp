#pragma once
// Pointwise functions of one, two and three tensors, with NumPy broadcasting.

#include <limn_kernels/dispatch.hpp>
#include <limn_kernels/functors.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// A row-major walk over `rank` <= 8 dimensions of a contiguous result and two operands with strides (in elements; 0
/// where an operand is broadcast; any view may be described).
struct BroadcastShape {
  index_t rank = 0;
  index_t extents[8] = {};
  index_t a[8] = {}, b[8] = {};

  [[nodiscard]] index_t numel() const {
    index_t product = 1;
    for (index_t i = 0; i < rank; ++i) product *= extents[i];
    return product;
  }
};

/// The same with three operands.
struct SelectShape {
  index_t rank = 0;
  index_t extents[8] = {};
  index_t condition[8] = {}, a[8] = {}, b[8] = {};
};

namespace cpu {
template <class F, class T, class R>
void unary(index_t n, const T* x, R* y, const F& f);
template <class F, class T, class R>
void binary(const BroadcastShape& s, const T* a, const T* b, R* y, const F& f);
template <class T>
void select(const SelectShape& s, const bool* condition, const T* a, const T* b, T* y);
}  // namespace cpu
namespace cuda {
template <class F, class T, class R>
void unary(index_t n, const T* x, R* y, const F& f);
template <class F, class T, class R>
void binary(const BroadcastShape& s, const T* a, const T* b, R* y, const F& f);
template <class T>
void select(const SelectShape& s, const bool* condition, const T* a, const T* b, T* y);
}  // namespace cuda

namespace detail {
/// The functors of functors.hpp have GPU bodies for float and double; a callable of the user's runs on the CPU alone.
template <class F, class T, index_t arguments>
inline constexpr bool on_gpu =
    std::is_floating_point_v<T> &&
    !(arguments == 1 ? requires(const F& f, T x) { f(x); } : requires(const F& f, T x) { f(x, x); });
}  // namespace detail

/// y[i] = f(x[i]) for i < n. y may be x. Two-byte floats are computed in float. The bits of y[i] depend on x[i] alone,
/// not on i.
template <class F, class T, class R = T>
void unary(Device device, index_t n, const T* x, R* y, F f = {}) {
  if constexpr (detail::on_gpu<F, T, 1>)
    dispatch(
        "unary", device, [&] { cpu::unary(n, x, y, f); }, [&](auto) { cuda::unary(n, x, y, f); });
  else
    dispatch_cpu("unary", device, [&] { cpu::unary(n, x, y, f); });
}

/// y[i] = f(a[i], b[i]) over the walk s. y may be a or b where that one is read in y's own order.
template <class F, class T, class R = T>
void binary(Device device, const BroadcastShape& s, const T* a, const T* b, R* y, F f = {}) {
  if constexpr (detail::on_gpu<F, T, 2>)
    dispatch(
        "binary", device, [&] { cpu::binary(s, a, b, y, f); }, [&](auto) { cuda::binary(s, a, b, y, f); });
  else
    dispatch_cpu("binary", device, [&] { cpu::binary(s, a, b, y, f); });
}

/// y[i] = condition[i] ? a[i] : b[i] over the walk s.
template <class T>
void select(Device device, const SelectShape& s, const bool* condition, const T* a, const T* b, T* y) {
  dispatch_floating<T>(
      "select", device, [&] { cpu::select(s, condition, a, b, y); },
      [&](auto) { cuda::select(s, condition, a, b, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/pointwise.hpp>
