// Linear regression twice: by hand, and with a layer and an optimiser.

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

}  // namespace

int main() {
  // Data: y = 3 a - 2 b + 0.5, with a little noise.
  Generator generator(7);
  const auto x = uniform({200, 2}, generator, -1, 1);
  const auto truth = from<float>({3, -2}, {1, 2});
  const auto y = linear(x, truth) + 0.5 + normal({200, 1}, generator, 0, 0.01);

  // By hand: parameters are leaves; step against the gradient outside of recording.
  Tensor<float> w = zeros({1, 2}), b = zeros({1});
  w.requires_grad_();
  b.requires_grad_();
  for (int step = 0; step < 200; ++step) {
    backward(mean(square(linear(x, w, b) - y)));
    const NoGradGuard guard;
    for (Tensor<float>* parameter : {&w, &b}) {
      const Tensor<float> next = *parameter - parameter->grad() * 0.3;
      for (index_t i = 0; i < parameter->numel(); ++i) parameter->data()[i] = next.data()[i];
      parameter->zero_grad();
    }
  }
  std::cout << "by hand:   w = " << w.detach() << ", b = " << b.item() << '\n';

  // The same with a layer, an optimiser and a schedule.
  nn::Linear<> layer(2, 1, generator);
  optim::SGD sgd(nn::parameters(layer), {.lr = 0.3, .momentum = 0.9});
  for (int step = 0; step < 200; ++step) {
    sgd.zero_grad();
    backward(mean(square(layer(x) - y)));
    sgd.step();
  }
  std::cout << "by layers: w = " << layer.weight.detach() << ", b = " << layer.bias.item() << '\n';

  for (index_t i = 0; i < 2; ++i) {
    expect(std::abs(w.at({0, i}) - truth.at({0, i})) < 0.01F, "the loop by hand finds the weights");
    expect(std::abs(layer.weight.at({0, i}) - truth.at({0, i})) < 0.01F, "so does the layer");
  }
  expect(std::abs(b.item() - 0.5F) < 0.01F && std::abs(layer.bias.item() - 0.5F) < 0.01F, "and the offset");
}
