#pragma once
// Memory of a device: allocate, release, copy between devices.

#include <cstdlib>
#include <cstring>
#include <new>

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

namespace cuda {
int device_count();
void* allocate(std::size_t bytes, int device);
void release(void* data, int device) noexcept;
void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
}  // namespace cuda

namespace cpu {

inline constexpr std::size_t alignment = 64;  // one cache line, one AVX-512 register

/// Small blocks freed by this thread are kept for its next request of the same size class, so that a training loop
/// neither asks the system again and again nor pays for the first touch of fresh pages.
class BlockCache {
 public:
  ~BlockCache() {
    for (auto& list : lists_)
      while (list) {
        Block* next = list->next;
        ::operator delete (static_cast<void*>(list), std::align_val_t{alignment});
        list = next;
      }
    alive() = false;
  }
  /// Size classes: four to each power of two from 64 bytes to 256 MiB, so that at most a quarter of a block is unused.
  static constexpr int class_count = 92;
  static constexpr std::size_t largest = std::size_t{256} << 20;

  /// Bytes kept a thread: 256 MiB, or LIMN_MEMORY_CACHE_MB (0 lets a sanitizer see every use after free).
  static std::size_t budget() {
    static const std::size_t bytes = [] {
      const char* wish = std::getenv("LIMN_MEMORY_CACHE_MB");
      return (wish ? static_cast<std::size_t>(std::strtoul(wish, nullptr, 10)) : std::size_t{256}) << 20;
    }();
    return bytes;
  }

  static int class_of(std::size_t bytes, std::size_t& rounded) {
    if (bytes <= 256) {
      rounded = bytes == 0 ? 64 : (bytes + 63) / 64 * 64;
      return static_cast<int>(rounded / 64) - 1;
    }
    const int log = 63 - __builtin_clzll(bytes - 1);  // 2^log <= bytes - 1
    const std::size_t step = std::size_t{1} << (log - 2);
    rounded = (bytes + step - 1) / step * step;
    const int quarter = static_cast<int>((rounded - (std::size_t{1} << log)) / step);  // 1..4
    return 4 + (log - 8) * 4 + quarter - 1;
  }

  void* take(std::size_t bytes) {
    std::size_t rounded = bytes;
    if (bytes <= largest) {
      Block*& list = lists_[class_of(bytes, rounded)];
      if (list) {
        Block* block = list;
        list = block->next;
        kept_ -= rounded;
        return block;
      }
    }
    return ::operator new (rounded, std::align_val_t{alignment});
  }
  void give(void* data, std::size_t bytes) {
    std::size_t rounded = bytes;
    if (bytes <= largest) {
      const int index = class_of(bytes, rounded);
      if (kept_ + rounded <= budget()) {
        lists_[index] = new (data) Block{lists_[index]};
        kept_ += rounded;
        return;
      }
    }
    ::operator delete (data, std::align_val_t{alignment});
  }

  static bool& alive() {
    static thread_local bool value = true;
    return value;
  }
  static BlockCache& mine() {
    static thread_local BlockCache cache;
    return cache;
  }

 private:
  struct Block {
    Block* next;
  };
  Block* lists_[class_count] = {};
  std::size_t kept_ = 0;
};

inline void* allocate(std::size_t bytes) { return BlockCache::mine().take(bytes); }
inline void release(void* data, std::size_t bytes) noexcept {
  if (BlockCache::alive()) return BlockCache::mine().give(data, bytes);
  ::operator delete (data, std::align_val_t{alignment});  // a static tensor that outlives this thread's cache
}

}  // namespace cpu

/// How many GPUs this build can use here: 0 without LIMN_WITH_CUDA, without a driver, without a GPU.
[[nodiscard]] inline int cuda_device_count() {
#ifdef LIMN_WITH_CUDA
  return cuda::device_count();
#else
  return 0;
#endif
}

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
