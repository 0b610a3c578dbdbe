// Products on tensor cores: what they make of operands rounded to TF32, against plain loops in double over operands
// rounded here, so that float's own accuracy is demanded of the sums.

#include <limn_kernels/conv2d.hpp>
#include <limn_kernels/gemm.hpp>

#include <cuda/expect.hpp>
#include <support/naive_conv2d.hpp>

namespace limn::test {
namespace {

/// Allows TF32, or forbids it, for as long as it lives.
class Tf32 {
 public:
  explicit Tf32(bool allow) : before_(kernels::cuda_allows_tf32()) { kernels::cuda_allow_tf32(allow); }
  ~Tf32() { kernels::cuda_allow_tf32(before_); }
  Tf32(const Tf32&) = delete;
  Tf32& operator=(const Tf32&) = delete;

 private:
  bool before_;
};

/// The nearest number of 11 bits, of which TF32 keeps 10 and implies one; ties away from zero.
double rounded(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);  // from 1/2 on, below 1
  return std::ldexp(std::round(std::ldexp(mantissa, 11)), exponent - 11);
}

std::vector<double> rounded(std::vector<double> numbers) {
  for (double& x : numbers) x = rounded(x);
  return numbers;
}

/// The tensor cores may cut off what float would round: twice what the other products are allowed.
double close_to(index_t terms) { return 4 * tolerance<float> * std::sqrt(static_cast<double>(terms) + 25); }

struct Product {
  index_t m, n, k;
  bool transpose_a = false, transpose_b = false;

  [[nodiscard]] std::vector<double> a() const { return values(m * k, 31); }
  [[nodiscard]] std::vector<double> b() const { return values(k * n, 37); }

  /// c = 1.5 a b - 0.5 c, where c was 2
  [[nodiscard]] std::vector<double> of(const std::vector<double>& a, const std::vector<double>& b) const {
    std::vector<double> c;
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) {
        double sum = 0;
        for (index_t p = 0; p < k; ++p)
          sum += a[static_cast<std::size_t>(transpose_a ? p * m + i : i * k + p)] *
                 b[static_cast<std::size_t>(transpose_b ? j * k + p : p * n + j)];
        c.push_back(1.5 * sum - 1);
      }
    return c;
  }
  template <class T>
  void on_gpu(const T* a, const T* b, T* c) const {
    kernels::gemm<T>(under_test, {.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b},
                     T(1.5), a, b, T(-0.5), c);
  }
  template <class T>
  [[nodiscard]] std::vector<double> on_gpu() const {
    const Buffer<T> at_a(a()), at_b(b()), c(std::vector<double>(static_cast<std::size_t>(m * n), 2));
    on_gpu<T>(at_a.data(), at_b.data(), c.data());
    return c.values();
  }
};

void check_rounded(const Product& product) {
  INFO("m " << product.m << " n " << product.n << " k " << product.k << " transposed " << product.transpose_a
            << product.transpose_b);
  const Buffer<float> at_a(product.a()), at_b(product.b());
  const std::vector<double> before(static_cast<std::size_t>(product.m * product.n), 2);
  const Tf32 allowed(true);
  expect<float>(
      product.of(rounded(product.a()), rounded(product.b())), close_to(product.k),
      [&](float* c) { product.on_gpu<float>(at_a.data(), at_b.data(), c); }, before);
}

TEST_CASE("tf32: gemm in every layout, sizes off the tile, k whole and in parts") {
  if (!have_device()) return;
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      check_rounded({9, 1, 129, transpose_a, transpose_b});
      check_rounded({16, 8, 128, transpose_a, transpose_b});
      check_rounded({5, 130, 161, transpose_a, transpose_b});
      check_rounded({64, 64, 144, transpose_a, transpose_b});
      check_rounded({67, 71, 300, transpose_a, transpose_b});
      check_rounded({12, 20, 0, transpose_a, transpose_b});
    }
  for (const bool transpose : {false, true}) {
    check_rounded({40, 301, 5703, transpose, transpose});   // flat tiles
    check_rounded({129, 132, 4301, transpose, transpose});  // large tiles
  }
  check_rounded({1501, 1403, 130, false, true});  // large tiles, k whole
}

TEST_CASE("tf32: operands are rounded to nearest, ties away from zero; a NaN stays in its row") {
  if (!have_device()) return;
  const std::vector<double> a{1,     1 + 0x1p-11, -1 - 0x1p-11,    1 + 0x1.8p-11, 1 + 0x1.8p-12,
                              -0.75, 0,           3 + 3 * 0x1p-10, NAN,           0x1p-100};
  std::vector<double> expected;
  for (const double x : a) expected.push_back(rounded(x));
  CHECK(expected[1] == 1 + 0x1p-10);
  constexpr index_t k = 128;  // of which all but the first are zeros
  std::vector<double> rows(a.size() * k), column(k);
  for (std::size_t i = 0; i < a.size(); ++i) rows[i * k] = a[i];
  column[0] = 1;
  const Buffer<float> at_a(rows), at_b(column);
  const Tf32 allowed(true);
  expect<float>(expected, 0, [&](float* c) {
    kernels::gemm<float>(under_test, {10, 1, k}, 1, at_a.data(), at_b.data(), 0, c);
  });
}

TEST_CASE("tf32: off at first, and off again; double, few rows and short sums are as ever") {
  if (!have_device()) return;
  CHECK_FALSE(kernels::cuda_allows_tf32());
  const Product many{70, 90, 500}, few{3, 4300, 170}, brief{70, 90, 127};
  const auto exact = many.on_gpu<float>(), of_few = few.on_gpu<float>(), of_brief = brief.on_gpu<float>(),
             doubles = many.on_gpu<double>();
  {
    const Tf32 allowed(true);
    CHECK(kernels::cuda_allows_tf32());
    CHECK_FALSE(same_bits(many.on_gpu<float>(), exact));
    CHECK(same_bits(few.on_gpu<float>(), of_few));
    CHECK(same_bits(brief.on_gpu<float>(), of_brief));
    CHECK(same_bits(many.on_gpu<double>(), doubles));
  }
  CHECK_FALSE(kernels::cuda_allows_tf32());
  CHECK(same_bits(many.on_gpu<float>(), exact));
}

/// k x k with padding k / 2.
kernels::Conv2dShape convolution(index_t n, index_t c, index_t h, index_t w, index_t oc, index_t k, index_t stride,
                                 index_t groups = 1) {
  return {.n = n,
          .c = c,
          .h = h,
          .w = w,
          .oc = oc,
          .kh = k,
          .kw = k,
          .oh = (h + k / 2 * 2 - k) / stride + 1,
          .ow = (w + k / 2 * 2 - k) / stride + 1,
          .stride_h = stride,
          .stride_w = stride,
          .pad_top = k / 2,
          .pad_left = k / 2,
          .groups = groups};
}

TEST_CASE("tf32: conv2d with its data and weight gradients") {
  if (!have_device()) return;
  for (const kernels::Conv2dShape& s : {convolution(2, 15, 9, 11, 17, 3, 1), convolution(1, 130, 12, 12, 129, 1, 1),
                                        convolution(2, 12, 19, 14, 70, 5, 2), convolution(2, 30, 9, 9, 30, 3, 1, 2),
                                        convolution(3, 96, 32, 32, 80, 3, 1)}) {
    INFO("c " << s.c << " h " << s.h << " w " << s.w << " oc " << s.oc << " kh " << s.kh << " groups " << s.groups);
    const auto x = values(s.n * s.c * s.h * s.w, 3), weight = values(s.oc * s.field(), 5), bias = values(s.oc, 7),
               dy = values(s.n * s.oc * s.oh * s.ow, 11);
    const auto x_r = rounded(x), weight_r = rounded(weight), dy_r = rounded(dy);
    std::vector<double> y(dy.size()), dx(x.size()), dw(weight.size());
    for_each_product(s, [&](std::size_t in, std::size_t tap, std::size_t out) {
      y[out] += x_r[in] * weight_r[tap];
      dx[in] += dy_r[out] * weight_r[tap];
      dw[tap] += dy_r[out] * x_r[in];
    });
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] += bias[i / static_cast<std::size_t>(s.oh * s.ow) % static_cast<std::size_t>(s.oc)];
    const Buffer<float> at_x(x), at_weight(weight), at_bias(bias), at_dy(dy);
    const Tf32 allowed(true);
    expect<float>(y, close_to(s.field()), [&](float* to) {
      kernels::conv2d_forward<float>(under_test, s, at_x.data(), at_weight.data(), at_bias.data(), to);
    });
    expect<float>(dx, close_to(s.outputs() * s.kh * s.kw), [&](float* to) {
      kernels::conv2d_data_gradient<float>(under_test, s, at_dy.data(), at_weight.data(), to);
    });
    expect<float>(dw, close_to(s.n * s.oh * s.ow), [&](float* to) {
      kernels::conv2d_weight_gradient<float>(under_test, s, at_x.data(), at_dy.data(), to);
    });
  }
}

}  // namespace
}  // namespace limn::test
