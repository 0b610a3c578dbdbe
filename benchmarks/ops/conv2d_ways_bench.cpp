// The ways a 3x3 convolution can be computed, beside the one that the cost model chooses: where it is right, the ratio
// of the best other way to limn is at least 1.

#include "conv2d_case.hpp"

namespace bench {

namespace {
Contenders ways(limn::kernels::Conv2dShape s) {
  const auto t = std::make_shared<ConvTensors>(s);
  const auto error = [t] { return t->forward_error(); };
  const ConvOperands o = t->operands();
  limn::kernels::Conv2dShape direct = s;
  direct.winograd = limn::kernels::Winograd::off;
  return {here(
              "limn", [=] { limn::kernels::conv2d_forward(limn::cpu_device, s, o.x, o.w, o.bias, o.y); }, error),
          here(
              "limn.direct", [=] { limn::kernels::conv2d_forward(limn::cpu_device, direct, o.x, o.w, o.bias, o.y); },
              error),
          here(
              "limn.f4",
              [=] {
                using limn::kernels::cpu::Winograd4;
                limn::kernels::cpu::conv2d_winograd_forward<Winograd4>(s, o.x, o.w, o.bias, o.y, {}, nullptr);
              },
              error),
          here(
              "limn.f6",
              [=] {
                using limn::kernels::cpu::Winograd6;
                limn::kernels::cpu::conv2d_winograd_forward<Winograd6>(s, o.x, o.w, o.bias, o.y, {}, nullptr);
              },
              error)};
}
}  // namespace

void cases() {
  const std::vector<ConvSize> sizes{{3, 64, 56, 3, 1},   {64, 3, 56, 3, 1},    {4, 8, 56, 3, 1},    {8, 8, 56, 3, 1},
                                    {8, 64, 56, 3, 1},   {16, 16, 14, 3, 1},   {16, 16, 56, 3, 1},  {32, 32, 7, 3, 1},
                                    {32, 32, 28, 3, 1},  {64, 64, 5, 3, 1},    {64, 64, 56, 3, 1},  {256, 256, 7, 3, 1},
                                    {128, 128, 3, 3, 1}, {256, 256, 28, 3, 1}, {512, 512, 14, 3, 1}};
  for (const index_t batch : {1, 8})
    for (const ConvSize& size : sizes) {
      const limn::kernels::Conv2dShape s = size.shape(batch);
      const double multiplies = static_cast<double>(s.n * s.oc * s.oh * s.ow) * static_cast<double>(s.field());
      add("conv2d/ways/b" + std::to_string(batch) + "/" + std::to_string(size.c) + "-" + std::to_string(size.oc) + "@" +
              std::to_string(size.size),
          {.flops = 2 * multiplies}, [s] { return ways(s); });
    }
}

}  // namespace bench
