#pragma once
// check_op: everything that is asked of a differentiable operation, from one line a case.

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <limn/autograd/gradcheck.hpp>
#include <limn/core/print.hpp>

namespace limn::test {

template <class T>
using Inputs = std::vector<Tensor<T>>;

/// The naive answer: double in, double out, plain loops. Null where the gradients alone are under test.
using Reference = std::function<Tensor<double>(const Inputs<double>&)>;

struct CaseOptions {
  double low = -1, high = 1;      ///< inputs are uniform in [low, high)
  double atol = 1e-12;            ///< of the value in double against the reference
  double float_tolerance = 1e-5;  ///< of float against double, relative to 1 + |value|
  double gradient_atol = 1e-6, gradient_rtol = 1e-4;
  double step = 1e-6;  ///< of the central differences
  std::uint64_t seed = 7;
};

namespace detail {

/// The same values behind awkward strides: dimensions stored in reverse order, every second element.
template <class T>
Tensor<T> strided_copy(const Tensor<T>& x) {
  Strides strides(x.shape().data(), x.rank());
  index_t step = 2;
  for (index_t i = 0; i < x.rank(); ++i) {
    strides[i] = step;
    step *= x.shape()[i] > 0 ? x.shape()[i] : 1;
  }
  const Tensor<T> y = zeros<T>({step}).as_view(x.shape(), strides);
  copy_into(x, y);
  return y;
}

inline double largest_difference(const Tensor<double>& a, const Tensor<double>& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<double> va = to_vector(a), vb = to_vector(b);
  double largest = 0;
  for (std::size_t i = 0; i < va.size(); ++i) {
    if (va[i] == vb[i] || (std::isnan(va[i]) && std::isnan(vb[i]))) continue;
    const double difference = std::abs(va[i] - vb[i]) / (1 + std::abs(vb[i]));
    largest = difference > largest || std::isnan(difference) ? difference : largest;
  }
  return largest;
}

template <class T>
Tensor<double> widen(const Tensor<T>& x) {
  return limn::detail::copy_as<double>(x);
}

template <class T, class Op>
std::vector<Tensor<T>> gradients_of(const Op& op, const Inputs<T>& inputs, const Tensor<T>& w, int times) {
  Inputs<T> leaves;
  for (const auto& x : inputs) leaves.push_back(x.detach().requires_grad_());
  std::vector<Tensor<T>> ys, dys;
  for (int i = 0; i < times; ++i) {
    ys.push_back(op(leaves));
    dys.push_back(w);
  }
  auto found = grad<T>(ys, leaves, {.dy = dys, .allow_unused = true});
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!found[i].defined()) found[i] = zeros_like(leaves[i]);
  return found;
}

}  // namespace detail

/// Checks `op`, a generic callable from `const std::vector<Tensor<T>>&` to Tensor<T> for T double and float, on inputs
/// of the given shapes: value against the naive reference, gradients and second-order gradients against central
/// differences in double, doubled gradient when used twice, float against double, strided inputs, the same bits for 1,
/// 2 and 7 threads, and that the graph is freed. `name` is the operation's record name: the architecture test looks for
/// it.
template <class Op>
void check_op(const char* name, const std::string& what, const std::vector<Shape>& shapes, const Op& op,
              const Reference& reference = nullptr, const CaseOptions& options = {}) {
  INFO(std::string(name) << ": " << what);
  Generator generator(options.seed);
  Inputs<double> inputs;
  for (const Shape& shape : shapes) {
    // Values that float holds exactly, so that float and double see the same inputs.
    inputs.push_back(detail::widen(uniform<float>(shape, generator, options.low, options.high)));
  }

  const Tensor<double> y = op(inputs);
  if (reference) CHECK(detail::largest_difference(y, reference(inputs)) <= options.atol);

  const GradcheckOptions gradients{.step = options.step, .atol = options.gradient_atol, .rtol = options.gradient_rtol};
  CHECK_NOTHROW(gradcheck([&](const Inputs<double>& in) { return op(in); }, inputs, gradients));
  CHECK_NOTHROW(gradgradcheck([&](const Inputs<double>& in) { return op(in); }, inputs, gradients));

  const Tensor<double> w = detail::widen(uniform<float>(y.shape(), generator, -1, 1));
  const auto once = detail::gradients_of<double>(op, inputs, w, 1),
             twice = detail::gradients_of<double>(op, inputs, w, 2);
  Inputs<double> strided;
  for (const auto& x : inputs) strided.push_back(detail::strided_copy(x));
  CHECK(detail::largest_difference(op(strided), y) <= options.atol);
  const auto of_strided = detail::gradients_of<double>(op, strided, w, 1);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor<double> sum = add_gradients(once[i], once[i]);
    CHECK(detail::largest_difference(twice[i], sum) <= options.atol);
    CHECK(detail::largest_difference(of_strided[i], once[i]) <= options.atol);
  }

  Inputs<float> narrow;
  for (const auto& x : inputs) narrow.push_back(limn::detail::copy_as<float>(x));
  const Tensor<float> narrow_w = limn::detail::copy_as<float>(w);
  std::vector<std::vector<float>> bits;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<float> all = to_vector(op(narrow));
    for (const auto& g : detail::gradients_of<float>(op, narrow, narrow_w, 1))
      for (const float v : to_vector(g)) all.push_back(v);
    bits.push_back(all);
  }
  kernels::set_thread_count(2);
  CHECK(detail::largest_difference(detail::widen(op(narrow)), y) <= options.float_tolerance);
  const auto narrow_gradients = detail::gradients_of<float>(op, narrow, narrow_w, 1);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    CHECK(detail::largest_difference(detail::widen(narrow_gradients[i]), once[i]) <= options.float_tolerance);
  const auto same_bits = [](const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  };
  CHECK(same_bits(bits[0], bits[1]));
  CHECK(same_bits(bits[0], bits[2]));

  std::weak_ptr<NodeBase> node;
  {
    Inputs<double> leaves;
    for (const auto& x : inputs) leaves.push_back(x.detach().requires_grad_());
    const Tensor<double> recorded = op(leaves);
    node = recorded.node();
    REQUIRE(recorded.requires_grad());
  }
  CHECK(node.expired());  // a node that owned itself would stay
}

}  // namespace limn::test
