#include "support/op_case.hpp"

#include <limn/ops/cast.hpp>

using namespace limn;

TEST_CASE("cast carries the gradient back in the input's own type") {
  Tensor<float> x = from<float>({1.5f, -2.25f}, {2});
  x.requires_grad_();
  const Tensor<double> y = cast<double>(x);
  CHECK(to_vector(y) == std::vector<double>{1.5, -2.25});
  backward(y, from<double>({3, 4}, {2}));
  CHECK(to_vector(x.grad()) == std::vector<float>{3, 4});
  CHECK(to_vector(cast<std::int32_t>(x)) == std::vector<std::int32_t>{1, -2});
  const Tensor<bf16> half = cast<bf16>(x);
  CHECK(half.requires_grad());
  CHECK(to_vector(cast<float>(half)) == std::vector<float>{1.5f, -2.25f});
  CHECK(to_vector(cast<f16>(from<std::int64_t>({7}, {1})))[0].bits == f16(7.f).bits);
}

TEST_CASE("a tensor moved to a device that this build lacks fails with the remedy") {
#ifndef LIMN_WITH_CUDA
  CHECK_THROWS_WITH_AS((void)to(zeros({2}), cuda_device()),
                       "allocate: no CUDA kernel for cuda:0 in this build; move the tensor with to(cpu_device), or "
                       "build with -DLIMN_CUDA=ON",
                       Error);
#endif
  const auto x = zeros({2});
  CHECK(to(x, cpu_device).data() == x.data());
}

TEST_CASE("to carries the gradient back to the device that x is on") {
  if (kernels::cuda_device_count() == 0) {
    MESSAGE("skipped: no GPU");
    return;
  }
  Tensor<float> x = from<float>({1, 2}, {2});
  x.requires_grad_();
  backward(to(to(x, cuda_device()), cpu_device), from<float>({3, 4}, {2}));
  CHECK(to_vector(x.grad()) == std::vector<float>{3, 4});
}
