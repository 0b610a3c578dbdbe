#include "support/op_case.hpp"

#include <limn/ops/loss.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {
template <class In>
using type_of = typename std::decay_t<decltype(std::declval<In>()[0])>::value_type;

/// The mean, sum or list of f(x_i, t_i).
template <class F>
test::Reference each(F f, Reduction reduction = Reduction::mean) {
  return [=](const Inputs<double>& in) {
    Tensor<double> y(in[0].shape());
    double total = 0;
    for (index_t i = 0; i < y.numel(); ++i) total += y.data()[i] = f(in[0].data()[i], in[1].data()[i]);
    if (reduction == Reduction::none) return y;
    return scalar<double>(reduction == Reduction::sum ? total : total / static_cast<double>(y.numel()));
  };
}
const std::vector<Shape> pair = {{4, 5}, {4, 5}};
const test::CaseOptions wide{.low = -2, .high = 2}, probability{.low = 0.1, .high = 0.9};
constexpr Reduction reductions[] = {Reduction::none, Reduction::mean, Reduction::sum};

template <class T>
Tensor<T> constant(const std::vector<double>& values, const Shape& shape) {
  return limn::detail::copy_as<T>(from<double>(values, shape));
}
}  // namespace

TEST_CASE("regression losses equal their formulas for every reduction") {
  for (const Reduction r : reductions) {
    check_op(
        "square", "mse", pair, [&](const auto& in) { return mse_loss(in[0], in[1], {r}); },
        each([](double x, double t) { return (x - t) * (x - t); }, r));
    check_op(
        "abs", "l1", pair, [&](const auto& in) { return l1_loss(in[0], in[1], {r}); },
        each([](double x, double t) { return std::fabs(x - t); }, r));
    for (const double beta : {1.0, 0.3, 0.0})
      check_op(
          "abs", "smooth_l1", pair,
          [&](const auto& in) { return smooth_l1_loss(in[0], in[1], {.beta = beta, .reduction = r}); },
          each(
              [beta](double x, double t) {
                const double d = std::fabs(x - t);
                return d < beta ? d * d / (2 * beta) : d - beta / 2;
              },
              r),
          wide);
    for (const double delta : {1.0, 0.7})
      check_op(
          "abs", "huber", pair,
          [&](const auto& in) { return huber_loss(in[0], in[1], {.delta = delta, .reduction = r}); },
          each(
              [delta](double x, double t) {
                const double d = std::fabs(x - t);
                return d <= delta ? d * d / 2 : delta * (d - delta / 2);
              },
              r),
          wide);
  }
  CHECK_THROWS_WITH_AS((void)huber_loss(zeros({2}), zeros({2}), {.delta = 0}), "huber_loss: delta = 0 is not positive",
                       Error);
}

TEST_CASE("poisson and gaussian likelihoods") {
  check_op(
      "exp", "poisson of logarithms", pair, [](const auto& in) { return poisson_nll_loss(in[0], in[1]); },
      each([](double x, double t) { return std::exp(x) - t * x; }));
  check_op("log", "poisson of rates, full", pair,
           [](const auto& in) { return poisson_nll_loss(in[0], in[1], {.log_input = false, .full = true}); },
           each([](double x, double t) {
             return x - t * std::log(x + 1e-8) +
                    (t > 1 ? t * std::log(t) - t + 0.5 * std::log(6.283185307179586 * t) : 0);
           }),
           {.low = 0.2, .high = 3});
  check_op("log", "gaussian", {{3, 4}, {3, 4}, {3, 4}},
           [](const auto& in) { return gaussian_nll_loss(in[0], in[1], in[2], {.full = true}); }, nullptr,
           {.low = 0.3, .high = 2});
}

TEST_CASE("binary cross-entropy of probabilities and of logits") {
  const auto bce = [](double x, double t) { return -(t * std::log(x) + (1 - t) * std::log(1 - x)); };
  for (const Reduction r : reductions) {
    check_op(
        "binary_cross_entropy", "probabilities", pair,
        [&](const auto& in) { return binary_cross_entropy(in[0], in[1], {.reduction = r}); }, each(bce, r),
        probability);
    check_op(
        "softplus", "logits", pair,
        [&](const auto& in) { return binary_cross_entropy_with_logits(in[0], in[1], {.reduction = r}); },
        each([&](double x, double t) { return bce(1 / (1 + std::exp(-x)), t); }, r), probability);
  }
  check_op(
      "binary_cross_entropy", "weighted", pair,
      [](const auto& in) {
        using T = type_of<decltype(in)>;
        return binary_cross_entropy(in[0], in[1], {.weight = constant<T>({1, 2, 3, 0.5, 0}, {5})});
      },
      nullptr, probability);
  check_op("softplus", "logits with weight and pos_weight", pair, [](const auto& in) {
    using T = type_of<decltype(in)>;
    return binary_cross_entropy_with_logits(
        in[0], in[1],
        {.weight = constant<T>({1, 2, 3, 0.5, 0}, {5}), .pos_weight = constant<T>({3, 1, 0.5, 2, 1}, {5})});
  });
  auto x = from<float>({0, 1, 0, 1}, {4}).requires_grad_();
  const auto hard = binary_cross_entropy(x, from<float>({0, 1, 1, 0}, {4}), {.reduction = Reduction::none});
  CHECK(to_vector(hard) == std::vector<float>{0, 0, 100, 100});
  for (const float g : to_vector(grad(hard, {x}, {.dy = {ones({4})}})[0])) CHECK(std::isfinite(g));
  CHECK(std::isfinite(
      binary_cross_entropy_with_logits(from<float>({-3e38f, 1e4f}, {2}), from<float>({0, 1}, {2})).item()));
  CHECK_THROWS_AS((void)binary_cross_entropy(from<float>({1.5f}, {1}), ones({1})), Error);
}

TEST_CASE("margin losses of signs") {
  const auto signs = [](const auto& x) { return where(greater(x.detach(), 0), 1, neg(ones_like(x))); };
  check_op("softplus", "soft_margin", pair,
           [&](const auto& in) { return soft_margin_loss(in[0], signs(in[1])) + sum(in[1]) * 0.5; });
  check_op(
      "softplus", "multilabel_soft_margin", pair,
      [&](const auto& in) { return multilabel_soft_margin_loss(in[0], in[1]); }, nullptr, probability);
  check_op(
      "clamp", "margin_ranking", pair,
      [&](const auto& in) { return margin_ranking_loss(in[0], in[1], signs(in[0]), {.margin = 0.3}); }, nullptr, wide);
  check_op(
      "clamp", "hinge_embedding", pair,
      [&](const auto& in) { return hinge_embedding_loss(in[0], signs(in[1])) + sum(in[1]); }, nullptr, wide);
  check_op("clamp", "cosine_embedding", {{4, 5}, {4, 5}}, [&](const auto& in) {
    using T = type_of<decltype(in)>;
    return cosine_embedding_loss(in[0], in[1], constant<T>({1, -1, 1, -1}, {4}), {.margin = -0.5});
  });
  CHECK(margin_ranking_loss(from<float>({1}, {1}), from<float>({3}, {1}), ones({1}), {.margin = 0.5}).item() == 2.5f);
  CHECK(hinge_embedding_loss(from<float>({0.25f, 0.25f}, {2}), from<float>({1, -1}, {2}),
                             {.margin = 1, .reduction = Reduction::sum})
            .item() == 1.f);
}

TEST_CASE("triplets and multi-class margins") {
  const std::vector<Shape> three = {{4, 5}, {4, 5}, {4, 5}};
  for (const double p : {1.0, 2.0})
    for (const bool swap : {false, true})
      check_op("norm", "triplet", three, [&](const auto& in) {
        return triplet_margin_loss(in[0], in[1], in[2], {.margin = 3, .p = p, .swap = swap});
      });
  const auto target = from<std::int64_t>({0, 3, 2, 4}, {4});
  for (const int p : {1, 2})
    check_op("clamp", "multi_margin", {{4, 5}}, [&](const auto& in) {
      using T = type_of<decltype(in)>;
      return multi_margin_loss(in[0], target,
                               MultiMarginOptions<T>{.p = p, .weight = constant<T>({1, 2, 3, 0.5, 1}, {5})});
    });
  CHECK(multi_margin_loss(from<float>({1, 2, 0}, {1, 3}), from<std::int64_t>({0}, {1})).item() ==
        doctest::Approx(2.0 / 3));
}

TEST_CASE("kl_div is zero where the target is, and has four reductions") {
  for (const KlReduction r : {KlReduction::none, KlReduction::mean, KlReduction::sum, KlReduction::batchmean})
    check_op("log", "kl_div", pair, [&](const auto& in) { return kl_div(in[0], in[1], {.reduction = r}); }, nullptr,
             {.low = 0.1, .high = 1});
  check_op(
      "exp", "kl_div of logarithms", pair, [](const auto& in) { return kl_div(in[0], in[1], {.log_target = true}); },
      each([](double x, double t) { return std::exp(t) * (t - x); }));
  const auto y = kl_div(log(from<float>({0.5f, 0.5f}, {1, 2})), from<float>({1, 0}, {1, 2}),
                        {.reduction = KlReduction::batchmean});
  CHECK(y.item() == doctest::Approx(std::log(2.0)));
}
