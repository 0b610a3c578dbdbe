// The ways a 3x3 convolution can be computed, and any data gradient without Winograd, beside the one that the cost
// model chooses: where it is right, the ratio of the best other way to limn is at least 1.

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

Contenders data_gradient_ways(limn::kernels::Conv2dShape s) {
  s.winograd = limn::kernels::Winograd::off;
  const auto t = std::make_shared<ConvTensors>(s);
  const auto error = [t] { return t->data_error(); };
  const ConvOperands o = t->operands();
  return {here(
              "limn", [=] { limn::kernels::conv2d_data_gradient(limn::cpu_device, s, o.y, o.w, o.x); }, error),
          here(
              "limn.gathered", [=] { limn::kernels::cpu::conv2d_data_gradient(s, o.y, o.w, o.x); }, error),
          here(
              "limn.columns", [=] { limn::kernels::cpu::conv2d_data_gradient_columns(s, o.y, o.w, o.x); }, error)};
}
}  // namespace

void cases() {
  const std::vector<ConvSize> sizes{{3, 64, 56, 3, 1},   {64, 3, 56, 3, 1},    {4, 8, 56, 3, 1},    {8, 8, 56, 3, 1},
                                    {8, 64, 56, 3, 1},   {16, 16, 14, 3, 1},   {16, 16, 56, 3, 1},  {32, 32, 7, 3, 1},
                                    {32, 32, 28, 3, 1},  {64, 64, 5, 3, 1},    {64, 64, 56, 3, 1},  {256, 256, 7, 3, 1},
                                    {128, 128, 3, 3, 1}, {256, 256, 28, 3, 1}, {512, 512, 14, 3, 1}};
  const auto add_ways = [](const std::string& name, const ConvSize& size, index_t batch, auto&& contenders) {
    const limn::kernels::Conv2dShape s = size.shape(batch);
    const double multiplies = static_cast<double>(s.n * s.oc * s.oh * s.ow) * static_cast<double>(s.field());
    const std::string kernel = (size.kernel == 3 ? "" : "k" + std::to_string(size.kernel)) +
                               (size.stride == 1 ? "" : "s" + std::to_string(size.stride));
    add("conv2d/" + name + "/b" + std::to_string(batch) + "/" + std::to_string(size.c) + "-" + std::to_string(size.oc) +
            "@" + std::to_string(size.size) + kernel,
        {.flops = 2 * multiplies}, [s, contenders] { return contenders(s); });
  };
  for (const index_t batch : {1, 8})
    for (const ConvSize& size : sizes) add_ways("ways", size, batch, ways);
  const std::vector<ConvSize> gradients{
      {3, 64, 224, 11, 4},  {3, 16, 224, 3, 2},   {16, 32, 56, 3, 2},   {40, 80, 60, 5, 2},  {64, 128, 8, 3, 2},
      {128, 128, 28, 3, 2}, {256, 256, 28, 3, 2}, {512, 512, 14, 3, 2}, {1, 32, 28, 3, 1},   {8, 8, 28, 5, 1},
      {16, 16, 14, 3, 1},   {32, 16, 28, 5, 1},   {32, 64, 7, 3, 1},    {32, 64, 30, 5, 1},  {64, 16, 7, 3, 1},
      {64, 64, 8, 3, 1},    {64, 64, 14, 3, 1},   {64, 64, 32, 3, 1},   {16, 256, 64, 3, 1}, {64, 192, 27, 5, 1},
      {128, 128, 14, 3, 1}, {192, 192, 17, 7, 1}, {256, 384, 13, 3, 1}, {512, 512, 7, 3, 1}};
  for (const index_t batch : {1, 8})
    for (const ConvSize& size : gradients) add_ways("data_gradient_ways", size, batch, data_gradient_ways);
}

}  // namespace bench
