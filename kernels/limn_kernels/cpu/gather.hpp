#pragma once
// The CPU body of gather.hpp.

#include <cstring>

#include <limn_kernels/accumulate.hpp>
#include <limn_kernels/gather.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

template <class T>
void gather_rows(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  if (s.inner == 1) {  // single elements
    parallel_for(s.outer, 1 + 16384 / (s.count + 1), [&](index_t begin, index_t end) {
      for (index_t o = begin; o < end; ++o)
        for (index_t i = 0; i < s.count; ++i) y[o * s.count + i] = indices[i] < 0 ? T(0) : x[o * s.rows + indices[i]];
    });
    return;
  }
  const std::size_t row_bytes = static_cast<std::size_t>(s.inner) * sizeof(T);
  parallel_for(s.outer * s.count, 1 + 16384 / (s.inner + 1), [&](index_t begin, index_t end) {
    for (index_t r = begin; r < end; ++r) {
      const index_t o = r / s.count, index = indices[r % s.count];
      if (index < 0)
        std::memset(static_cast<void*>(y + r * s.inner), 0, row_bytes);
      else
        std::memcpy(static_cast<void*>(y + r * s.inner), x + (o * s.rows + index) * s.inner, row_bytes);
    }
  });
}

template <class T>
void scatter_add_rows(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  if (s.inner == 1) {
    parallel_for(s.outer, 1 + 16384 / (s.count + 1), [&](index_t begin, index_t end) {
      for (index_t o = begin; o < end; ++o)
        for (index_t i = 0; i < s.count; ++i) {
          if (indices[i] < 0) continue;
          T& to = y[o * s.rows + indices[i]];
          to = static_cast<T>(static_cast<compute_t<T>>(to) + static_cast<compute_t<T>>(x[o * s.count + i]));
        }
    });
    return;
  }
  // Chunks own disjoint columns, so that every sum is added in the order of i.
  const index_t grain = s.inner >= 128 ? 64 : s.inner;
  for (index_t o = 0; o < s.outer; ++o)
    parallel_for(s.inner, grain, [&](index_t begin, index_t end) {
      for (index_t i = 0; i < s.count; ++i) {
        if (indices[i] < 0) continue;
        T* row = y + (o * s.rows + indices[i]) * s.inner + begin;
        add_row(end - begin, row, x + (o * s.count + i) * s.inner + begin, row);
      }
    });
}

template <class T>
void gather_elements(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  parallel_for(s.outer, 1 + 16384 / (s.count * s.inner + 1), [&](index_t begin, index_t end) {
    for (index_t o = begin; o < end; ++o)
      for (index_t i = 0; i < s.count; ++i)
        for (index_t e = 0; e < s.inner; ++e) {
          const index_t at = (o * s.count + i) * s.inner + e;
          y[at] = x[(o * s.rows + indices[at]) * s.inner + e];
        }
  });
}

template <class T>
void scatter_add_elements(const GatherShape& s, const T* x, const index_t* indices, T* y) {
  parallel_for(s.outer, 1 + 16384 / (s.count * s.inner + 1), [&](index_t begin, index_t end) {
    for (index_t o = begin; o < end; ++o)
      for (index_t i = 0; i < s.count; ++i)
        for (index_t e = 0; e < s.inner; ++e) {
          const index_t at = (o * s.count + i) * s.inner + e;
          T* target = y + (o * s.rows + indices[at]) * s.inner + e;
          add_row<T>(1, target, x + at, target);
        }
  });
}

}  // namespace cpu

template <class T>
void gather_rows(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y) {
  const auto on_cpu = [&] { cpu::gather_rows(s, x, indices, y); };
  [[maybe_unused]] const auto on_cuda = [&](auto) { cuda::gather_rows(s, x, indices, y); };
  if constexpr (std::is_same_v<T, index_t>)
    dispatch("gather_rows", device, on_cpu, on_cuda);
  else
    dispatch_floating<T>("gather_rows", device, on_cpu, on_cuda);
}
template <class T>
void scatter_add_rows(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y) {
  dispatch_floating<T>(
      "scatter_add_rows", device, [&] { cpu::scatter_add_rows(s, x, indices, y); },
      [&](auto) { cuda::scatter_add_rows(s, x, indices, y); });
}
template <class T>
void gather_elements(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y) {
  dispatch_floating<T>(
      "gather_elements", device, [&] { cpu::gather_elements(s, x, indices, y); },
      [&](auto) { cuda::gather_elements(s, x, indices, y); });
}
template <class T>
void scatter_add_elements(Device device, const GatherShape& s, const T* x, const index_t* indices, T* y) {
  dispatch_floating<T>(
      "scatter_add_elements", device, [&] { cpu::scatter_add_elements(s, x, indices, y); },
      [&](auto) { cuda::scatter_add_elements(s, x, indices, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels
