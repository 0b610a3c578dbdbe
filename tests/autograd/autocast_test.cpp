#include <doctest/doctest.h>

#include <cmath>

#include <limn/autograd/autocast.hpp>
#include <limn/autograd/backward.hpp>
#include <limn/autograd/gradcheck.hpp>
#include <limn/core/create.hpp>
#include <limn/nn/linear.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/pointwise.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/optim/adam.hpp>

using namespace limn;

namespace {

/// Every number rounded to bf16, in double.
Tensor<double> rounded(const Tensor<float>& x) { return cast<double>(cast<float>(cast<bf16>(contiguous(x.detach())))); }

/// The largest |a - b| over the largest |b|.
double distance(const Tensor<float>& a, const Tensor<double>& b) {
  REQUIRE(a.shape() == b.shape());
  const Tensor<float> x = contiguous(a.detach());
  const Tensor<double> y = contiguous(b);
  double largest = 0, size = 0;
  for (index_t i = 0; i < x.numel(); ++i) {
    largest = std::fmax(largest, std::abs(static_cast<double>(x.data()[i]) - y.data()[i]));
    size = std::fmax(size, std::abs(y.data()[i]));
  }
  return largest / size;
}

/// A net of two layers learns a noisy function of its inputs; the mean loss of the last steps.
double loss_after_training(bool bf16_products) {
  Generator generator(7);
  const Tensor<float> x = uniform({256, 24}, generator, -1, 1), direction = uniform({24, 1}, generator, -1, 1);
  const Tensor<float> y = tanh(matmul(x, direction)) + normal({256, 1}, generator, 0, 0.1);
  nn::Linear<float> first(24, 32, generator), second(32, 1, generator);
  std::vector<Tensor<float>> parameters{first.weight, first.bias, second.weight, second.bias};
  for (auto& p : parameters) p.requires_grad_();
  optim::Adam<float> optimizer(parameters, {.lr = 1e-2});
  double sum = 0;
  for (int step = 0; step < 200; ++step) {
    optimizer.zero_grad();
    Tensor<float> loss;
    {
      const AutocastGuard autocast(bf16_products);
      loss = mean(square(second(tanh(first(x))) - y));
    }
    backward(loss);
    optimizer.step();
    if (step >= 180) sum += static_cast<double>(loss.item()) / 20;
  }
  return sum;
}

}  // namespace

TEST_CASE("autocast: matmul and linear are the products of bf16 numbers, and their gradients too, outside the scope") {
  Generator generator(1);
  Tensor<float> x = uniform({3, 7, 40}, generator, -1, 1), w = uniform({21, 40}, generator, -1, 1),
                b = uniform({21}, generator, -1, 1);
  for (auto* t : {&x, &w, &b}) t->requires_grad_();
  const Tensor<float> dy = uniform({3, 7, 21}, generator, -1, 1);
  const Tensor<double> xr = rounded(x), wr = rounded(w), dr = rounded(dy);
  const auto flat = [](const Tensor<double>& t) { return reshape(t, {21, -1}); };
  const double sums = 40 * 0x1p-24 * 40;  // 40 sums of numbers up to 40 times the result's size, each rounded by 2^-24
  for (const bool by_matmul : {false, true}) {
    Tensor<float> y;
    {
      const AutocastGuard autocast;
      CHECK(autocast_enabled());
      y = by_matmul ? matmul(x, transpose(w)) + b : linear(x, w, b);
    }
    CHECK_FALSE(autocast_enabled());
    CHECK(distance(y, matmul(xr, transpose(wr)) + cast<double>(b.detach())) < sums);
    const auto d = grad(y, {x, w, b}, {.dy = {dy}});
    CHECK(distance(d[0], matmul(dr, wr)) < sums);
    CHECK(distance(d[1], matmul(transpose(flat(dr)), flat(xr))) < sums);
    CHECK(distance(d[2], sum(flat(cast<double>(dy)), 0)) < 1e-6);
    // Not the products of the numbers as given.
    CHECK(distance(d[0], matmul(cast<double>(dy), cast<double>(w.detach()))) > 1e-4);
  }
}

TEST_CASE("autocast: a scope within may switch it off, and a gradient is as its forward was") {
  Generator generator(2);
  Tensor<float> x = uniform({5, 40}, generator, -1, 1), w = uniform({21, 40}, generator, -1, 1);
  x.requires_grad_();
  const AutocastGuard autocast;
  Tensor<float> y;
  {
    const AutocastGuard off(false);
    y = linear(x, w);
  }
  const Tensor<double> exact = matmul(cast<double>(x.detach()), transpose(cast<double>(w)));
  CHECK(distance(y, exact) < 1e-6);
  CHECK(distance(linear(x, w), exact) > 1e-4);
  const auto d = grad(sum(y), {x});
  CHECK(distance(d[0], matmul(ones<double>({5, 21}), cast<double>(w))) < 1e-6);
}

TEST_CASE("autocast: double, and with it the gradient check, is not touched") {
  Generator generator(3);
  const Tensor<double> x = uniform<double>({4, 9}, generator, -1, 1), w = uniform<double>({5, 9}, generator, -1, 1);
  const Tensor<double> before = linear(x, w);
  const AutocastGuard autocast;
  const Tensor<double> after = linear(x, w);
  for (index_t i = 0; i < before.numel(); ++i) CHECK(before.data()[i] == after.data()[i]);
  gradcheck([](const auto& in) { return linear(in[0], in[1]); }, {x, w});
}

TEST_CASE("autocast: gradients of gradients are recorded") {
  Generator generator(4);
  Tensor<float> x = uniform({4, 9}, generator, -1, 1), w = uniform({5, 9}, generator, -1, 1);
  x.requires_grad_();
  w.requires_grad_();
  const AutocastGuard autocast;
  const auto first = grad(sum(square(linear(x, w))), {x}, {.create_graph = true});
  const auto second = grad(sum(square(first[0])), {w});
  CHECK(second[0].shape() == w.shape());
}

TEST_CASE("autocast: a small model trains to the loss that float gives, within 2 %") {
  const double in_float = loss_after_training(false), in_bf16 = loss_after_training(true);
  INFO("float " << in_float << ", bf16 " << in_bf16);
  CHECK(in_float != in_bf16);
  CHECK(in_float < 0.02);  // the noise is 0.01
  CHECK(std::abs(in_bf16 - in_float) < 0.02 * in_float);
}
