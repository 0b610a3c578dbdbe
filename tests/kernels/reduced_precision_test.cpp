#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/pointwise.hpp>
#include <limn_kernels/reduced_precision.hpp>

using namespace limn;

namespace {

using Numbers = std::vector<float>;

Numbers random_numbers(index_t count, Generator& generator) {
  Numbers values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(generator.uniform() * 2 - 1);
  return values;
}
std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

/// Sizes 1..70, and now and then several blocks, panels and tasks.
std::array<index_t, 3> random_size(int trial, Generator& generator) {
  std::array<index_t, 3> size{1 + generator.below(70), 1 + generator.below(70), 1 + generator.below(70)};
  if (trial % 10 == 0) size[2] += 2100;
  if (trial % 15 == 0) size[1] += 600;
  if (trial % 25 == 0) size[0] += 170;
  return size;
}

/// `product(y)` into memory of NaN on 1, 2 and 7 threads: always the same bits, and the first result.
template <class Product>
Numbers on_any_threads(index_t count, const Product& product) {
  std::vector<Numbers> results;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    results.emplace_back(at(count), std::nanf(""));
    product(results.back().data());
  }
  for (const Numbers& other : results)
    CHECK(std::memcmp(results[0].data(), other.data(), at(count) * sizeof(float)) == 0);
  return results[0];
}

/// How far y = a b is from double, in units of what bf16 allows: of the product of the rounded numbers, and of the
/// given ones. a(i, p) = a[i * a_row + p * a_step], b(p, j) likewise.
struct Bf16Errors {
  double of_rounded = 0, of_given = 0;

  Bf16Errors(std::array<index_t, 3> size, const Numbers& a, index_t a_row, index_t a_step, const Numbers& b,
             index_t b_step, index_t b_column, const Numbers& y) {
    const auto [m, n, k] = size;
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) {
        double rounded = 0, given = 0, rounded_size = 0, size_of_sum = 0;
        for (index_t p = 0; p < k; ++p) {
          const double x = static_cast<double>(a[at(i * a_row + p * a_step)]),
                       w = static_cast<double>(b[at(p * b_step + j * b_column)]),
                       xr = static_cast<double>(static_cast<float>(bf16(static_cast<float>(x)))),
                       wr = static_cast<double>(static_cast<float>(bf16(static_cast<float>(w))));
          rounded += xr * wr;
          given += x * w;
          rounded_size += std::abs(xr * wr);
          size_of_sum += std::abs(x * w);
        }
        // Products of two 8-bit numbers are exact in float; each of the sums (one more where k is odd) rounds by 2^-24.
        // A sum below 2^-126 may become 0.
        const double sums =
            static_cast<double>(k + 1) * 0x1p-24 * rounded_size * 1.001 + static_cast<double>(k) * 0x1p-126;
        // Rounding to 8 bits: by 2^-8 at most, each operand.
        const double rounding = (2 * 0x1p-8 + 0x1p-16) * size_of_sum, result = static_cast<double>(y[at(i * n + j)]);
        of_rounded = std::fmax(of_rounded, std::isfinite(result) ? std::abs(result - rounded) / sums : 1e9);
        of_given = std::fmax(of_given, std::abs(result - given) / (sums + rounding));
      }
  }
};

/// What contract of bytes says, number by number.
struct Bytes {
  std::vector<int> numbers;
  float scale;

  Bytes(index_t k, const float* x, index_t step) : scale(0) {
    float most = 0, inverse = 0;
    for (index_t p = 0; p < k; ++p) most = std::fmax(most, std::abs(x[p * step]));
    if (most >= 0x1p-120F) scale = most / 127.F, inverse = 127.F / most;
    for (index_t p = 0; p < k; ++p) {
      const volatile float product = x[p * step] * inverse;
      numbers.push_back(static_cast<int>(std::nearbyint(product)));
    }
  }
};

}  // namespace

TEST_CASE("bf16 weights: within the rounding of bf16 of double over random shapes, the same bits on any threads") {
  Generator generator(1);
  for (int trial = 0; trial < 100; ++trial) {
    const auto size = random_size(trial, generator);
    const index_t m = size[0], n = size[1], k = size[2];
    const bool transposed = trial % 3 != 0;
    const Numbers x = random_numbers(m * k, generator), w = random_numbers(n * k, generator);
    const kernels::PackedMatrix<bf16> packed(k, n, transposed, w.data());
    const Numbers y =
        on_any_threads(m * n, [&](float* to) { kernels::linear(cpu_device, m, x.data(), packed, {}, to); });
    const Bf16Errors errors(size, x, k, 1, w, transposed ? 1 : n, transposed ? k : 1, y);
    INFO("m " << m << " n " << n << " k " << k);
    CHECK(errors.of_rounded <= 1);
    CHECK(errors.of_given <= 1);
  }
}

TEST_CASE("bf16 products of training: every transposition and gap, within the rounding of bf16 of double") {
  Generator generator(2);
  for (int trial = 0; trial < 120; ++trial) {
    const auto size = random_size(trial, generator);
    kernels::GemmShape s{size[0], size[1], size[2], trial % 2 == 1, trial / 2 % 2 == 1};
    s.lda = (s.transpose_a ? s.m : s.k) + generator.below(3);
    s.ldb = (s.transpose_b ? s.k : s.n) + generator.below(3);
    const Numbers a = random_numbers((s.transpose_a ? s.k : s.m) * s.lda, generator),
                  b = random_numbers((s.transpose_b ? s.n : s.k) * s.ldb, generator);
    const Numbers c =
        on_any_threads(s.m * s.n, [&](float* to) { kernels::gemm_bf16(cpu_device, s, a.data(), b.data(), to); });
    const Bf16Errors errors(size, a, s.transpose_a ? 1 : s.lda, s.transpose_a ? s.lda : 1, b, s.transpose_b ? 1 : s.ldb,
                            s.transpose_b ? s.ldb : 1, c);
    INFO("m " << s.m << " n " << s.n << " k " << s.k << " ta " << s.transpose_a << " tb " << s.transpose_b);
    CHECK(errors.of_rounded <= 1);
    CHECK(errors.of_given <= 1);
  }
}

TEST_CASE("bf16 weights: a batch of products, and rows that do not depend on each other") {
  Generator generator(3);
  const kernels::MatmulShape s{{.m = 5, .n = 9, .k = 33}, 4};
  const Numbers a = random_numbers(4 * 5 * 33, generator), b = random_numbers(33 * 9, generator);
  const index_t a_offsets[] = {0, 165, 330, 495}, b_offsets[] = {0, 0, 0, 0};
  const Numbers together = on_any_threads(
      4 * 45, [&](float* to) { kernels::matmul_bf16(cpu_device, s, a.data(), a_offsets, b.data(), b_offsets, to); });
  const Numbers tall = on_any_threads(
      4 * 45, [&](float* to) { kernels::gemm_bf16(cpu_device, {.m = 20, .n = 9, .k = 33}, a.data(), b.data(), to); });
  CHECK(together == tall);
  const Numbers x = random_numbers(200 * 1500, generator), w = random_numbers(40 * 1500, generator);
  const kernels::PackedMatrix<bf16> packed(1500, 40, true, w.data());
  Numbers all(200 * 40), one(40);
  kernels::linear(cpu_device, 200, x.data(), packed, {}, all.data());
  for (const index_t row : {0, 13, 150, 199}) {
    kernels::linear(cpu_device, 1, x.data() + row * 1500, packed, {}, one.data());
    CHECK(std::memcmp(one.data(), all.data() + row * 40, 40 * sizeof(float)) == 0);
  }
}

TEST_CASE("bf16 weights: numbers that are not finite stay so, and every bf16 is rounded as bf16 itself") {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> odd = {infinity, -infinity,   std::nanf(""), 0x1.ffp127F,
                                  -0.F,     1.00390625F, 1.01171875F,   3e38F};
  for (const float value : odd) {
    const Numbers x = {value, 0.F, 0.F}, w = {1.F, 0.F, 0.F};
    const kernels::PackedMatrix<bf16> packed(3, 1, true, w.data()), turned(3, 1, true, x.data());
    float y = 7, z = 7;
    kernels::linear(cpu_device, 1, x.data(), packed, {}, &y);
    kernels::linear(cpu_device, 1, w.data(), turned, {}, &z);
    const float expected = static_cast<float>(bf16(value));
    CHECK((std::isnan(expected) ? std::isnan(y) : y == expected));
    CHECK((std::isnan(expected) ? std::isnan(z) : z == expected));
  }
}

TEST_CASE("int8 weights: the bits that whole numbers give, on every instruction set, whatever the shape") {
  Generator generator(4);
  for (int trial = 0; trial < 100; ++trial) {
    const auto size = random_size(trial, generator);
    const index_t m = size[0], n = size[1], k = size[2];
    const bool transposed = trial % 3 != 0;
    Numbers x = random_numbers(m * k, generator), w = random_numbers(n * k, generator);
    if (trial % 7 == 0) std::fill_n(x.begin(), k, 0.F);     // a row of zeros
    if (trial % 7 == 1) std::fill_n(x.begin(), k, 1e-37F);  // one that counts as such
    if (trial % 5 == 0) std::fill_n(w.begin(), transposed ? k : 1, 0.F);
    if (trial % 4 == 0) x[0] = 3e4F;
    const kernels::PackedMatrix<std::int8_t> packed(k, n, transposed, w.data());
    const Numbers y =
        on_any_threads(m * n, [&](float* to) { kernels::linear(cpu_device, m, x.data(), packed, {}, to); });
    std::vector<Bytes> rows, columns;
    for (index_t i = 0; i < m; ++i) rows.emplace_back(k, x.data() + i * k, 1);
    for (index_t j = 0; j < n; ++j) columns.emplace_back(k, w.data() + (transposed ? j * k : j), transposed ? 1 : n);
    index_t different = 0;
    double worst = 0;
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) {
        const Bytes &r = rows[at(i)], &c = columns[at(j)];
        std::int64_t sum = 0;
        double exact = 0, bound = 0;
        for (index_t p = 0; p < k; ++p) {
          sum += r.numbers[at(p)] * c.numbers[at(p)];
          const double a = static_cast<double>(x[at(i * k + p)]),
                       b = static_cast<double>(w[at(transposed ? j * k + p : p * n + j)]);
          exact += a * b;
          // Half a unit each, and what the scale and its inverse are rounded by.
          const double da = (0.5 + 0x1p-15) * static_cast<double>(r.scale) + 0x1p-120,
                       db = (0.5 + 0x1p-15) * static_cast<double>(c.scale) + 0x1p-120;
          bound += std::abs(a) * db + std::abs(b) * da + da * db + 0x1p-20 * std::abs(a * b);
        }
        const float scale = r.scale * c.scale, expected = static_cast<float>(sum) * scale;
        different += std::memcmp(&expected, &y[at(i * n + j)], sizeof expected) != 0;
        worst = std::fmax(worst, std::abs(static_cast<double>(y[at(i * n + j)]) - exact) / bound);
      }
    INFO("m " << m << " n " << n << " k " << k);
    CHECK(different == 0);
    CHECK(worst <= 1);
  }
}

TEST_CASE("int8 weights: the largest sums fit, too many numbers are refused, a NaN stays in its row and column") {
  const index_t k = 66311;
  const Numbers x(at(k), 2.F), w(at(k), -3.F);
  const kernels::PackedMatrix<std::int8_t> packed(k, 1, true, w.data());
  float y = 0;
  kernels::linear(cpu_device, 1, x.data(), packed, {}, &y);
  CHECK(std::abs(y + 6.F * static_cast<float>(k)) < 1);
  CHECK_THROWS_WITH_AS((kernels::PackedMatrix<std::int8_t>(k + 1, 0, true, w.data())),
                       "PackedMatrix: 66312 numbers a column are too many for int8: at most 66311", Error);

  Numbers a = {1, 2, 3, 4, 5, 6}, b = {1, 1, 1, 2, 2, 2};
  a[1] = std::nanf("");
  b[4] = std::numeric_limits<float>::infinity();
  const kernels::PackedMatrix<std::int8_t> odd(3, 2, true, b.data());
  float c[4] = {};
  kernels::linear(cpu_device, 2, a.data(), odd, {}, c);
  CHECK(std::isnan(c[0]));
  CHECK(std::isnan(c[1]));
  CHECK(c[2] == doctest::Approx(15).epsilon(0.01));
  CHECK(std::isnan(c[3]));
}

TEST_CASE_TEMPLATE("reduced weights: the epilogue gives the bits of a product, a sum and a function", E, bf16,
                   std::int8_t) {
  Generator generator(5);
  using kernels::Activation;
  for (const auto activation : {Activation::none, Activation::relu, Activation::gelu, Activation::sigmoid})
    for (const auto& [m, n, k] : {std::array<index_t, 3>{3, 70, 100}, {33, 600, 20}, {200, 17, 600}, {5, 9, 0}}) {
      const Numbers x = random_numbers(m * k, generator), w = random_numbers(n * k, generator),
                    bias = random_numbers(n, generator);
      const kernels::PackedMatrix<E> packed(k, n, true, w.data());
      Numbers fused(at(m * n)), apart(fused.size());
      kernels::linear(cpu_device, m, x.data(), packed, {bias.data(), activation}, fused.data());
      kernels::linear(cpu_device, m, x.data(), packed, {}, apart.data());
      for (std::size_t i = 0; i < apart.size(); ++i) apart[i] += bias[i % at(n)];
      const auto apply = [&](auto f) {
        kernels::unary(cpu_device, static_cast<index_t>(apart.size()), apart.data(), apart.data(), f);
      };
      if (activation == Activation::relu) apply(kernels::Relu{});
      if (activation == Activation::gelu) apply(kernels::Gelu{});
      if (activation == Activation::sigmoid) apply(kernels::Sigmoid{});
      CHECK(fused == apart);
    }
}
