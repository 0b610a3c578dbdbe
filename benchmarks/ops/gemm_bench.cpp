// Matrix products of the shapes that networks have. "plain": weights as stored; "prepacked": in the library's own
// layout.

#include <limn/core/random.hpp>
#include <limn_kernels/linear.hpp>

#include "../opponents/opponent.hpp"

using namespace limn;

namespace bench {
namespace {

struct Size {
  index_t m, n, k;
  bool transpose_b;
  bool quick = false;
};

struct Operands {
  kernels::GemmShape shape;
  Tensor<float> a, b, c;

  explicit Operands(const Size& s) : shape{.m = s.m, .n = s.n, .k = s.k, .transpose_b = s.transpose_b} {
    Generator generator(1);
    a = uniform({s.m, s.k}, generator, -1, 1);
    b = uniform({s.k, s.n}, generator, -1, 1);
    c = Tensor<float>({s.m, s.n});
  }
  [[nodiscard]] GemmCase plain() const { return {shape.m, shape.n, shape.k, shape.transpose_a, shape.transpose_b}; }
  [[nodiscard]] double error() const {
    return relative_error(c.data(), c.numel(), [this](long at) {
      const index_t row = at / shape.n, column = at % shape.n;
      double sum = 0;
      for (index_t k = 0; k < shape.k; ++k)
        sum += static_cast<double>(a.data()[row * shape.k + k]) *
               b.data()[shape.transpose_b ? column * shape.k + k : k * shape.n + column];
      return sum;
    });
  }
};

std::string text(const Size& s) {
  return std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k) + (s.transpose_b ? "tB" : "");
}
Work work(const Size& s) {
  return {.flops = 2.0 * static_cast<double>(s.m * s.n * s.k),
          .bytes = s.m <= 16 ? 4.0 * static_cast<double>(s.n * s.k) : 0};
}

Contenders plain(const Size& s) {
  const auto o = std::make_shared<Operands>(s);
  const auto error = [o] { return o->error(); };
  Contenders all{here(
      "limn", [o] { kernels::gemm(cpu_device, o->shape, 1.0F, o->a.data(), o->b.data(), 0.0F, o->c.data()); }, error)};
  challenge(
      all, [&](Opponent& other) { return other.gemm(o->plain(), o->a.data(), o->b.data(), o->c.data()); }, error);
  for (Contender& other : torch("gemm m=" + std::to_string(s.m) + " n=" + std::to_string(s.n) +
                                " k=" + std::to_string(s.k) + " tb=" + std::to_string(int{s.transpose_b})))
    all.push_back(other);
  return all;
}

Contenders prepacked(const Size& s) {
  const auto o = std::make_shared<Operands>(s);
  const auto packed = std::make_shared<kernels::PackedMatrix<float>>(s.k, s.n, s.transpose_b, o->b.data());
  const auto error = [o] { return o->error(); };
  Contenders all{here(
      "limn", [o, packed] { kernels::linear<float>(cpu_device, o->shape.m, o->a.data(), *packed, {}, o->c.data()); },
      error)};
  challenge(
      all, [&](Opponent& other) { return other.gemm_prepacked(o->plain(), o->a.data(), o->b.data(), o->c.data()); },
      error);
  return all;
}

}  // namespace

void cases() {
  const std::vector<Size> sizes{
      {64, 64, 64, false},          {128, 128, 128, false},          {256, 256, 256, false},
      {512, 512, 512, false, true}, {1024, 1024, 1024, false, true}, {2048, 2048, 2048, false},
      {32, 1024, 512, true, true},                                 // an LSTM's step
      {32, 8000, 256, true, true},                                 // a vocabulary
      {577, 768, 768, true, true},                                 // a vision transformer's projection
      {577, 1024, 1024, true},                                     // a larger one's, whose rows are 4 KB apart
      {577, 3072, 768, true},       {1, 4096, 25088, true, true},  // VGG16's first fully connected layer
      {8, 4096, 25088, true, true}};
  for (const Size& s : sizes) {
    add(
        "gemm/plain/" + text(s), work(s), [s] { return plain(s); }, s.quick);
    add(
        "gemm/prepacked/" + text(s), work(s), [s] { return prepacked(s); }, s.quick);
  }
  // Small batches and weights of either order, aligned and not.
  for (const Size& s :
       {Size{1, 1000, 1024, true}, Size{1, 1000, 1000, false}, Size{3, 512, 512, false}, Size{3, 4096, 4096, false},
        Size{2, 1024, 1024, true}, Size{3, 1000, 512, true}, Size{4, 1024, 1024, true}, Size{6, 1000, 700, true},
        Size{8, 4096, 4096, true}, Size{12, 768, 768, true}, Size{16, 1024, 1024, true}, Size{16, 1000, 256, true},
        Size{24, 768, 768, true}, Size{8, 4096, 1000, false}, Size{16, 1000, 700, false}, Size{24, 1024, 1000, false},
        Size{48, 1000, 700, false}})
    add("gemm/few/" + text(s), work(s), [s] { return plain(s); });
  // Small and odd: what a call costs before it computes, and edges of tiles.
  for (const Size& s : {Size{16, 16, 16, false}, Size{33, 65, 129, false}, Size{100, 100, 100, false}})
    add("gemm/small/" + text(s), work(s), [s] { return plain(s); });
}

}  // namespace bench
