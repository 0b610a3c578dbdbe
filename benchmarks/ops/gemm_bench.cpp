// Matrix products of the shapes that networks have, in GFLOP/s; beside OpenBLAS where it is found.

#include <benchmark/benchmark.h>

#include <limn/core/random.hpp>
#include <limn_kernels/gemm.hpp>
#ifdef BENCH_OPENBLAS
#include <cblas.h>
#endif

using namespace limn;

namespace {

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"m", "n", "k", "tB"})->Unit(benchmark::kMicrosecond)->UseRealTime();
  for (const index_t n : {64, 128, 256, 512, 1024}) b->Args({n, n, n, 0});
  b->Args({32, 1024, 512, 1});   // an LSTM's step
  b->Args({32, 8000, 256, 1});   // a vocabulary
  b->Args({577, 768, 768, 1});   // a vision transformer's projection
  b->Args({1, 4096, 25088, 1});  // VGG16's first fully connected layer, one image
  b->Args({8, 4096, 25088, 1});
}

struct Operands {
  kernels::GemmShape shape;
  Tensor<float> a, b, c;

  explicit Operands(const benchmark::State& state)
      : shape{.m = state.range(0), .n = state.range(1), .k = state.range(2), .transpose_b = state.range(3) != 0} {
    Generator generator(1);
    a = uniform({shape.m, shape.k}, generator, -1, 1);
    b = uniform({shape.k, shape.n}, generator, -1, 1);
    c = Tensor<float>({shape.m, shape.n});
  }
  void report(benchmark::State& state) const {
    const double flops =
        2.0 * static_cast<double>(shape.m * shape.n * shape.k) * static_cast<double>(state.iterations());
    state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsRate);
  }
};

void limn_gemm(benchmark::State& state) {
  const Operands o(state);
  for (auto unused : state) {
    kernels::gemm(cpu_device, o.shape, 1.0F, o.a.data(), o.b.data(), 0.0F, o.c.data());
    benchmark::DoNotOptimize(o.c.data());
  }
  o.report(state);
}
BENCHMARK(limn_gemm)->Apply(shapes);

#ifdef BENCH_OPENBLAS
void openblas_sgemm(benchmark::State& state) {
  const Operands o(state);
  const auto m = static_cast<int>(o.shape.m), n = static_cast<int>(o.shape.n), k = static_cast<int>(o.shape.k);
  for (auto unused : state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, o.shape.transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1.0F, o.a.data(),
                k, o.b.data(), o.shape.transpose_b ? k : n, 0.0F, o.c.data(), n);
    benchmark::DoNotOptimize(o.c.data());
  }
  o.report(state);
}
BENCHMARK(openblas_sgemm)->Apply(shapes);
#endif

}  // namespace
