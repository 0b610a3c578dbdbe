// The same program on a GPU and on the CPU: a small network learns in which quarter of a picture a spot is. On a GPU
// where this is built with -DLIMN_CUDA=ON and there is one, else on the CPU.

#include <cstdlib>
#include <iostream>

#include <limn/limn.hpp>

using namespace limn;

namespace {

struct Batch {
  Tensor<float> images;           // [N, 1, 16, 16]
  Tensor<std::int64_t> quarters;  // [N], in 0..3
};

Batch draw(index_t count, Generator& generator) {
  Batch batch{normal({count, 1, 16, 16}, generator, 0, 0.3), Tensor<std::int64_t>({count})};
  for (index_t n = 0; n < count; ++n) {
    const index_t y = 1 + generator.below(14), x = 1 + generator.below(14);
    batch.quarters.at({n}) = y / 8 * 2 + x / 8;
    for (index_t i = -1; i <= 1; ++i)
      for (index_t j = -1; j <= 1; ++j) batch.images.at({n, 0, y + i, x + j}) += 1;
  }
  return batch;
}

struct Net {
  nn::Conv2d<> conv;
  nn::Linear<> out;

  explicit Net(Generator& generator) : conv(1, 8, 3, generator, {.padding = 1}), out(8 * 8 * 8, 4, generator) {}
  template <class V>
  void members(V&& visit) {
    visit("conv", conv);
    visit("out", out);
  }
  Tensor<float> operator()(const Tensor<float>& x) const { return out(flatten(max_pool2d(relu(conv(x)), 2), 1)); }
};

}  // namespace

int main() {
  Generator generator(1);
  Net net(generator);
  // [gpu]
  const Device device = kernels::cuda_device_count() > 0 ? cuda_device(0) : cpu_device;
  nn::to(net, device);  // before the optimiser, which keeps its numbers beside the parameters
  optim::Adam adam(nn::parameters(net), {.lr = 5e-3});
  for (int step = 1; step <= 150; ++step) {
    const Batch batch = draw(64, generator);
    const auto loss = cross_entropy(net(to(batch.images, device)), batch.quarters);  // classes may stay on the CPU
    adam.zero_grad();
    backward(loss);
    adam.step();
    if (step % 50 == 0) std::cout << "step " << step << " on " << device << ": loss " << loss.item() << '\n';
  }
  // [/gpu]
  const Batch test = draw(400, generator);
  const NoGradGuard no_grad;
  const auto scores = to(net(to(test.images, device)), cpu_device);
  const float accuracy = mean(cast<float>(argmax(scores, 1) == test.quarters)).item();
  std::cout << "accuracy " << accuracy << '\n';
  return accuracy > 0.9F ? EXIT_SUCCESS : EXIT_FAILURE;
}
