#pragma once
// Device memory. Copies to and from the host wait for the kernels before them: all of limn's work is in one stream a
// device.

#include <limn_kernels/cuda/check.cuh>
#include <limn_kernels/memory.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  cudaGetLastError();
  return 0;
}

void select(int device) { check("cuda", cudaSetDevice(device)); }

void* allocate(std::size_t bytes, int device) {
  select(device);
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes == 0 ? 1 : bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw std::bad_alloc();  // kernels::allocate names the device and the size
  }
  check("allocate", status);
  return data;
}

void release(void* data, int device) noexcept {
  int before = 0;
  cudaGetDevice(&before);
  cudaSetDevice(device);
  cudaFree(data);
  cudaSetDevice(before);
}

void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  select(to_device.kind == DeviceKind::cuda ? to_device.index : from_device.index);
  check("copy", cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
