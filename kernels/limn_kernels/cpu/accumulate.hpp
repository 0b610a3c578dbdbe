#pragma once
// The CPU body of accumulate.hpp.

#include <limn_kernels/accumulate.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/accumulate.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

template <class T>
inline constexpr bool has_vectors = std::is_same_v<T, float> || std::is_same_v<T, double>;

template <class T>
void add_row(index_t n, const T* a, const T* b, T* y) {
  if constexpr (has_vectors<T>)
    return LIMN_CALL_ISA(add_row<T>, n, a, b, y);
  else
    for (index_t i = 0; i < n; ++i)
      y[i] = static_cast<T>(static_cast<compute_t<T>>(a[i]) + static_cast<compute_t<T>>(b[i]));
}

template <class T>
compute_t<T> sum_row(index_t n, const T* x) {
  if constexpr (has_vectors<T>) {
    return LIMN_CALL_ISA(sum_row<T>, n, x);
  } else {
    compute_t<T> sum{};
    for (index_t i = 0; i < n; ++i) sum = static_cast<compute_t<T>>(sum + static_cast<compute_t<T>>(x[i]));
    return sum;
  }
}

template <class T>
void sum_into(const StridedShape& shape, const T* x, T* y) {
  const StridedShape s = collapse(shape);
  if (s.numel() == 0) return;
  if (s.rank == 2 && s.strides[0] == 0 && s.strides[1] == 1) {  // rows added up: threads share out the columns
    const index_t rows = s.extents[0], columns = s.extents[1];
    parallel_for(columns, rows * columns < 65536 ? columns : 256, [&](index_t begin, index_t end) {
      for (index_t i = 0; i < rows; ++i) add_row(end - begin, y + begin, x + i * columns + begin, y + begin);
    });
    return;
  }
  const index_t length = s.extents[s.rank - 1], step = s.strides[s.rank - 1];
  for_each_row(s, 0, s.numel() / length, [&](index_t from, index_t to) {
    if (step == 0)
      y[to] = static_cast<T>(static_cast<compute_t<T>>(y[to]) + sum_row(length, x + from));
    else if (step == 1)
      add_row(length, y + to, x + from, y + to);
    else
      for (index_t i = 0; i < length; ++i) add_row<T>(1, y + to + i * step, x + from + i, y + to + i * step);
  });
}

}  // namespace cpu

template <class T>
void add(Device device, index_t n, const T* a, const T* b, T* y) {
  const auto on_cpu = [&] {
    parallel_for(n, 65536,
                 [&](index_t begin, index_t end) { cpu::add_row(end - begin, a + begin, b + begin, y + begin); });
  };
  dispatch_floating<T>("add", device, on_cpu, [&](auto) { cuda::add(n, a, b, y); });
}

template <class T>
void sum_into(Device device, const StridedShape& s, const T* x, T* y) {
  dispatch_floating<T>(
      "sum_into", device, [&] { cpu::sum_into(s, x, y); }, [&](auto) { cuda::sum_into(s, x, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels
