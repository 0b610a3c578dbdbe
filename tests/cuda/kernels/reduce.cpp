// Reductions on the GPU against plain loops in double.

#include <limn_kernels/reduce.hpp>

#include <limits>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

using kernels::ReduceShape;

/// Few and many terms and results, along the last axis and along others, and some that are cut in parts.
const std::vector<ReduceShape>& shapes() {
  static const std::vector<ReduceShape> all = {{5, 1, 3},    {3, 7, 1},     {1, 31, 1},  {2, 33, 1},    {3, 257, 1},
                                               {2, 1000, 1}, {1, 17000, 1}, {257, 5, 1}, {2, 17, 5},    {1, 33, 31},
                                               {1, 257, 33}, {2, 1, 5},     {2, 9, 100}, {1, 600, 3},   {0, 4, 1},
                                               {3, 0, 2},    {2, 4, 0},     {1, 1, 1},   {1, 17, 4097}, {1, 16, 64}};
  return all;
}

/// f(places of the terms of a result) for each result.
template <class F>
void for_each_result(const ReduceShape& s, F&& f) {
  for (index_t o = 0; o < s.outer; ++o)
    for (index_t i = 0; i < s.inner; ++i)
      f([&s, o, i](index_t k) { return static_cast<std::size_t>((o * s.axis + k) * s.inner + i); });
}

template <class Op, class T>
std::vector<double> reduced(const ReduceShape& s, const std::vector<double>& x) {
  std::vector<double> y;
  for_each_result(s, [&](auto at) {
    double value = kernels::neutral<Op, double>();
    for (index_t k = 0; k < s.axis; ++k) value = kernels::evaluate(Op{}, value, x[at(k)]);
    y.push_back(value);
  });
  return y;
}

template <class Op, class T>
void check_reduce(const ReduceShape& s, const std::vector<double>& x) {
  const Buffer<T> at_x(x);
  double size = 1;  // of what is summed: results may cancel
  if (std::is_same_v<Op, kernels::Add>) size += std::sqrt(static_cast<double>(s.axis));
  std::vector<double> expected = reduced<Op, T>(s, x);
  for (double& value : expected)
    if (std::isinf(value)) return;  // the neutral element of Maximum, Minimum: a test of its own
  expect<T>(expected, tolerance<T> * size, [&](T* y) { kernels::reduce<Op>(under_test, s, at_x.data(), y); });
}

TEST_CASE_TEMPLATE("reduce: sum, product, maximum and minimum along any axis", T, float, double) {
  if (!have_device()) return;
  for (const ReduceShape& s : shapes()) {
    INFO("[" << s.outer << ", " << s.axis << ", " << s.inner << "]");
    const auto x = values(s.outer * s.axis * s.inner, 61);
    check_reduce<kernels::Add, T>(s, x);
    check_reduce<kernels::Maximum, T>(s, x);
    check_reduce<kernels::Minimum, T>(s, x);
    auto factors = x;
    for (double& value : factors) value = static_cast<float>(1 + value / 1024);
    check_reduce<kernels::Mul, T>(s, factors);
  }
}

TEST_CASE("reduce: more columns than a GPU has threads") {
  if (!have_device()) return;
  const ReduceShape s{1, 17, 65537};
  check_reduce<kernels::Add, float>(s, values(s.axis * s.inner, 61));
}

TEST_CASE_TEMPLATE("reduce: an empty axis gives the neutral element; a NaN and an infinity arrive", T, float, double) {
  if (!have_device()) return;
  const auto read = [](const ReduceShape& s, auto op, const std::vector<double>& x) {
    const Buffer<T> at_x(x), y(static_cast<std::size_t>(s.outer * s.inner));
    kernels::reduce<decltype(op)>(under_test, s, at_x.data(), y.data());
    return y.values();
  };
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(read({3, 0, 1}, kernels::Maximum{}, {}) == std::vector<double>(3, -infinity));
  CHECK(read({1, 0, 3}, kernels::Minimum{}, {}) == std::vector<double>(3, infinity));
  for (const ReduceShape& s : {ReduceShape{2, 10, 1}, {2, 300, 1}, {2, 1000, 1}, {1, 300, 2}, {1, 20000, 1}})
    for (const index_t bad : {index_t{0}, s.axis / 2, s.axis - 1}) {
      auto x = values(s.outer * s.axis * s.inner, 67);
      x[static_cast<std::size_t>(bad * s.inner)] = nan;  // of the first result
      for (const std::vector<double>& y : {read(s, kernels::Add{}, x), read(s, kernels::Mul{}, x),
                                           read(s, kernels::Maximum{}, x), read(s, kernels::Minimum{}, x)}) {
        CHECK(std::isnan(y[0]));
        for (std::size_t i = 1; i < y.size(); ++i) CHECK(!std::isnan(y[i]));
      }
      x[static_cast<std::size_t>(bad * s.inner)] = infinity;
      CHECK(read(s, kernels::Add{}, x)[0] == infinity);
      CHECK(read(s, kernels::Maximum{}, x)[0] == infinity);
      CHECK(read(s, kernels::Minimum{}, x)[0] >= -2);
    }
}

TEST_CASE("reduce: any and all of bool") {
  if (!have_device()) return;
  for (const ReduceShape& s : shapes()) {
    auto x = values(s.outer * s.axis * s.inner, 71);
    for (const double rare : {-1.99, 0.0, 1.99}) {
      std::vector<double> bits;
      for (const double value : x) bits.push_back(value > rare);
      std::vector<double> any, all;
      for_each_result(s, [&](auto at) {
        double some = 0, every = 1;
        for (index_t k = 0; k < s.axis; ++k) (bits[at(k)] != 0 ? some : every) = bits[at(k)];
        any.push_back(some);
        all.push_back(every);
      });
      const Buffer<bool> at_x(bits);
      expect<bool>(any, 0, [&](bool* y) { kernels::reduce<kernels::Or>(under_test, s, at_x.data(), y); });
      expect<bool>(all, 0, [&](bool* y) { kernels::reduce<kernels::And>(under_test, s, at_x.data(), y); });
    }
  }
}

TEST_CASE_TEMPLATE("arg_reduce: the first extreme, also with repeats, infinities and NaNs", T, float, double) {
  if (!have_device()) return;
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const ReduceShape& s : shapes()) {
    if (s.axis == 0) continue;
    for (const int kind : {0, 1, 2, 3}) {
      auto x = values(s.outer * s.axis * s.inner, 73 + static_cast<std::uint64_t>(kind));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (kind == 1) x[i] = std::floor(x[i]);  // many equal
        if (kind == 2) x[i] = x[i] > 0 ? infinity : -infinity;
        if (kind == 3 && x[i] > 1.9) x[i] = nan;
      }
      std::vector<double> largest, smallest;
      for_each_result(s, [&](auto at) {
        index_t most = 0, least = 0;
        const auto stays = [&](index_t place) { return std::isnan(x[at(place)]); };
        for (index_t k = 1; k < s.axis; ++k) {
          const double value = x[at(k)];
          if (!stays(most) && (std::isnan(value) || value > x[at(most)])) most = k;
          if (!stays(least) && (std::isnan(value) || value < x[at(least)])) least = k;
        }
        largest.push_back(static_cast<double>(most));
        smallest.push_back(static_cast<double>(least));
      });
      const Buffer<T> at_x(x);
      expect<std::int64_t>(
          largest, 0, [&](std::int64_t* y) { kernels::arg_reduce<kernels::Maximum>(under_test, s, at_x.data(), y); });
      expect<std::int64_t>(
          smallest, 0, [&](std::int64_t* y) { kernels::arg_reduce<kernels::Minimum>(under_test, s, at_x.data(), y); });
    }
  }
}

TEST_CASE_TEMPLATE("running_sum: along any axis, also in place; an infinity does not reach what is before it", T, float,
                   double) {
  if (!have_device()) return;
  for (const ReduceShape& s : shapes()) {
    const auto x = values(s.outer * s.axis * s.inner, 79);
    std::vector<double> expected(x.size());
    for_each_result(s, [&](auto at) {
      double sum = 0;
      for (index_t k = 0; k < s.axis; ++k) expected[at(k)] = sum += x[at(k)];
    });
    const Buffer<T> at_x(x);
    const double close = tolerance<T> * (1 + std::sqrt(static_cast<double>(s.axis)));
    expect<T>(expected, close, [&](T* y) { kernels::running_sum(under_test, s, at_x.data(), y); });
    expect<T>(
        expected, close, [&](T* y) { kernels::running_sum(under_test, s, y, y); }, x);
  }
  auto x = values(1000, 83);
  x[600] = std::numeric_limits<double>::infinity();
  const Buffer<T> at_x(x), y(x.size());
  kernels::running_sum(under_test, {1, 1000, 1}, at_x.data(), y.data());
  const auto found = y.values();
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::isinf(found[i]) == (i >= 600));
}

}  // namespace
}  // namespace limn::test
