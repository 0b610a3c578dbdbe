#pragma once
// Whether something learns on a GPU as it does on the CPU.

#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include <limn/nn.hpp>
#include <limn/ops.hpp>
#include <limn/optim.hpp>

namespace limn::test {

inline bool have_device() {
  if (kernels::cuda_device_count() > 0) return true;
  MESSAGE("skipped: no GPU");
  return false;
}

/// Losses, then every parameter and running statistic after the last step.
template <class M>
std::vector<double> train(M& module, int steps, const std::function<Tensor<float>()>& loss) {
  std::vector<double> record;
  optim::SGD<float> optimizer(nn::parameters(module), {.lr = 0.1, .momentum = 0.9});  // Adam would make noise of zeros
  for (int i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    const Tensor<float> y = loss();
    backward(y);
    record.push_back(optim::clip_grad_norm(nn::parameters(module), 1.0));
    optimizer.step();
    record.push_back(static_cast<double>(y.item()));
  }
  nn::for_each_tensor(module, [&](const std::string&, auto& tensor) {
    for (const auto v : to_vector(tensor)) record.push_back(static_cast<double>(v));
  });
  return record;
}

inline void check_same(const std::function<std::vector<double>(Device)>& run) {
  const std::vector<double> on_cpu = run(cpu_device), on_gpu = run(cuda_device(0));
  REQUIRE(on_cpu.size() == on_gpu.size());
  for (std::size_t i = 0; i < on_cpu.size(); ++i) {
    INFO("number " << i << " of " << on_cpu.size());
    CHECK(on_gpu[i] == doctest::Approx(on_cpu[i]).epsilon(2e-3).scale(0.05));
  }
  CHECK(run(cuda_device(0)) == on_gpu);  // to the last bit
}

}  // namespace limn::test
