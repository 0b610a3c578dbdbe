// Whole models: VGG16 (inference, a training step) and a caption decoder (a training step, greedy decoding).

#include <limn/autograd/backward.hpp>
#include <limn/autograd/no_grad.hpp>
#include <limn/core/random.hpp>
#include <limn/models/vgg.hpp>
#include <limn/nn/embedding.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/optim/adam.hpp>
#include <limn/optim/sgd.hpp>

#include "../opponents/opponent.hpp"

using namespace limn;

namespace bench {
namespace {

Tensor<std::int64_t> random_ids(const Shape& shape, Generator& generator, index_t below) {
  Tensor<std::int64_t> ids(shape);
  for (index_t i = 0; i < ids.numel(); ++i) ids.data()[i] = generator.below(below);
  return ids;
}

/// Multiplications and additions of VGG16's convolutions and fully connected layers, one image, forward.
constexpr double vgg16_flops = 2 * 15.470e9;

struct Vgg16 {
  Generator generator{1};
  models::VGG<float> net{models::VGGConfig::of_depth(16), generator};
  Tensor<float> x, y;
  Tensor<std::int64_t> target;

  explicit Vgg16(index_t batch) {
    x = uniform({batch, 3, 224, 224}, generator, -1, 1);
    target = random_ids({batch}, generator, 1000);
  }
  /// Against the same network in double.
  [[nodiscard]] double error() {
    Generator other(1);
    models::VGG<double> exact(models::VGGConfig::of_depth(16), other);
    auto from = nn::named_tensors(net);
    auto to = nn::named_tensors<double>(exact);
    for (std::size_t i = 0; i < from.size(); ++i)
      for (index_t k = 0; k < from[i].second.numel(); ++k) to[i].second.data()[k] = from[i].second.data()[k];
    nn::eval(exact);
    const NoGradGuard no_grad;
    const Tensor<double> wanted = exact(cast<double>(x));
    return relative_error(
        y.data(), y.numel(), [&](long i) { return wanted.data()[i]; }, 1000);
  }
};

Contenders vgg16_inference(index_t batch) {
  const auto m = std::make_shared<Vgg16>(batch);
  nn::eval(m->net);
  nn::requires_grad_(m->net, false);
  nn::prepack(m->net);
  std::function<double()> error;
  if (batch == 1) error = [m] { return m->error(); };
  Contenders all{here(
      "limn",
      [m] {
        const NoGradGuard no_grad;
        m->y = std::as_const(m->net)(m->x);
      },
      error)};
  challenge(
      all, [&](Opponent& other) { return other.vgg16(batch); }, nullptr);
  for (const char* variant : {"", "nhwc", "jit"})
    for (Contender& other : torch("vgg16 batch=" + std::to_string(batch) + " what=inference", variant))
      all.push_back(other);
  return all;
}

Contenders vgg16_training(index_t batch) {
  const auto m = std::make_shared<Vgg16>(batch);
  const auto optimizer =
      std::make_shared<optim::SGD<float>>(nn::parameters(m->net), optim::SGDOptions{.lr = 1e-3, .momentum = 0.9});
  const auto step = [m, optimizer] {
    optimizer->zero_grad();
    backward(cross_entropy(m->net(m->x, &m->generator), m->target));
    optimizer->step();
  };
  step();  // memory grows until the second step, when there are gradients beside activations; so on PyTorch's side
  Contenders all{here("limn", step)};
  for (Contender& other : torch("vgg16 batch=" + std::to_string(batch) + " what=train")) all.push_back(other);
  return all;
}

constexpr index_t embedding_width = 256, hidden = 512, vocabulary = 8000;

struct Decoder {
  Generator generator{1};
  nn::Embedding<float> embedding{vocabulary, embedding_width, generator};
  nn::LSTM<float> lstm{embedding_width, hidden, generator, {.batch_first = true}};
  nn::Linear<float> output{hidden, vocabulary, generator};

  template <class V>
  void members(V&& visit) {
    visit("embedding", embedding);
    visit("lstm", lstm);
    visit("output", output);
  }
};

Contenders caption_training(index_t batch, index_t steps) {
  struct Training {
    Decoder model;
    optim::Adam<float> optimizer{nn::parameters(model)};
    Tensor<std::int64_t> ids, target;
  };
  const auto m = std::make_shared<Training>();
  m->ids = random_ids({batch, steps}, m->model.generator, vocabulary);
  m->target = random_ids({batch * steps}, m->model.generator, vocabulary);
  Contenders all{here("limn", [m] {
    m->optimizer.zero_grad();
    const Tensor<float> h = m->model.lstm(m->model.embedding(m->ids)).output;
    backward(cross_entropy(m->model.output(reshape(h, {-1, hidden})), m->target));
    m->optimizer.step();
  })};
  for (Contender& other :
       torch("caption what=train batch=" + std::to_string(batch) + " steps=" + std::to_string(steps)))
    all.push_back(other);
  return all;
}

Contenders caption_decoding(index_t steps) {
  const auto m = std::make_shared<Decoder>();
  nn::prepack(*m);
  Contenders all{here("limn", [m, steps] {
    const NoGradGuard no_grad;
    Tensor<std::int64_t> id = full<std::int64_t>({1, 1}, 0);
    Tensor<float> h, c;
    for (index_t t = 0; t < steps; ++t) {
      const auto step = m->lstm(m->embedding(id), h, c);
      h = step.h;
      c = step.c;
      id = argmax(m->output(select(h, 0, 0)), 1, {.keepdim = true});
    }
  })};
  for (Contender& other : torch("caption what=decode batch=1 steps=" + std::to_string(steps))) all.push_back(other);
  return all;
}

}  // namespace

void cases() {
  for (const index_t batch : {1, 8})
    add(
        "models/vgg16_inference/b" + std::to_string(batch), {.flops = vgg16_flops * static_cast<double>(batch)},
        [batch] { return vgg16_inference(batch); }, batch == 1);
  add("models/vgg16_training/b8", {.flops = 3 * 8 * vgg16_flops}, [] { return vgg16_training(8); });
  // LSTM and output layer, three passes; "elements" are words.
  const double word = 2.0 * (4 * hidden * (embedding_width + hidden) + hidden * vocabulary);
  add(
      "models/caption_training/b64", {.flops = 3 * 64 * 20 * word, .elements = 64 * 20},
      [] { return caption_training(64, 20); }, true);
  add(
      "models/caption_decoding/b1", {.flops = 20 * word, .elements = 20}, [] { return caption_decoding(20); }, true);
}

}  // namespace bench
