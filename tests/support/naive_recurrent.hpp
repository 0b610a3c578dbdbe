#pragma once
// Recurrent layers as written on paper: one layer, one direction, scalar loops in double. The truth the kernels are
// held to.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <limn_kernels/config.hpp>

namespace limn::test {

/// One layer in one direction. Everything is double and contiguous; an empty vector stands for an absent tensor.
struct NaiveRecurrent {
  index_t time = 0, batch = 0, input = 0, hidden = 0, projection = 0;
  bool reverse = false;
  std::vector<std::uint8_t> mask;  // [time, batch]
  std::vector<double> x, h0, c0, w_ih, w_hh, w_hr, b_ih, b_hh;

  [[nodiscard]] index_t state() const { return projection > 0 ? projection : hidden; }
};

/// The states after each step: h [time, batch, state], c [time, batch, hidden] (lstm only).
struct NaiveStates {
  std::vector<double> h, c;
};

namespace detail {

inline double element(const std::vector<double>& v, index_t i) {
  return v.empty() ? 0.0 : v[static_cast<std::size_t>(i)];
}
inline double sigmoid(double v) { return 1.0 / (1.0 + std::exp(-v)); }

/// Row `row` of w_ih x + b_ih at time t, batch b.
inline double from_input(const NaiveRecurrent& n, index_t row, index_t t, index_t b) {
  double sum = element(n.b_ih, row);
  for (index_t j = 0; j < n.input; ++j)
    sum += element(n.w_ih, row * n.input + j) * element(n.x, (t * n.batch + b) * n.input + j);
  return sum;
}
/// Row `row` of w_hh h + b_hh.
inline double from_state(const NaiveRecurrent& n, index_t row, const std::vector<double>& h) {
  double sum = element(n.b_hh, row);
  for (index_t j = 0; j < n.state(); ++j) sum += element(n.w_hh, row * n.state() + j) * h[static_cast<std::size_t>(j)];
  return sum;
}

/// Walks every sequence; step(t, b, h, c) replaces the state of one sequence.
template <class Step>
NaiveStates walk(const NaiveRecurrent& n, Step&& step) {
  NaiveStates states{std::vector<double>(static_cast<std::size_t>(n.time * n.batch * n.state())),
                     std::vector<double>(static_cast<std::size_t>(n.time * n.batch * n.hidden))};
  for (index_t b = 0; b < n.batch; ++b) {
    std::vector<double> h(static_cast<std::size_t>(n.state())), c(static_cast<std::size_t>(n.hidden));
    for (index_t j = 0; j < n.state(); ++j) h[static_cast<std::size_t>(j)] = element(n.h0, b * n.state() + j);
    for (index_t j = 0; j < n.hidden; ++j) c[static_cast<std::size_t>(j)] = element(n.c0, b * n.hidden + j);
    for (index_t i = 0; i < n.time; ++i) {
      const index_t t = n.reverse ? n.time - 1 - i : i, row = t * n.batch + b;
      if (n.mask.empty() || n.mask[static_cast<std::size_t>(row)] != 0) step(t, b, h, c);
      for (index_t j = 0; j < n.state(); ++j)
        states.h[static_cast<std::size_t>(row * n.state() + j)] = h[static_cast<std::size_t>(j)];
      for (index_t j = 0; j < n.hidden; ++j)
        states.c[static_cast<std::size_t>(row * n.hidden + j)] = c[static_cast<std::size_t>(j)];
    }
  }
  return states;
}

}  // namespace detail

inline NaiveStates naive_lstm(const NaiveRecurrent& n) {
  return detail::walk(n, [&](index_t t, index_t b, std::vector<double>& h, std::vector<double>& c) {
    std::vector<double> wide(static_cast<std::size_t>(n.hidden));
    for (index_t j = 0; j < n.hidden; ++j) {
      double gate[4];
      for (index_t g = 0; g < 4; ++g)
        gate[g] = detail::from_input(n, g * n.hidden + j, t, b) + detail::from_state(n, g * n.hidden + j, h);
      double& cell = c[static_cast<std::size_t>(j)];
      cell = detail::sigmoid(gate[1]) * cell + detail::sigmoid(gate[0]) * std::tanh(gate[2]);
      wide[static_cast<std::size_t>(j)] = detail::sigmoid(gate[3]) * std::tanh(cell);
    }
    if (n.projection == 0) {
      h = wide;
      return;
    }
    for (index_t p = 0; p < n.projection; ++p) {
      double sum = 0;
      for (index_t j = 0; j < n.hidden; ++j)
        sum += detail::element(n.w_hr, p * n.hidden + j) * wide[static_cast<std::size_t>(j)];
      h[static_cast<std::size_t>(p)] = sum;
    }
  });
}

inline NaiveStates naive_gru(const NaiveRecurrent& n) {
  return detail::walk(n, [&](index_t t, index_t b, std::vector<double>& h, std::vector<double>&) {
    std::vector<double> next(h);
    for (index_t j = 0; j < n.hidden; ++j) {
      const double r = detail::sigmoid(detail::from_input(n, j, t, b) + detail::from_state(n, j, h));
      const double z =
          detail::sigmoid(detail::from_input(n, n.hidden + j, t, b) + detail::from_state(n, n.hidden + j, h));
      const double candidate =
          std::tanh(detail::from_input(n, 2 * n.hidden + j, t, b) + r * detail::from_state(n, 2 * n.hidden + j, h));
      next[static_cast<std::size_t>(j)] = (1 - z) * candidate + z * h[static_cast<std::size_t>(j)];
    }
    h = next;
  });
}

inline NaiveStates naive_rnn(const NaiveRecurrent& n, bool relu) {
  return detail::walk(n, [&](index_t t, index_t b, std::vector<double>& h, std::vector<double>&) {
    std::vector<double> next(h);
    for (index_t j = 0; j < n.hidden; ++j) {
      const double sum = detail::from_input(n, j, t, b) + detail::from_state(n, j, h);
      next[static_cast<std::size_t>(j)] = relu ? std::max(sum, 0.0) : std::tanh(sum);
    }
    h = next;
  });
}

}  // namespace limn::test
