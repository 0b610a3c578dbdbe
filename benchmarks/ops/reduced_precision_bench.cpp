// Products with weights kept in bf16 and int8, float in and out, beside limn's own in float and oneDNN's.

#include <limn/core/random.hpp>
#include <limn_kernels/reduced_precision.hpp>

#include "../opponents/opponent.hpp"

using namespace limn;

namespace bench {
namespace {

struct Size {
  index_t m, n, k;
  bool quick = false;
};

/// y [m, n] = x [m, k] w^T, w [n, k].
struct Operands {
  Size size;
  Tensor<float> x, w, y;

  explicit Operands(const Size& s) : size(s), y({s.m, s.n}) {
    Generator generator(1);
    x = uniform({s.m, s.k}, generator, -1, 1);
    w = uniform({s.n, s.k}, generator, -1, 1);
  }
  [[nodiscard]] GemmCase plain() const { return {size.m, size.n, size.k, false, true}; }
  [[nodiscard]] double error() const {
    return relative_error(y.data(), y.numel(), [this](long at) {
      const index_t row = at / size.n, column = at % size.n;
      double sum = 0;
      for (index_t k = 0; k < size.k; ++k)
        sum += static_cast<double>(x.data()[row * size.k + k]) * w.data()[column * size.k + k];
      return sum;
    });
  }
};

template <class E>
Contender packed(const std::string& name, const std::shared_ptr<Operands>& o) {
  const auto weights = std::make_shared<kernels::PackedMatrix<E>>(o->size.k, o->size.n, true, o->w.data());
  return here(
      name, [o, weights] { kernels::linear(cpu_device, o->size.m, o->x.data(), *weights, {}, o->y.data()); },
      [o] { return o->error(); });
}

template <class E>
Contenders inference(const Size& s) {
  const auto o = std::make_shared<Operands>(s);
  Contenders all{packed<E>("limn", o), packed<float>("limn.float", o)};
  challenge(
      all,
      [&](Opponent& other) {
        return std::is_same_v<E, bf16> ? other.gemm_bf16(o->plain(), o->x.data(), o->w.data(), o->y.data())
                                       : other.gemm_int8(o->plain(), o->x.data(), o->w.data(), o->y.data());
      },
      [o] { return o->error(); });
  return all;
}

/// Weights as stored, packed in every call: what training does.
Contenders training(const Size& s, bool transpose_a, bool transpose_b) {
  const auto o = std::make_shared<Operands>(s);
  const kernels::GemmShape shape{.m = s.m, .n = s.n, .k = s.k, .transpose_a = transpose_a, .transpose_b = transpose_b};
  return {
      here("limn", [=] { kernels::gemm_bf16(cpu_device, shape, o->x.data(), o->w.data(), o->y.data()); }),
      here("limn.float", [=] { kernels::gemm(cpu_device, shape, 1.0F, o->x.data(), o->w.data(), 0.0F, o->y.data()); })};
}

}  // namespace

void cases() {
  const std::vector<Size> sizes{{256, 256, 256},        {1024, 1024, 1024, true}, {2048, 2048, 2048}, {32, 1024, 512},
                                {32, 8000, 256},        {577, 768, 768, true},    {577, 3072, 768},   {1, 1024, 1024},
                                {1, 4096, 25088, true}, {8, 4096, 25088, true}};
  for (const Size& s : sizes) {
    const std::string text = std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
    const auto numbers = static_cast<double>(s.n * s.k), flops = 2 * static_cast<double>(s.m) * numbers;
    add(
        "reduced/bf16/" + text, {.flops = flops, .bytes = s.m <= 16 ? 2 * numbers : 0},
        [s] { return inference<bf16>(s); }, s.quick);
    add(
        "reduced/int8/" + text, {.flops = flops, .bytes = s.m <= 16 ? numbers : 0},
        [s] { return inference<std::int8_t>(s); }, s.quick);
  }
  // Training: 640 rows through a layer of 512 inputs and 2048 outputs, forward and both gradients.
  add("reduced/training/forward/640x2048x512", {.flops = 2.0 * 640 * 2048 * 512}, [] {
    return training({640, 2048, 512}, false, true);
  });
  add("reduced/training/data_gradient/640x512x2048", {.flops = 2.0 * 640 * 2048 * 512}, [] {
    return training({640, 512, 2048}, false, false);
  });
  add("reduced/training/weight_gradient/2048x512x640", {.flops = 2.0 * 640 * 2048 * 512}, [] {
    return training({2048, 512, 640}, true, false);
  });
}

}  // namespace bench
