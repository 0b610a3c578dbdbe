#include <doctest/doctest.h>

#include <limn/optim/adam.hpp>
#include <limn/optim/clip.hpp>
#include <limn/optim/ema.hpp>
#include <limn/optim/rmsprop.hpp>
#include <limn/optim/schedule.hpp>
#include <limn/optim/sgd.hpp>

using namespace limn;

namespace {

/// Minimises sum((w - target)^2) from 0; the gradient is set by hand.
template <class Optimizer>
double distance_after(Optimizer& optimizer, Tensor<float>& w, int steps) {
  for (int i = 0; i < steps; ++i) {
    Tensor<float> g(w.shape());
    for (index_t k = 0; k < w.numel(); ++k) g.data()[k] = 2 * (w.data()[k] - static_cast<float>(k));
    w.set_grad(g);
    optimizer.step();
  }
  double largest = 0;
  for (index_t k = 0; k < w.numel(); ++k)
    largest = std::max(largest, std::abs(static_cast<double>(w.data()[k]) - static_cast<double>(k)));
  return largest;
}

Tensor<float> parameter() {
  Tensor<float> w = zeros({21});
  w.requires_grad_();
  return w;
}

}  // namespace

TEST_CASE("every optimiser approaches the minimum of a quadratic") {
  {
    auto w = parameter();
    optim::SGD<float> o({w}, {.lr = 0.1, .momentum = 0.5, .nesterov = true});
    CHECK(distance_after(o, w, 100) < 1e-3);
  }
  {
    auto w = parameter();
    optim::Adam<float> o({w}, {.lr = 0.5});
    CHECK(distance_after(o, w, 400) < 0.05);
  }
  {
    auto w = parameter();
    optim::NAdam<float> o({w}, {.lr = 0.5});
    CHECK(distance_after(o, w, 400) < 0.05);
  }
  {
    auto w = parameter();
    optim::RAdam<float> o({w}, {.lr = 0.5});
    CHECK(distance_after(o, w, 600) < 0.1);
  }
  {
    auto w = parameter();
    optim::Adamax<float> o({w}, {.lr = 0.5});
    CHECK(distance_after(o, w, 400) < 0.05);
  }
  {
    auto w = parameter();
    optim::RMSprop<float> o({w}, {.lr = 0.05, .centered = true});
    CHECK(distance_after(o, w, 1500) < 0.2);
  }
  {
    auto w = parameter();
    optim::Adagrad<float> o({w}, {.lr = 5});
    CHECK(distance_after(o, w, 400) < 0.05);
  }
}

TEST_CASE("an optimiser continues bitwise from its saved state") {
  auto w = parameter(), v = parameter();
  optim::Adam<float> first({w}, {.lr = 0.1, .amsgrad = true});
  (void)distance_after(first, w, 7);
  copy_into(w.detach(), v.detach());
  optim::Adam<float> second({v}, {.lr = 0.1, .amsgrad = true});
  second.load_state(first.state());
  (void)distance_after(first, w, 5);
  (void)distance_after(second, v, 5);
  CHECK(to_vector(w) == to_vector(v));
  CHECK_THROWS_WITH_AS(second.load_state({{"7.a", zeros({21})}}),
                       "optimizer state: '7.a' belongs to no parameter of this optimiser", Error);
  CHECK_THROWS_AS(second.load_state({{"0.a", zeros({20})}}), Error);
}

TEST_CASE("an optimiser refuses a tensor that needs no gradient") {
  CHECK_THROWS_WITH_AS(optim::SGD<float>(std::vector<Tensor<float>>{zeros({2})}),
                       "optimizer: a parameter of shape [2] does not require a gradient", Error);
}

TEST_CASE("clip_grad_norm scales all gradients together and returns the norm before") {
  auto a = parameter(), b = parameter();
  a.set_grad(full({21}, 3.f));
  b.set_grad(full({21}, 4.f));
  const double norm = std::sqrt(21 * 25.0);
  CHECK(optim::clip_grad_norm<float>({a, b}, 1) == doctest::Approx(norm));
  CHECK(a.grad().data()[0] == doctest::Approx(3 / norm));
  CHECK(optim::clip_grad_norm<float>({a, b}, 10) == doctest::Approx(1));
  optim::clip_grad_value<float>({a, b}, 0.01);
  CHECK(b.grad().data()[3] == 0.01f);
}

TEST_CASE("the moving average follows the parameters and can be swapped in") {
  auto w = parameter();
  optim::ExponentialMovingAverage<float> average({w}, 0.5);
  for (index_t i = 0; i < 21; ++i) w.data()[i] = 8;
  average.update();
  average.swap();
  CHECK(w.data()[0] == 4);
  average.swap();
  CHECK(w.data()[0] == 8);
}

TEST_CASE("a scheduler sets each group's rate from that group's own base") {
  auto a = parameter(), b = parameter();
  optim::SGD<float> o(std::vector<optim::ParameterGroup<float>>{{{a}, 1.0}, {{b}, 0.5}});
  optim::Scheduler<float> s(o, optim::step_lr(2, 0.1));
  s.step();
  CHECK(o.lr(0) == 1.0);
  s.step();
  CHECK(o.lr(0) == doctest::Approx(0.1));
  CHECK(o.lr(1) == doctest::Approx(0.05));
}
