#include "support/op_case.hpp"

#include <limn/ops/pointwise.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {
test::Reference each(double (*f)(double)) {
  return [f](const Inputs<double>& in) {
    Tensor<double> y(in[0].shape());
    for (index_t i = 0; i < y.numel(); ++i) y.data()[i] = f(in[0].data()[i]);
    return y;
  };
}
const std::vector<Shape> matrix = {{5, 7}};
}  // namespace

TEST_CASE("functions of each element agree with <cmath>") {
  const test::CaseOptions wide{.low = -3, .high = 3}, positive{.low = 0.25, .high = 4};
  check_op(
      "square", "a matrix", matrix, [](const auto& in) { return square(in[0]); }, each([](double x) { return x * x; }),
      wide);
  check_op(
      "number_div", "reciprocal", matrix, [](const auto& in) { return reciprocal(in[0]); },
      each([](double x) { return 1 / x; }), positive);
  check_op(
      "sqrt", "positive", matrix, [](const auto& in) { return sqrt(in[0]); },
      each([](double x) { return std::sqrt(x); }), positive);
  check_op(
      "rsqrt", "positive", matrix, [](const auto& in) { return rsqrt(in[0]); },
      each([](double x) { return 1 / std::sqrt(x); }), positive);
  check_op(
      "exp", "both signs", matrix, [](const auto& in) { return exp(in[0]); },
      each([](double x) { return std::exp(x); }), wide);
  check_op(
      "expm1", "both signs", matrix, [](const auto& in) { return expm1(in[0]); },
      each([](double x) { return std::expm1(x); }), wide);
  check_op(
      "log", "positive", matrix, [](const auto& in) { return log(in[0]); }, each([](double x) { return std::log(x); }),
      positive);
  check_op(
      "log", "base 2", matrix, [](const auto& in) { return log2(in[0]); }, each([](double x) { return std::log2(x); }),
      positive);
  check_op(
      "log", "base 10", matrix, [](const auto& in) { return log10(in[0]); },
      each([](double x) { return std::log10(x); }), positive);
  check_op("log1p", "above -1", matrix, [](const auto& in) { return log1p(in[0]); },
           each([](double x) { return std::log1p(x); }), {.low = -0.8, .high = 3});
  check_op(
      "sin", "both signs", matrix, [](const auto& in) { return sin(in[0]); },
      each([](double x) { return std::sin(x); }), wide);
  check_op(
      "cos", "both signs", matrix, [](const auto& in) { return cos(in[0]); },
      each([](double x) { return std::cos(x); }), wide);
  check_op(
      "abs", "both signs", matrix, [](const auto& in) { return abs(in[0]); },
      each([](double x) { return std::fabs(x); }), wide);
  check_op(
      "erf", "both signs", matrix, [](const auto& in) { return erf(in[0]); },
      each([](double x) { return std::erf(x); }), wide);
  check_op(
      "tanh", "both signs", matrix, [](const auto& in) { return tanh(in[0]); },
      each([](double x) { return std::tanh(x); }), wide);
  check_op(
      "sigmoid", "both signs", matrix, [](const auto& in) { return sigmoid(in[0]); },
      each([](double x) { return 1 / (1 + std::exp(-x)); }), wide);
  check_op("exp", "nothing at all", {{0, 3}}, [](const auto& in) { return exp(in[0]); });
  check_op("exp", "one number", {{}}, [](const auto& in) { return exp(in[0]); });
}

TEST_CASE("pow takes a number or a tensor as exponent") {
  const test::CaseOptions positive{.low = 0.25, .high = 4};
  check_op(
      "pow_number", "3", matrix, [](const auto& in) { return pow(in[0], 3); },
      each([](double x) { return x * x * x; }));
  check_op(
      "pow_number", "a fraction", matrix, [](const auto& in) { return pow(in[0], 1.7); },
      each([](double x) { return std::pow(x, 1.7); }), positive);
  check_op(
      "pow_number", "-2", matrix, [](const auto& in) { return pow(in[0], -2); },
      each([](double x) { return 1 / (x * x); }), positive);
  check_op(
      "pow_number", "0 has gradient 0", matrix, [](const auto& in) { return pow(in[0], 0); },
      each([](double) { return 1.0; }));
  check_op(
      "square", "pow 2", matrix, [](const auto& in) { return pow(in[0], 2); }, each([](double x) { return x * x; }));
  check_op(
      "pow", "broadcast exponents", {{3, 4}, {4}}, [](const auto& in) { return pow(in[0], in[1]); }, nullptr, positive);
  auto base = from<float>({0, 2}, {2}).requires_grad_(), exponent = from<float>({0, 3}, {2}).requires_grad_();
  const auto g = grad(pow(base, exponent), {base, exponent}, {.dy = {ones({2})}});
  CHECK(to_vector(g[0]) == std::vector<float>{0, 12});
  CHECK(g[1].at({0}) == 0.f);
  CHECK(g[1].at({1}) == doctest::Approx(8 * std::log(2.0)));
  CHECK(to_vector(pow(from<std::int64_t>({3, -1, 2}, {3}), from<std::int64_t>({4, -3, -1}, {3}))) ==
        std::vector<std::int64_t>{81, -1, 0});
}

TEST_CASE("clamp passes the gradient at its bounds and stops it beyond") {
  check_op("clamp", "two bounds", matrix, [](const auto& in) { return clamp(in[0], -0.5, 0.25); });
  check_op("clamp", "low alone", matrix, [](const auto& in) { return clamp_min(in[0], 0.1); });
  check_op("clamp", "high alone", matrix, [](const auto& in) { return clamp_max(in[0], 0.1); });
  auto x = from<float>({-2, -1, 0, 1, 2}, {5}).requires_grad_();
  CHECK(to_vector(grad(clamp(x, -1, 1), {x}, {.dy = {ones({5})}})[0]) == std::vector<float>{0, 1, 1, 1, 0});
  CHECK(to_vector(clamp(arange<std::int64_t>(4), 1, 2)) == std::vector<std::int64_t>{1, 1, 2, 2});
}

TEST_CASE("softplus is x beyond the threshold") {
  const test::CaseOptions wide{.low = -3, .high = 3};
  check_op(
      "softplus", "defaults", matrix, [](const auto& in) { return softplus(in[0]); },
      each([](double x) { return std::log1p(std::exp(x)); }), wide);
  check_op(
      "softplus", "beta 2", matrix, [](const auto& in) { return softplus(in[0], {.beta = 2}); },
      each([](double x) { return std::log1p(std::exp(2 * x)) / 2; }), wide);
  check_op(
      "softplus", "threshold 1", matrix, [](const auto& in) { return softplus(in[0], {.threshold = 1}); },
      each([](double x) { return x > 1 ? x : std::log1p(std::exp(x)); }), wide);
}

TEST_CASE("sign, floor, ceil and round carry no gradient; isnan finds NaN") {
  auto x = from<float>({-1.5f, -0.f, 0.5f, 2.5f}, {4}).requires_grad_();
  CHECK(to_vector(sign(x)) == std::vector<float>{-1, 0, 1, 1});
  CHECK(to_vector(floor(x)) == std::vector<float>{-2, 0, 0, 2});
  CHECK(to_vector(ceil(x)) == std::vector<float>{-1, 0, 1, 3});
  CHECK(to_vector(round(x)) == std::vector<float>{-2, 0, 0, 2});
  CHECK(!round(x).requires_grad());
  CHECK(to_vector(abs(from<std::int32_t>({-3, 4}, {2}))) == std::vector<std::int32_t>{3, 4});
  CHECK(to_vector(isnan(log(from<float>({-1, 1}, {2})))) == std::vector<bool>{true, false});
  CHECK(to_vector(grad(abs(x), {x}, {.dy = {ones({4})}})[0])[1] == 0.f);
}
