// The gradient engine on operations made here, so that it is tested without the ops layer.
#include <doctest/doctest.h>

#include <limn/autograd/checkpoint.hpp>
#include <limn/autograd/gradcheck.hpp>

using namespace limn;

namespace {

template <class T>
Tensor<T> multiply(const Tensor<T>& a, const Tensor<T>& b) {
  const Shape shape = broadcast_shapes("multiply", a.shape(), b.shape());
  const Tensor<T> pa = detail::packed(broadcast_to(a.detach(), shape)),
                  pb = detail::packed(broadcast_to(b.detach(), shape));
  Tensor<T> y(shape);
  for (index_t i = 0; i < y.numel(); ++i) y.data()[i] = pa.data()[i] * pb.data()[i];
  return record("multiply", y, {a, b}, [a, b](const Tensor<T>& dy) -> Grads<T> {
    return {multiply(dy, b), multiply(dy, a)};
  });
}

template <class T>
Tensor<T> next(const Tensor<T>& x) {  // x + 1
  Tensor<T> y(x.shape());
  for (index_t i = 0; i < y.numel(); ++i) y.data()[i] = x.data()[i] + 1;
  return record("next", y, {x}, [](const Tensor<T>& dy) -> Grads<T> { return {dy}; });
}

}  // namespace

TEST_CASE("a tensor used twice receives the sum of both gradients") {
  Tensor<double> x = full<double>({1}, 3);
  x.requires_grad_();
  backward(multiply(x, x));
  CHECK(x.grad().item() == 6);
  backward(multiply(x, x));
  CHECK(x.grad().item() == 12);  // leaves accumulate until zero_grad
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a broadcast input receives a gradient of its own shape") {
  Tensor<double> a = from<double>({1, 2, 3}, {3}), b = from<double>({5, 7}, {2, 1});
  a.requires_grad_();
  b.requires_grad_();
  const auto g = grad(multiply(a, b), {a, b}, {.dy = {ones<double>({2, 3})}});
  CHECK(to_vector(g[0]) == std::vector<double>{12, 12, 12});
  CHECK(to_vector(g[1]) == std::vector<double>{6, 6});
}

TEST_CASE("third derivative of x^4 is 24 x") {
  Tensor<double> x = full<double>({1}, 2);
  x.requires_grad_();
  const auto square = multiply(x, x);
  const auto g1 = grad(multiply(square, square), {x}, {.create_graph = true})[0];
  const auto g2 = grad(g1, {x}, {.create_graph = true})[0];
  const auto g3 = grad(g2, {x})[0];
  CHECK(g1.item() == 32);
  CHECK(g2.item() == 48);
  CHECK(g3.item() == 48);
}

TEST_CASE("gradcheck and gradgradcheck accept a right and reject a wrong backward") {
  Generator rng(3);
  const std::vector<Tensor<double>> inputs = {uniform<double>({2, 3}, rng, -1, 1), uniform<double>({3}, rng, -1, 1)};
  const DoubleFunction right = [](const auto& in) { return multiply(in[0], in[1]); };
  CHECK_NOTHROW(gradcheck(right, inputs));
  CHECK_NOTHROW(gradgradcheck(right, inputs));
  const DoubleFunction wrong = [](const auto& in) {
    const Tensor<double> x = in[0];
    return record("wrong", multiply(x.detach(), x.detach()), {x},
                  [x](const Tensor<double>& dy) -> Grads<double> { return {multiply(dy, x)}; });
  };
  CHECK_THROWS_AS(gradcheck(wrong, {inputs[0]}), Error);
}

TEST_CASE("a chain of a million nodes builds, differentiates and frees") {
  Tensor<float> x = zeros<float>({1});
  x.requires_grad_();
  Tensor<float> y = x;
  for (int i = 0; i < 1000000; ++i) y = next(y);
  backward(y);
  CHECK(y.item() == 1000000);
  CHECK(x.grad().item() == 1);
  Tensor<float> unused = x;
  for (int i = 0; i < 1000000; ++i) unused = next(unused);
  unused = Tensor<float>();  // freed without ever being walked
}

TEST_CASE("a second backward over a freed graph is refused with the remedy") {
  Tensor<double> x = full<double>({1}, 3);
  x.requires_grad_();
  const auto y = multiply(x, x);
  backward(y);
  CHECK_THROWS_WITH_AS(
      backward(y),
      "backward: the graph of 'multiply' was freed by an earlier backward; pass .retain_graph = true there", Error);
}

TEST_CASE("nothing is recorded under NoGradGuard") {
  Tensor<double> x = full<double>({1}, 3);
  x.requires_grad_();
  NoGradGuard no_grad;
  CHECK_FALSE(multiply(x, x).requires_grad());
}

TEST_CASE("grad of an interior tensor and of several outputs") {
  Tensor<double> x = full<double>({1}, 3);
  x.requires_grad_();
  const auto square = multiply(x, x), cube = multiply(square, x);
  const auto g = grad<double>({square, cube}, {square, x}, {.retain_graph = true});
  CHECK(g[0].item() == 1 + 3);  // of square itself, and through cube
  CHECK(g[1].item() == 6 + 27);
  Tensor<double> other = full<double>({1}, 3);
  other.requires_grad_();
  CHECK_THROWS_AS((void)grad(cube, {other}, {.retain_graph = true}), Error);
  CHECK_FALSE(grad(cube, {other}, {.allow_unused = true})[0].defined());
}

TEST_CASE("checkpoint gives the same gradients as the function itself, inside and outside") {
  Tensor<double> w = full<double>({1}, 5), x = full<double>({1}, 3);
  w.requires_grad_();
  x.requires_grad_();
  const auto f = [w](const Tensor<double>& in) { return multiply(multiply(in, in), w); };
  backward(multiply(checkpoint(f, multiply(x, x)), x));  // w x^5
  CHECK(x.grad().item() == doctest::Approx(5 * 5 * 81));
  CHECK(w.grad().item() == doctest::Approx(243));
  const Tensor<double> constant = full<double>({1}, 2);
  w.zero_grad();
  backward(checkpoint(f, constant));
  CHECK(w.grad().item() == 4);
  const DoubleFunction checkpointed = [](const auto& in) {
    return checkpoint([](const Tensor<double>& v) { return multiply(multiply(v, v), v); }, in[0]);
  };
  CHECK_NOTHROW(gradcheck(checkpointed, {x}));
  CHECK_NOTHROW(gradgradcheck(checkpointed, {x}));
}
