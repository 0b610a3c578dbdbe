#include "support/op_case.hpp"

#include <limn/ops/activation.hpp>

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
const std::vector<Shape> matrix = {{7, 9}};
const test::CaseOptions wide{.low = -4, .high = 4};
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

/// The gradient of the sum of f at these points.
template <class F>
std::vector<float> slopes(const std::vector<float>& at, F f) {
  auto x = from<float>(at, {static_cast<index_t>(at.size())}).requires_grad_();
  return to_vector(grad(f(x), {x}, {.dy = {ones(x.shape())}})[0]);
}
}  // namespace

TEST_CASE("activations agree with their formulas and have first and second derivatives") {
  check_op(
      "relu", "formula", matrix, [](const auto& in) { return relu(in[0]); },
      each([](double x) { return x > 0 ? x : 0; }), wide);
  check_op(
      "leaky_relu", "default", matrix, [](const auto& in) { return leaky_relu(in[0]); },
      each([](double x) { return x > 0 ? x : 0.01 * x; }), wide);
  check_op(
      "leaky_relu", "slope 0.3", matrix, [](const auto& in) { return leaky_relu(in[0], 0.3); },
      each([](double x) { return x > 0 ? x : 0.3 * x; }), wide);
  check_op(
      "elu", "alpha 1", matrix, [](const auto& in) { return elu(in[0]); },
      each([](double x) { return x > 0 ? x : std::expm1(x); }), wide);
  check_op(
      "elu", "alpha 0.7", matrix, [](const auto& in) { return elu(in[0], 0.7); },
      each([](double x) { return x > 0 ? x : 0.7 * std::expm1(x); }), wide);
  check_op(
      "elu", "celu alpha 2", matrix, [](const auto& in) { return celu(in[0], 2); },
      each([](double x) { return x > 0 ? x : 2 * std::expm1(x / 2); }), wide);
  check_op(
      "elu", "selu", matrix, [](const auto& in) { return selu(in[0]); },
      each([](double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x)); }), wide);
  check_op(
      "gelu", "erf", matrix, [](const auto& in) { return gelu(in[0]); },
      each([](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }), wide);
  check_op(
      "gelu_tanh", "tanh", matrix, [](const auto& in) { return gelu_tanh(in[0]); }, each([](double x) {
        return x / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
      }),
      wide);
  check_op(
      "silu", "formula", matrix, [](const auto& in) { return silu(in[0]); },
      each([](double x) { return x * sigmoid_of(x); }), wide);
  check_op(
      "hardtanh", "default", matrix, [](const auto& in) { return hardtanh(in[0]); },
      each([](double x) { return x < -1  ? -1
                                 : x > 1 ? 1
                                         : x; }), wide);
  check_op(
      "hardtanh", "other bounds", matrix, [](const auto& in) { return hardtanh(in[0], -2, 0.5); },
      each([](double x) { return x < -2    ? -2
                                 : x > 0.5 ? 0.5
                                           : x; }), wide);
  check_op("hardtanh", "relu6", matrix, [](const auto& in) { return relu6(in[0]); },
           each([](double x) { return x < 0   ? 0
                                      : x > 6 ? 6
                                              : x; }), {.low = -3, .high = 9});
  check_op(
      "hardtanh", "hardsigmoid", matrix, [](const auto& in) { return hardsigmoid(in[0]); },
      each([](double x) { return x < -3  ? 0
                                 : x > 3 ? 1
                                         : (x + 3) / 6; }), wide);
  check_op(
      "clamp", "hardswish", matrix, [](const auto& in) { return hardswish(in[0]); },
      each([](double x) { return x < -3  ? 0
                                 : x > 3 ? x
                                         : x * (x + 3) / 6; }), wide);
  check_op(
      "mul", "quick_gelu", matrix, [](const auto& in) { return quick_gelu(in[0]); },
      each([](double x) { return x * sigmoid_of(1.702 * x); }), wide);
  check_op(
      "mul", "mish", matrix, [](const auto& in) { return mish(in[0]); },
      each([](double x) { return x * std::tanh(std::log1p(std::exp(x))); }), wide);
  check_op(
      "div", "softsign", matrix, [](const auto& in) { return softsign(in[0]); },
      each([](double x) { return x / (1 + std::fabs(x)); }), wide);
  check_op(
      "neg", "logsigmoid", matrix, [](const auto& in) { return logsigmoid(in[0]); },
      each([](double x) { return std::log(sigmoid_of(x)); }), wide);
  check_op(
      "sub", "tanhshrink", matrix, [](const auto& in) { return tanhshrink(in[0]); },
      each([](double x) { return x - std::tanh(x); }), wide);
  check_op(
      "sub", "softshrink", matrix, [](const auto& in) { return softshrink(in[0], 0.8); },
      each([](double x) { return x > 0.8    ? x - 0.8
                                 : x < -0.8 ? x + 0.8
                                            : 0; }), wide);
  check_op(
      "where", "hardshrink", matrix, [](const auto& in) { return hardshrink(in[0]); },
      each([](double x) { return std::fabs(x) <= 0.5 ? 0 : x; }), wide);
  check_op(
      "where", "threshold", matrix, [](const auto& in) { return threshold(in[0], 0.25, -7); },
      each([](double x) { return x > 0.25 ? x : -7; }), wide);
  check_op(
      "exp", "exp_clamped", matrix, [](const auto& in) { return exp_clamped(in[0], 1); },
      each([](double x) { return std::exp(x < 1 ? x : 1); }), wide);
  check_op(
      "log1p", "log1p_abs", matrix, [](const auto& in) { return log1p_abs(in[0]); },
      each([](double x) { return std::log1p(std::fabs(x)); }), wide);
}

TEST_CASE("prelu has a slope for all channels or one for each, glu gates one half with the other") {
  check_op("where", "prelu of one slope", {{2, 3, 4}, {1}}, [](const auto& in) { return prelu(in[0], in[1]); });
  check_op("where", "prelu of three slopes", {{2, 3, 4}, {3}}, [](const auto& in) { return prelu(in[0], in[1]); });
  check_op("mul", "glu of the last axis", {{3, 6}}, [](const auto& in) { return glu(in[0]); });
  check_op("mul", "glu of axis 1", {{2, 4, 3}}, [](const auto& in) { return glu(in[0], 1); });
  CHECK(prelu(from<float>({-2, 3, -4, 5}, {2, 2}), from<float>({0.5f, 10}, {2})).at({1, 0}) == -2.f);
  CHECK_THROWS_WITH_AS((void)prelu(zeros({2, 3}), zeros({2})),
                       "prelu: w has shape [2] but must have one element or one for each channel of x [2, 3]", Error);
  CHECK_THROWS_WITH_AS((void)glu(zeros({2, 3})), "glu: axis 1 of x [2, 3] is odd", Error);
}

TEST_CASE("gradients at kinks are PyTorch's") {
  CHECK(slopes({0}, [](const auto& x) { return relu(x); })[0] == 0.f);
  CHECK(slopes({0}, [](const auto& x) { return leaky_relu(x, 0.25); })[0] == 0.25f);
  CHECK(slopes({-1, 1}, [](const auto& x) { return hardtanh(x); }) == std::vector<float>{0, 0});
  CHECK(slopes({0, 6}, [](const auto& x) { return relu6(x); }) == std::vector<float>{0, 0});
  CHECK(slopes({-3, 3}, [](const auto& x) { return hardsigmoid(x); }) == std::vector<float>{0, 0});
  CHECK(slopes({10, 11}, [](const auto& x) { return exp_clamped(x); })[0] > 20000.f);
  CHECK(slopes({10, 11}, [](const auto& x) { return exp_clamped(x); })[1] == 0.f);
  CHECK(slopes({0}, [](const auto& x) { return log1p_abs(x); })[0] == 0.f);
  CHECK(slopes({-0.5f, 0.5f}, [](const auto& x) { return softshrink(x); }) == std::vector<float>{0, 0});
}

TEST_CASE("activations stay finite at the ends of the number range") {
  const auto x = from<float>({-3e38f, -1e4f, -100, 100, 1e4f, 3e38f}, {6});
  const auto finite = [](const Tensor<float>& y) {
    for (const float v : to_vector(y))
      if (!std::isfinite(v)) return false;
    return true;
  };
  CHECK(finite(softplus(x)));
  CHECK(finite(logsigmoid(x)));
  CHECK(finite(elu(x)));
  CHECK(finite(silu(x)));
  CHECK(finite(gelu(x)));
  CHECK(finite(mish(x)));
  for (const auto& g : {slopes({-3e38f, 3e38f}, [](const auto& v) { return elu(v); }),
                        slopes({-100, 100}, [](const auto& v) { return gelu(v); }),
                        slopes({-1e4f, 1e4f}, [](const auto& v) { return gelu_tanh(v); }),
                        slopes({-3e38f, 3e38f}, [](const auto& v) { return softplus(v); })})
    for (const float v : g) CHECK(std::isfinite(v));
}
