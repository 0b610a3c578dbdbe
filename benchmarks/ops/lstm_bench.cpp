// One LSTM layer over 20 steps of 256 inputs: forward, and forward with backward, in GFLOP/s of its matrix products.

#include <benchmark/benchmark.h>

#include <limn/core/random.hpp>
#include <limn_kernels/lstm.hpp>

using namespace limn;

namespace {

constexpr index_t steps = 20, inputs = 256;

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"hidden", "batch"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const index_t hidden : {256, 512})
    for (const index_t batch : {1, 32, 64}) b->Args({hidden, batch});
}

struct Layer {
  kernels::RecurrentShape shape;
  Tensor<float> x, w_ih, w_hh, b_ih, b_hh, h, c, gates, dh, dx, dw_ih, dw_hh, db;

  explicit Layer(const benchmark::State& state)
      : shape{.time = steps, .batch = state.range(1), .input = inputs, .hidden = state.range(0)} {
    const index_t hidden = shape.hidden, batch = shape.batch;
    Generator generator(1);
    x = uniform({steps, batch, inputs}, generator, -1, 1);
    w_ih = uniform({4 * hidden, inputs}, generator, -0.05, 0.05);
    w_hh = uniform({4 * hidden, hidden}, generator, -0.05, 0.05);
    b_ih = uniform({4 * hidden}, generator, -0.05, 0.05);
    b_hh = uniform({4 * hidden}, generator, -0.05, 0.05);
    h = Tensor<float>({steps, batch, hidden});
    c = Tensor<float>({steps, batch, hidden});
    gates = Tensor<float>({steps, batch, 4 * hidden});
    dh = uniform({steps, batch, hidden}, generator, -1, 1);
    dx = Tensor<float>(x.shape());
    dw_ih = Tensor<float>(w_ih.shape());
    dw_hh = Tensor<float>(w_hh.shape());
    db = Tensor<float>(b_ih.shape());
  }
  [[nodiscard]] kernels::LstmInputs<float> in() const {
    return {.x = x.data(), .w_ih = w_ih.data(), .w_hh = w_hh.data(), .b_ih = b_ih.data(), .b_hh = b_hh.data()};
  }
  [[nodiscard]] kernels::LstmStates<float> out() const { return {h.data(), c.data(), gates.data()}; }
  void report(benchmark::State& state, double passes) const {
    const double products = static_cast<double>(steps * shape.batch * 4 * shape.hidden * (inputs + shape.hidden));
    state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * passes * products * static_cast<double>(state.iterations()),
                                                   benchmark::Counter::kIsRate);
  }
};

void lstm_forward(benchmark::State& state) {
  const Layer l(state);
  for (auto unused : state) {
    kernels::lstm_forward(cpu_device, l.shape, l.in(), l.out());
    benchmark::DoNotOptimize(l.h.data());
  }
  l.report(state, 1);
}
void lstm_forward_backward(benchmark::State& state) {
  const Layer l(state);
  const kernels::LstmGradients<float> gradients{
      .dx = l.dx.data(), .dw_ih = l.dw_ih.data(), .dw_hh = l.dw_hh.data(), .db = l.db.data()};
  for (auto unused : state) {
    kernels::lstm_forward(cpu_device, l.shape, l.in(), l.out());
    kernels::lstm_backward<float>(cpu_device, l.shape, l.in(), l.out(), l.dh.data(), nullptr, gradients);
    benchmark::DoNotOptimize(l.dx.data());
  }
  l.report(state, 3);
}
BENCHMARK(lstm_forward)->Apply(sizes);
BENCHMARK(lstm_forward_backward)->Apply(sizes);

}  // namespace
