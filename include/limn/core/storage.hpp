#pragma once
// Storage: a block of bytes on a device, 64-byte aligned, freed with its last owner.

#include <atomic>
#include <memory>

#include <limn/core/shape.hpp>
#include <limn_kernels/memory.hpp>

namespace limn::inline LIMN_ABI {

class Storage {
 public:
  Storage(std::size_t bytes, Device device) : bytes_(bytes), device_(device), data_(kernels::allocate(bytes, device)) {}
  ~Storage() { kernels::release(data_, bytes_, device_); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] Device device() const { return device_; }

  /// How often the library has written to the block since it was made: optimiser steps, loading, copy_into. What was
  /// computed from the elements is good as long as this number is the same (core/stamp.hpp).
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void mark_written() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::size_t bytes_;
  Device device_;
  void* data_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace limn::inline LIMN_ABI
