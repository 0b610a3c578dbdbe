// Times limn's GPU kernels and what is built on them: `bench.gpu` prints a line a case, "name, microseconds, relative
// error", with `--tf32` of products in TF32; `benchmarks/gpu/report` puts PyTorch beside it. A time is the median of
// single runs between two CUDA events.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <cuda_runtime.h>

#include <limn/models/vgg.hpp>
#include <limn/nn.hpp>
#include <limn/ops.hpp>
#include <limn/optim.hpp>

using namespace limn;

namespace {

constexpr Device gpu = cuda_device(0);
Generator generator(1);  // NOLINT(cert-err58-cpp): ends the program where it cannot be made

double microseconds(const std::function<void()>& run) {
  cudaEvent_t begin = nullptr, end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  for (int i = 0; i < 5; ++i) run();
  std::vector<float> times(21);
  for (float& t : times) {
    cudaEventRecord(begin);
    run();
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    cudaEventElapsedTime(&t, begin, end);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + 10, times.end());
  return 1e3 * static_cast<double>(times[10]);
}

/// The distance of y from y in double, as a share of that one's length.
double relative_error(const Tensor<float>& y, const Tensor<double>& exact) {
  const std::vector<float> found = to_vector(y);
  const std::vector<double> wanted = to_vector(exact);
  double distance = 0, length = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    distance += std::pow(static_cast<double>(found[i]) - wanted[i], 2);
    length += wanted[i] * wanted[i];
  }
  return std::sqrt(distance / length);
}

Tensor<float> random(const Shape& shape) { return to(uniform<float>(shape, generator, -1, 1), gpu); }

/// "kind a b c"
template <class... Numbers>
std::string name_of(const char* kind, Numbers... numbers) {
  std::ostringstream name;
  name << kind;
  static_cast<void>(((name << ' ' << numbers), ...));
  return name.str();
}

void print(const std::string& name, double time, double error) {
  std::printf("%s\t%.2f\t%.2e\n", name.c_str(), time, error);
  std::fflush(stdout);
}

/// f of float tensors is timed; of the same numbers in double it is the truth.
template <class F>
void measure(const std::string& name, const std::vector<Tensor<float>>& in, F&& f) {
  std::vector<Tensor<double>> exact;
  for (const Tensor<float>& x : in) exact.push_back(cast<double>(x));
  const double error = relative_error(f(in), f(exact));
  exact.clear();
  print(name, microseconds([&] { static_cast<void>(f(in)); }), error);
}

void gemm(index_t m, index_t n, index_t k) {
  measure(name_of("gemm", m, n, k), {random({m, k}), random({k, n})},
          [](const auto& in) { return matmul(in[0], in[1]); });
}

/// y = x w^T, as layers have it.
void linear_layer(index_t rows, index_t outputs, index_t inputs) {
  measure(name_of("linear", rows, outputs, inputs), {random({rows, inputs}), random({outputs, inputs})},
          [](const auto& in) { return linear(in[0], in[1]); });
}

void convolution(index_t n, index_t c, index_t o, index_t size, index_t kernel, index_t stride, index_t groups) {
  const Conv2dOptions options{.stride = stride, .padding = kernel / 2, .groups = groups};
  const Tensor<float> x = random({n, c, size, size}), w = random({o, c / groups, kernel, kernel});
  const kernels::Conv2dShape s = detail::conv2d_shape(x, w, {}, options);
  const Tensor<float> dy = random({n, o, s.oh, s.ow});
  const auto name = [&](const char* kind) { return name_of(kind, n, c, o, size, kernel, stride, groups); };
  measure(name("conv2d"), {x, w}, [&](const auto& in) { return conv2d(in[0], in[1], {}, options); });
  measure(name("conv2d_data"), {dy, w}, [&](const auto& in) { return detail::conv2d_data_gradient(s, in[0], in[1]); });
  measure(name("conv2d_weight"), {x, dy},
          [&](const auto& in) { return detail::conv2d_weight_gradient(s, in[0], in[1]); });
}

void recurrent(index_t time, index_t batch, index_t hidden) {
  nn::LSTM<float> lstm(hidden, hidden, generator);
  nn::to(lstm, gpu);
  const Tensor<float> x = random({time, batch, hidden});
  const RecurrentWeights<float>& w = lstm.weights[0];
  measure(name_of("lstm", time, batch, hidden), {x, w.w_ih.detach(), w.w_hh.detach(), w.b_ih.detach(), w.b_hh.detach()},
          [](const auto& in) {
            using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
            return limn::lstm<T>(in[0], {}, {}, {{in[1], in[2], in[3], in[4]}}).output;
          });
  const Tensor<float> dy = random({time, batch, hidden});
  print(name_of("lstm_training", time, batch, hidden), microseconds([&] {
          for (Tensor<float>& p : nn::parameters(lstm)) p.zero_grad();
          backward(lstm(x).output, dy);
        }),
        0);
}

void rows() {
  const Tensor<float> x = random({4096, 1000});
  measure("softmax 4096 1000", {x}, [](const auto& in) { return softmax(in[0], 1); });
  measure("sum 4096 1000", {x}, [](const auto& in) { return sum(in[0], 1); });
  measure("layer_norm 4096 1000", {x}, [](const auto& in) {
    using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
    return layer_norm<T>(in[0], {1000});
  });
  measure("tanh 67108864", {random({index_t{1} << 26})}, [](const auto& in) { return tanh(in[0]); });
  measure("add 67108864", {random({index_t{1} << 26}), random({index_t{1} << 26})},
          [](const auto& in) { return add(in[0], in[1]); });
  measure("transpose 8192 8192", {random({8192, 8192})}, [](const auto& in) { return contiguous(transpose(in[0])); });
}

void vgg16(index_t batch) {
  models::VGG<float> net(models::VGGConfig::of_depth(16), generator);
  nn::to(net, gpu);
  nn::eval(net);
  const Tensor<float> x = random({batch, 3, 224, 224});
  {
    const NoGradGuard no_grad;
    print(name_of("vgg16", batch), microseconds([&] { static_cast<void>(std::as_const(net)(x)); }), 0);
  }
  if (batch < 8) return;
  optim::SGD<float> optimizer(nn::parameters(net), {.lr = 1e-3, .momentum = 0.9});
  const Tensor<std::int64_t> target = full<std::int64_t>({batch}, 7);
  print(name_of("vgg16_training", batch), microseconds([&] {
          optimizer.zero_grad();
          backward(cross_entropy(std::as_const(net)(x), target));
          optimizer.step();
        }),
        0);
}

/// The step of a caption decoder: 64 captions of 20 words of 8000, 256 numbers a word, 512 units, Adam.
struct Decoder {
  nn::Embedding<float> embedding{8000, 256, generator};
  nn::LSTM<float> lstm{256, 512, generator, {.batch_first = true}};
  nn::Linear<float> output{512, 8000, generator};

  template <class V>
  void members(V&& visit) {
    visit("embedding", embedding);
    visit("lstm", lstm);
    visit("output", output);
  }
};

void decoder() {
  Decoder net;
  nn::to(net, gpu);
  std::vector<std::int64_t> words(64 * 20);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::int64_t>(i * 7919 % 8000);
  const Tensor<std::int64_t> ids = from(words, {64, 20}), target = from(words, {64 * 20});
  optim::Adam<float> optimizer(nn::parameters(net), {.lr = 1e-3});
  print("decoder_training 64 20", microseconds([&] {
          optimizer.zero_grad();
          const Tensor<float> h = net.lstm(net.embedding(ids)).output;
          backward(cross_entropy(net.output(reshape(h, {64 * 20, 512})), target));
          optimizer.step();
        }),
        0);
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> options(arguments + 1, arguments + count);
  if (options.size() > 1 || (options.size() == 1 && options[0] != "--tf32")) {
    std::fprintf(stderr, "bench.gpu: usage: bench.gpu [--tf32]\n");
    return 2;
  }
  kernels::cuda_allow_tf32(!options.empty());
  if (kernels::cuda_device_count() == 0) {
    std::fprintf(stderr, "bench.gpu: there is no GPU here; run it on a machine with one\n");
    return 2;
  }
  try {
    for (const index_t size : {1024, 4096}) gemm(size, size, size);
    gemm(577, 768, 768);
    gemm(1280, 8000, 512);
    linear_layer(1280, 2048, 512);
    linear_layer(64, 2048, 512);
    linear_layer(8, 4096, 25088);
    linear_layer(1, 4096, 25088);
    convolution(8, 3, 64, 224, 3, 1, 1);
    convolution(8, 64, 64, 224, 3, 1, 1);
    convolution(8, 128, 128, 112, 3, 1, 1);
    convolution(8, 256, 256, 56, 3, 1, 1);
    convolution(8, 512, 512, 28, 3, 1, 1);
    convolution(8, 512, 512, 14, 3, 1, 1);
    convolution(8, 64, 256, 56, 1, 1, 1);
    convolution(8, 3, 64, 224, 7, 2, 1);
    convolution(8, 96, 96, 112, 3, 1, 96);
    recurrent(20, 64, 512);
    recurrent(32, 32, 256);
    recurrent(35, 1, 512);
    rows();
    decoder();
    vgg16(1);
    vgg16(8);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench.gpu: %s\n", error.what());
    return 1;
  }
}
