#include "support/op_case.hpp"

#include <limits>

#include <limn/ops/arithmetic.hpp>
#include <limn/ops/view.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

/// f(a, b) by the definition of broadcasting: every index by hand.
template <class F>
test::Reference naive(F f) {
  return [f](const Inputs<double>& in) {
    const Shape shape = broadcast_shapes("naive", in[0].shape(), in[1].shape());
    Tensor<double> y(shape);
    for (index_t i = 0; i < y.numel(); ++i) {
      Dims at[2];
      for (int k = 0; k < 2; ++k) {
        index_t rest = i;
        Dims index = in[static_cast<std::size_t>(k)].shape();
        for (index_t d = 1; d <= shape.rank(); ++d) {
          if (d <= index.rank()) index[-d] = index[-d] == 1 ? 0 : rest % shape[-d];
          rest /= shape[-d];
        }
        at[k] = index;
      }
      y.data()[i] = f(in[0].at(at[0]), in[1].at(at[1]));
    }
    return y;
  };
}

const std::vector<std::vector<Shape>> broadcasts = {
    {{5}, {5}},   {{2, 3}, {3}},    {{3}, {2, 3}}, {{2, 1, 3}, {4, 1}},       {{3, 1}, {1, 4}}, {{}, {2, 2}},
    {{2, 3}, {}}, {{1}, {3, 1, 2}}, {{0, 3}, {3}}, {{2, 3, 1, 2}, {3, 1, 1}}, {{4, 17}, {4, 1}}};

}  // namespace

TEST_CASE("the four operations broadcast like NumPy, forwards and backwards") {
  for (const auto& shapes : broadcasts) {
    check_op(
        "add", "broadcast", shapes, [](const auto& in) { return in[0] + in[1]; },
        naive([](double a, double b) { return a + b; }));
    check_op(
        "sub", "broadcast", shapes, [](const auto& in) { return in[0] - in[1]; },
        naive([](double a, double b) { return a - b; }));
    check_op(
        "mul", "broadcast", shapes, [](const auto& in) { return in[0] * in[1]; },
        naive([](double a, double b) { return a * b; }));
    check_op("div", "broadcast", shapes, [](const auto& in) { return in[0] / in[1]; },
             naive([](double a, double b) { return a / b; }), {.low = 0.5, .high = 2});
  }
  CHECK_THROWS_WITH_AS((void)(zeros({2, 3}) + zeros({2})), "add: shapes [2, 3] and [2] do not broadcast", Error);
  CHECK_THROWS_WITH_AS((void)(zeros({2, 3}) + Tensor<>()), "add: an input is undefined", Error);
}

TEST_CASE("minimum and maximum choose, and share the gradient where elements are equal") {
  for (const auto& shapes : broadcasts) {
    check_op(
        "minimum", "broadcast", shapes, [](const auto& in) { return minimum(in[0], in[1]); },
        naive([](double a, double b) { return a < b ? a : b; }));
    check_op(
        "maximum", "broadcast", shapes, [](const auto& in) { return maximum(in[0], in[1]); },
        naive([](double a, double b) { return a > b ? a : b; }));
  }
  auto a = from<float>({1, 2, 3}, {3}).requires_grad_(), b = from<float>({1, 5, 0}, {3}).requires_grad_();
  const auto g = grad(maximum(a, b), {a, b}, {.dy = {ones({3})}});
  CHECK(to_vector(g[0]) == std::vector<float>{0.5f, 0, 1});
  CHECK(to_vector(g[1]) == std::vector<float>{0.5f, 1, 0});
}

TEST_CASE("a number may stand on either side") {
  const std::vector<Shape> one = {{3, 5}};
  check_op("add_number", "right", one, [](const auto& in) { return in[0] + 2.5; });
  check_op("add_number", "left", one, [](const auto& in) { return 2 + in[0]; });
  check_op("mul_number", "right", one, [](const auto& in) { return in[0] * 2.5; });
  check_op("mul_number", "left", one, [](const auto& in) { return 2.5f * in[0]; });
  check_op("sub_number", "right", one, [](const auto& in) { return in[0] - 2; });
  check_op("number_sub", "left", one, [](const auto& in) { return 2 - in[0]; });
  check_op("div_number", "right", one, [](const auto& in) { return in[0] / 3; });
  check_op("number_div", "left", one, [](const auto& in) { return 3 / in[0]; }, nullptr, {.low = 0.5, .high = 2});
  check_op("neg", "a matrix", one, [](const auto& in) { return -in[0]; });
  CHECK(to_vector(7 - from<float>({1, 2}, {2})) == std::vector<float>{6, 5});
  CHECK(to_vector(6 / from<float>({1, 2}, {2})) == std::vector<float>{6, 3});
}

TEST_CASE("integers and two-byte floats compute too; an integer division by zero is an error, not a crash") {
  const auto a = from<std::int64_t>({7, -7, (std::int64_t{1} << 60) + 1}, {3});
  CHECK(to_vector(a / 2) == std::vector<std::int64_t>{3, -3, std::int64_t{1} << 59});
  CHECK(to_vector(a + a - 1) == std::vector<std::int64_t>{13, -15, (std::int64_t{1} << 61) + 1});
  CHECK_THROWS_WITH_AS((void)(a / 0), "div: integer division by zero", Error);
  CHECK_THROWS_WITH_AS((void)(a / from<std::int64_t>({1, 0, 1}, {3})), "div: integer division by zero at element 1",
                       Error);
  const auto h = from<bf16>({bf16(1.5f), bf16(-2.f)}, {2});
  CHECK(static_cast<float>((h * h).at({1})) == 4.f);
  CHECK(static_cast<float>((h * 0.5).at({0})) == 0.75f);
  const auto u = from<std::uint8_t>({200, 100}, {2});
  CHECK(to_vector(u + u) == std::vector<std::uint8_t>{144, 200});  // modulo 256
}

TEST_CASE("where takes from a or b, and so does the gradient") {
  const auto mask = from<bool>({true, false, true}, {3});
  check_op("where", "all broadcast", {{2, 3}, {2, 1}}, [mask](const auto& in) { return where(mask, in[0], in[1]); });
  check_op("where", "a number", {{2, 3}}, [mask](const auto& in) { return where(mask, in[0], -1); });
  check_op("where", "masked_fill", {{2, 3}}, [mask](const auto& in) { return masked_fill(in[0], mask, 4.5); });
  CHECK(to_vector(where(mask, from<std::int64_t>({1, 2, 3}, {3}), 0)) == std::vector<std::int64_t>{1, 0, 3});
  const auto hidden = masked_fill(zeros({3}), mask, -std::numeric_limits<double>::infinity());
  CHECK(hidden.at({0}) == -std::numeric_limits<float>::infinity());
  CHECK_THROWS_WITH_AS((void)masked_fill(zeros({3}), zeros<bool>({2, 3}), 0),
                       "masked_fill: mask of shape [2, 3] does not broadcast to x of shape [3]", Error);
}
