// The pointwise kernels of the GPU against plain loops in double.

#include <limn_kernels/pointwise.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

TEST_CASE_TEMPLATE("unary: every element is f(x), over more elements than threads", T, float, double) {
  if (!have_device()) return;
  for (const index_t n : {0, 1, 31, 1000, 2500}) {
    const auto x = values(n, 3);
    std::vector<double> gelu, clamped, less;
    for (const double v : x) {
      gelu.push_back(v / 2 * (1 + std::erf(v / std::sqrt(2.0))));
      clamped.push_back(v < -0.5 ? -0.5 : v > 1 ? 1 : v);
      less.push_back(v < 0.25 ? 1 : 0);
    }
    const Buffer<T> at(x);
    expect<T>(gelu, tolerance<T>, [&](T* y) { cuda::unary<kernels::Gelu, T, T>(n, at.data(), y, {}); });
    expect<T>(clamped, 0, [&](T* y) {
      cuda::unary<kernels::Clamp<T>, T, T>(n, at.data(), y, {static_cast<T>(-0.5), static_cast<T>(1)});
    });
    expect<bool>(less, 0, [&](bool* y) {
      cuda::unary<kernels::WithRight<kernels::Less, T>, T, bool>(n, at.data(), y, {{}, static_cast<T>(0.25)});
    });
  }
}

TEST_CASE_TEMPLATE("binary: operands are broadcast by stride 0 and walked backwards by a negative stride", T, float,
                   double) {
  if (!have_device()) return;
  const index_t rows = 37, columns = 29;
  const auto a = values(columns, 5), b = values(rows * columns, 7);
  std::vector<double> expected;
  for (index_t r = 0; r < rows; ++r)
    for (index_t c = 0; c < columns; ++c)
      expected.push_back(a[static_cast<std::size_t>(c)] - b[static_cast<std::size_t>(r * columns + columns - 1 - c)]);
  const Buffer<T> at_a(a), at_b(b);
  kernels::BroadcastShape s{.rank = 2, .extents = {rows, columns}, .a = {0, 1}, .b = {columns, -1}};
  expect<T>(expected, 0,
            [&](T* y) { cuda::binary<kernels::Sub, T, T>(s, at_a.data(), at_b.data() + columns - 1, y, {}); });
}

TEST_CASE_TEMPLATE("binary: the gradient of relu passes dy where x is positive", T, float, double) {
  if (!have_device()) return;
  const auto x = values(700, 11), dy = values(700, 13);
  std::vector<double> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(x[i] <= 0 ? 0 : dy[i]);
  const Buffer<T> at_x(x), at_dy(dy);
  kernels::BroadcastShape s{.rank = 1, .extents = {700}, .a = {1}, .b = {1}};
  expect<T>(expected, 0,
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
  expect<T>(expected, 0, [&](T* y) { cuda::select<T>(s, at_condition.data(), at_a.data(), at_b.data(), y); });
}

}  // namespace
}  // namespace limn::test
