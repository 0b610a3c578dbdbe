// The rnn kernel against its definition: both activations, values, gradients, masks, both directions, all thread
// counts.

#include <limn_kernels/rnn.hpp>

#include "support/recurrent_case.hpp"

using namespace limn;
using kernels::RnnActivation;
using test::RecurrentOptions;

namespace {

template <class T>
test::RecurrentKernel<T> rnn_kernel(RnnActivation activation) {
  using Data = typename test::RecurrentKernel<T>::Data;
  struct Run {
    kernels::RecurrentShape shape;
    kernels::RnnInputs<T> in;
    std::vector<T> h;
    Run(const Data& d, RnnActivation kind) {
      const test::NaiveRecurrent& n = d.shape;
      shape = {n.time, n.batch, n.input, n.hidden, 0, n.reverse};
      in = {d.x.data(),           n.mask.empty() ? nullptr : n.mask.data(),
            test::pointer(d.h0),  d.w_ih.data(),
            d.w_hh.data(),        test::pointer(d.b_ih),
            test::pointer(d.b_hh)};
      h.resize(static_cast<std::size_t>(n.time * n.batch * n.hidden));
      kernels::rnn_forward(cpu_device, shape, kind, in, h.data());
    }
  };
  const auto forward = [activation](const Data& d) {
    return test::NaiveStates{test::narrow<double>(Run(d, activation).h), {}};
  };
  const auto backward = [activation](const Data& d, const std::vector<T>& dh, const std::vector<T>&) {
    const Run run(d, activation);
    std::vector<T> dx(d.x.size()), dh0(d.h0.size()), none, dw_ih(d.w_ih.size()), dw_hh(d.w_hh.size()),
        db(d.b_ih.size());
    const auto wanted = [](std::vector<T>& v) { return v.empty() ? nullptr : v.data(); };
    kernels::rnn_backward(cpu_device, run.shape, activation, run.in, run.h.data(), dh.data(),
                          {wanted(dx), wanted(dh0), wanted(dw_ih), wanted(dw_hh), wanted(db)});
    std::vector<std::vector<double>> all;
    for (const auto* v : {&dx, &dh0, &none, &dw_ih, &dw_hh, &none, &db, &db}) all.push_back(test::narrow<double>(*v));
    return all;
  };
  return {forward, backward};
}

void check(const RecurrentOptions& o, bool differences = true) {
  for (const RnnActivation activation : {RnnActivation::tanh, RnnActivation::relu}) {
    const bool relu = activation == RnnActivation::relu;
    CAPTURE(relu);
    const auto naive = [relu](const test::NaiveRecurrent& n) { return test::naive_rnn(n, relu); };
    const auto n = test::random_recurrent(o, 1, false);
    test::check_recurrent_values(n, false, rnn_kernel<double>(activation), rnn_kernel<float>(activation), naive);
    test::check_recurrent_gradients(n, false, rnn_kernel<double>(activation), rnn_kernel<float>(activation), naive,
                                    differences);
  }
}

}  // namespace

TEST_CASE("rnn kernel equals its definition forwards and backwards in time") {
  check({});
  check({.reverse = true});
}
TEST_CASE("rnn kernel works without biases and without initial states") {
  check({.bias = false, .initial = false});
  check({.reverse = true, .bias = false, .initial = false});
}
TEST_CASE("rnn kernel copies the state through masked steps, in both directions") {
  check({.time = 6, .batch = 4, .masked = true});
  check({.time = 6, .batch = 4, .reverse = true, .masked = true});
}
TEST_CASE("rnn kernel: one step, one row, one unit, and sizes around a vector and a tile") {
  check({.time = 1});
  check({.batch = 1, .input = 1, .hidden = 1});
  for (index_t hidden : {8, 15, 16, 17, 33})
    for (index_t batch : {1, 6, 7, 13})
      check({.time = 3, .batch = batch, .input = 9, .hidden = hidden, .masked = hidden == 17}, false);
}
TEST_CASE("rnn kernel gives the same bits for 1, 2 and 7 threads") {
  const auto n = test::random_recurrent({.time = 5, .batch = 40, .input = 64, .hidden = 150, .masked = true}, 1, false);
  test::check_recurrent_threads(n, false, rnn_kernel<float>(RnnActivation::tanh));
}
