// An op of your own, in your own program: softsign(x) = x / (1 + |x|), as a formula and as a kernel with its gradient.

#include <cmath>
#include <cstdlib>
#include <iostream>

#include <limn/limn.hpp>

namespace mine {

using namespace limn;

/// As a formula over existing ops: nothing more is needed, the gradients of every order are free.
template <class T>
[[nodiscard]] Tensor<T> softsign_formula(const Tensor<T>& x) {
  return x / (abs(x) + 1);
}

/// As a kernel: one pass over memory instead of three. A functor is any type with operator() for numbers.
struct Softsign {
  template <class T>
  T operator()(T x) const {
    return x / (T(1) + (x < T(0) ? -x : x));
  }
};
struct SoftsignGradient {
  template <class T>
  T operator()(T x, T dy) const {
    const T below = T(1) + (x < T(0) ? -x : x);
    return dy / (below * below);
  }
};

/// softsign(x) = x / (1 + |x|), any shape. Gradient: dy / (1 + |x|)^2.
template <class T>
[[nodiscard]] Tensor<T> softsign(const Tensor<T>& x) {
  // Check: every shape is fine. Forward:
  const Tensor<T> y = limn::detail::unary_values<T>("softsign", Softsign{}, x);
  // Backward: return the gradients, one for each input. When a graph of the gradient is asked for (create_graph),
  // recording is on here, and the gradient must itself be made of differentiable operations.
  return record("softsign", y, {x}, [x](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) return {dy / square(abs(x) + 1)};
    return {limn::detail::binary_values<T>("softsign", SoftsignGradient{}, x, dy)};
  });
}

}  // namespace mine

int main() {
  using namespace limn;
  Generator generator(1);
  const auto x = uniform<double>({3, 5}, generator, -2, 2);

  // The two agree.
  const double difference = max(abs(mine::softsign(x) - mine::softsign_formula(x))).item();
  std::cout << "largest difference between kernel and formula: " << difference << '\n';

  // Central differences in double check the gradient, and the gradient of the gradient; they throw when it is wrong.
  const auto op = [](const std::vector<Tensor<double>>& in) { return mine::softsign(in[0]); };
  gradcheck(op, {x});
  gradgradcheck(op, {x});
  std::cout << "gradients of both orders agree with finite differences\n";
  return difference < 1e-15 ? EXIT_SUCCESS : EXIT_FAILURE;
}
