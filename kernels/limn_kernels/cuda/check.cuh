#pragma once
// Turns a CUDA status into one clear line, and chooses the device.

#include <cuda_runtime.h>

#include <limn_kernels/device.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Why there is no usable device: empty when there is one. Cause and remedy in one line.
inline std::string no_device_reason() {
  int count = 0, driver = 0, runtime = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return "";
  cudaGetLastError();  // the failure is answered here: later launches must not meet it again
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver is installed; install one, or use cpu_device";
  if (status == cudaErrorInsufficientDriver)
    return "the NVIDIA driver (CUDA " + std::to_string(driver / 1000) + "." + std::to_string(driver % 1000 / 10) +
           ") is older than CUDA " + std::to_string(runtime / 1000) + "." + std::to_string(runtime % 1000 / 10) +
           " of this build; update the driver, or use cpu_device";
  if (status == cudaSuccess || status == cudaErrorNoDevice) return "there is no NVIDIA GPU here; use cpu_device";
  return std::string(cudaGetErrorString(status)) + "; use cpu_device";
}

/// Throws Error("<what>: <CUDA's text>") unless `status` is success; a missing driver or GPU is named as such.
inline void check(const char* what, cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // clears it: CUDA keeps the last error until it is read
  const std::string reason = no_device_reason();
  if (!reason.empty()) fail(what, reason);
  fail(what, "CUDA says: ", cudaGetErrorString(status));
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
