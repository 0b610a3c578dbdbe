#pragma once
// Memory that a call needs while it runs, on the current device.

#include <limn_kernels/memory.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

int selected();  // the current device: dispatch() has selected the tensors'

/// `count` uninitialised elements. Given back at once, used until the kernels launched before are done: all of limn's
/// work on a device is in one stream.
template <class T>
class Scratch {
 public:
  explicit Scratch(index_t count)
      : device_(cuda_device(selected())),
        bytes_(static_cast<std::size_t>(count) * sizeof(T)),
        data_(count > 0 ? static_cast<T*>(kernels::allocate(bytes_, device_)) : nullptr) {}
  ~Scratch() {
    if (data_) kernels::release(data_, bytes_, device_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] T* data() const { return data_; }

 private:
  Device device_;
  std::size_t bytes_;
  T* data_;
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
