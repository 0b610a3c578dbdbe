#pragma once
// operator<< for tensors: like NumPy, long dimensions shortened.

#include <ostream>

#include <limn/core/copy.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

template <class T>
void print_level(std::ostream& out, const Tensor<T>& x, index_t axis, index_t offset) {
  if (axis == x.rank()) {
    out << +static_cast<compute_t<T>>(x.data()[offset]);
    return;
  }
  const index_t n = x.shape()[axis], edge = 3, shortened = 1000;
  const bool skip = x.numel() > shortened && n > 2 * edge;
  out << '[';
  for (index_t i = 0; i < n; ++i) {
    if (skip && i == edge) {
      out << ", ...";
      i = n - edge;
    }
    if (i > 0) {
      out << ',';
      if (axis + 1 == x.rank())
        out << ' ';
      else
        out << '\n' << std::string(static_cast<std::size_t>(axis + 8), ' ');
    }
    print_level(out, x, axis + 1, offset + i * x.strides()[axis]);
  }
  out << ']';
}

}  // namespace detail

/// tensor([[1, 2], [3, 4]], shape [2, 2])
template <class T>
std::ostream& operator<<(std::ostream& out, const Tensor<T>& x) {
  if (!x.defined()) return out << "tensor(undefined)";
  if (x.device().kind != DeviceKind::cpu) return out << "tensor(shape " << x.shape() << " on " << x.device() << ')';
  out << "tensor(";
  detail::print_level(out, x, 0, 0);
  return out << ", shape " << x.shape() << ')';
}

}  // namespace limn::inline LIMN_ABI
