// The GPU kernels against plain loops in double. One source, two programs: cuda.kernels_on_cpu runs the kernels'
// sources on the host in three orders of threads; cuda.kernels_on_gpu runs what nvcc made of them.

#include <cmath>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#ifdef LIMN_WITH_CUDA
#include <limn_kernels/pointwise.hpp>
#else
#include <limn_kernels/cuda/pointwise.cuh>
#endif

#include <cuda/buffer.hpp>

namespace limn::test {
namespace {

namespace cuda = kernels::cuda;

/// Values in [-2, 2) that float holds exactly, from a fixed recurrence.
std::vector<double> values(std::size_t count, std::uint64_t seed) {
  std::vector<double> result(count);
  for (double& v : result) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    v = static_cast<double>(seed >> 44) / (1 << 18) - 2;
  }
  return result;
}

/// Runs `kernel` (in every order, where it runs on the host) and compares what it leaves in y with `expected`.
template <class T>
void expect(std::size_t count, const std::vector<double>& expected, double tolerance,
            const std::function<void(T* y)>& kernel) {
  const auto once = [&] {
    Buffer<T> y(std::vector<double>(count, -77.0));
    kernel(y.data());
    const std::vector<double> found = y.values();
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      INFO("element " << i << " of " << count);
      CHECK(std::abs(found[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i])));
    }
    return found;
  };
#ifdef LIMN_WITH_CUDA
  once();
#else
  cuda::host::order = cuda::host::Order::forward;
  const std::vector<double> first = once();
  for (const auto order : {cuda::host::Order::backward, cuda::host::Order::warps_backward}) {
    cuda::host::order = order;
    CHECK(once() == first);  // a result that depends on the order of threads is a race
  }
#endif
}

template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-13;

bool have_device() {
#ifdef LIMN_WITH_CUDA
  if (kernels::cuda_device_count() > 0) return true;
  MESSAGE("skipped: no GPU");
  return false;
#else
  return true;
#endif
}

TEST_CASE_TEMPLATE("unary: every element is f(x), over more elements than threads", T, float, double) {
  if (!have_device()) return;
  for (const index_t n : {0, 1, 31, 1000, 2500}) {
    const auto x = values(static_cast<std::size_t>(n), 3);
    std::vector<double> gelu, clamped, less;
    for (const double v : x) {
      gelu.push_back(v / 2 * (1 + std::erf(v / std::sqrt(2.0))));
      clamped.push_back(v < -0.5 ? -0.5 : v > 1 ? 1 : v);
      less.push_back(v < 0.25 ? 1 : 0);
    }
    const Buffer<T> at(x);
    expect<T>(x.size(), gelu, tolerance<T>, [&](T* y) { cuda::unary<kernels::Gelu, T, T>(n, at.data(), y, {}); });
    expect<T>(x.size(), clamped, 0, [&](T* y) {
      cuda::unary<kernels::Clamp<T>, T, T>(n, at.data(), y, {static_cast<T>(-0.5), static_cast<T>(1)});
    });
    expect<bool>(x.size(), less, 0, [&](bool* y) {
      cuda::unary<kernels::WithRight<kernels::Less, T>, T, bool>(n, at.data(), y, {{}, static_cast<T>(0.25)});
    });
  }
}

TEST_CASE_TEMPLATE("binary: operands are broadcast by stride 0 and walked backwards by a negative stride", T, float,
                   double) {
  if (!have_device()) return;
  const index_t rows = 37, columns = 29;
  const auto a = values(static_cast<std::size_t>(columns), 5), b = values(static_cast<std::size_t>(rows * columns), 7);
  std::vector<double> expected;
  for (index_t r = 0; r < rows; ++r)
    for (index_t c = 0; c < columns; ++c)
      expected.push_back(a[static_cast<std::size_t>(c)] - b[static_cast<std::size_t>(r * columns + columns - 1 - c)]);
  const Buffer<T> at_a(a), at_b(b);
  kernels::BroadcastShape s{.rank = 2, .extents = {rows, columns}, .a = {0, 1}, .b = {columns, -1}};
  expect<T>(expected.size(), expected, 0,
            [&](T* y) { cuda::binary<kernels::Sub, T, T>(s, at_a.data(), at_b.data() + columns - 1, y, {}); });
}

TEST_CASE_TEMPLATE("binary: the gradient of relu passes dy where x is positive", T, float, double) {
  if (!have_device()) return;
  const auto x = values(700, 11), dy = values(700, 13);
  std::vector<double> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(x[i] <= 0 ? 0 : dy[i]);
  const Buffer<T> at_x(x), at_dy(dy);
  kernels::BroadcastShape s{.rank = 1, .extents = {700}, .a = {1}, .b = {1}};
  expect<T>(x.size(), expected, 0,
            [&](T* y) { cuda::binary<kernels::Gradient<kernels::Relu>, T, T>(s, at_x.data(), at_dy.data(), y, {}); });
}

TEST_CASE_TEMPLATE("select: takes a where the condition holds and b elsewhere", T, float, double) {
  if (!have_device()) return;
  const auto a = values(60, 17), b = values(1, 19);
  std::vector<double> condition, expected;
  for (std::size_t i = 0; i < a.size(); ++i) {
    condition.push_back(i % 3 == 1 ? 1 : 0);
    expected.push_back(i % 3 == 1 ? a[i] : b[0]);
  }
  const Buffer<T> at_a(a), at_b(b);
  const Buffer<bool> at_condition(condition);
  kernels::SelectShape s{.rank = 2, .extents = {6, 10}, .condition = {10, 1}, .a = {10, 1}, .b = {0, 0}};
  expect<T>(a.size(), expected, 0, [&](T* y) { cuda::select<T>(s, at_condition.data(), at_a.data(), at_b.data(), y); });
}

}  // namespace
}  // namespace limn::test
