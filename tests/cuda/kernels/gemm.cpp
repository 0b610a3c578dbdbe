// Matrix products on the GPU against plain loops in double.

#include <limn_kernels/linear.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

struct GemmCase {
  index_t m, n, k;
  bool transpose_a, transpose_b;
  double beta;
};

template <class T>
void check_gemm(const GemmCase& size) {
  const index_t m = size.m, n = size.n, k = size.k;
  const bool transpose_a = size.transpose_a, transpose_b = size.transpose_b;
  const double beta = size.beta;
  INFO("m " << m << " n " << n << " k " << k << " transposed " << transpose_a << transpose_b << " beta " << beta);
  kernels::GemmShape s{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
  s.lda = (transpose_a ? m : k) + 3;
  s.ldc = n + 1;
  const index_t ldb = transpose_b ? k : n;  // left 0 in s: no gap
  const auto a = values(s.lda * (transpose_a ? k : m), 23), b = values(ldb * (transpose_b ? n : k), 29);
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
  expect<T>(expected, 2 * tolerance<T> * std::sqrt(static_cast<double>(k) + 25), [&](T* c) {
    kernels::gemm<T>(under_test, s, static_cast<T>(1.5), at_a.data(), at_b.data(), static_cast<T>(beta), c);
  });
}

TEST_CASE_TEMPLATE("gemm: any transposition, gaps between rows, sizes off the tile", T, float, double) {
  if (!have_device()) return;
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const double beta : {0.0, -0.5}) {
        check_gemm<T>({1, 1, 1, transpose_a, transpose_b, beta});
        check_gemm<T>({65, 3, 17, transpose_a, transpose_b, beta});
        check_gemm<T>({64, 64, 16, transpose_a, transpose_b, beta});
        check_gemm<T>({5, 130, 33, transpose_a, transpose_b, beta});
        check_gemm<T>({3, 4, 0, transpose_a, transpose_b, beta});
        check_gemm<T>({5, 7, 300, transpose_a, transpose_b, beta});  // k in parts
      }
}

TEST_CASE("gemm: large tiles, with k whole and in parts") {
  if (!have_device()) return;
  check_gemm<float>({1500, 1403, 130, false, true, 0.0});
  check_gemm<float>({129, 135, 34 * 128 + 1, true, false, -0.5});
}

TEST_CASE_TEMPLATE("gemm: flat tiles, few rows of many columns, dot products", T, float, double) {
  if (!have_device()) return;
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) check_gemm<T>({40, 301, 6000, transpose_a, transpose_b, -0.5});
  for (const index_t rows : {1, 3, 8})
    for (const bool transpose : {false, true}) {
      check_gemm<T>({rows, 4300, 70, transpose, false, -0.5});
      check_gemm<T>({rows, 131, 1030, false, true, 0.0});
    }
}

TEST_CASE_TEMPLATE("gemm: with beta 0 a NaN in C does not spread", T, float, double) {
  if (!have_device()) return;
  const Buffer<T> a(std::vector<double>{1, 2}), b(std::vector<double>{3, 4});
  expect<T>({11}, 0, [&](T* c) { kernels::gemm<T>(under_test, {1, 1, 2}, T(1), a.data(), b.data(), T(0), c); }, {NAN});
}

TEST_CASE_TEMPLATE("linear: every activation, with and without a bias", T, float, double) {
  if (!have_device()) return;
  const kernels::LinearShape s{9, 70, 21};
  const auto x = values(s.rows * s.inputs, 3), w = values(s.outputs * s.inputs, 5), bias = values(s.outputs, 7);
  const Buffer<T> at_x(x), at_w(w), at_bias(bias);
  using kernels::Activation;
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh,
                                      Activation::silu, Activation::tanh, Activation::sigmoid})
    for (const bool biased : {false, true}) {
      std::vector<double> expected;
      for (index_t i = 0; i < s.rows; ++i)
        for (index_t j = 0; j < s.outputs; ++j) {
          double v = biased ? bias[static_cast<std::size_t>(j)] : 0;
          for (index_t p = 0; p < s.inputs; ++p)
            v += x[static_cast<std::size_t>(i * s.inputs + p)] * w[static_cast<std::size_t>(j * s.inputs + p)];
          switch (activation) {
            case Activation::none:
              break;
            case Activation::relu:
              v = v > 0 ? v : 0;
              break;
            case Activation::gelu:
              v = v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
              break;
            case Activation::gelu_tanh:
              v = v / 2 * (1 + std::tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
              break;
            case Activation::silu:
              v = v / (1 + std::exp(-v));
              break;
            case Activation::tanh:
              v = std::tanh(v);
              break;
            case Activation::sigmoid:
              v = 1 / (1 + std::exp(-v));
              break;
          }
          expected.push_back(v);
        }
      expect<T>(expected, 8 * tolerance<T>, [&](T* y) {
        kernels::linear<T>(under_test, s, at_x.data(), at_w.data(), {biased ? at_bias.data() : nullptr, activation}, y);
      });
    }
}

}  // namespace
}  // namespace limn::test
