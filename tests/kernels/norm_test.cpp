// Row and channel norms against plain loops in double, for every width, and the same bits for any number of threads.
#include <cmath>
#include <vector>

#include <doctest/doctest.h>
#include <limn_kernels/norm.hpp>
#include <limn_kernels/parallel.hpp>

namespace {
using namespace limn;
using namespace limn::kernels;

template <class T>
std::vector<T> sample(index_t n, int salt, double offset = 0) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] = static_cast<T>(static_cast<double>((i * 7919 + salt) % 1009 - 500) / 256 + offset);
  return x;
}

double worst_of(const std::vector<double>& wanted, const auto& got) {
  double worst = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    worst = std::fmax(worst, std::fabs(static_cast<double>(got[i]) - wanted[i]) / (1 + std::fabs(wanted[i])));
  return worst;
}

/// Normalises `count` values at `at(i)`, and their gradient.
template <class T, class At, class Weight>
void reference(index_t count, At at, Weight w, const std::vector<T>& x, const std::vector<T>& dy,
               std::vector<double>& xhat, std::vector<double>& dx) {
  double mean = 0, variance = 0, sum = 0, dot = 0;
  const double n = static_cast<double>(count);
  for (index_t i = 0; i < count; ++i) mean += static_cast<double>(x[at(i)]) / n;
  for (index_t i = 0; i < count; ++i)
    variance += (static_cast<double>(x[at(i)]) - mean) * (static_cast<double>(x[at(i)]) - mean) / n;
  const double rstd = 1 / std::sqrt(variance + 1e-5);
  for (index_t i = 0; i < count; ++i) {
    xhat[at(i)] = (static_cast<double>(x[at(i)]) - mean) * rstd;
    sum += static_cast<double>(dy[at(i)]) * w(i) / n;
    dot += static_cast<double>(dy[at(i)]) * w(i) * xhat[at(i)] / n;
  }
  for (index_t i = 0; i < count; ++i)
    dx[at(i)] = rstd * (static_cast<double>(dy[at(i)]) * w(i) - sum - xhat[at(i)] * dot);
}

template <class T>
void check_rows(double tolerance) {
  for (const RowNormShape& s : {RowNormShape{1, 2}, {3, 5}, {70, 16}, {2, 1003}, {300, 70}}) {
    CAPTURE(s.length);
    const index_t n = s.rows * s.length;
    const auto size = static_cast<std::size_t>(n);
    const auto x = sample<T>(n, 1), dy = sample<T>(n, 77), w = sample<T>(s.length, 5), b = sample<T>(s.length, 9);
    std::vector<T> y(size), dx(size), dw(w.size()), db(w.size());
    std::vector<double> mean(static_cast<std::size_t>(s.rows)), rstd(mean.size()), xhat(size), wanted_dx(size),
        wanted_y(size), wanted_dw(w.size()), wanted_db(w.size());
    for (index_t r = 0; r < s.rows; ++r)
      reference<T>(
          s.length, [&](index_t i) { return static_cast<std::size_t>(r * s.length + i); },
          [&](index_t i) { return static_cast<double>(w[static_cast<std::size_t>(i)]); }, x, dy, xhat, wanted_dx);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t c = i % w.size();
      wanted_y[i] = xhat[i] * static_cast<double>(w[c]) + static_cast<double>(b[c]);
      wanted_dw[c] += xhat[i] * static_cast<double>(dy[i]);
      wanted_db[c] += static_cast<double>(dy[i]);
    }
    std::vector<T> first_dw;
    for (const int threads : {1, 7}) {
      set_thread_count(threads);
      layer_norm_forward(cpu_device, s, 1e-5, x.data(), w.data(), b.data(), y.data(), mean.data(), rstd.data());
      layer_norm_backward(cpu_device, s, x.data(), w.data(), mean.data(), rstd.data(), dy.data(), dx.data(), dw.data(),
                          db.data());
      if (threads == 1)
        first_dw = dw;
      else
        CHECK(dw == first_dw);
    }
    set_thread_count(2);
    CHECK(worst_of(wanted_y, y) <= tolerance);
    CHECK(worst_of(wanted_dx, dx) <= tolerance);
    CHECK(worst_of(wanted_dw, dw) <= tolerance);
    CHECK(worst_of(wanted_db, db) <= tolerance);
  }
}

template <class T>
void check_channels(double tolerance) {
  for (const ChannelNormShape& s : {ChannelNormShape{4, 3, 1}, {2, 3, 5}, {3, 5, 64}, {2, 2, 333}}) {
    CAPTURE(s.inner);
    const index_t n = s.batch * s.channels * s.inner, count = s.batch * s.inner;
    const auto size = static_cast<std::size_t>(n);
    const auto x = sample<T>(n, 1), dy = sample<T>(n, 77), w = sample<T>(s.channels, 5), b = sample<T>(s.channels, 9);
    std::vector<T> y(size), dx(size), dw(w.size()), db(w.size());
    std::vector<double> mean(w.size()), rstd(w.size()), xhat(size), wanted_dx(size), wanted_y(size),
        wanted_dw(w.size()), wanted_db(w.size());
    for (index_t c = 0; c < s.channels; ++c)
      reference<T>(
          count,
          [&](index_t i) { return static_cast<std::size_t>((i / s.inner * s.channels + c) * s.inner + i % s.inner); },
          [&](index_t) { return static_cast<double>(w[static_cast<std::size_t>(c)]); }, x, dy, xhat, wanted_dx);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t c = i / static_cast<std::size_t>(s.inner) % w.size();
      wanted_y[i] = xhat[i] * static_cast<double>(w[c]) + static_cast<double>(b[c]);
      wanted_dw[c] += xhat[i] * static_cast<double>(dy[i]);
      wanted_db[c] += static_cast<double>(dy[i]);
    }
    channel_moments(cpu_device, s, x.data(), mean.data(), rstd.data());
    for (double& v : rstd) v = 1 / std::sqrt(v + 1e-5);
    batch_norm_forward(cpu_device, s, x.data(), mean.data(), rstd.data(), w.data(), b.data(), y.data());
    batch_norm_backward(cpu_device, s, x.data(), mean.data(), rstd.data(), w.data(), dy.data(), dx.data(), dw.data(),
                        db.data());
    CHECK(worst_of(wanted_y, y) <= tolerance);
    CHECK(worst_of(wanted_dx, dx) <= tolerance);
    CHECK(worst_of(wanted_dw, dw) <= tolerance);
    CHECK(worst_of(wanted_db, db) <= tolerance);
    batch_norm_backward_constant(cpu_device, s, x.data(), mean.data(), rstd.data(), w.data(), dy.data(), dx.data(),
                                 dw.data(), db.data());
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t c = i / static_cast<std::size_t>(s.inner) % w.size();
      wanted_dx[i] = static_cast<double>(dy[i]) * static_cast<double>(w[c]) * rstd[c];
    }
    CHECK(worst_of(wanted_dx, dx) <= tolerance);
    CHECK(worst_of(wanted_dw, dw) <= tolerance);
  }
}
}  // namespace

TEST_CASE("row norms and their gradients equal plain loops in double") {
  check_rows<float>(2e-5);
  check_rows<double>(1e-11);
}

TEST_CASE("channel norms and their gradients equal plain loops in double") {
  check_channels<float>(2e-5);
  check_channels<double>(1e-11);
}

TEST_CASE("a mean of ten thousand beside a small deviation does no harm") {
  std::vector<float> x = {10000.f, 10000.0625f, 10000.125f, 10000.f, 10000.0625f, 10000.1875f, 10000.25f, 10000.f},
                     y(8);
  double mean = 0, rstd = 0;
  const float* none = nullptr;
  layer_norm_forward(cpu_device, {1, 8}, 0, x.data(), none, none, y.data(), &mean, &rstd);
  double exact_mean = 0, variance = 0;
  for (const float v : x) exact_mean += static_cast<double>(v) / 8;
  for (const float v : x) variance += (static_cast<double>(v) - exact_mean) * (static_cast<double>(v) - exact_mean) / 8;
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(y[i] == doctest::Approx((static_cast<double>(x[i]) - exact_mean) / std::sqrt(variance)).epsilon(1e-5));
}
