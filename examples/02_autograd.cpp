// Gradients: leaves, backward, gradients of gradients, and switching recording off.

#include <cmath>
#include <cstdlib>
#include <iostream>

#include <limn/limn.hpp>

using namespace limn;

namespace {

void expect(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "not so: " << what << '\n';
  std::exit(1);
}

bool near(double a, double b) { return std::abs(a - b) < 1e-9; }

}  // namespace

int main() {
  // [leaf]
  // A leaf asks for a gradient; operations on it are recorded; backward fills leaf.grad().
  Tensor<double> x = from<double>({1, 2, 3}, {3});
  x.requires_grad_();
  const Tensor<double> y = sum(x * x * x);
  backward(y);
  std::cout << "d sum(x^3) / dx = " << x.grad() << '\n';  // 3 x^2
  // [/leaf]
  expect(near(x.grad().at({1}), 12), "3 * 2^2");

  // Gradients add up, as in PyTorch, until they are cleared.
  backward(sum(x));
  expect(near(x.grad().at({1}), 13), "12 + 1");
  x.zero_grad();

  // [second]
  // grad() returns gradients instead of storing them, and with create_graph they can be differentiated again.
  const auto first = grad(sum(exp(x) * x), {x}, {.create_graph = true})[0];  // (1 + x) e^x
  const auto second = grad(sum(first), {x})[0];                              // (2 + x) e^x
  // [/second]
  expect(near(second.at({0}), 3 * std::exp(1.0)), "the second derivative");

  // A gradient penalty is just such a gradient in the loss.
  Tensor<double> w = from<double>({0.5, -1}, {2});
  w.requires_grad_();
  const auto slope = grad(sum(tanh(w)), {w}, {.create_graph = true})[0];
  backward(sum(square(slope)));
  std::cout << "gradient of a gradient penalty = " << w.grad() << '\n';

  // No recording inside this scope: cheaper, and nothing to free.
  {
    const NoGradGuard guard;
    expect(!(x * 2).requires_grad(), "nothing is recorded");
  }
  // detach() cuts one tensor out.
  expect(!(x.detach() * 2).requires_grad(), "a detached tensor has no history");

  // The engine does not recurse: long chains are as good as short ones.
  Tensor<double> start = scalar(1.0);
  start.requires_grad_();
  Tensor<double> end = start;
  for (int i = 0; i < 100000; ++i) end = end + 1e-6;
  backward(end);
  expect(start.grad().item() == 1, "a chain of 100,000 operations");

  // checkpoint() trades time for memory: f runs again in the backward pass instead of keeping its inner results.
  const auto f = [](const Tensor<double>& v) { return sum(sin(exp(v))); };
  x.zero_grad();
  backward(checkpoint(f, x));
  expect(near(x.grad().at({0}), std::cos(std::exp(1.0)) * std::exp(1.0)), "the same gradient, less memory");
  std::cout << "all as expected\n";
}
