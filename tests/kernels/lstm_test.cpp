// The lstm kernel against its definition: values, gradients, masks, projection, both directions, all thread counts.

#include <random>

#include <limn_kernels/lstm.hpp>
#include <limn_kernels/recurrent.hpp>

#include "support/recurrent_case.hpp"

using namespace limn;
using test::RecurrentOptions;

namespace {

template <class T>
test::RecurrentKernel<T> lstm_kernel() {
  using Data = typename test::RecurrentKernel<T>::Data;
  struct Run {
    kernels::RecurrentShape shape;
    kernels::LstmInputs<T> in;
    std::vector<T> h, c, gates;
    explicit Run(const Data& d) {
      const test::NaiveRecurrent& n = d.shape;
      shape = {n.time, n.batch, n.input, n.hidden, n.projection, n.reverse};
      in = {d.x.data(),
            n.mask.empty() ? nullptr : n.mask.data(),
            test::pointer(d.h0),
            test::pointer(d.c0),
            d.w_ih.data(),
            d.w_hh.data(),
            test::pointer(d.w_hr),
            test::pointer(d.b_ih),
            test::pointer(d.b_hh)};
      const auto steps = static_cast<std::size_t>(n.time * n.batch), hidden = static_cast<std::size_t>(n.hidden);
      h.resize(steps * static_cast<std::size_t>(n.state()));
      c.resize(steps * hidden);
      gates.resize(steps * 4 * hidden, T(NAN));
      kernels::lstm_forward(cpu_device, shape, in, {h.data(), c.data(), gates.data()});
    }
  };
  const auto forward = [](const Data& d) {
    const Run run(d);
    return test::NaiveStates{test::narrow<double>(run.h), test::narrow<double>(run.c)};
  };
  const auto backward = [](const Data& d, const std::vector<T>& dh, const std::vector<T>& dc) {
    Run run(d);
    std::vector<T> dx(d.x.size()), dh0(d.h0.size()), dc0(d.c0.size()), dw_ih(d.w_ih.size()), dw_hh(d.w_hh.size()),
        dw_hr(d.w_hr.size()), db(d.b_ih.size());
    const auto wanted = [](std::vector<T>& v) { return v.empty() ? nullptr : v.data(); };
    kernels::lstm_backward(
        cpu_device, run.shape, run.in, {run.h.data(), run.c.data(), run.gates.data()}, dh.data(), dc.data(),
        {wanted(dx), wanted(dh0), wanted(dc0), wanted(dw_ih), wanted(dw_hh), wanted(dw_hr), wanted(db)});
    std::vector<std::vector<double>> all;
    for (const auto* v : {&dx, &dh0, &dc0, &dw_ih, &dw_hh, &dw_hr, &db, &db}) all.push_back(test::narrow<double>(*v));
    return all;
  };
  return {forward, backward};
}

void check(const RecurrentOptions& o, bool differences = true) {
  CAPTURE(o.hidden);
  CAPTURE(o.batch);
  const auto n = test::random_recurrent(o, 4, true);
  test::check_recurrent_values(n, true, lstm_kernel<double>(), lstm_kernel<float>(), test::naive_lstm);
  test::check_recurrent_gradients(n, true, lstm_kernel<double>(), lstm_kernel<float>(), test::naive_lstm, differences);
}

}  // namespace

TEST_CASE("lstm kernel equals its definition forwards and backwards in time") {
  check({});
  check({.reverse = true});
}
TEST_CASE("lstm kernel works without biases and without initial states") {
  check({.bias = false, .initial = false});
  check({.reverse = true, .bias = false, .initial = false});
}
TEST_CASE("lstm kernel copies the state through masked steps, in both directions") {
  check({.time = 6, .batch = 4, .masked = true});
  check({.time = 6, .batch = 4, .reverse = true, .masked = true});
  check({.time = 6, .batch = 4, .masked = true, .initial = false});
}
TEST_CASE("lstm kernel projects its state, masked or not") {
  check({.projection = 2});
  check({.time = 5, .hidden = 4, .projection = 3, .reverse = true, .masked = true});
  check({.time = 5, .hidden = 4, .projection = 4, .masked = true, .bias = false, .initial = false});
}
TEST_CASE("lstm kernel: one step, one row, one unit, one input") {
  check({.time = 1});
  check({.time = 1, .reverse = true, .initial = false});
  check({.batch = 1});
  check({.batch = 1, .input = 1, .hidden = 1});
}
TEST_CASE("lstm kernel: sizes around a vector and a tile") {
  for (index_t hidden : {8, 15, 16, 17, 33})
    for (index_t batch : {1, 6, 7, 13})
      check({.time = 3, .batch = batch, .input = 9, .hidden = hidden, .masked = hidden == 17}, false);
}
TEST_CASE("lstm kernel: few rows and many steps, for which weights are packed") {
  check({.time = 34, .batch = 2, .input = 9, .hidden = 21, .masked = true}, false);
  check({.time = 16, .batch = 5, .input = 20, .hidden = 17, .reverse = true, .bias = false, .initial = false}, false);
  const auto n = test::random_recurrent({.time = 22, .batch = 3, .input = 70, .hidden = 150}, 4, true);
  test::check_recurrent_threads(n, true, lstm_kernel<float>());
}
TEST_CASE("lstm kernel gives the same bits for 1, 2 and 7 threads") {
  const auto n = test::random_recurrent({.time = 5, .batch = 40, .input = 64, .hidden = 150, .masked = true}, 4, true);
  test::check_recurrent_threads(n, true, lstm_kernel<float>());
  const auto projected =
      test::random_recurrent({.time = 3, .batch = 40, .input = 32, .hidden = 150, .projection = 70}, 4, true);
  test::check_recurrent_threads(projected, true, lstm_kernel<float>());
  const auto step = test::random_recurrent({.time = 1, .batch = 60, .input = 70, .hidden = 150}, 4, true);
  test::check_recurrent_threads(step, true, lstm_kernel<float>());
  // 170 rows: every thread walks through the sequence with rows of its own.
  const auto many =
      test::random_recurrent({.time = 3, .batch = 170, .input = 9, .hidden = 21, .masked = true}, 4, true);
  test::check_recurrent_threads(many, true, lstm_kernel<float>());
}
TEST_CASE("lstm kernel: few rows, which read the weights as they are stored, of more units than a tile has columns") {
  for (const RecurrentOptions& o : test::few_rows()) {
    check(o, false);
    test::check_recurrent_threads(test::random_recurrent(o, 4, true), true, lstm_kernel<float>());
  }
}
TEST_CASE("lstm kernel: random sizes from 1 to 70") {
  std::mt19937 random(5);
  const auto size = [&] { return static_cast<index_t>(1 + random() % 70); };
  for (int i = 0; i < 12; ++i)
    check({.time = 1 + size() % 4,
           .batch = size(),
           .input = size(),
           .hidden = size(),
           .reverse = i % 2 == 1,
           .masked = i % 3 == 0,
           .bias = i % 4 != 3,
           .initial = i % 5 != 4},
          false);
}
TEST_CASE("lstm kernel without gates writes the same states, and the last c alone") {
  for (const index_t batch : {1, 5, 6, 31, 50})
    for (const bool masked : {false, true}) {
      const auto n = test::random_recurrent(
          {.time = 4, .batch = batch, .input = 7, .hidden = 19, .reverse = batch == 5, .masked = masked}, 4, true);
      const auto data = test::recurrent_data<float>(n);
      const kernels::RecurrentShape s{n.time, n.batch, n.input, n.hidden, 0, n.reverse};
      const kernels::LstmInputs<float> in{data.x.data(),    n.mask.empty() ? nullptr : n.mask.data(),
                                          data.h0.data(),   data.c0.data(),
                                          data.w_ih.data(), data.w_hh.data(),
                                          nullptr,          data.b_ih.data(),
                                          data.b_hh.data()};
      const auto cells = static_cast<std::size_t>(batch * 19);
      std::vector<float> h(4 * cells), c(4 * cells), gates(16 * cells), h_alone(4 * cells), c_alone(cells);
      kernels::lstm_forward<float>(cpu_device, s, in, {h.data(), c.data(), gates.data()});
      kernels::lstm_forward<float>(cpu_device, s, in, {h_alone.data(), c_alone.data(), nullptr});
      const auto last = static_cast<std::ptrdiff_t>(s.at(3) * batch * 19);
      CHECK(h == h_alone);
      CHECK(std::vector<float>(c.begin() + last, c.begin() + last + static_cast<std::ptrdiff_t>(cells)) == c_alone);
    }
}
TEST_CASE("lstm kernel with packed weights writes the states of its definition, with the same bits for any threads") {
  test::check_packed_recurrent(
      4, true,
      [](const kernels::RecurrentShape& s, const auto& data, const std::uint8_t* mask, const auto& packed) {
        kernels::LstmInputs<float> in;
        in.x = data.x.data(), in.mask = mask, in.h0 = data.h0.data(), in.c0 = data.c0.data();
        in.b_ih = data.b_ih.data(), in.b_hh = data.b_hh.data(), in.packed = &packed;
        std::vector<float> h(static_cast<std::size_t>(s.time * s.batch * s.hidden));
        std::vector<float> c(static_cast<std::size_t>(s.batch * s.hidden));
        kernels::lstm_forward<float>(cpu_device, s, in, {h.data(), c.data(), nullptr});
        return h;
      },
      [](const auto& n) { return test::naive_lstm(n); });
}
