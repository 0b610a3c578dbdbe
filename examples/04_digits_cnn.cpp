// A small convolutional network that reads digits drawn on the spot, as a pocket calculator shows them, shifted and
// noisy.

#include <array>
#include <cstdlib>
#include <iostream>

#include <limn/limn.hpp>

using namespace limn;

namespace {

/// Which of the seven segments are lit: top, upper left, upper right, middle, lower left, lower right, bottom.
constexpr std::array<unsigned, 10> lit = {0b1110111, 0b0010010, 0b1011101, 0b1011011, 0b0111010,
                                          0b1101011, 0b1101111, 0b1010010, 0b1111111, 0b1111011};

struct Batch {
  Tensor<float> images;         // [N, 1, 16, 16]
  Tensor<std::int64_t> digits;  // [N]
};

Batch draw(index_t count, Generator& generator) {
  Batch batch{normal({count, 1, 16, 16}, generator, 0, 0.2), Tensor<std::int64_t>({count})};
  const auto random = uniform({count, 3}, generator);
  for (index_t n = 0; n < count; ++n) {
    const auto digit = static_cast<index_t>(random.at({n, 0}) * 10);
    const auto top = static_cast<index_t>(random.at({n, 1}) * 5), left = static_cast<index_t>(random.at({n, 2}) * 9);
    batch.digits.at({n}) = digit;
    const auto bar = [&](unsigned bit, index_t y, index_t x, index_t height, index_t width) {
      if (!(lit[static_cast<std::size_t>(digit)] >> bit & 1U)) return;
      for (index_t i = 0; i < height; ++i)
        for (index_t j = 0; j < width; ++j) batch.images.at({n, 0, top + y + i, left + x + j}) += 1;
    };
    bar(6, 0, 1, 1, 5), bar(3, 5, 1, 1, 5), bar(0, 10, 1, 1, 5);
    bar(5, 1, 0, 4, 1), bar(4, 1, 6, 4, 1), bar(2, 6, 0, 4, 1), bar(1, 6, 6, 4, 1);
  }
  return batch;
}

// [net]
struct Net {
  nn::Conv2d<> conv1, conv2;
  nn::Linear<> hidden, out;

  explicit Net(Generator& generator)
      : conv1(1, 8, 3, generator, {.padding = 1}),
        conv2(8, 16, 3, generator, {.padding = 1}),
        hidden(16 * 4 * 4, 32, generator),
        out(32, 10, generator) {}

  /// One list of members: parameters(), checkpoints, train() and to(device) all walk it.
  template <class V>
  void members(V&& visit) {
    visit("conv1", conv1);
    visit("conv2", conv2);
    visit("hidden", hidden);
    visit("out", out);
  }

  /// x [N, 1, 16, 16] -> scores [N, 10]
  Tensor<float> operator()(const Tensor<float>& x) const {
    const auto half = max_pool2d(relu(conv1(x)), 2);        // [N, 8, 8, 8]
    const auto quarter = max_pool2d(relu(conv2(half)), 2);  // [N, 16, 4, 4]
    return out(relu(hidden(flatten(quarter, 1))));
  }
  // [/net]
};

double accuracy(const Net& net, const Batch& batch) {
  const NoGradGuard guard;
  return mean(cast<float>(argmax(net(batch.images), 1) == batch.digits)).item();
}

}  // namespace

int main() {
  Generator generator(3);
  const Batch test = draw(500, generator);
  Net net(generator);
  std::cout << nn::parameter_count(net) << " parameters, accuracy before training " << accuracy(net, test) << '\n';

  constexpr int steps = 400;
  // [loop]
  optim::Adam adam(nn::parameters(net), {.lr = 5e-3});
  optim::Scheduler schedule(adam, optim::cosine_annealing_lr(steps));
  for (int step = 1; step <= steps; ++step) {
    const Batch batch = draw(64, generator);
    const auto loss = cross_entropy(net(batch.images), batch.digits);
    adam.zero_grad();
    backward(loss);
    adam.step();
    schedule.step();
    // [/loop]
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << loss.item() << '\n';
  }
  const double after = accuracy(net, test);
  std::cout << "accuracy after training " << after << '\n';
  return after > 0.9 ? EXIT_SUCCESS : EXIT_FAILURE;
}
