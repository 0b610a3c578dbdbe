// VGG16's 3x3 convolutions and a few others, one image: forward, data gradient, weight gradient, in GFLOP/s of the
// direct sum.

#include <benchmark/benchmark.h>

#include <limn/core/random.hpp>
#include <limn_kernels/conv2d.hpp>

using namespace limn;

namespace {

void layers(benchmark::internal::Benchmark* b) {
  b->ArgNames({"c", "oc", "size", "kernel", "stride"})->Unit(benchmark::kMillisecond)->UseRealTime();
  b->Args({3, 64, 224, 3, 1});
  b->Args({64, 64, 224, 3, 1});
  b->Args({128, 128, 112, 3, 1});
  b->Args({256, 256, 56, 3, 1});
  b->Args({512, 512, 28, 3, 1});
  b->Args({512, 512, 14, 3, 1});
  b->Args({3, 64, 224, 7, 2});     // ResNet's stem
  b->Args({3, 768, 384, 16, 16});  // a vision transformer's patches
  b->Args({256, 1024, 14, 1, 1});
}

struct Layer {
  kernels::Conv2dShape shape{};
  Tensor<float> x, w, bias, y, dx, dw;

  explicit Layer(const benchmark::State& state) {
    const index_t c = state.range(0), oc = state.range(1), size = state.range(2), kernel = state.range(3),
                  stride = state.range(4), pad = stride == kernel ? 0 : kernel / 2;
    const index_t out = (size + 2 * pad - kernel) / stride + 1;
    shape = {.n = 1, .c = c, .h = size, .w = size, .oc = oc, .kh = kernel, .kw = kernel, .oh = out, .ow = out};
    shape.stride_h = shape.stride_w = stride;
    shape.pad_top = shape.pad_left = pad;
    Generator generator(1);
    x = uniform({1, c, size, size}, generator, -1, 1);
    w = uniform({oc, c, kernel, kernel}, generator, -1, 1);
    bias = uniform({oc}, generator, -1, 1);
    y = uniform({1, oc, out, out}, generator, -1, 1);
    dx = Tensor<float>(x.shape());
    dw = Tensor<float>(w.shape());
  }
  void report(benchmark::State& state) const {
    const double flops =
        2.0 * static_cast<double>(w.numel() * shape.oh * shape.ow) * static_cast<double>(state.iterations());
    state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsRate);
  }
};

void conv2d_forward(benchmark::State& state) {
  const Layer l(state);
  for (auto unused : state) {
    kernels::conv2d_forward(cpu_device, l.shape, l.x.data(), l.w.data(), l.bias.data(), l.y.data());
    benchmark::DoNotOptimize(l.y.data());
  }
  l.report(state);
}
void conv2d_data_gradient(benchmark::State& state) {
  const Layer l(state);
  for (auto unused : state) {
    kernels::conv2d_data_gradient(cpu_device, l.shape, l.y.data(), l.w.data(), l.dx.data());
    benchmark::DoNotOptimize(l.dx.data());
  }
  l.report(state);
}
void conv2d_weight_gradient(benchmark::State& state) {
  const Layer l(state);
  for (auto unused : state) {
    kernels::conv2d_weight_gradient(cpu_device, l.shape, l.x.data(), l.y.data(), l.dw.data());
    benchmark::DoNotOptimize(l.dw.data());
  }
  l.report(state);
}
BENCHMARK(conv2d_forward)->Apply(layers);
BENCHMARK(conv2d_data_gradient)->Apply(layers);
BENCHMARK(conv2d_weight_gradient)->Apply(layers);

}  // namespace
