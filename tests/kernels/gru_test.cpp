// The gru kernel against its definition: values, gradients, masks, both directions, all thread counts.

#include <random>

#include <limn_kernels/gru.hpp>

#include "support/recurrent_case.hpp"

using namespace limn;
using test::RecurrentOptions;

namespace {

template <class T>
test::RecurrentKernel<T> gru_kernel() {
  using Data = typename test::RecurrentKernel<T>::Data;
  struct Run {
    kernels::RecurrentShape shape;
    kernels::GruInputs<T> in;
    std::vector<T> h, gates, inner;
    explicit Run(const Data& d) {
      const test::NaiveRecurrent& n = d.shape;
      shape = {n.time, n.batch, n.input, n.hidden, 0, n.reverse};
      in = {d.x.data(),           n.mask.empty() ? nullptr : n.mask.data(),
            test::pointer(d.h0),  d.w_ih.data(),
            d.w_hh.data(),        test::pointer(d.b_ih),
            test::pointer(d.b_hh)};
      const auto steps = static_cast<std::size_t>(n.time * n.batch), hidden = static_cast<std::size_t>(n.hidden);
      h.resize(steps * hidden);
      gates.resize(steps * 3 * hidden, T(NAN));
      inner.resize(steps * hidden, T(NAN));
      kernels::gru_forward(cpu_device, shape, in, {h.data(), gates.data(), inner.data()});
    }
  };
  const auto forward = [](const Data& d) {
    const Run run(d);
    return test::NaiveStates{test::narrow<double>(run.h), {}};
  };
  const auto backward = [](const Data& d, const std::vector<T>& dh, const std::vector<T>&) {
    Run run(d);
    std::vector<T> dx(d.x.size()), dh0(d.h0.size()), none, dw_ih(d.w_ih.size()), dw_hh(d.w_hh.size()),
        db_ih(d.b_ih.size()), db_hh(d.b_hh.size());
    const auto wanted = [](std::vector<T>& v) { return v.empty() ? nullptr : v.data(); };
    kernels::gru_backward(cpu_device, run.shape, run.in, {run.h.data(), run.gates.data(), run.inner.data()}, dh.data(),
                          {wanted(dx), wanted(dh0), wanted(dw_ih), wanted(dw_hh), wanted(db_ih), wanted(db_hh)});
    std::vector<std::vector<double>> all;
    for (const auto* v : {&dx, &dh0, &none, &dw_ih, &dw_hh, &none, &db_ih, &db_hh})
      all.push_back(test::narrow<double>(*v));
    return all;
  };
  return {forward, backward};
}

void check(const RecurrentOptions& o, bool differences = true) {
  CAPTURE(o.hidden);
  CAPTURE(o.batch);
  const auto n = test::random_recurrent(o, 3, false);
  test::check_recurrent_values(n, false, gru_kernel<double>(), gru_kernel<float>(), test::naive_gru);
  test::check_recurrent_gradients(n, false, gru_kernel<double>(), gru_kernel<float>(), test::naive_gru, differences);
}

}  // namespace

TEST_CASE("gru kernel equals its definition forwards and backwards in time") {
  check({});
  check({.reverse = true});
}
TEST_CASE("gru kernel works without biases and without initial states") {
  check({.bias = false, .initial = false});
  check({.reverse = true, .bias = false, .initial = false});
}
TEST_CASE("gru kernel copies the state through masked steps, in both directions") {
  check({.time = 6, .batch = 4, .masked = true});
  check({.time = 6, .batch = 4, .reverse = true, .masked = true});
  check({.time = 6, .batch = 4, .masked = true, .initial = false});
}
TEST_CASE("gru kernel: one step, one row, one unit, one input") {
  check({.time = 1});
  check({.time = 1, .reverse = true, .initial = false});
  check({.batch = 1});
  check({.batch = 1, .input = 1, .hidden = 1});
}
TEST_CASE("gru kernel: sizes around a vector and a tile") {
  for (index_t hidden : {8, 15, 16, 17, 33})
    for (index_t batch : {1, 6, 7, 13})
      check({.time = 3, .batch = batch, .input = 9, .hidden = hidden, .masked = hidden == 17}, false);
}
TEST_CASE("gru kernel: few rows and many steps, for which weights are packed") {
  check({.time = 34, .batch = 2, .input = 9, .hidden = 21, .masked = true}, false);
  check({.time = 16, .batch = 5, .input = 20, .hidden = 17, .reverse = true, .bias = false, .initial = false}, false);
  const auto n = test::random_recurrent({.time = 22, .batch = 3, .input = 70, .hidden = 150}, 3, false);
  test::check_recurrent_threads(n, false, gru_kernel<float>());
}
TEST_CASE("gru kernel gives the same bits for 1, 2 and 7 threads") {
  const auto n = test::random_recurrent({.time = 5, .batch = 40, .input = 64, .hidden = 150, .masked = true}, 3, false);
  test::check_recurrent_threads(n, false, gru_kernel<float>());
  const auto step = test::random_recurrent({.time = 1, .batch = 60, .input = 70, .hidden = 150}, 3, false);
  test::check_recurrent_threads(step, false, gru_kernel<float>());
  // 170 rows: every thread walks through the sequence with rows of its own.
  const auto many =
      test::random_recurrent({.time = 3, .batch = 170, .input = 9, .hidden = 21, .masked = true}, 3, false);
  test::check_recurrent_threads(many, false, gru_kernel<float>());
}
TEST_CASE("gru kernel: few rows, which read the weights as they are stored, of more units than a tile has columns") {
  for (const RecurrentOptions& o : test::few_rows()) {
    check(o, false);
    test::check_recurrent_threads(test::random_recurrent(o, 3, false), false, gru_kernel<float>());
  }
}
TEST_CASE("gru kernel: random sizes from 1 to 70") {
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
TEST_CASE("gru kernel with packed weights writes the states of its definition, with the same bits for any threads") {
  test::check_packed_recurrent(
      3, false,
      [](const kernels::RecurrentShape& s, const auto& data, const std::uint8_t* mask, const auto& packed) {
        kernels::GruInputs<float> in;
        in.x = data.x.data(), in.mask = mask, in.h0 = data.h0.data();
        in.b_ih = data.b_ih.data(), in.b_hh = data.b_hh.data(), in.packed = &packed;
        std::vector<float> h(static_cast<std::size_t>(s.time * s.batch * s.hidden));
        kernels::gru_forward<float>(cpu_device, s, in, {h.data(), nullptr, nullptr});
        return h;
      },
      [](const auto& n) { return test::naive_gru(n); });
}
