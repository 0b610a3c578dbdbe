// What training and inference need: flat over steps, and VGG16 little more than its weights.

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <limn/autograd/backward.hpp>
#include <limn/autograd/no_grad.hpp>
#include <limn/core/random.hpp>
#include <limn/models/vgg.hpp>
#include <limn/nn/embedding.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/optim/adam.hpp>

using namespace limn;

namespace {

/// The process' memory in MiB: "VmRSS" now, "VmHWM" the most so far; 0 where the system does not say.
double resident(const std::string& which) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(which + ":", 0) == 0) return std::stod(line.substr(which.size() + 1)) / 1024;
  return 0;
}

}  // namespace

TEST_CASE("training: memory is flat from the second step on") {
  kernels::set_thread_count(1);  // with more, which thread's list a small block ends in differs from step to step
  Generator generator(1);
  nn::Embedding<float> embedding(500, 32, generator);
  nn::LSTM<float> lstm(32, 64, generator, {.batch_first = true});
  nn::Linear<float> output(64, 500, generator);
  std::vector<Tensor<float>> parameters;
  for (const auto& part : {nn::parameters(embedding), nn::parameters(lstm), nn::parameters(output)})
    parameters.insert(parameters.end(), part.begin(), part.end());
  optim::Adam<float> adam(parameters);
  Tensor<std::int64_t> ids({16, 12}), target({16 * 12});
  for (index_t i = 0; i < ids.numel(); ++i) {
    ids.data()[i] = generator.below(500);
    target.data()[i] = generator.below(500);
  }
  const auto step = [&] {
    adam.zero_grad();
    backward(cross_entropy(output(reshape(lstm(embedding(ids)).output, {-1, 64})), target));
    adam.step();
  };
  step();
  step();
  const kernels::MemoryUse second = kernels::memory_use();
  kernels::reset_memory_peak();
  step();
  const kernels::MemoryUse third = kernels::memory_use();
  for (int i = 0; i < 20; ++i) step();
  const kernels::MemoryUse last = kernels::memory_use();
  CHECK(last.now == second.now);
  CHECK(last.peak == third.peak);
  CHECK(last.kept <= third.kept + 65536);
}

TEST_CASE("VGG16 on one image needs no more than its weights, those prepared beforehand, and 40 MB") {
  Generator generator(1);
  models::VGG<float> net(models::VGGConfig::of_depth(16), generator);
  nn::eval(net);
  nn::requires_grad_(net, false);
  index_t weights = 0;
  for (const auto& [name, tensor] : nn::named_tensors(net)) weights += tensor.numel() * 4;
  const Tensor<float> x = uniform({1, 3, 224, 224}, generator, -1, 1);
  NoGradGuard no_grad;
  Tensor<float> answer;
  for (const std::string name : {"direct", "Winograd", "Winograd, prepared"}) {
    for (auto& layer : net.layers)
      layer.conv.options.winograd = name == "direct" ? kernels::Winograd::off : kernels::Winograd::f4;
    const double unprepared = resident("VmRSS");
    nn::prepack(net, {.linear = false, .winograd = name == "Winograd, prepared"});
    index_t prepared = 0;
    for (const auto& layer : net.layers)
      if (const auto* packed = layer.conv.packed()) prepared += static_cast<index_t>(packed->bytes());
    kernels::release_kept_memory();
    kernels::reset_memory_peak();
    std::ofstream("/proc/self/clear_refs") << "5";  // VmHWM begins again
    const double before = resident("VmRSS");
    for (int i = 0; i < 2; ++i) answer = std::as_const(net)(x);
    CHECK(answer.numel() == 1000);
    const kernels::MemoryUse use = kernels::memory_use();
    const double above = static_cast<double>(use.peak - weights) / 1e6,
                 resident_above = (resident("VmHWM") - before) * 1.048576;
    MESSAGE(name << ": weights " << weights / 1000000 << " MB, prepared " << static_cast<double>(prepared) / 1e6
                 << " MB (resident " << (before - unprepared) * 1.048576 << "), peak above them " << above
                 << " MB, kept afterwards " << static_cast<double>(use.kept) / 1e6
                 << " MB, resident above what there was before " << resident_above << " MB");
    CHECK(above <= 40);
    CHECK(resident_above <= 40);
    CHECK((prepared > 0) == (name == "Winograd, prepared"));
  }
}
