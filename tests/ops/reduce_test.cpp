#include "support/op_case.hpp"

#include <limn/ops/reduce.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

/// join over the reduced axes, from `start`, then finish(value, count): by index, one element at a time.
template <class Join, class Finish>
test::Reference naive(Dims axes, double start, Join join, Finish finish) {
  return [=](const Inputs<double>& in) {
    const Shape from = in[0].shape();
    Dims marks = from, result;
    for (index_t i = 0; i < from.rank(); ++i) marks[i] = axes.empty();
    for (const index_t a : axes) marks[a] = 1;
    for (index_t i = 0; i < from.rank(); ++i)
      if (!marks[i]) result.push_back(from[i]);
    Tensor<double> y = full<double>(Shape(result), start);
    for (index_t e = 0; e < in[0].numel(); ++e) {
      index_t rest = e, at = 0, step = 1;
      for (index_t i = from.rank() - 1; i >= 0; --i) {
        if (!marks[i]) at += rest % from[i] * step, step *= from[i];
        rest /= from[i];
      }
      y.data()[at] = join(y.data()[at], in[0].data()[e]);
    }
    const double count = static_cast<double>(in[0].numel()) / static_cast<double>(y.numel() ? y.numel() : 1);
    for (index_t i = 0; i < y.numel(); ++i) y.data()[i] = finish(y.data()[i], count);
    return y;
  };
}

const auto as_is = [](double v, double) { return v; };
const auto plus = [](double a, double b) { return a + b; };
const std::vector<Dims> axes_of_four = {{0},       {1},    {2},          {3},  {0, 2}, {1, 3},
                                        {0, 2, 3}, {2, 3}, {0, 1, 2, 3}, {-1}, {3, 1}, {}};
const std::vector<Shape> four = {{2, 3, 2, 5}};

}  // namespace

TEST_CASE("sum, mean, max and min reduce any set of axes") {
  for (const Dims& axes : axes_of_four) {
    check_op(
        "sum", "axes", four, [&](const auto& in) { return sum(in[0], axes); }, naive(axes, 0, plus, as_is));
    check_op(
        "sum", "mean of axes", four, [&](const auto& in) { return mean(in[0], axes); },
        naive(axes, 0, plus, [](double v, double n) { return v / n; }));
    check_op(
        "max", "axes", four, [&](const auto& in) { return max(in[0], axes); },
        naive(
            axes, -1e300, [](double a, double b) { return a > b ? a : b; }, as_is));
    check_op(
        "min", "axes", four, [&](const auto& in) { return min(in[0], axes); },
        naive(
            axes, 1e300, [](double a, double b) { return a < b ? a : b; }, as_is));
    check_op(
        "prod", "axes", four, [&](const auto& in) { return prod(in[0], axes); },
        naive(
            axes, 1, [](double a, double b) { return a * b; }, as_is));
  }
  check_op("sum", "one axis kept", four, [](const auto& in) { return sum(in[0], 1, {.keepdim = true}); });
  check_op(
      "sum", "of nothing is 0", {{2, 0}}, [](const auto& in) { return sum(in[0], 1); }, naive({1}, 0, plus, as_is));
  check_op("sum", "of a number", {{}}, [](const auto& in) { return sum(in[0]); });
  CHECK(mean(zeros({2, 3, 4}), {0, 2}, {.keepdim = true}).shape() == Shape{1, 3, 1});
  CHECK_THROWS_WITH_AS((void)sum(zeros({2, 3}), 2), "sum: axis 2 is out of range for x of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS((void)sum(zeros({2, 3}), {0, -2}), "sum: axes [0, -2] name axis -2 twice", Error);
  CHECK_THROWS_WITH_AS((void)max(zeros({2, 0}), 1), "max: no elements to choose from: x has shape [2, 0]", Error);
}

TEST_CASE("equal maxima share the gradient; the product's gradient survives zeros") {
  auto x = from<float>({3, 1, 3, 0}, {4}).requires_grad_();
  CHECK(to_vector(grad(max(x), {x})[0]) == std::vector<float>{0.5f, 0, 0.5f, 0});
  CHECK(to_vector(grad(prod(x), {x})[0]) == std::vector<float>{0, 0, 0, 9});
}

TEST_CASE("the result of a reduction over extents of 1 is a tensor of its own") {
  const auto x = ones({3, 1});
  const auto y = sum(x, 1);
  x.data()[0] = 7;
  CHECK(y.at({0}) == 1.f);
}

TEST_CASE("var and stddev are two-pass and take the correction") {
  for (const Dims& axes : {Dims{1}, Dims{0, 2}, Dims{}}) {
    check_op("square", "var", {{3, 4, 2}}, [&](const auto& in) { return var(in[0], axes); });
    check_op("sqrt", "stddev", {{3, 4, 2}},
             [&](const auto& in) { return stddev(in[0], axes, {.keepdim = true, .correction = 0}); });
  }
  CHECK(var(from<float>({1, 2, 3, 4}, {4})).item() == doctest::Approx(5.0 / 3));
  CHECK(var(from<float>({1, 2, 3, 4}, {4}), 0, {.correction = 0}).item() == doctest::Approx(1.25));
  CHECK(var(from<float>({10000, 10001, 10002}, {3})).item() == doctest::Approx(1));
}

TEST_CASE("logsumexp neither overflows nor underflows") {
  for (const Dims& axes : {Dims{1}, Dims{0, 2}, Dims{}})
    check_op(
        "log", "logsumexp", {{2, 3, 4}}, [&](const auto& in) { return logsumexp(in[0], axes); },
        naive(
            axes, 0, [](double a, double b) { return a + std::exp(b); }, [](double v, double) { return std::log(v); }));
  CHECK(logsumexp(from<float>({1000, 1000}, {2})).item() == doctest::Approx(1000 + std::log(2.0)));
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(logsumexp(from<float>({-inf, -inf}, {2})).item() == -inf);
  CHECK(logsumexp(from<float>({-inf, 2}, {2})).item() == 2.f);
}

TEST_CASE("argmax and argmin give the first position, along an axis or among all") {
  const auto x = from<float>({1, 5, 5, 7, 0, 7}, {2, 3});
  CHECK(to_vector(argmax(x, 1)) == std::vector<std::int64_t>{1, 0});
  CHECK(to_vector(argmax(x, 0)) == std::vector<std::int64_t>{1, 0, 1});
  CHECK(to_vector(argmin(x, -1)) == std::vector<std::int64_t>{0, 1});
  CHECK(argmax(x).item() == 3);
  CHECK(argmin(x).item() == 4);
  CHECK(argmax(transpose(x)).item() == 1);
  CHECK(argmax(x, 1, {.keepdim = true}).shape() == Shape{2, 1});
  CHECK_THROWS_WITH_AS((void)argmax(zeros({2, 0}), 1), "argmax: axis 1 of x [2, 0] is empty", Error);
}

TEST_CASE("any, all and the count of true; sums of integers stay integers") {
  const auto x = from<bool>({true, false, false, false}, {2, 2});
  CHECK(any(x).item());
  CHECK(!all(x).item());
  CHECK(to_vector(any(x, {1})) == std::vector<bool>{true, false});
  CHECK(sum(x).item() == 1);
  CHECK(sum(arange<std::int64_t>(5)).item() == 10);
}

TEST_CASE("the mean of f16 does not overflow on the way") {
  CHECK(static_cast<float>(mean(full<f16>({100}, f16(1000.f))).item()) == 1000.f);
}

TEST_CASE("cumsum runs along its axis") {
  check_op("cumsum", "middle axis", {{2, 4, 3}}, [](const auto& in) { return cumsum(in[0], 1); });
  CHECK(to_vector(cumsum(from<float>({1, 2, 3, 4}, {4}), 0)) == std::vector<float>{1, 3, 6, 10});
}
