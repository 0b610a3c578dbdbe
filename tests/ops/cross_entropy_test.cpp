#include "support/op_case.hpp"

#include <limits>

#include <limn/ops/cross_entropy.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

using Targets = Tensor<std::int64_t>;

struct Options {
  std::vector<double> weight = {};
  std::int64_t ignore_index = -100;
  double smoothing = 0;
  Reduction reduction = Reduction::mean;
};

template <class T>
CrossEntropyOptions<T> typed(const Options& o) {
  CrossEntropyOptions<T> options{
      .ignore_index = o.ignore_index, .label_smoothing = o.smoothing, .reduction = o.reduction};
  if (!o.weight.empty())
    options.weight = limn::detail::copy_as<T>(from<double>(o.weight, {static_cast<index_t>(o.weight.size())}));
  return options;
}

/// The definition, position by position; x [outer, classes, inner].
test::Reference naive(index_t outer, index_t classes, index_t inner, Shape result, Targets target, Options o) {
  return [=](const Inputs<double>& in) {
    Tensor<double> each(result);
    double total = 0, divisor = 0;
    for (index_t n = 0; n < outer; ++n)
      for (index_t i = 0; i < inner; ++i) {
        const std::int64_t t = target.data()[n * inner + i];
        double sum = 0, loss = 0;
        const auto x = [&](index_t c) { return in[0].data()[(n * classes + c) * inner + i]; };
        const auto w = [&](index_t c) { return o.weight.empty() ? 1.0 : o.weight[static_cast<std::size_t>(c)]; };
        for (index_t c = 0; c < classes; ++c) sum += std::exp(x(c));
        if (t != o.ignore_index) {
          loss = (1 - o.smoothing) * w(t) * (std::log(sum) - x(t));
          for (index_t c = 0; c < classes; ++c)
            loss += o.smoothing / static_cast<double>(classes) * w(c) * (std::log(sum) - x(c));
          divisor += w(t);
        }
        total += loss;
        if (o.reduction == Reduction::none) each.data()[n * inner + i] = loss;
      }
    if (o.reduction == Reduction::none) return each;
    return scalar<double>(o.reduction == Reduction::sum ? total : total / divisor);
  };
}

void check(const char* what, const Shape& x, const Targets& target, const Options& o) {
  index_t inner = 1;
  for (index_t i = 2; i < x.rank(); ++i) inner *= x[i];
  const index_t outer = x.rank() == 1 ? 1 : x[0], classes = x.rank() == 1 ? x[0] : x[1];
  check_op("cross_entropy", what, {x},
           [&](const auto& in) {
             using T = typename std::decay_t<decltype(in[0])>::value_type;
             return cross_entropy(in[0], target, typed<T>(o));
           },
           naive(outer, classes, inner, target.shape(), target, o), {.low = -3, .high = 3});
}

Targets targets(std::initializer_list<std::int64_t> values, const Shape& shape) {
  return from<std::int64_t>(values, shape);
}

}  // namespace

TEST_CASE("cross_entropy with class indices equals its definition for every option") {
  const std::vector<double> w5 = {0.5, 2, 1, 0.25, 1.5};
  const Targets four = targets({1, 4, 0, 1}, {4});
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
    for (const double smoothing : {0.0, 0.1})
      for (const auto& weight : {std::vector<double>{}, w5})
        for (const std::int64_t ignore : {std::int64_t{-100}, std::int64_t{1}})
          check("rows", {4, 5}, four, {weight, ignore, smoothing, reduction});
  check("more classes than a vector", {3, 37}, targets({36, 0, 17}, {3}), {});
  check("more classes than a vector, smoothed", {3, 37}, targets({36, 0, 17}, {3}), {.smoothing = 0.2});
  for (const Reduction reduction : {Reduction::mean, Reduction::none}) {
    check("class dimension 1 of three", {2, 5, 3}, targets({0, 1, 2, 3, 4, -100}, {2, 3}), {w5, -100, 0.1, reduction});
    check("class dimension 1 of four", {2, 3, 5, 7},
          [] {
            Targets t({2, 5, 7});
            for (index_t i = 0; i < 70; ++i) t.data()[i] = i % 3;
            return t;
          }(),
          {{}, 2, 0.0, reduction});
  }
  check("one row without a batch", {5}, targets({3}, {}), {w5, -100, 0.1, Reduction::mean});
}

TEST_CASE("cross_entropy with probabilities equals its definition") {
  for (const double smoothing : {0.0, 0.3})
    check_op(
        "log_softmax", "probabilities", {{3, 4}, {3, 4}},
        [&](const auto& in) {
          using T = typename std::decay_t<decltype(in[0])>::value_type;
          return cross_entropy(in[0], softmax(in[1], 1), CrossEntropyOptions<T>{.label_smoothing = smoothing});
        },
        [&](const Inputs<double>& in) {
          double total = 0;
          for (index_t n = 0; n < 3; ++n) {
            double sum = 0, sum_t = 0;
            for (index_t c = 0; c < 4; ++c) sum += std::exp(in[0].at({n, c})), sum_t += std::exp(in[1].at({n, c}));
            for (index_t c = 0; c < 4; ++c) {
              const double t = std::exp(in[1].at({n, c})) / sum_t * (1 - smoothing) + smoothing / 4;
              total += t * (std::log(sum) - in[0].at({n, c}));
            }
          }
          return scalar<double>(total / 3);
        });
  check_op("log_softmax", "weights and a class dimension in the middle", {{2, 4, 3}, {2, 4, 3}}, [&](const auto& in) {
    using T = typename std::decay_t<decltype(in[0])>::value_type;
    return cross_entropy(in[0], in[1], typed<T>({.weight = {1, 2, 3, 0.5}, .reduction = Reduction::none}));
  });
}

TEST_CASE("a one-hot target as probabilities gives what the index gives") {
  Generator generator(3);
  const auto x = uniform<double>({6, 9}, generator, -2, 2);
  const Targets t = targets({0, 8, 3, 3, 1, 5}, {6});
  CHECK(cross_entropy(x, t).item() == doctest::Approx(cross_entropy(x, one_hot<double>(t, 9)).item()));
}

TEST_CASE("nll_loss is cross_entropy without the softmax") {
  const Targets t = targets({1, 2, 0, 2}, {4});
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
    check_op(
        "gather", "nll_loss", {{4, 3}},
        [&](const auto& in) {
          using T = typename std::decay_t<decltype(in[0])>::value_type;
          return nll_loss(log_softmax(in[0], 1), t, NllOptions<T>{.ignore_index = 0, .reduction = reduction});
        },
        naive(4, 3, 1, {4}, t, {.ignore_index = 0, .reduction = reduction}));
  check_op("gather", "nll_loss weighted, with inner positions", {{2, 3, 2}}, [&](const auto& in) {
    using T = typename std::decay_t<decltype(in[0])>::value_type;
    return nll_loss(in[0], targets({0, 1, 2, 1}, {2, 2}),
                    NllOptions<T>{.weight = limn::detail::copy_as<T>(from<double>({1, 2, 3}, {3}))});
  });
}

TEST_CASE("extreme logits give finite losses and gradients") {
  auto x = from<float>({1e4f, -1e4f, 0, -1e4f, 1e4f, 3}, {2, 3}).requires_grad_();
  const auto loss = cross_entropy(x, targets({0, 2}, {2}));
  CHECK(loss.item() == doctest::Approx(9997.0 / 2));
  for (const float g : to_vector(grad(loss, {x})[0])) CHECK(std::isfinite(g));
}

TEST_CASE("ignored positions do not pass on a NaN, and targets outside are refused") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto x = from<float>({nan, nan, 1, 2}, {2, 2}).requires_grad_();
  const auto loss = cross_entropy(x, targets({-100, 1}, {2}));
  CHECK(loss.item() == doctest::Approx(std::log1p(std::exp(-1.0))));
  CHECK(to_vector(grad(loss, {x})[0])[0] == 0.f);
  CHECK_THROWS_WITH_AS((void)cross_entropy(zeros({2, 3}), targets({0, 3}, {2})),
                       "cross_entropy: target 3 at position 1 is out of range for 3 classes", Error);
  CHECK_THROWS_WITH_AS((void)cross_entropy(zeros({2, 3}), targets({0}, {1})),
                       "cross_entropy: target has shape [1] but must have shape [2]", Error);
  CHECK_THROWS_AS((void)cross_entropy(zeros({2, 3}), targets({0, 1}, {2}), {.label_smoothing = 2}), Error);
}

TEST_CASE("two-byte logits are computed in float") {
  const auto x = from<bf16>({bf16(1.f), bf16(2.f), bf16(3.f)}, {1, 3});
  CHECK(static_cast<float>(cross_entropy(x, targets({2}, {1})).item()) == doctest::Approx(0.4076).epsilon(0.01));
}

TEST_CASE("cross_entropy: a graph that is kept gives the same gradient again, and a gradient of the gradient") {
  Generator generator(4);
  Tensor<double> x = uniform<double>({3, 5}, generator, -2, 2);
  x.requires_grad_();
  const Tensor<double> loss = cross_entropy(x, targets({1, 4, 0}, {3}));
  backward(loss, Tensor<double>(), {.retain_graph = true});
  const Tensor<double> once = clone(x.grad());
  backward(loss, Tensor<double>(), {.retain_graph = true});
  for (index_t i = 0; i < 15; ++i) CHECK(std::abs(x.grad().data()[i] - 2 * once.data()[i]) < 1e-15);
  const auto first = grad<double>({loss}, {x}, {.create_graph = true});
  CHECK(first[0].requires_grad());
  for (index_t i = 0; i < 15; ++i) CHECK(std::abs(first[0].data()[i] - once.data()[i]) < 1e-15);
}
