#pragma once
// What the tests of GPU kernels share. One source, two programs: cuda.kernels_on_cpu runs the kernels' sources on the
// host in three orders of threads; cuda.kernels_on_gpu runs what nvcc made of them.

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include <cuda/buffer.hpp>
#ifdef LIMN_GPU_ON_HOST
#include <cuda/host/order.hpp>
#endif

namespace limn::test {

namespace cuda = kernels::cuda;

/// Values in [-2, 2) that float holds exactly, from a fixed recurrence.
inline std::vector<double> values(index_t count, std::uint64_t seed) {
  std::vector<double> result(static_cast<std::size_t>(count));
  for (double& v : result) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    v = static_cast<double>(seed >> 44) / (1 << 18) - 2;
  }
  return result;
}

inline bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// Runs `kernel` (in every order, where it runs on the host) and compares what it leaves in y, which held `before`,
/// with `expected`.
template <class T>
void expect(const std::vector<double>& expected, double tolerance, const std::function<void(T* y)>& kernel,
            const std::vector<double>& before = {}) {
  const auto once = [&] {
    const Buffer<T> y(before.empty() ? std::vector<double>(expected.size(), -77.0) : before);
    kernel(y.data());
    const std::vector<double> found = y.values();
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (std::abs(found[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i]))) continue;
      if (std::isnan(found[i]) && std::isnan(expected[i])) continue;
      FAIL("element " << i << " of " << found.size() << " is " << found[i] << ", not " << expected[i]);
    }
    return found;
  };
#ifdef LIMN_GPU_ON_HOST
  cuda::host::order = cuda::host::Order::forward;
  const std::vector<double> first = once();
  for (const auto order : {cuda::host::Order::backward, cuda::host::Order::warps_backward}) {
    cuda::host::order = order;
    CHECK(same_bits(once(), first));  // a result that depends on the order of threads is a race
  }
#else
  CHECK(same_bits(once(), once()));
#endif
}

template <class T>
inline constexpr double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-13;

inline bool have_device() {
  if (kernels::cuda_device_count() > 0) return true;
  MESSAGE("skipped: no GPU");
  return false;
}

}  // namespace limn::test
