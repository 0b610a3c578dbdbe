#pragma once
// Chooses the CPU or the CUDA body of a kernel, and says clearly when there is none.

#include <type_traits>

#include <limn_kernels/device.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::kernels {

namespace cuda {
void select(int device);  // makes it the device of the calls that follow on this thread
}  // namespace cuda

namespace detail {
[[noreturn]] inline void no_cuda(const char* kernel, Device device) {
  fail(kernel, "no CUDA kernel for ", device,
       " in this build; move the tensor with to(cpu_device), or build with -DLIMN_CUDA=ON");
}
}  // namespace detail

/// Runs `cpu()` or `on_cuda(device)`. `on_cuda` must be generic ([&](auto device) {...}): without LIMN_WITH_CUDA it is
/// never instantiated, so no CUDA symbol is needed to link. `device` is the current device while it runs.
template <class Cpu, class Cuda>
void dispatch([[maybe_unused]] const char* kernel, Device device, Cpu&& cpu, [[maybe_unused]] Cuda&& on_cuda) {
  if (device.kind == DeviceKind::cpu) return cpu();
#ifdef LIMN_WITH_CUDA
  cuda::select(device.index);
  on_cuda(device);
#else
  detail::no_cuda(kernel, device);
#endif
}

/// For a kernel that has a CPU body only.
template <class Cpu>
void dispatch_cpu(const char* kernel, Device device, Cpu&& cpu) {
  if (device.kind != DeviceKind::cpu) detail::no_cuda(kernel, device);
  cpu();
}

/// For a kernel whose CUDA body knows float and double alone: other types run on the CPU.
template <class T, class Cpu, class Cuda>
void dispatch_floating(const char* kernel, Device device, Cpu&& cpu, [[maybe_unused]] Cuda&& on_cuda) {
  if constexpr (std::is_floating_point_v<T>)
    dispatch(kernel, device, cpu, on_cuda);
  else
    dispatch_cpu(kernel, device, cpu);
}

}  // namespace limn::inline LIMN_ABI::kernels
