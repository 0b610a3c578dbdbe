#pragma once
// Memory that a kernel needs while it runs, on the current device.

#include <limn_kernels/memory.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

int selected();  // the current device: select()'s, or the first

/// `count` uninitialised elements. Given back at once, used until the kernels launched before are done: all of limn's
/// work on a device is in one stream.
template <class T>
class Scratch {
 public:
  explicit Scratch(index_t count)
      : device_(selected()),
        data_(count > 0 ? static_cast<T*>(cuda::allocate(static_cast<std::size_t>(count) * sizeof(T), device_))
                        : nullptr) {}
  ~Scratch() {
    if (data_) cuda::release(data_, device_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] T* data() const { return data_; }

 private:
  int device_;
  T* data_;
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
