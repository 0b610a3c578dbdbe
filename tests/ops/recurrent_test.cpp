#include <limn/ops/gru.hpp>
#include <limn/ops/lstm.hpp>
#include <limn/ops/rnn.hpp>

#include "support/op_case.hpp"

using namespace limn;

namespace {

struct Layers {
  Generator generator{5};
  Tensor<float> x = uniform<float>({4, 3, 5}, generator, -1, 1);
  RecurrentWeights<float> below{uniform<float>({6, 5}, generator, -1, 1), uniform<float>({6, 2}, generator, -1, 1)};
  RecurrentWeights<float> above{uniform<float>({6, 2}, generator, -1, 1), uniform<float>({6, 2}, generator, -1, 1)};
};

}  // namespace

TEST_CASE("recurrent layers: dropout acts between the layers and not on the output of the last") {
  const Layers m;
  Generator one(9), same(9);
  const auto stacked = gru<float>(m.x, {}, {m.below, m.above}, {.dropout = 0.5, .generator = &one});
  const auto lower = gru<float>(m.x, {}, {m.below});
  const auto upper = gru<float>(dropout(lower.output, 0.5, same), {}, {m.above});
  CHECK(to_vector(stacked.output) == to_vector(upper.output));
  CHECK(to_vector(select(stacked.h, 0, 0)) == to_vector(select(lower.h, 0, 0)));
  Generator unused(9);
  const auto single = gru<float>(m.x, {}, {m.below}, {.dropout = 0.5, .generator = &unused});
  CHECK(to_vector(single.output) == to_vector(lower.output));
}

TEST_CASE("recurrent layers: a masked step repeats the output before it, a step past the end is zero") {
  const Layers m;
  Tensor<bool> mask = full<bool>({4, 3}, true);
  mask.at({0, 0}) = false;
  mask.at({2, 1}) = false;
  const auto masked = gru<float>(m.x, {}, {m.below}, {.mask = mask});
  CHECK(masked.output.at({0, 0, 0}) == 0);  // the initial state, copied
  CHECK(masked.output.at({2, 1, 1}) == masked.output.at({1, 1, 1}));
  CHECK(masked.output.at({3, 1, 1}) != masked.output.at({2, 1, 1}));
  const auto packed = gru<float>(m.x, {}, {m.below}, {.lengths = {4, 2, 3}});
  CHECK(packed.output.at({2, 1, 1}) == 0);
  CHECK(packed.h.at({0, 1, 1}) == packed.output.at({1, 1, 1}));
}

TEST_CASE("recurrent layers: padding gets no gradient and what it holds does not matter") {
  const Layers m;
  const auto gradient = [&](float padding) {
    Tensor<float> x = clone(m.x);
    x.at({3, 1, 0}) = padding;
    x.requires_grad_();
    const auto result = gru<float>(x, {}, {m.below}, {.bidirectional = false, .lengths = {4, 2, 3}});
    backward(result.output, ones_like(result.output));
    return to_vector(x.grad());
  };
  const auto of_zero = gradient(0), of_large = gradient(1e6f);
  CHECK(of_zero == of_large);
  CHECK(of_zero[(3 * 3 + 1) * 5] == 0);
}

TEST_CASE("recurrent layers: a strided mask is read as it is seen") {
  const Layers m;
  Tensor<bool> batch_major = full<bool>({3, 4}, true);
  batch_major.at({1, 2}) = false;
  const auto a = gru<float>(m.x, {}, {m.below}, {.mask = transpose(batch_major)});
  const auto b = gru<float>(permute(m.x, {1, 0, 2}), {}, {m.below}, {.batch_first = true, .mask = batch_major});
  CHECK(to_vector(a.output) == to_vector(permute(b.output, {1, 0, 2})));
}

TEST_CASE("recurrent layers of two-byte numbers are computed in float and rounded once") {
  const Layers m;
  const auto half = [](const Tensor<float>& x) { return cast<bf16>(x); };
  const auto wide = [&](const Tensor<float>& x) { return cast<float>(half(x)); };
  const auto narrow_gru = gru<bf16>(half(m.x), {}, {{half(m.below.w_ih), half(m.below.w_hh)}});
  const auto wide_gru = gru<float>(wide(m.x), {}, {{wide(m.below.w_ih), wide(m.below.w_hh)}});
  CHECK(to_vector(cast<float>(narrow_gru.output)) == to_vector(wide(wide_gru.output)));
  const auto a = rnn<f16>(cast<f16>(m.x), {},
                          {{cast<f16>(slice(m.below.w_ih, 0, 0, 2)), cast<f16>(slice(m.below.w_hh, 0, 0, 2))}});
  CHECK(a.h.shape() == Shape{1, 3, 2});
  Tensor<bf16> w_ih = zeros<bf16>({8, 5}), w_hh = zeros<bf16>({8, 2});
  w_ih.requires_grad_();
  const auto b = lstm<bf16>(half(m.x), {}, {}, {{w_ih, w_hh}});
  backward(b.output, ones_like(b.output));
  CHECK(w_ih.grad().shape() == Shape{8, 5});
}
