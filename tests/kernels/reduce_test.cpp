// Reductions against plain loops in double, over shapes that reach every path, and the same bits for any number of
// threads.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>
#include <limn_kernels/reduce.hpp>

namespace {
using namespace limn;
using namespace limn::kernels;

template <class T>
std::vector<T> sample(index_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] = static_cast<T>(static_cast<float>((i * 7919) % 1009 - 500) / 512.f);
  return x;
}

const ReduceShape shapes[] = {{1, 1, 1}, {3, 5, 1},    {2, 64, 1}, {2, 5000, 1},   {1, 300000, 1},
                              {2, 3, 4}, {3, 100, 16}, {2, 7, 70}, {1, 3000, 129}, {1, 140000, 3},
                              {2, 0, 3}, {0, 4, 2},    {4, 4, 0}};

template <class Op, class T, class Join>
void check_reduce(double start, Join join, double tolerance) {
  for (const ReduceShape& s : shapes) {
    CAPTURE(s.axis);
    CAPTURE(s.inner);
    const auto x = sample<T>(s.outer * s.axis * s.inner);
    std::vector<T> y(static_cast<std::size_t>(s.outer * s.inner));
    reduce<Op>(cpu_device, s, x.data(), y.data());
    double worst = 0;
    for (index_t o = 0; o < s.outer; ++o)
      for (index_t i = 0; i < s.inner; ++i) {
        double wanted = start;
        for (index_t k = 0; k < s.axis; ++k)
          wanted = join(wanted, static_cast<double>(static_cast<compute_t<T>>(
                                    x[static_cast<std::size_t>((o * s.axis + k) * s.inner + i)])));
        const double got = static_cast<double>(static_cast<compute_t<T>>(y[static_cast<std::size_t>(o * s.inner + i)]));
        if (got != wanted) worst = std::fmax(worst, std::fabs(got - wanted) / (1 + std::fabs(wanted)));
      }
    CHECK(worst <= tolerance);
    for (const int threads : {1, 7}) {
      set_thread_count(threads);
      std::vector<T> again(y.size());
      reduce<Op>(cpu_device, s, x.data(), again.data());
      bool same = true;
      for (std::size_t i = 0; i < y.size(); ++i)
        same = same && static_cast<compute_t<T>>(y[i]) == static_cast<compute_t<T>>(again[i]);
      CHECK(same);
    }
    set_thread_count(2);
  }
}
const double inf = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("sum, product and extremes equal plain loops for every shape, type and number of threads") {
  const auto sum = [](double a, double b) { return a + b; };
  check_reduce<Add, float>(0, sum, 1e-6);
  check_reduce<Add, double>(0, sum, 1e-12);
  check_reduce<Add, bf16>(0, sum, 0.01);
  check_reduce<Mul, float>(
      1, [](double a, double b) { return a * b; }, 1e-6);
  check_reduce<Maximum, float>(
      -inf, [](double a, double b) { return a > b ? a : b; }, 0);
  check_reduce<Minimum, double>(
      inf, [](double a, double b) { return a < b ? a : b; }, 0);
}

TEST_CASE("a float sum of a million terms is right to the last few bits") {
  const std::vector<float> x(1000003, 0.1f);
  float y = 0;
  reduce<Add>(cpu_device, {1, 1000003, 1}, x.data(), &y);
  CHECK(y == doctest::Approx(1000003.0 * static_cast<double>(0.1f)).epsilon(1e-6));
}

TEST_CASE("integers do not pass through fractions, bools reduce with and, or") {
  const std::vector<std::int64_t> x = {(std::int64_t{1} << 60) + 1, 2, 3};
  std::int64_t y = 0;
  reduce<Add>(cpu_device, {1, 3, 1}, x.data(), &y);
  CHECK(y == (std::int64_t{1} << 60) + 6);
  const std::vector<std::uint8_t> bytes(300, 200);
  std::uint8_t top = 0;
  reduce<Maximum>(cpu_device, {1, 300, 1}, bytes.data(), &top);
  CHECK(top == 200);
  const bool flags[4] = {true, false, true, true};
  bool any[2], all[2];
  reduce<Or>(cpu_device, {2, 2, 1}, flags, any);
  reduce<And>(cpu_device, {2, 2, 1}, flags, all);
  CHECK((any[0] && any[1] && !all[0] && all[1]));
}

TEST_CASE("a NaN anywhere gives NaN, and is the extreme that arg_reduce finds") {
  for (const index_t at : {index_t{0}, index_t{70}, index_t{99}}) {
    std::vector<float> x(100, 1.f);
    x[static_cast<std::size_t>(at)] = std::numeric_limits<float>::quiet_NaN();
    float y = 0;
    std::int64_t place = -1;
    reduce<Maximum>(cpu_device, {1, 100, 1}, x.data(), &y);
    CHECK(std::isnan(y));
    reduce<Minimum>(cpu_device, {1, 100, 1}, x.data(), &y);
    CHECK(std::isnan(y));
    arg_reduce<Maximum>(cpu_device, {1, 100, 1}, x.data(), &place);
    CHECK(place == at);
  }
}

TEST_CASE("arg_reduce equals a plain search in rows of any length, with repeats, infinities and NaNs") {
  std::mt19937 random(3);
  for (index_t length = 1; length <= 300; ++length) {
    std::vector<float> x(static_cast<std::size_t>(3 * length));
    for (float& v : x) v = static_cast<float>(static_cast<int>(random() % 40) - 20);
    if (length % 3 == 0) x[random() % x.size()] = static_cast<float>(length % 2 ? inf : -inf);
    if (length % 7 == 0) x[random() % x.size()] = std::numeric_limits<float>::quiet_NaN();
    std::int64_t largest[3], smallest[3];
    arg_reduce<Maximum>(cpu_device, {3, length, 1}, x.data(), largest);
    arg_reduce<Minimum>(cpu_device, {3, length, 1}, x.data(), smallest);
    for (index_t row = 0; row < 3; ++row) {
      const float* of = x.data() + row * length;
      index_t first_largest = 0, first_smallest = 0;
      for (index_t i = 1; i < length; ++i) {
        const auto beats = [&](index_t best, bool larger) {
          return !std::isnan(of[best]) && (std::isnan(of[i]) || (larger ? of[i] > of[best] : of[i] < of[best]));
        };
        if (beats(first_largest, true)) first_largest = i;
        if (beats(first_smallest, false)) first_smallest = i;
      }
      CHECK(largest[row] == first_largest);
      CHECK(smallest[row] == first_smallest);
    }
  }
}

TEST_CASE("arg_reduce finds the first extreme along any axis; running_sum adds up") {
  const float x[6] = {1, 5, 5, 2, 5, 0};
  std::int64_t place[3];
  arg_reduce<Maximum>(cpu_device, {2, 3, 1}, x, place);
  CHECK((place[0] == 1 && place[1] == 1));
  arg_reduce<Minimum>(cpu_device, {1, 2, 3}, x, place);
  CHECK((place[0] == 0 && place[1] == 0 && place[2] == 1));
  float y[6];
  running_sum(cpu_device, {1, 2, 3}, x, y);
  CHECK(std::vector<float>(y, y + 6) == std::vector<float>{1, 5, 5, 3, 10, 5});
}
