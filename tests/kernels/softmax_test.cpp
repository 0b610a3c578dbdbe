// softmax and log_softmax against plain loops in double: rows and columns of every width, and the same bits for any
// thread count.
#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/softmax.hpp>

namespace {
using namespace limn;
using namespace limn::kernels;

template <class T>
std::vector<T> sample(index_t n, int salt) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] = static_cast<T>(static_cast<float>((i * 7919 + salt) % 1009 - 500) / 64.f);
  return x;
}
template <class T>
double value(T x) {
  return static_cast<double>(static_cast<compute_t<T>>(x));
}

template <class T>
void check(double tolerance) {
  for (const SoftmaxShape& s : {SoftmaxShape{1, 1, 1},
                                {3, 5, 1},
                                {2, 16, 1},
                                {2, 1000, 1},
                                {1, 30001, 1},
                                {2, 3, 2},
                                {3, 7, 70},
                                {1, 20, 130},
                                {0, 3, 1}}) {
    CAPTURE(s.axis);
    CAPTURE(s.inner);
    const index_t n = s.outer * s.axis * s.inner;
    const auto x = sample<T>(n, 1), dy = sample<T>(n, 17);
    std::vector<T> y(x.size()), log_y(x.size()), dx(x.size()), log_dx(x.size());
    for (const int threads : {1, 7}) {
      set_thread_count(threads);
      const auto before = y;
      softmax_forward(cpu_device, s, x.data(), y.data());
      log_softmax_forward(cpu_device, s, x.data(), log_y.data());
      softmax_backward(cpu_device, s, y.data(), dy.data(), dx.data());
      log_softmax_backward(cpu_device, s, log_y.data(), dy.data(), log_dx.data());
      bool same = true;
      for (std::size_t i = 0; i < y.size(); ++i) same = same && value(y[i]) == value(before[i]);
      if (threads == 7) CHECK(same);
    }
    set_thread_count(2);
    double worst = 0;
    for (index_t o = 0; o < s.outer; ++o)
      for (index_t i = 0; i < s.inner; ++i) {
        const auto at = [&](index_t k) { return static_cast<std::size_t>((o * s.axis + k) * s.inner + i); };
        double top = -1e300, sum = 0, dot = 0, total = 0;
        for (index_t k = 0; k < s.axis; ++k) top = std::fmax(top, value(x[at(k)]));
        for (index_t k = 0; k < s.axis; ++k) sum += std::exp(value(x[at(k)]) - top);
        for (index_t k = 0; k < s.axis; ++k) {
          dot += std::exp(value(x[at(k)]) - top) / sum * value(dy[at(k)]);
          total += value(dy[at(k)]);
        }
        const auto compare = [&](T got, double wanted) {
          worst = std::fmax(worst, std::fabs(value(got) - wanted) / (1 + std::fabs(wanted)));
        };
        for (index_t k = 0; k < s.axis; ++k) {
          const double p = std::exp(value(x[at(k)]) - top) / sum;
          compare(y[at(k)], p);
          compare(log_y[at(k)], value(x[at(k)]) - top - std::log(sum));
          compare(dx[at(k)], p * (value(dy[at(k)]) - dot));
          compare(log_dx[at(k)], value(dy[at(k)]) - p * total);
        }
      }
    CHECK(worst <= tolerance);
  }
}
}  // namespace

TEST_CASE("softmax, log_softmax and their gradients equal plain loops in double") {
  check<float>(2e-5);
  check<double>(1e-12);
  check<bf16>(0.1);
}

TEST_CASE("softmax neither overflows nor loses what -infinity masks") {
  const float inf = std::numeric_limits<float>::infinity();
  for (const index_t inner : {index_t{1}, index_t{2}}) {
    std::vector<float> x, y(static_cast<std::size_t>(3 * inner));
    for (const float v : {1e4f, -inf, 1e4f})
      for (index_t i = 0; i < inner; ++i) x.push_back(v);
    softmax_forward(cpu_device, {1, 3, inner}, x.data(), y.data());
    CHECK(y[0] == 0.5f);
    CHECK(y[static_cast<std::size_t>(inner)] == 0.f);
    log_softmax_forward(cpu_device, {1, 3, inner}, x.data(), y.data());
    CHECK(y[0] == doctest::Approx(-std::log(2.0)));
    CHECK(y[static_cast<std::size_t>(inner)] == -inf);
  }
}

TEST_CASE("a NaN makes its whole row NaN") {
  float x[3] = {1, std::numeric_limits<float>::quiet_NaN(), 2}, y[3];
  softmax_forward(cpu_device, {1, 3, 1}, x, y);
  for (const float v : y) CHECK(std::isnan(v));
}
