// The GPU kernels against plain loops in double. One source, two programs: cuda.kernels_on_cpu runs the kernels'
// sources on the host in three orders of threads; cuda.kernels_on_gpu runs what nvcc made of them.

#include <cmath>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#ifdef LIMN_WITH_CUDA
#include <limn_kernels/gemm.hpp>
#include <limn_kernels/pointwise.hpp>
#include <limn_kernels/softmax.hpp>
#else
#include <limn_kernels/cuda/gemm.cuh>
#include <limn_kernels/cuda/pointwise.cuh>
#include <limn_kernels/cuda/softmax.cuh>
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

TEST_CASE_TEMPLATE(
    "softmax and log_softmax: rows longer than a block, a middle axis, an axis of 1, and their gradients", T, float,
    double) {
  if (!have_device()) return;
  for (const kernels::SoftmaxShape s :
       {kernels::SoftmaxShape{5, 300, 1}, {2, 7, 3}, {1, 1, 4}, {0, 4, 1}, {1, 33, 1}}) {
    const auto count = static_cast<std::size_t>(s.outer * s.axis * s.inner);
    const auto x = values(count, 31), dy = values(count, 37);
    std::vector<double> y(count), log_y(count), dx(count), log_dx(count);
    for (index_t row = 0; row < s.outer * s.inner; ++row) {
      const auto at = [&](index_t i) {
        return static_cast<std::size_t>(row / s.inner * s.axis * s.inner + row % s.inner + i * s.inner);
      };
      double sum = 0, dot = 0, total = 0;
      for (index_t i = 0; i < s.axis; ++i) sum += std::exp(x[at(i)]);
      for (index_t i = 0; i < s.axis; ++i) {
        y[at(i)] = std::exp(x[at(i)]) / sum;
        log_y[at(i)] = x[at(i)] - std::log(sum);
        dot += y[at(i)] * dy[at(i)];
        total += dy[at(i)];
      }
      for (index_t i = 0; i < s.axis; ++i) {
        dx[at(i)] = y[at(i)] * (dy[at(i)] - dot);
        log_dx[at(i)] = dy[at(i)] - y[at(i)] * total;
      }
    }
    const Buffer<T> at_x(x), at_y(y), at_log_y(log_y), at_dy(dy);
    const double close = 4 * tolerance<T>;
    expect<T>(count, y, close, [&](T* out) { cuda::softmax_forward<T>(s, at_x.data(), out); });
    expect<T>(count, log_y, close, [&](T* out) { cuda::log_softmax_forward<T>(s, at_x.data(), out); });
    expect<T>(count, dx, close, [&](T* out) { cuda::softmax_backward<T>(s, at_y.data(), at_dy.data(), out); });
    expect<T>(count, log_dx, 4 * close,
              [&](T* out) { cuda::log_softmax_backward<T>(s, at_log_y.data(), at_dy.data(), out); });
  }
}

TEST_CASE_TEMPLATE("gemm: any transposition, gaps between rows, sizes off the tile; beta 0 ignores what C held", T,
                   float, double) {
  if (!have_device()) return;
  struct Size {
    index_t m, n, k;
  };
  for (const Size size : {Size{1, 1, 1}, Size{65, 3, 17}, Size{64, 64, 16}, Size{5, 130, 33}, Size{3, 4, 0}})
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true})
        for (const double beta : {0.0, -0.5}) {
          const auto [m, n, k] = size;
          kernels::GemmShape s{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
          s.lda = (transpose_a ? m : k) + 3;
          s.ldc = n + 1;
          const index_t ldb = transpose_b ? k : n;  // left 0 in s: no gap
          const auto a = values(static_cast<std::size_t>(s.lda * (transpose_a ? k : m)), 23);
          const auto b = values(static_cast<std::size_t>(ldb * (transpose_b ? n : k)), 29);
          std::vector<double> expected(static_cast<std::size_t>(m * s.ldc), -77.0);
          for (index_t i = 0; i < m; ++i)
            for (index_t j = 0; j < n; ++j) {
              double sum = 0;
              for (index_t p = 0; p < k; ++p)
                sum += a[static_cast<std::size_t>(transpose_a ? p * s.lda + i : i * s.lda + p)] *
                       b[static_cast<std::size_t>(transpose_b ? j * ldb + p : p * ldb + j)];
              double& c = expected[static_cast<std::size_t>(i * s.ldc + j)];
              c = 1.5 * sum + beta * c;
            }
          const Buffer<T> at_a(a), at_b(b);
          expect<T>(expected.size(), expected, 10 * tolerance<T>, [&](T* c) {
            cuda::gemm<T>(s, static_cast<T>(1.5), at_a.data(), at_b.data(), static_cast<T>(beta), c);
          });
        }
}

}  // namespace
}  // namespace limn::test
