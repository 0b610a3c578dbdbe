#pragma once
// Where a tensor's bytes live.

#include <ostream>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI {

enum class DeviceKind : std::uint8_t { cpu, cuda };

/// A device: the host, or one GPU by its index.
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;
  friend constexpr bool operator==(const Device&, const Device&) = default;
};

inline constexpr Device cpu_device{};
[[nodiscard]] constexpr Device cuda_device(int index = 0) { return {DeviceKind::cuda, index}; }

inline std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.kind == DeviceKind::cpu) return out << "cpu";
  return out << "cuda:" << device.index;
}

}  // namespace limn::inline LIMN_ABI
