#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/gemm.hpp>
#include <limn_kernels/linear.hpp>
#include <limn_kernels/pointwise.hpp>

using namespace limn;

namespace {

struct Operands {
  std::vector<double> a, b, c;
};

std::vector<double> random_values(index_t count, Generator& generator) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& v : values) v = static_cast<float>(generator.uniform() * 2 - 1);
  return values;
}

/// The reference: three loops in double.
std::vector<double> naive(const kernels::GemmShape& s, double alpha, const std::vector<double>& a,
                          const std::vector<double>& b, double beta, std::vector<double> c) {
  for (index_t i = 0; i < s.m; ++i)
    for (index_t j = 0; j < s.n; ++j) {
      double sum = 0;
      for (index_t p = 0; p < s.k; ++p)
        sum += a[static_cast<std::size_t>(s.transpose_a ? p * s.lda + i : i * s.lda + p)] *
               b[static_cast<std::size_t>(s.transpose_b ? j * s.ldb + p : p * s.ldb + j)];
      double& y = c[static_cast<std::size_t>(i * s.ldc + j)];
      y = beta == 0 ? alpha * sum : alpha * sum + beta * y;
    }
  return c;
}

template <class T>
void check(kernels::GemmShape s, double alpha, double beta, Generator& generator, double unit) {
  if (s.lda == 0) s.lda = (s.transpose_a ? s.m : s.k) + generator.below(3);
  if (s.ldb == 0) s.ldb = (s.transpose_b ? s.k : s.n) + generator.below(3);
  if (s.ldc == 0) s.ldc = s.n + generator.below(3);
  const auto a = random_values((s.transpose_a ? s.k : s.m) * s.lda, generator),
             b = random_values((s.transpose_b ? s.n : s.k) * s.ldb, generator);
  auto c = random_values(s.m * s.ldc, generator);
  if (beta == 0)
    for (index_t i = 0; i < s.m; ++i)
      for (index_t j = 0; j < s.n; ++j) c[static_cast<std::size_t>(i * s.ldc + j)] = std::nan("");  // must not spread
  const auto expected = naive(s, alpha, a, b, beta, c);
  const std::vector<T> ta(a.begin(), a.end()), tb(b.begin(), b.end()), start(c.begin(), c.end());
  std::vector<std::vector<T>> results;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<T> result = start;
    kernels::gemm<T>(cpu_device, s, static_cast<T>(alpha), ta.data(), tb.data(), static_cast<T>(beta), result.data());
    results.push_back(result);
  }
  INFO("m " << s.m << " n " << s.n << " k " << s.k << " ta " << s.transpose_a << " tb " << s.transpose_b << " alpha "
            << alpha << " beta " << beta);
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool gap = static_cast<index_t>(i) % s.ldc >= s.n;
    if (gap && results[0][i] != start[i])
      largest = 1e9;  // wrote between the rows
    else if (!gap)
      largest = std::fmax(largest, std::isfinite(static_cast<double>(results[0][i]))
                                       ? std::abs(static_cast<double>(results[0][i]) - expected[i])
                                       : 1e9);
  }
  // |a|, |b| < 1: each of the k steps rounds a product (without FMA) and a sum.
  CHECK(largest <= unit * static_cast<double>(s.k + 1));
  CHECK(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(T)) == 0);
  CHECK(std::memcmp(results[0].data(), results[2].data(), results[0].size() * sizeof(T)) == 0);
}

}  // namespace

TEST_CASE("gemm agrees with three loops in double over random shapes, gaps and transpositions") {
  Generator generator(5);
  for (int trial = 0; trial < 150; ++trial) {
    const kernels::GemmShape s{1 + generator.below(70), 1 + generator.below(70), generator.below(71),
                               generator.below(2) == 1, generator.below(2) == 1};
    const double alpha = trial % 3 ? 1 : -0.5, beta = trial % 2 ? 0 : trial % 4 ? 1 : 0.25;
    check<float>(s, alpha, beta, generator, 1.2e-7);
    check<double>(s, alpha, beta, generator, 2.3e-16);
  }
}

TEST_CASE("gemm agrees over several blocks of every dimension") {
  Generator generator(6);
  for (const auto& s : {kernels::GemmShape{200, 100, 1100},
                        {100, 700, 1100, false, true},
                        {3, 4200, 600, false, true},
                        {1, 300, 2000, false, true},
                        {5, 37, 200, false, true},
                        {37, 5, 1100, false, true},
                        {32, 33, 1031, false, true},
                        {400, 33, 520, true, false},
                        {2, 64, 700, false, false},
                        {1, 320, 40, false, false},  // B in place, four panels at a time
                        {2, 335, 530, false, false},
                        {3, 200, 60, false, false},
                        {14, 320, 513, true, true},
                        {800, 17, 3},
                        {33, 200, 1100, false, true},
                        {170, 31, 40, true, false}})
    check<float>(s, 1, 0.5, generator, 1.2e-7);
}

TEST_CASE("gemm agrees where few rows pass by B as it lies") {
  Generator generator(10);
  for (index_t m = 1; m <= 33; ++m) check<float>({m, 1 + generator.below(420), 30}, 1, 0, generator, 1.2e-7);
  for (const index_t m : {1, 4, 7, 16, 25, 80}) {
    check<float>({m, 431, 1100}, 1, 1, generator, 1.2e-7);
    check<float>({m, 128, 700, false, false, 0, 2048}, 0.5, 0.5, generator, 1.2e-7);
    check<double>({m, 75, 520}, -1, 0, generator, 2.3e-16);
  }
  for (const index_t m : {1, 2, 3, 5, 20})  // B comes from memory
    for (const double beta : {0.0, 1.0, 0.25}) {
      check<float>({m, 2065, 1030}, 1, beta, generator, 1.2e-7);
      check<float>({m, 1030, 2065, false, true}, 1, beta, generator, 1.2e-7);
    }
  for (index_t m = 1; m <= 4; ++m)  // k ends within a vector, n within a group of rows
    for (index_t end = 0; end < 8; ++end) {
      check<float>({m, 40 + 3 * end, 64 + 11 * end, false, true}, 1, 0, generator, 1.2e-7);
      check<double>({m, 40 + 3 * end, 64 + 11 * end, false, true}, 1, 0.5, generator, 2.3e-16);
      check<double>({m, 40 + 3 * end, 64 + 11 * end}, 1, 0.5, generator, 2.3e-16);
    }
  check<float>({1500, 11, 1500, true, true}, 1, 0, generator, 1.2e-7);
  for (index_t m = 1; m <= 33; ++m) {
    check<float>({m, 140, 530, false, true}, 1, 0.5, generator, 1.2e-7);
    check<float>({m, 67, 1100, false, true, 2048, 2048}, -1, 0, generator, 1.2e-7);
    check<float>({200, m, 100, false, true}, 1, 0, generator, 1.2e-7);
    check<double>({m, 70, 600, false, true, 600, 1024}, -1, 1, generator, 2.3e-16);
  }
}

TEST_CASE("gemm agrees where the rows of its matrices fall on the same lines of a cache") {
  Generator generator(8);
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      check<float>({35, 70, 600, ta, tb, 1024, 1024, 1024}, -1, 0, generator, 1.2e-7);
      check<float>({180, 40, 20, ta, tb, 1024, 1024, 2048}, 1, 1, generator, 1.2e-7);
      check<double>({20, 300, 30, ta, tb, 512, 512, 512}, 1, 0.5, generator, 2.3e-16);
    }
}

TEST_CASE("gemm of bf16 rounds once, gemm of integers is exact") {
  Generator generator(7);
  const std::vector<bf16> a = {1.f, 2.f, 3.f, 4.f}, b = {1.f, 1.f, 1.f, -1.f};
  std::vector<bf16> c(4);
  kernels::gemm<bf16>(cpu_device, {2, 2, 2}, 1.f, a.data(), b.data(), 0.f, c.data());
  CHECK(static_cast<float>(c[0]) == 3);
  CHECK(static_cast<float>(c[1]) == -1);
  CHECK(static_cast<float>(c[3]) == -1);
  const std::vector<std::int64_t> ia = {1, 2, 3, 4}, ib = {1, 1, 1, -1};
  std::vector<std::int64_t> ic(4);
  kernels::gemm<std::int64_t>(cpu_device, {2, 2, 2, true, false}, 1, ia.data(), ib.data(), 0, ic.data());
  CHECK(ic == std::vector<std::int64_t>{4, -2, 6, -2});
}

TEST_CASE("linear of packed weights agrees with three loops, with the same bits on any number of threads") {
  Generator generator(9);
  for (int trial = 0; trial < 60; ++trial) {
    index_t m = 1 + generator.below(40), n = 1 + generator.below(70), k = generator.below(71);
    if (trial % 10 == 0) k += 600;
    if (trial % 15 == 0) n += 300;
    if (trial % 6 == 1) m = 1 + trial / 6 % 3, n += 200;  // four panels at a time
    const kernels::GemmShape s{m, n, k, false, true, k, k, n};
    const auto a = random_values(m * k, generator), w = random_values(n * k, generator);
    const auto expected = naive(s, 1, a, w, 0, random_values(m * n, generator));
    const std::vector<float> ta(a.begin(), a.end()), tw(w.begin(), w.end());
    const kernels::PackedMatrix<float> packed(k, n, true, tw.data());
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 7}) {
      kernels::set_thread_count(threads);
      results.emplace_back(static_cast<std::size_t>(m * n), 7.F);
      kernels::linear<float>(cpu_device, m, ta.data(), packed, {}, results.back().data());
    }
    double largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      largest = std::fmax(largest, std::abs(static_cast<double>(results[0][i]) - expected[i]));
    INFO("m " << m << " n " << n << " k " << k);
    CHECK(largest <= 1.2e-7 * static_cast<double>(k + 1));
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
  }
}

TEST_CASE("the epilogue of linear gives the bits of a product, a sum and a function one after the other") {
  Generator generator(10);
  using kernels::Activation;
  for (const auto activation : {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh,
                                Activation::silu, Activation::tanh, Activation::sigmoid})
    for (const auto& size : {std::array<index_t, 3>{3, 70, 100}, {33, 300, 20}, {200, 17, 600}, {5, 9, 0}}) {
      const index_t m = size[0], n = size[1], k = size[2];
      const auto a = random_values(m * k, generator), w = random_values(n * k, generator),
                 b = random_values(n, generator);
      const std::vector<float> ta(a.begin(), a.end()), tw(w.begin(), w.end()), tb(b.begin(), b.end());
      std::vector<float> fused(static_cast<std::size_t>(m * n)), apart(fused.size());
      kernels::linear<float>(cpu_device, {m, n, k}, ta.data(), tw.data(), {tb.data(), activation}, fused.data());
      kernels::linear<float>(cpu_device, {m, n, k}, ta.data(), tw.data(), {}, apart.data());
      for (std::size_t i = 0; i < apart.size(); ++i) apart[i] += tb[i % static_cast<std::size_t>(n)];
      const auto apply = [&](auto f) { kernels::unary(cpu_device, m * n, apart.data(), apart.data(), f); };
      if (activation == Activation::relu) apply(kernels::Relu{});
      if (activation == Activation::gelu) apply(kernels::Gelu{});
      if (activation == Activation::gelu_tanh) apply(kernels::GeluTanh{});
      if (activation == Activation::silu) apply(kernels::Silu{});
      if (activation == Activation::tanh) apply(kernels::Tanh{});
      if (activation == Activation::sigmoid) apply(kernels::Sigmoid{});
      CHECK(fused == apart);
    }
}
