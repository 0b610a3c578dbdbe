#include <limn/ops/lstm.hpp>

#include "support/recurrent_op_case.hpp"

using namespace limn;
using test::RecurrentOpCase;

namespace {

void check(const std::string& what, const RecurrentOpCase& o) {
  const auto op = [&o](const auto& in) {
    using T = typename std::decay_t<decltype(in)>::value_type::value_type;
    const test::RecurrentArguments<T> a(o, true, in);
    const LstmResult<T> result = lstm(a.x, a.h0, a.c0, a.weights, o.options());
    return test::one_row(result.output, result.h, result.c);
  };
  test::check_op("lstm", what, o.shapes(4, true), op,
                 [&o](const test::Inputs<double>& in) { return test::naive_stack(o, true, in, test::naive_lstm); });
}

}  // namespace

TEST_CASE("lstm equals stacked naive walks, with gradients of both orders, over every option") {
  for (const auto& [what, o] : test::recurrent_op_cases()) check(what, o);
}

TEST_CASE("lstm projects its state in every layer and direction") {
  check("projection", {.projection = 2});
  check("projection, two layers in two directions", {.time = 2,
                                                     .hidden = 2,
                                                     .projection = 1,
                                                     .layers = 2,
                                                     .bidirectional = true,
                                                     .batch_first = true,
                                                     .bias = false});
  check("projection, packed", {.time = 3, .hidden = 2, .projection = 1, .lengths = {1, 3}});
}

TEST_CASE("lstm leaves unwanted gradients out and works on what a slice gives it") {
  Generator generator(3);
  const Tensor<float> x = uniform<float>({4, 3, 5}, generator), w_ih = uniform<float>({8, 5}, generator);
  const Tensor<float> w_hh = uniform<float>({8, 2}, generator).requires_grad_();
  const LstmResult<float> result = lstm(x, {}, {}, {{w_ih, w_hh}});
  CHECK(result.h.shape() == Shape{1, 3, 2});
  CHECK(result.c.shape() == Shape{1, 3, 2});
  backward(select(select(select(result.h, 0, 0), 0, 0), 0, 0));
  CHECK(w_hh.grad().defined());
  CHECK_FALSE(w_ih.grad().defined());
}

TEST_CASE("lstm says what does not fit") {
  const Tensor<float> x = zeros<float>({4, 3, 5}), w_ih = zeros<float>({8, 5}), w_hh = zeros<float>({8, 2});
  CHECK_THROWS_WITH_AS((void)lstm<float>(zeros<float>({4, 3}), {}, {}, {{w_ih, w_hh}}),
                       "lstm: x has shape [4, 3] but must have 3 dimensions", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(zeros<float>({4, 3, 6}), {}, {}, {{w_ih, w_hh}}),
                       "lstm: x has 6 features [4, 3, 6] but w_ih [8, 5] wants 5", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(x, {}, {}, {{w_ih, zeros<float>({8, 3})}}),
                       "lstm: w_hh has shape [8, 3] but must have shape [8, 2]", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(x, zeros<float>({2, 3, 2}), {}, {{w_ih, w_hh}}),
                       "lstm: h0 has shape [2, 3, 2] but must have shape [1, 3, 2]", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(x, {}, {}, {{w_ih, w_hh}}, {.lengths = {4, 0, 1}}),
                       "lstm: length 0 of sequence 1 is not in 1..4", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(x, {}, {}, {{w_ih, w_hh}}, {.lengths = {4}}),
                       "lstm: got 1 lengths for a batch of 3", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(x, {}, {}, {{w_ih, w_hh}}, {.mask = zeros<bool>({3, 4})}),
                       "lstm: the mask has shape [3, 4] but must have shape [4, 3]", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(x, {}, {}, {{w_ih, w_hh}}, {.bidirectional = true}),
                       "lstm: got the weights of 1 layers and directions; wanted a multiple of 2", Error);
  CHECK_THROWS_WITH_AS((void)lstm<float>(zeros<float>({0, 3, 5}), {}, {}, {{w_ih, w_hh}}),
                       "lstm: x of shape [0, 3, 5] has no time steps", Error);
}

TEST_CASE("lstm: both directions at once are each direction alone, the same bits on 1, 2 and 7 threads") {
  Generator generator(12);
  for (const index_t batch : {1, 5, 24, 50}) {
    INFO("batch " << batch);
    const index_t time = 9, input = 20, hidden = 37;
    std::vector<RecurrentWeights<float>> weights;
    for (int d = 0; d < 2; ++d) {
      RecurrentWeights<float> w(
          uniform({4 * hidden, input}, generator, -0.2, 0.2), uniform({4 * hidden, hidden}, generator, -0.2, 0.2),
          uniform({4 * hidden}, generator, -0.2, 0.2), uniform({4 * hidden}, generator, -0.2, 0.2));
      for (Tensor<float>* part : {&w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh}) part->requires_grad_();
      weights.push_back(w);
    }
    Tensor<float> x = uniform({time, batch, input}, generator, -1, 1);
    x.requires_grad_();
    const Tensor<float> dy = uniform({time, batch, 2 * hidden}, generator, -1, 1);

    std::vector<Tensor<float>> first;
    for (const int threads : {1, 2, 7}) {
      kernels::set_thread_count(threads);
      x.zero_grad();
      for (auto& w : weights)
        for (Tensor<float>* part : {&w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh}) part->zero_grad();
      const auto result = lstm<float>(x, {}, {}, weights, {.bidirectional = true});
      backward(result.output, dy);
      std::vector<Tensor<float>> got = {result.output.detach(), result.h.detach(), result.c.detach(), clone(x.grad())};
      for (auto& w : weights)
        for (Tensor<float>* part : {&w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh}) got.push_back(clone(part->grad()));
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(std::memcmp(got[i].data(), first[i].data(), static_cast<std::size_t>(got[i].numel()) * 4) == 0);
    }
    const NoGradGuard no_grad;
    const auto forward = lstm<float>(x, {}, {}, {weights[0]}),
               both = lstm<float>(x, {}, {}, weights, {.bidirectional = true});
    const auto reversed = lstm<float>(flip(x, 0), {}, {}, {weights[1]});
    const Tensor<float> joined = concat<float>({forward.output, flip(reversed.output, 0)}, 2);
    CHECK(std::memcmp(both.output.data(), detail::packed(joined).data(),
                      static_cast<std::size_t>(joined.numel()) * 4) == 0);
    CHECK(std::memcmp(both.output.data(), first[0].data(), static_cast<std::size_t>(joined.numel()) * 4) == 0);
  }
  CHECK_THROWS_WITH_AS(
      (void)lstm<float>(zeros({2, 1, 3}), {}, {}, {{zeros({8, 3}), zeros({8, 2})}, {zeros({12, 3}), zeros({12, 3})}},
                        {.bidirectional = true}),
      "lstm: the reversed direction has 3 units and a state of 3 but the forward one 2 and 2", Error);
}
