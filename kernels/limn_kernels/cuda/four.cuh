#pragma once
// Four numbers at once: what a thread should move between memory and registers.

#include <cstdint>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Four numbers that are moved by one instruction.
template <class T>
struct alignas(4 * sizeof(T) <= 16 ? 4 * sizeof(T) : 16) Four {
  T of[4];
};

/// Whether every fourth element of each line of `data` begins where Four<T> may.
template <class T>
bool lies_in_fours(const T* data, index_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(Four<T>) == 0 && stride % 4 == 0;
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
