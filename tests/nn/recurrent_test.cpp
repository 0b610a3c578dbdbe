#include <doctest/doctest.h>

#include <limn/nn/recurrent.hpp>

using namespace limn;

namespace {

template <class M>
std::vector<std::string> names(M& module) {
  std::vector<std::string> all;
  for (const auto& entry : nn::named_tensors(module)) all.push_back(entry.first);
  return all;
}

}  // namespace

TEST_CASE("LSTM names its parameters as PyTorch does, layer by layer, forward before reversed") {
  Generator generator(1);
  nn::LSTM<float> lstm(5, 4, generator, {.layers = 2, .bidirectional = true, .projection = 3});
  CHECK(names(lstm) == std::vector<std::string>{"weight_ih_l0",         "weight_hh_l0",         "bias_ih_l0",
                                                "bias_hh_l0",           "weight_hr_l0",         "weight_ih_l0_reverse",
                                                "weight_hh_l0_reverse", "bias_ih_l0_reverse",   "bias_hh_l0_reverse",
                                                "weight_hr_l0_reverse", "weight_ih_l1",         "weight_hh_l1",
                                                "bias_ih_l1",           "bias_hh_l1",           "weight_hr_l1",
                                                "weight_ih_l1_reverse", "weight_hh_l1_reverse", "bias_ih_l1_reverse",
                                                "bias_hh_l1_reverse",   "weight_hr_l1_reverse"});
  CHECK(lstm.weights[0].w_ih.shape() == Shape{16, 5});
  CHECK(lstm.weights[0].w_hh.shape() == Shape{16, 3});
  CHECK(lstm.weights[3].w_ih.shape() == Shape{16, 6});
  CHECK(lstm.weights[3].w_hr.shape() == Shape{3, 4});
  nn::GRU<float> plain(5, 4, generator, {.bias = false});
  CHECK(names(plain) == std::vector<std::string>{"weight_ih_l0", "weight_hh_l0"});
}

TEST_CASE("recurrent modules begin within 1 / sqrt(hidden)") {
  Generator generator(1);
  nn::RNN<double> rnn(300, 25, generator);
  double largest = 0;
  nn::for_each_tensor(rnn, [&](const std::string&, Tensor<double>& w) {
    CHECK(w.requires_grad());
    for (const double v : to_vector(w)) largest = std::max(largest, std::abs(v));
  });
  CHECK(largest <= 0.2);
  CHECK(largest > 0.195);
}

TEST_CASE("recurrent modules compute what the operations compute, in the shapes of PyTorch") {
  Generator generator(2);
  const nn::RecurrentModuleOptions options{.layers = 2, .batch_first = true, .bidirectional = true};
  const Tensor<float> x = uniform<float>({3, 6, 5}, generator, -1, 1), h0 = uniform<float>({4, 3, 4}, generator, -1, 1);
  const Tensor<float> c0 = uniform<float>({4, 3, 4}, generator, -1, 1);

  const nn::LSTM<float> lstm_module(5, 4, generator, options);
  const auto l = lstm_module(x, h0, c0, {.lengths = {6, 2, 4}});
  CHECK(l.output.shape() == Shape{3, 6, 8});
  CHECK(l.h.shape() == Shape{4, 3, 4});
  CHECK(l.c.shape() == Shape{4, 3, 4});
  const auto direct =
      lstm(x, h0, c0, lstm_module.weights, {.batch_first = true, .bidirectional = true, .lengths = {6, 2, 4}});
  CHECK(to_vector(l.output) == to_vector(direct.output));
  CHECK(to_vector(l.c) == to_vector(direct.c));

  const nn::GRU<float> gru_module(5, 4, generator, options);
  CHECK(gru_module(x, h0).output.shape() == Shape{3, 6, 8});
  const nn::RNN<float> relu(5, 4, generator, {.batch_first = true}, RnnActivation::relu);
  const std::vector<float> states = to_vector(relu(x).output);
  CHECK(*std::min_element(states.begin(), states.end()) >= 0);
}

TEST_CASE("recurrent modules drop between layers in training alone") {
  Generator generator(3);
  nn::GRU<float> gru(5, 4, generator, {.layers = 2, .dropout = 0.5});
  const Tensor<float> x = uniform<float>({3, 2, 5}, generator, -1, 1);
  CHECK_THROWS_WITH_AS((void)gru(x), "gru: dropout 0.5 between layers needs a generator", Error);
  Generator one(4), other(5);
  CHECK(to_vector(gru(x, {}, {.generator = &one}).output) != to_vector(gru(x, {}, {.generator = &other}).output));
  nn::eval(gru);
  CHECK(to_vector(gru(x).output) == to_vector(gru(x).output));
}

TEST_CASE("LSTM: one step of gradient descent lowers the loss") {
  Generator generator(6);
  nn::LSTM<float> lstm(3, 8, generator);
  const Tensor<float> x = uniform<float>({5, 4, 3}, generator, -1, 1),
                      wanted = uniform<float>({5, 4, 8}, generator, -0.5, 0.5);
  const auto loss_of = [&] {
    const Tensor<float> difference = lstm(x).output - wanted;
    return sum_to(difference * difference, Shape{});
  };
  const Tensor<float> before = loss_of();
  backward(before);
  nn::for_each_tensor(lstm, [](const std::string&, Tensor<float>& w) {
    const Tensor<float> g = w.grad();
    for (index_t i = 0; i < w.numel(); ++i) w.data()[i] -= 0.01f * limn::detail::packed(g).data()[i];
  });
  CHECK(loss_of().item() < before.item());
}

TEST_CASE("recurrent modules say what cannot be built") {
  Generator generator(1);
  CHECK_THROWS_WITH_AS(nn::LSTM<float>(5, 4, generator, {.projection = 4}),
                       "LSTM: projection 4 must be smaller than hidden", Error);
  CHECK_THROWS_WITH_AS(nn::GRU<float>(5, 4, generator, {.projection = 2}), "GRU: projection 2 is for LSTM alone",
                       Error);
  CHECK_THROWS_WITH_AS(nn::RNN<float>(5, 0, generator), "RNN: input 5, hidden 0 and layers 1 must be positive", Error);
}
