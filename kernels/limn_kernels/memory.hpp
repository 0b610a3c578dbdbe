#pragma once
// Memory of a device: allocate, release, copy between devices.

#include <atomic>
#include <cstring>
#include <new>

#include <limn_kernels/block_cache.hpp>
#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

namespace cuda {
int device_count();
void* allocate(std::size_t bytes, int device);
void release(void* data, int device) noexcept;
void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
}  // namespace cuda

/// How many GPUs this build can use here: 0 without LIMN_WITH_CUDA, without a driver, without a GPU.
[[nodiscard]] inline int cuda_device_count() {
#ifdef LIMN_WITH_CUDA
  return cuda::device_count();
#else
  return 0;
#endif
}

namespace detail {
inline std::atomic<bool> tf32_is_allowed{false};
}  // namespace detail

/// Whether products of floats on a GPU (gemm, linear, matmul, convolutions and their gradients) may use its tensor
/// cores: operands are rounded to TF32, which keeps 10 of float's 23 bits of mantissa, and sums stay float. Results are
/// off by about 1e-3 of the product of the operands' norms, and the same in every run. Off at first; for the whole
/// program; without effect before sm_80, on double, and on products of few rows, which are exact as ever. PyTorch's
/// torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32.
inline void cuda_allow_tf32(bool allow) { detail::tf32_is_allowed = allow; }
[[nodiscard]] inline bool cuda_allows_tf32() { return detail::tf32_is_allowed; }

/// Uninitialised memory on `device`, 64-byte aligned. Throws Error when there is not enough.
[[nodiscard]] inline void* allocate(std::size_t bytes, Device device) {
  void* data = nullptr;
  try {
    dispatch(
        "allocate", device, [&] { data = cpu::allocate(bytes); },
        [&](auto where) { data = cuda::allocate(bytes, where.index); });
  } catch (const std::bad_alloc&) {
    fail("allocate", "not enough memory on ", device, " for ", bytes, " bytes; use a smaller batch or image");
  }
  return data;
}

/// Gives back what allocate() gave; never throws.
inline void release(void* data, std::size_t bytes, Device device) noexcept {
  if (device.kind == DeviceKind::cpu) return cpu::release(data, bytes);
#ifdef LIMN_WITH_CUDA
  cuda::release(data, device.index);
#endif
}

/// Copies bytes between any two devices; the blocks do not overlap.
inline void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  if (bytes == 0) return;
  const Device either = to_device.kind == DeviceKind::cpu ? from_device : to_device;
  dispatch(
      "copy", either, [&] { std::memcpy(to, from, bytes); },
      [&](auto) { cuda::copy(to, to_device, from, from_device, bytes); });
}

}  // namespace limn::inline LIMN_ABI::kernels
