// The pointwise kernels against plain loops: every stride pattern, every type, any number of threads.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <doctest/doctest.h>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/pointwise.hpp>

namespace {
using namespace limn;
using namespace limn::kernels;

template <class T>
std::vector<T> sample(index_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] =
        static_cast<T>(static_cast<float>((i * 37) % 101 - (std::is_unsigned_v<T> ? 0 : 50)) / 16.f);
  return x;
}

/// A shape whose result is contiguous and whose operands have the given strides.
BroadcastShape shape_of(std::vector<index_t> extents, std::vector<index_t> a, std::vector<index_t> b) {
  BroadcastShape s;
  s.rank = static_cast<index_t>(extents.size());
  for (std::size_t i = 0; i < extents.size(); ++i) s.extents[i] = extents[i], s.a[i] = a[i], s.b[i] = b[i];
  return s;
}

template <class F, class T, class R>
void check_binary(const BroadcastShape& s, F f, const std::vector<T>& a, const std::vector<T>& b) {
  const index_t n = s.numel();
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(n) * sizeof(R) + 1);
  R* y = reinterpret_cast<R*>(bytes.data());
  binary(cpu_device, s, a.data(), b.data(), y, f);
  using C = compute_t<T>;
  bool equal = true;
  for (index_t i = 0; i < n; ++i) {
    index_t rest = i, at_a = 0, at_b = 0;
    for (index_t d = s.rank - 1; d >= 0; --d) {
      const index_t k = rest % s.extents[d];
      rest /= s.extents[d];
      at_a += k * s.a[d];
      at_b += k * s.b[d];
    }
    const R wanted = static_cast<R>(evaluate(f, static_cast<C>(a[static_cast<std::size_t>(at_a)]),
                                             static_cast<C>(b[static_cast<std::size_t>(at_b)])));
    equal = equal && std::memcmp(&wanted, &y[i], sizeof(R)) == 0;
  }
  CHECK(equal);
}

const BroadcastShape shapes[] = {
    shape_of({1000}, {1}, {1}),                     // contiguous, contiguous
    shape_of({7}, {1}, {0}),                        // contiguous, number; less than a vector
    shape_of({1003}, {0}, {1}),                     // number, contiguous
    shape_of({5, 333}, {333, 1}, {0, 1}),           // a row broadcast over rows
    shape_of({33, 5}, {5, 1}, {1, 0}),              // a column broadcast over columns
    shape_of({3, 4, 70}, {280, 70, 1}, {0, 1, 0}),  // bias of [C] on [N, C, L]
    shape_of({40, 30}, {1, 40}, {30, 1}),           // transposed
    shape_of({2, 600}, {1200, 2}, {600, 1}),        // every second element, longer than the buffer
    shape_of({2, 3, 2, 3}, {0, 1, 0, 3}, {9, 3, 3, 1}),
    shape_of({}, {}, {}),                       // one element
    shape_of({3, 0, 2}, {0, 2, 1}, {0, 2, 1}),  // none
};
}  // namespace

TEST_CASE("binary equals the plain loop for every stride pattern and type") {
  for (const BroadcastShape& s : shapes) {
    const auto a = sample<float>(3000), b = sample<float>(2500);
    check_binary<Add, float, float>(s, {}, a, b);
    check_binary<Mul, float, float>(s, {}, a, b);
    check_binary<Maximum, float, float>(s, {}, a, b);
    check_binary<Less, float, bool>(s, {}, a, b);
    check_binary<Sub, double, double>(s, {}, sample<double>(3000), sample<double>(2500));
    check_binary<Add, bf16, bf16>(s, {}, sample<bf16>(3000), sample<bf16>(2500));
    check_binary<Mul, f16, f16>(s, {}, sample<f16>(3000), sample<f16>(2500));
    check_binary<Add, std::int64_t, std::int64_t>(s, {}, sample<std::int64_t>(3000), sample<std::int64_t>(2500));
    check_binary<Minimum, std::int32_t, std::int32_t>(s, {}, sample<std::int32_t>(3000), sample<std::int32_t>(2500));
    check_binary<Equal, std::uint8_t, bool>(s, {}, sample<std::uint8_t>(3000), sample<std::uint8_t>(2500));
  }
}

TEST_CASE("unary gives the same bits for a value wherever it lies, for any number of threads") {
  for (const index_t n : {index_t{1}, index_t{15}, index_t{16}, index_t{17}, index_t{100003}}) {
    std::vector<float> x(static_cast<std::size_t>(n), 0.7312f), y(x.size());
    const auto all_equal = [&] {
      bool equal = true;
      for (const float v : y) equal = equal && v == y[0];
      return equal;
    };
    for (const int threads : {1, 2, 7}) {
      set_thread_count(threads);
      unary<Exp>(cpu_device, n, x.data(), y.data());
      CHECK(all_equal());
      unary<Gelu>(cpu_device, n, x.data(), y.data());
      CHECK(all_equal());
      unary<Tanh>(cpu_device, n, x.data(), x.data());  // in place
      CHECK(x[0] == x[static_cast<std::size_t>(n - 1)]);
    }
  }
  set_thread_count(2);
}

TEST_CASE("unary takes every type, functors with parameters and functors of the caller") {
  std::vector<double> x = {-2, -0.5, 0, 3}, y(4);
  unary(cpu_device, 4, x.data(), y.data(), LeakyRelu{0.25});
  CHECK(y == std::vector<double>{-0.5, -0.125, 0, 3});
  unary(cpu_device, 4, x.data(), y.data(), Clamp<double>{-1, 1});
  CHECK(y == std::vector<double>{-1, -0.5, 0, 1});
  unary(cpu_device, 4, x.data(), y.data(), WithLeft<Sub, double>{{}, 10});
  CHECK(y == std::vector<double>{12, 10.5, 10, 7});
  unary(cpu_device, 4, x.data(), y.data(), [](double v) { return v * v + 1; });
  CHECK(y == std::vector<double>{5, 1.25, 1, 10});

  std::vector<std::int64_t> large = {(std::int64_t{1} << 60) + 1, 5}, sum(2);
  unary(cpu_device, 2, large.data(), sum.data(), WithRight<Add, std::int64_t>{{}, 1});
  CHECK(sum[0] == (std::int64_t{1} << 60) + 2);
  bool flags[2];
  unary(cpu_device, 2, large.data(), flags, WithRight<Greater, std::int64_t>{{}, 5});
  CHECK(flags[0]);
  CHECK(!flags[1]);
  std::vector<bf16> half = {bf16(1.5f), bf16(-2.f)}, half_y(2);
  unary(cpu_device, 2, half.data(), half_y.data(), Relu{});
  CHECK(static_cast<float>(half_y[0]) == 1.5f);
  CHECK(static_cast<float>(half_y[1]) == 0.f);
}

TEST_CASE("a NaN passes through relu, clamp, minimum and maximum") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  float x[1] = {nan}, one[1] = {1.f}, y[1] = {};
  unary<Relu>(cpu_device, 1, x, y);
  CHECK(std::isnan(y[0]));
  unary(cpu_device, 1, x, y, Clamp<float>{0.f, 1.f});
  CHECK(std::isnan(y[0]));
  const BroadcastShape s = shape_of({1}, {1}, {1});
  for (int swap = 0; swap < 2; ++swap) {
    binary<Maximum>(cpu_device, s, swap ? one : x, swap ? x : one, y);
    CHECK(std::isnan(y[0]));
    binary<Minimum>(cpu_device, s, swap ? one : x, swap ? x : one, y);
    CHECK(std::isnan(y[0]));
  }
}

TEST_CASE("softplus and its gradient do not overflow, and are x and dy beyond the threshold") {
  float x[3] = {-100.f, 21.f, 500.f}, dy[3] = {1.f, 2.f, 3.f}, y[3];
  unary(cpu_device, 3, x, y, Softplus{});
  CHECK(y[0] == doctest::Approx(3.7835e-44).epsilon(0.05));
  CHECK(y[1] == 21.f);
  CHECK(y[2] == 500.f);
  binary(cpu_device, shape_of({3}, {1}, {1}), x, dy, y, Gradient<Softplus>{});
  CHECK(y[1] == 2.f);
  CHECK(y[2] == 3.f);
}

TEST_CASE("select takes a where the condition holds, with broadcasting") {
  const bool condition[2] = {true, false};
  const float a[6] = {1, 2, 3, 4, 5, 6}, b[1] = {-1};
  float y[6];
  SelectShape s;
  s.rank = 2, s.extents[0] = 3, s.extents[1] = 2;
  s.condition[1] = 1;
  s.a[0] = 2, s.a[1] = 1;
  kernels::select(cpu_device, s, condition, a, b, y);
  CHECK(std::vector<float>(y, y + 6) == std::vector<float>{1, -1, 3, -1, 5, -1});
}
