#include <doctest/doctest.h>

#include <cmath>

#include <limn/autograd/backward.hpp>
#include <limn/core/create.hpp>
#include <limn/nn/linear.hpp>
#include <limn/ops/reduce.hpp>

using namespace limn;

namespace {

bool near(const Tensor<float>& a, const Tensor<float>& b) {
  if (!(a.shape() == b.shape())) return false;
  for (index_t i = 0; i < a.numel(); ++i)
    if (std::abs(a.data()[i] - b.data()[i]) > 1e-5F) return false;
  return true;
}

}  // namespace

TEST_CASE("Linear: a packed layer answers as before, records as before, and follows the weight after another prepack") {
  Generator generator(3);
  nn::Linear<float> layer(70, 45, generator);
  const Tensor<float> x = uniform({3, 5, 70}, generator, -1, 1);
  const Tensor<float> plain = layer(x).detach();
  layer.prepack();
  {
    const NoGradGuard guard;
    CHECK(near(layer(x), plain));
    CHECK_THROWS_WITH_AS((void)layer(zeros({2, 69})),
                         "linear: x of shape [2, 69] does not end in the 70 inputs of the packed weight", Error);
  }
  layer.weight.requires_grad_();
  backward(sum(layer(x)));
  CHECK(layer.weight.grad().defined());

  layer.weight.data()[0] += 1;
  const Tensor<float> changed = layer(x).detach();  // recorded: never from the packed copy
  CHECK_FALSE(near(changed, plain));
  const NoGradGuard guard;
  layer.prepack();
  CHECK(near(layer(x), changed));
  layer.weight = zeros({45, 70});  // another weight altogether
  layer.bias = zeros({45});
  CHECK(near(layer(x), zeros({3, 5, 45})));
}

TEST_CASE("Linear: a layer packed in bf16 or int8 answers to their accuracy, and records in float") {
  Generator generator(4);
  nn::Linear<float> layer(70, 45, generator);
  const Tensor<float> x = uniform({3, 5, 70}, generator, -1, 1);
  const Tensor<float> plain = layer(x).detach();
  // |w| and |bias| <= 1 / sqrt(70), |x| <= 1: 70 products, each within 2^-7 of bf16, within 1 / 127 + 1 / 127 / 4 of
  // int8, in units of 1 / sqrt(70).
  const auto largest_difference = [&](const Tensor<float>& y) {
    float largest = 0;
    for (index_t i = 0; i < y.numel(); ++i) largest = std::max(largest, std::abs(y.data()[i] - plain.data()[i]));
    return largest;
  };
  const float size = std::sqrt(70.F);
  layer.prepack<bf16>();
  {
    const NoGradGuard guard;
    const float difference = largest_difference(layer(x));
    CHECK(difference > 0);
    CHECK(difference < size / 127);
    CHECK_THROWS_WITH_AS((void)layer(zeros({2, 69})),
                         "linear: x of shape [2, 69] does not end in the 70 inputs of the packed weight", Error);
  }
  layer.prepack<std::int8_t>();
  layer.weight.requires_grad_();
  CHECK(largest_difference(layer(x).detach()) == 0);
  const NoGradGuard guard;
  const float difference = largest_difference(layer(x));
  CHECK(difference > 0);
  CHECK(difference < size / 127 * 1.25F);
  layer.prepack();
  CHECK(largest_difference(layer(x)) < 1e-5F);
  nn::prepack<bf16>(layer);
  CHECK(largest_difference(layer(x)) > 1e-5F);
  layer.weight.mark_written();  // the copy is stale
  CHECK(largest_difference(layer(x)) == 0);
}
