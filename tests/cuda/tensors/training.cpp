// Networks that learn on the GPU as they do on the CPU.

#include <cmath>

#include <cuda/learning.hpp>

using namespace limn;
using test::check_same, test::have_device, test::train;

namespace {

struct ConvNet {
  nn::Conv2d<float> first, second;
  nn::BatchNorm2d<float> norm;
  nn::Linear<float> last;

  explicit ConvNet(Generator& generator)
      : first(3, 8, 3, generator, {.padding = 1}),
        second(8, 6, 3, generator, {.stride = 2, .padding = 1, .groups = 2}),
        norm(8),
        last(6 * 3 * 3, 5, generator) {}
  template <class V>
  void members(V&& visit) {
    visit("first", first);
    visit("second", second);
    visit("norm", norm);
    visit("last", last);
  }
  [[nodiscard]] Tensor<float> operator()(const Tensor<float>& x) const {
    const Tensor<float> pooled = max_pool2d(relu(norm(first(x))), 2);
    return last(reshape(gelu(second(pooled)), {x.size(0), -1}));
  }
};

struct Reader {
  nn::Embedding<float> words;
  nn::LSTM<float> lstm;
  nn::LayerNorm<float> norm;
  nn::Linear<float> last;

  explicit Reader(Generator& generator)
      : words(20, 12, generator, {.padding_index = 0}),
        lstm(12, 9, generator, {.layers = 2, .bidirectional = true}),
        norm({18}),
        last(18, 20, generator) {}
  template <class V>
  void members(V&& visit) {
    visit("words", words);
    visit("lstm", lstm);
    visit("norm", norm);
    visit("last", last);
  }
};

}  // namespace

TEST_CASE("a convolutional network learns the same on a GPU, and twice the same bits") {
  if (!have_device()) return;
  check_same([](Device device) {
    Generator generator(1);
    ConvNet net(generator);
    const Tensor<float> x = to(uniform<float>({4, 3, 12, 12}, generator, -1, 1), device);
    const Tensor<std::int64_t> target = from<std::int64_t>({0, 4, 2, 2}, {4});
    nn::to(net, device);
    return train(net, 3, [&] { return cross_entropy(net(x), target); });
  });
}

TEST_CASE("a network learns on a GPU what another sees in bytes of pictures") {
  if (!have_device()) return;
  check_same([](Device device) {
    Generator generator(4);
    nn::Conv2d<float> student(3, 6, 3, generator, {.stride = 4, .padding = 1});
    nn::Conv2d<float> stem(3, 6, 3, generator, {.stride = 2}),
        depthwise(6, 6, 3, generator, {.padding = 1, .groups = 6});
    nn::BatchNorm2d<float> norm(6);
    nn::Linear<float> classifier(6, 5, generator);
    Tensor<std::uint8_t> bytes({3, 3, 16, 16});
    for (index_t i = 0; i < bytes.numel(); ++i) bytes.data()[i] = static_cast<std::uint8_t>(i * i % 251);
    const Tensor<float> between = to(uniform<float>({16, 9}, generator, 0, 0.2), device);
    nn::requires_grad_(depthwise, false);
    nn::requires_grad_(stem, false);
    nn::eval(norm);
    const auto move = [&](auto&... modules) { (nn::to(modules, device), ...); };
    move(student, stem, depthwise, norm, classifier);
    return train(student, 3, [&] {
      const Tensor<float> pixels = cast<float>(to(bytes, device)) / 127.5f - 1.0f;
      const Tensor<float> before = concat<float>({narrow(pixels, 0, 2, 1), narrow(pixels, 0, 0, 2)}, 0);
      const Tensor<float> x = pixels * 0.7f + before * 0.3f;
      Tensor<float> wanted;
      {
        NoGradGuard no_grad;
        const Tensor<float> seen = clamp(norm(depthwise(pad(stem(x), {1, 1, 1, 1}))), 0.0f, 6.0f);
        wanted = matmul(between, transpose(flatten(adaptive_avg_pool2d(seen, 3), 2), 1, 2));
      }
      const Tensor<float> difference = transpose(flatten(student(x), 2), 1, 2) - wanted;
      const auto classes = [&](const Tensor<float>& places) { return classifier(mean(places, 1)); };
      return mean(square(difference)) + mean(square(mean(difference, 1))) * 4.0f +
             cross_entropy(classes(difference + wanted), softmax(classes(wanted), 1)) * 0.15f;
    });
  });
}

TEST_CASE("embedding, LSTM and layer norm learn the same on a GPU, with lengths, dropout, ignored words") {
  if (!have_device()) return;
  check_same([](Device device) {
    Generator generator(2);
    Reader reader(generator);
    const Tensor<std::int64_t> ids = from<std::int64_t>({1, 5, 7, 3, 19, 3, 4, 0, 1, 0, 2, 0}, {4, 3});
    const Tensor<std::int64_t> next = from<std::int64_t>({5, 7, 3, 3, 3, 3, 0, 1, 0, 2, 0, 0}, {12});
    nn::to(reader, device);
    Generator dropped(3);
    return train(reader, 3, [&] {
      const Tensor<float> h = reader.lstm(reader.words(ids), {}, {}, {.lengths = {4, 2, 3}}).output;
      const Tensor<float> y = reader.last(dropout(reader.norm(h), 0.3, dropped));
      return cross_entropy(reshape(y, {12, 20}), next, {.ignore_index = 0, .label_smoothing = 0.1});
    });
  });
}

TEST_CASE("cross_entropy: targets and class weights may lie on the CPU beside logits on a GPU; every reduction") {
  if (!have_device()) return;
  Generator generator(4);
  const Tensor<float> logits = uniform<float>({6, 5}, generator, -2, 2),
                      weight = uniform<float>({5}, generator, 0.5, 2);
  const Tensor<std::int64_t> target = from<std::int64_t>({0, 4, 2, -100, 1, 1}, {6});
  for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
    const CrossEntropyOptions<float> options{.weight = weight, .label_smoothing = 0.1, .reduction = reduction};
    const auto loss_and_gradient = [&](Device device) {
      Tensor<float> x = to(logits, device);
      x.requires_grad_();
      const Tensor<float> loss = cross_entropy(x, target, options);
      backward(sum(mul(loss, 3)));
      std::vector<float> all = to_vector(loss);
      for (const float v : to_vector(x.grad())) all.push_back(v);
      return all;
    };
    const std::vector<float> on_cpu = loss_and_gradient(cpu_device), on_gpu = loss_and_gradient(cuda_device(0));
    REQUIRE(on_cpu.size() == on_gpu.size());
    for (std::size_t i = 0; i < on_cpu.size(); ++i) CHECK(on_gpu[i] == doctest::Approx(on_cpu[i]).epsilon(1e-5));
  }
}
