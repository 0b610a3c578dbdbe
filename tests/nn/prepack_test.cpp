#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>

#include <limn/autograd/backward.hpp>
#include <limn/core/random.hpp>
#include <limn/io/safetensors.hpp>
#include <limn/io/state_dict.hpp>
#include <limn/nn/conv.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/conv2d_relu.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/optim/sgd.hpp>

using namespace limn;

namespace {

struct Net {
  nn::Conv2d<float> conv;
  nn::Linear<float> head;

  explicit Net(Generator& generator) : conv(20, 33, 3, generator, {.padding = 1}), head(33 * 6 * 5, 17, generator) {}
  template <class V>
  void members(V&& visit) {
    visit("conv", conv);
    visit("head", head);
  }
  [[nodiscard]] Tensor<float> operator()(const Tensor<float>& x) const {
    return head(flatten(conv2d_relu_max_pool2d(x, conv.weight, conv.bias, conv.options, conv.packed()), 1));
  }
};

/// Up to `by` of the largest element.
bool near(const Tensor<float>& a, const Tensor<float>& b, float by = 1e-5F) {
  if (!(a.shape() == b.shape())) return false;
  float largest = 0;
  for (index_t i = 0; i < a.numel(); ++i) largest = std::max(largest, std::abs(b.data()[i]));
  for (index_t i = 0; i < a.numel(); ++i)
    if (!(std::abs(a.data()[i] - b.data()[i]) <= by * largest)) return false;
  return true;
}

/// What the network answers without anything prepared.
Tensor<float> plain(const Net& net, const Tensor<float>& x) { return net(x).detach(); }  // records: reads the weights
Tensor<float> inferred(const Net& net, const Tensor<float>& x) {
  const NoGradGuard no_grad;
  return net(x);
}

}  // namespace

TEST_CASE("prepack: every call under NoGradGuard answers as the weights are now, however they were changed") {
  Generator generator(8);
  Net net(generator);
  const Tensor<float> x = uniform({2, 20, 12, 10}, generator, -1, 1);
  optim::SGD<float> optimizer(nn::parameters(net), {.lr = 0.1});
  const Tensor<float> first = plain(net, x);

  nn::prepack(net);
  {
    const NoGradGuard no_grad;
    CHECK(net.conv.packed() != nullptr);
    CHECK(std::memcmp(net.conv(x).data(), conv2d(x, net.conv.weight, net.conv.bias, net.conv.options).data(),
                      2 * 33 * 12 * 10 * sizeof(float)) == 0);
  }
  CHECK(net.conv.packed() == nullptr);  // a gradient may be recorded
  CHECK(near(inferred(net, x), first));

  const auto check_followed = [&](const std::string& how) {
    INFO(how);
    const Tensor<float> now = plain(net, x);
    CHECK_FALSE(near(now, first, 1e-3F));
    CHECK(near(inferred(net, x), now));
    {
      const NoGradGuard no_grad;
      CHECK(net.conv.packed() == nullptr);
    }
    nn::prepack(net);
    CHECK(near(inferred(net, x), now));
    const NoGradGuard no_grad;
    CHECK(net.conv.packed() != nullptr);
  };

  backward(sum(net(x)));
  optimizer.step();
  check_followed("an optimiser's step");

  const auto path = std::filesystem::temp_directory_path() / "limn_prepack_test.safetensors";
  Net other(generator);
  io::TensorMap saved;
  for (const auto& [name, tensor] : nn::named_tensors(other)) saved.emplace(name, tensor);
  io::save_tensors(path, saved);
  io::load_state<float>(io::SafetensorsFile(path), nn::named_tensors(net));
  std::filesystem::remove(path);
  check_followed("loading");

  copy_into(mul(net.conv.weight.detach(), 2), net.conv.weight);
  copy_into(mul(net.head.weight.detach(), 2), net.head.weight);
  check_followed("copy_into");

  for (const Tensor<float>& w : {net.conv.weight, net.head.weight})
    for (index_t i = 0; i < w.numel(); ++i) w.data()[i] *= 1.5F;
  check_followed("a loop of the program's own over all elements");

  net.conv.weight.data()[1] += 3;
  net.conv.weight.mark_written();
  net.head.weight.data()[1] += 3;
  net.head.weight.mark_written();
  check_followed("one element, and mark_written");

  net.conv.weight = net.conv.weight.detach() + 1;
  net.head.weight = net.head.weight.detach() + 1;
  check_followed("other tensors in their place");
}

TEST_CASE("prepack: each kind of layer is prepared only if wanted, and forgets what is not wanted") {
  Generator generator(9);
  Net net(generator);
  const NoGradGuard no_grad;
  nn::prepack(net, {.winograd = false});
  CHECK(net.conv.packed() == nullptr);
  nn::prepack(net, {.linear = false});
  CHECK(net.conv.packed() != nullptr);
  net.conv.options.winograd = kernels::Winograd::off;  // prepared weights of another algorithm do no harm
  const Tensor<float> x = uniform({1, 20, 12, 10}, generator, -1, 1);
  CHECK(near(net.conv(x), conv2d(x, net.conv.weight, net.conv.bias, net.conv.options)));
  nn::prepack(net);
  CHECK(net.conv.packed() == nullptr);

  nn::Conv2d<double> exact(20, 20, 3, generator, {.padding = 1});
  nn::prepack(exact);
  CHECK(exact.packed() == nullptr);
}

namespace {

/// What nn::LSTM and nn::GRU answer with prepared weights is what they answer without, for one and many rows, until a
/// weight changes, and after it.
template <class Layer>
void check_recurrent_prepack() {
  Generator generator(5);
  Layer layer(19, 37, generator, {.layers = 2, .bidirectional = true});
  for (const index_t batch : {1, 3, 9})
    for (const index_t time : {1, 8}) {
      CAPTURE(batch);
      CAPTURE(time);
      const Tensor<float> x = uniform({time, batch, 19}, generator, -1, 1);
      nn::prepack(layer, {.recurrent = false});
      const NoGradGuard no_grad;
      CHECK(layer.packed().empty());
      const Tensor<float> first = layer(x).output;
      nn::prepack(layer);
      REQUIRE(layer.packed().size() == 4);
      CHECK(near(layer(x).output, first));

      layer.weights[1].w_hh.data()[0] += 1;
      layer.weights[1].w_hh.mark_written();
      CHECK(layer.packed()[0] != nullptr);
      CHECK(layer.packed()[1] == nullptr);
      const Tensor<float> stale = layer(x).output;
      nn::prepack(layer);
      CHECK(layer.packed()[1] != nullptr);
      CHECK(near(layer(x).output, stale));
    }
  CHECK(layer.packed().empty());  // a gradient may be recorded
}

}  // namespace

TEST_CASE("prepack: LSTM answers as its weights are now, one row and many, both directions") {
  check_recurrent_prepack<nn::LSTM<float>>();
}
TEST_CASE("prepack: GRU answers as its weights are now, one row and many, both directions") {
  check_recurrent_prepack<nn::GRU<float>>();
}
