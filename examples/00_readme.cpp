// The example of README.md: what stands between the markers is shown there, and tests/architecture compares the two.
// [train]
#include <iostream>
#include <limn/limn.hpp>
using namespace limn;

struct Net {
  nn::Linear<> hidden, out;
  explicit Net(Generator& rng) : hidden(1, 32, rng), out(32, 1, rng) {}
  void members(auto&& visit) { visit("hidden", hidden), visit("out", out); }
  Tensor<> operator()(const Tensor<>& x) const { return out(tanh(hidden(x))); }
};

int main() {
  Generator rng(1);
  const auto x = uniform({256, 1}, rng, -3, 3), y = sin(x);
  Net net(rng);
  optim::Adam adam(nn::parameters(net), {.lr = 0.01});
  for (int step = 1; step <= 600; ++step) {
    const auto loss = mean(square(net(x) - y));
    adam.zero_grad(), backward(loss), adam.step();
    if (step % 200 == 0) std::cout << "step " << step << ": mean squared error " << loss.item() << '\n';
  }
}
// [/train]
