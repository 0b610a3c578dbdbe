#pragma once
// Device memory. Blocks come from the device's own pool and go back to it in the order of the stream: neither waits for
// the GPU. Copies to and from the host wait for the kernels before them: all of limn's work is in one stream a device.

#include <limn_kernels/cuda/check.cuh>
#include <limn_kernels/cuda/scratch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  cudaGetLastError();
  return 0;
}

void select(int device) { check("cuda", cudaSetDevice(device)); }

int selected() {
  int device = 0;
  check("cuda", cudaGetDevice(&device));
  return device;
}

/// Each device's pool keeps what is given back, for the next request.
inline void keep_freed_memory() {
  static const bool done = [] {
    for (int device = 0; device < device_count(); ++device) {
      cudaMemPool_t pool = nullptr;
      std::uint64_t everything = ~std::uint64_t{0};
      check("allocate", cudaDeviceGetDefaultMemPool(&pool, device));
      check("allocate", cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &everything));
    }
    return true;
  }();
  static_cast<void>(done);
}

void* allocate(std::size_t bytes, int device) {
  select(device);
  keep_freed_memory();
  void* data = nullptr;
  const cudaError_t status = cudaMallocAsync(&data, bytes == 0 ? 1 : bytes, nullptr);
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
  cudaFreeAsync(data, nullptr);
  cudaSetDevice(before);
}

void copy(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  select(to_device.kind == DeviceKind::cuda ? to_device.index : from_device.index);
  check("copy", cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
