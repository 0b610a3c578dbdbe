// The LSTM on the GPU against its definition in double: the states by plain loops, the gradients by plain loops back
// through time, which central differences hold to those.

#include <limn_kernels/lstm.hpp>

#include <cuda/expect.hpp>

#include "support/recurrent_case.hpp"

namespace limn::test {
namespace {

/// Gradients for dh [time, batch, state] and dc_last [batch, hidden] (empty = zeros), in the order of
/// recurrent_fields(); the last two, of the biases, as one.
std::vector<std::vector<double>> naive_lstm_gradients(const NaiveRecurrent& n, const std::vector<double>& dh,
                                                      const std::vector<double>& dc_last) {
  const index_t hidden = n.hidden, state = n.state();
  const NaiveStates states = naive_lstm(n);
  const auto zeros = [](index_t count) { return std::vector<double>(static_cast<std::size_t>(count)); };
  const auto in = [](auto& v, index_t i) -> auto& { return v[static_cast<std::size_t>(i)]; };
  std::vector<double> dx = zeros(n.time * n.batch * n.input), dh0 = zeros(n.batch * state),
                      dc0 = dc_last.empty() ? zeros(n.batch * hidden) : dc_last, dw_ih = zeros(4 * hidden * n.input),
                      dw_hh = zeros(4 * hidden * state), dw_hr = zeros(n.projection * hidden), db = zeros(4 * hidden);
  for (index_t b = 0; b < n.batch; ++b)
    for (index_t i = n.time - 1; i >= 0; --i) {
      const index_t t = n.reverse ? n.time - 1 - i : i, row = t * n.batch + b;
      const index_t before = (n.reverse ? t + 1 : t - 1) * n.batch + b;
      std::vector<double> h = zeros(state), dstate = zeros(state), dhidden = zeros(hidden), dgates = zeros(4 * hidden);
      for (index_t j = 0; j < state; ++j) {
        in(h, j) = i > 0 ? in(states.h, before * state + j) : detail::element(n.h0, b * state + j);
        in(dh0, b * state + j) += in(dh, row * state + j);
        in(dstate, j) = in(dh0, b * state + j);
      }
      if (!n.mask.empty() && in(n.mask, row) == 0) continue;
      for (index_t j = 0; j < state; ++j) {
        in(dh0, b * state + j) = 0;
        if (n.projection == 0) in(dhidden, j) = in(dstate, j);
        for (index_t u = 0; u < hidden && n.projection > 0; ++u)
          in(dhidden, u) += in(dstate, j) * in(n.w_hr, j * hidden + u);
      }
      for (index_t u = 0; u < hidden; ++u) {
        double gate[4];
        for (index_t g = 0; g < 4; ++g)
          gate[g] = detail::from_input(n, g * hidden + u, t, b) + detail::from_state(n, g * hidden + u, h);
        const double c_before = i > 0 ? in(states.c, before * hidden + u) : detail::element(n.c0, b * hidden + u);
        const double bent = std::tanh(in(states.c, row * hidden + u)), g = std::tanh(gate[2]);
        const double input = detail::sigmoid(gate[0]), forget = detail::sigmoid(gate[1]), o = detail::sigmoid(gate[3]);
        const double dc = in(dc0, b * hidden + u) + in(dhidden, u) * o * (1 - bent * bent);
        in(dgates, u) = dc * g * input * (1 - input);
        in(dgates, hidden + u) = dc * c_before * forget * (1 - forget);
        in(dgates, 2 * hidden + u) = dc * input * (1 - g * g);
        in(dgates, 3 * hidden + u) = in(dhidden, u) * bent * o * (1 - o);
        in(dc0, b * hidden + u) = dc * forget;
        for (index_t j = 0; j < n.projection; ++j) in(dw_hr, j * hidden + u) += in(dstate, j) * o * bent;
      }
      for (index_t r = 0; r < 4 * hidden; ++r) {
        const double d = in(dgates, r);
        in(db, r) += d;
        for (index_t j = 0; j < n.input; ++j) {
          in(dx, row * n.input + j) += d * in(n.w_ih, r * n.input + j);
          in(dw_ih, r * n.input + j) += d * in(n.x, row * n.input + j);
        }
        for (index_t j = 0; j < state; ++j) {
          in(dh0, b * state + j) += d * in(n.w_hh, r * state + j);
          in(dw_hh, r * state + j) += d * in(h, j);
        }
      }
    }
  return {dx, dh0, dc0, dw_ih, dw_hh, dw_hr, db};
}

/// A case in the GPU's memory; an empty vector is null.
template <class T>
struct OnGpu {
  kernels::RecurrentShape shape;
  Buffer<T> x, h0, c0, w_ih, w_hh, w_hr, b_ih, b_hh;
  Buffer<std::uint8_t> mask;
  kernels::LstmInputs<T> in;

  explicit OnGpu(const NaiveRecurrent& n)
      : shape{n.time, n.batch, n.input, n.hidden, n.projection, n.reverse},
        x(n.x),
        h0(n.h0),
        c0(n.c0),
        w_ih(n.w_ih),
        w_hh(n.w_hh),
        w_hr(n.w_hr),
        b_ih(n.b_ih),
        b_hh(n.b_hh),
        mask(n.mask) {
    const auto data = [](const auto& buffer, const auto& values) { return values.empty() ? nullptr : buffer.data(); };
    in = {x.data(),    data(mask, n.mask), data(h0, n.h0),     data(c0, n.c0),    w_ih.data(),
          w_hh.data(), data(w_hr, n.w_hr), data(b_ih, n.b_ih), data(b_hh, n.b_hh)};
  }
};

/// h behind `gap` elements, which take it off the multiples of 16 bytes for a gap of 1.
template <class T>
void check_states(const NaiveRecurrent& n, index_t gap = 0) {
  const OnGpu<T> at(n);
  const NaiveStates states = naive_lstm(n);
  const index_t cells = n.batch * n.hidden;
  std::vector<double> expected(static_cast<std::size_t>(gap), -77.0);
  const auto length = static_cast<index_t>(states.h.size());
  expected.insert(expected.end(), states.h.begin(), states.h.end());
  std::vector<double> last = expected;
  expected.insert(expected.end(), states.c.begin(), states.c.end());
  const auto first = states.c.begin() + at.shape.at(n.time - 1) * cells;
  last.insert(last.end(), first, first + cells);
  const Buffer<T> gates(4 * states.c.size());
  expect<T>(expected, 8 * tolerance<T>, [&](T* y) {
    kernels::lstm_forward<T>(under_test, at.shape, at.in, {y + gap, y + gap + length, gates.data()});
  });
  expect<T>(last, 8 * tolerance<T>, [&](T* y) {
    kernels::lstm_forward<T>(under_test, at.shape, at.in, {y + gap, y + gap + length, nullptr});
  });
}

/// All gradients one behind another; without `wanted` those of x and w_hh alone.
template <class T>
void check_gradients(const NaiveRecurrent& n, bool has_dc = true, bool wanted = true) {
  const OnGpu<T> at(n);
  const std::vector<double> dh = cotangent(static_cast<std::size_t>(n.time * n.batch * n.state()), 1);
  const std::vector<double> dc = cotangent(has_dc ? static_cast<std::size_t>(n.batch * n.hidden) : 0, 2);
  const auto gradients = naive_lstm_gradients(n, dh, dc);
  std::vector<double> expected;
  std::vector<std::size_t> begins;
  double largest = 1;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    begins.push_back(expected.size());
    for (const double value : gradients[i]) {
      expected.push_back(wanted || i == 0 || i == 4 ? value : -77.0);
      largest = std::max(largest, std::abs(value));
    }
  }
  const auto cells = static_cast<std::size_t>(n.batch * n.hidden), steps = static_cast<std::size_t>(n.time);
  const Buffer<T> h(steps * static_cast<std::size_t>(n.batch * n.state())), c(steps * cells), gates(steps * 4 * cells);
  const Buffer<T> at_dh(dh), at_dc(dc);
  const kernels::LstmStates<T> saved{h.data(), c.data(), gates.data()};
  kernels::lstm_forward<T>(under_test, at.shape, at.in, saved);
  expect<T>(expected, 16 * tolerance<T> * largest, [&](T* y) {
    const auto to = [&](std::size_t i, bool also) { return wanted || also ? y + begins[i] : nullptr; };
    kernels::lstm_backward<T>(under_test, at.shape, at.in, saved, at_dh.data(), has_dc ? at_dc.data() : nullptr,
                              {to(0, true), to(1, false), to(2, false), to(3, false), to(4, true),
                               n.projection > 0 ? to(5, false) : nullptr, to(6, false)});
  });
}

NaiveRecurrent lstm_case(const RecurrentOptions& o) { return random_recurrent(o, 4, true); }

TEST_CASE("lstm: the gradients that the kernels are held to are those of the states, by central differences") {
  for (const RecurrentOptions& o : {RecurrentOptions{.time = 3, .batch = 2, .input = 2, .hidden = 3},
                                    {.time = 4, .batch = 3, .hidden = 2, .reverse = true, .masked = true},
                                    {.time = 4, .batch = 3, .hidden = 4, .projection = 2, .masked = true},
                                    {.time = 1, .bias = false, .initial = false}}) {
    RecurrentKernel<double> plain;
    plain.backward = [](const RecurrentKernel<double>::Data& d, const std::vector<double>& dh,
                        const std::vector<double>& dc) {
      auto gradients = naive_lstm_gradients(d.shape, dh, dc);
      gradients.push_back(gradients.back());
      for (std::size_t i = 0; i < gradients.size(); ++i)  // of what is there
        if ((d.shape.*recurrent_fields()[i]).empty()) gradients[i].clear();
      return gradients;
    };
    RecurrentKernel<float> same;
    same.backward = [&](const RecurrentKernel<float>::Data& d, const std::vector<float>& dh,
                        const std::vector<float>& dc) {
      return plain.backward(recurrent_data<double>(d.shape), narrow<double>(dh), narrow<double>(dc));
    };
    check_recurrent_gradients(lstm_case(o), true, plain, same, naive_lstm);
  }
}

TEST_CASE_TEMPLATE("lstm: masks, both directions, projection, absent states and biases; few rows and tiles", T, float,
                   double) {
  if (!have_device()) return;
  for (const RecurrentOptions& o :
       {RecurrentOptions{.time = 1, .batch = 1, .input = 1, .hidden = 1},
        {.time = 1, .batch = 5, .input = 7, .hidden = 9, .initial = false},
        {.time = 3, .batch = 1, .input = 7, .hidden = 5, .reverse = true},
        {.time = 2, .batch = 2, .input = 5, .hidden = 8, .masked = true, .bias = false},
        {.time = 3, .batch = 4, .input = 1, .hidden = 5, .reverse = true, .masked = true, .initial = false},
        {.time = 3, .batch = 5, .input = 7, .hidden = 9, .reverse = true, .masked = true},
        {.time = 2, .batch = 9, .input = 3, .hidden = 12, .bias = false, .initial = false},
        {.time = 3, .batch = 1, .input = 3, .hidden = 3, .projection = 2, .masked = true},
        {.time = 3, .batch = 6, .input = 3, .hidden = 5, .projection = 4, .reverse = true, .masked = true},
        {.time = 2, .batch = 5, .input = 3, .hidden = 7, .projection = 7, .initial = false}}) {
    CAPTURE(o.batch);
    CAPTURE(o.hidden);
    const NaiveRecurrent n = lstm_case(o);
    check_states<T>(n);
    check_gradients<T>(n, o.hidden != 9, o.hidden != 12);
  }
}

TEST_CASE_TEMPLATE("lstm: each tile, wider than a slice of k or not, at multiples of 16 bytes and off them", T, float,
                   double) {
  if (!have_device()) return;
#ifdef LIMN_GPU_ON_HOST
  constexpr index_t middle = 37, units = 8, large = 65;  // three blocks are enough for the host's GPU
#else
  constexpr index_t middle = 387, units = 50, large = 1570;
#endif
  for (const RecurrentOptions& o : {RecurrentOptions{.time = 1, .batch = 7, .input = 2, .hidden = 4},
                                    {.time = 2, .batch = middle, .input = 3, .hidden = units, .masked = true},
                                    {.time = 2, .batch = large, .input = 3, .hidden = 36, .reverse = true}}) {
    CAPTURE(o.batch);
    const NaiveRecurrent n = lstm_case(o);
    check_states<T>(n, o.hidden == 36 ? 0 : 1);
    check_gradients<T>(n);
  }
  check_gradients<T>(lstm_case({.time = 2, .batch = 6, .input = 7, .hidden = 132}));
}

}  // namespace
}  // namespace limn::test
