#pragma once
// Storage: a block of bytes on a device, 64-byte aligned, freed with its last owner.

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

 private:
  std::size_t bytes_;
  Device device_;
  void* data_;
};

}  // namespace limn::inline LIMN_ABI
