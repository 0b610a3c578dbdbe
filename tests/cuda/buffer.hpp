#pragma once
// Buffer<T>: memory of the GPU under test.

#include <cstring>
#include <vector>

#include <limn_kernels/memory.hpp>

namespace limn::test {

inline constexpr Device under_test = cuda_device(0);

template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t count) : count_(count), data_(kernels::allocate(count * sizeof(T), under_test)) {}
  template <class U>
  explicit Buffer(const std::vector<U>& values) : Buffer(values.size()) {
    std::vector<unsigned char> bytes(count_ * sizeof(T));
    for (std::size_t i = 0; i < count_; ++i) {
      const T value = static_cast<T>(values[i]);
      std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    kernels::copy_bytes(data_, under_test, bytes.data(), cpu_device, bytes.size());
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { kernels::release(data_, count_ * sizeof(T), under_test); }

  [[nodiscard]] T* data() const { return static_cast<T*>(data_); }
  [[nodiscard]] std::vector<double> values() const {
    std::vector<unsigned char> bytes(count_ * sizeof(T));
    kernels::copy_bytes(bytes.data(), cpu_device, data_, under_test, bytes.size());
    std::vector<double> result(count_);
    for (std::size_t i = 0; i < count_; ++i) {
      T value;
      std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
      result[i] = static_cast<double>(value);
    }
    return result;
  }

 private:
  std::size_t count_;
  void* data_;
};

}  // namespace limn::test
