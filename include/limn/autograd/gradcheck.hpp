#pragma once
// gradcheck, gradgradcheck: recorded gradients against central differences, in double.

#include <cmath>
#include <concepts>
#include <functional>

#include <limn/autograd/backward.hpp>
#include <limn/core/random.hpp>

namespace limn::inline LIMN_ABI {

struct GradcheckOptions {
  double step = 1e-6;  ///< the h of (f(x + h) - f(x - h)) / 2h
  double atol = 1e-6;
  double rtol = 1e-4;
  std::uint64_t seed = 1;  ///< of the random output weights: with ones, the sum of a softmax would hide every error
};

// Templates over double alone: a program that calls none of them compiles none.

/// A function of several tensors under test. It must be deterministic and smooth around the inputs.
using DoubleFunction = std::function<Tensor<double>(const std::vector<Tensor<double>>&)>;

namespace detail {

template <std::same_as<double> T>
[[nodiscard]] std::vector<Tensor<T>> fresh_leaves(const std::vector<Tensor<T>>& inputs) {
  std::vector<Tensor<T>> leaves;
  for (const auto& x : inputs) leaves.push_back(copy_as<T>(x).requires_grad_());
  return leaves;
}

template <std::same_as<double> T>
[[nodiscard]] T dot(const Tensor<T>& a, const Tensor<T>& b) {
  const Tensor<T> pa = packed(a), pb = packed(b);
  double sum = 0;
  for (index_t i = 0; i < a.numel(); ++i) sum += pa.data()[i] * pb.data()[i];
  return sum;
}

/// Compares `analytic[i]` with the central differences of value() in each element of leaves[i].
template <std::same_as<double> T>
void compare_with_differences(const char* what, const std::vector<Tensor<T>>& leaves,
                              const std::vector<Tensor<T>>& analytic, const std::function<double()>& value,
                              const GradcheckOptions& options) {
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Tensor<T> expected = analytic[i].defined() ? packed(analytic[i]) : zeros_like(leaves[i]);
    for (index_t e = 0; e < leaves[i].numel(); ++e) {
      double& element = leaves[i].data()[e];
      const double before = element;
      element = before + options.step;
      const double up = value();
      element = before - options.step;
      const double down = value();
      element = before;
      const double difference = (up - down) / (2 * options.step), got = expected.data()[e];
      if (!(std::abs(got - difference) <= options.atol + options.rtol * std::abs(difference)))
        fail(what, "input ", i, " of shape ", leaves[i].shape(), ", element ", e, ": backward gives ", got,
             ", central differences give ", difference);
    }
  }
}

}  // namespace detail

/// Throws Error unless the gradient of sum(f(inputs) * w), w random, agrees with central differences in every input
/// element.
template <std::same_as<double> T = double>
void gradcheck(const DoubleFunction& f, const std::vector<Tensor<T>>& inputs, const GradcheckOptions& options = {}) {
  const auto leaves = detail::fresh_leaves(inputs);
  const Tensor<T> y = f(leaves);
  Generator generator(options.seed);
  const Tensor<T> w = uniform<T>(y.shape(), generator, -1, 1);
  const auto analytic = grad(y, leaves, {.dy = {w}, .allow_unused = true});
  detail::compare_with_differences(
      "gradcheck", leaves, analytic,
      [&] {
        NoGradGuard no_grad;
        return detail::dot(f(leaves), w);
      },
      options);
}

/// The same for the gradient itself, as a function of the inputs and of the output's cotangent.
template <std::same_as<double> T = double>
void gradgradcheck(const DoubleFunction& f, const std::vector<Tensor<T>>& inputs,
                   const GradcheckOptions& options = {}) {
  auto leaves = detail::fresh_leaves(inputs);
  Generator generator(options.seed);
  const Tensor<T> y = f(leaves);
  leaves.push_back(uniform<T>(y.shape(), generator, -1, 1).requires_grad_());

  const auto first_order = [&](bool create_graph) {
    const std::vector<Tensor<T>> xs(leaves.begin(), leaves.end() - 1);
    return grad(f(xs), xs, {.dy = {leaves.back()}, .create_graph = create_graph, .allow_unused = true});
  };
  std::vector<Tensor<T>> gradients, weights;
  for (const auto& g : first_order(true))
    if (g.defined() && g.requires_grad()) {
      gradients.push_back(g);
      weights.push_back(uniform<T>(g.shape(), generator, -1, 1));
    } else if (g.defined()) {
      fail("gradgradcheck", "a gradient of shape ", g.shape(), " was not recorded: it does not depend on dy");
    }
  const auto analytic = grad(gradients, leaves, {.dy = weights, .allow_unused = true});
  detail::compare_with_differences(
      "gradgradcheck", leaves, analytic,
      [&] {
        double sum = 0;
        std::size_t k = 0;
        for (const auto& g : first_order(false))
          if (g.defined()) sum += detail::dot(g, weights[k++]);
        return sum;
      },
      options);
}

}  // namespace limn::inline LIMN_ABI
