#pragma once
// Drives a recurrent operation (any layers, directions, masks) through check_op against stacked naive walks.

#include <functional>
#include <string>

#include <limn/ops/recurrent.hpp>

#include "support/naive_recurrent.hpp"
#include "support/op_case.hpp"

namespace limn::test {

struct RecurrentOpCase {
  index_t time = 3, batch = 2, input = 2, hidden = 3, projection = 0, layers = 1;
  bool bidirectional = false, batch_first = false, bias = true, initial = true;
  std::vector<index_t> lengths = {};
  std::vector<int> mask = {};  // time-major, 0 = masked

  [[nodiscard]] index_t state() const { return projection > 0 ? projection : hidden; }
  [[nodiscard]] index_t walks() const { return layers * (bidirectional ? 2 : 1); }
  [[nodiscard]] RecurrentOptions options() const {
    RecurrentOptions o{.batch_first = batch_first, .bidirectional = bidirectional, .lengths = lengths};
    if (mask.empty()) return o;
    o.mask = Tensor<bool>(batch_first ? Shape{batch, time} : Shape{time, batch});
    for (index_t t = 0; t < time; ++t)
      for (index_t b = 0; b < batch; ++b)
        o.mask.at(batch_first ? Dims{b, t} : Dims{t, b}) = mask[static_cast<std::size_t>(t * batch + b)] != 0;
    return o;
  }
  [[nodiscard]] index_t width(index_t walk) const {
    return walk < (bidirectional ? 2 : 1) ? input : state() * (bidirectional ? 2 : 1);
  }
  /// x, then h0 and c0 if given, then each walk's w_ih, w_hh, w_hr, b_ih, b_hh as far as they exist.
  [[nodiscard]] std::vector<Shape> shapes(index_t gates, bool has_cell) const {
    std::vector<Shape> all{batch_first ? Shape{batch, time, input} : Shape{time, batch, input}};
    if (initial) all.push_back({walks(), batch, state()});
    if (initial && has_cell) all.push_back({walks(), batch, hidden});
    for (index_t k = 0; k < walks(); ++k) {
      all.push_back({gates * hidden, width(k)});
      all.push_back({gates * hidden, state()});
      if (projection > 0) all.push_back({projection, hidden});
      if (bias) all.push_back({gates * hidden});
      if (bias) all.push_back({gates * hidden});
    }
    return all;
  }
};

/// The inputs of a case by name; undefined where the case has none.
template <class T>
struct RecurrentArguments {
  Tensor<T> x, h0, c0;
  std::vector<RecurrentWeights<T>> weights;

  RecurrentArguments(const RecurrentOpCase& o, bool has_cell, const Inputs<T>& in) {
    std::size_t next = 0;
    x = in[next++];
    if (o.initial) h0 = in[next++];
    if (o.initial && has_cell) c0 = in[next++];
    for (index_t k = 0; k < o.walks(); ++k) {
      RecurrentWeights<T> w{in[next], in[next + 1]};
      next += 2;
      if (o.projection > 0) w.w_hr = in[next++];
      if (o.bias) w.b_ih = in[next++];
      if (o.bias) w.b_hh = in[next++];
      weights.push_back(w);
    }
  }
};

/// output, h and, for an lstm, c in one row: what an operation under test returns.
template <class T>
Tensor<T> one_row(const Tensor<T>& output, const Tensor<T>& h, const Tensor<T>& c = {}) {
  std::vector<Tensor<T>> parts{reshape(output, {-1}), reshape(h, {-1})};
  if (c.defined()) parts.push_back(reshape(c, {-1}));
  return concat(parts, 0);
}

/// The same by naive walks.
template <class Cell>
Tensor<double> naive_stack(const RecurrentOpCase& o, bool has_cell, const Inputs<double>& in, Cell&& cell) {
  const RecurrentArguments<double> arguments(o, has_cell, in);
  const index_t directions = o.bidirectional ? 2 : 1, width = directions * o.state();
  std::vector<double> below = to_vector(o.batch_first ? permute(arguments.x, {1, 0, 2}) : arguments.x), h, c;
  for (index_t k = 0; k < o.walks(); k += directions) {
    std::vector<double> output(static_cast<std::size_t>(o.time * o.batch * width));
    for (index_t d = 0; d < directions; ++d) {
      const RecurrentWeights<double>& w = arguments.weights[static_cast<std::size_t>(k + d)];
      NaiveRecurrent n;
      n.time = o.time, n.batch = o.batch, n.input = o.width(k), n.hidden = o.hidden, n.projection = o.projection,
      n.reverse = d == 1;
      n.x = below;
      n.w_ih = to_vector(w.w_ih), n.w_hh = to_vector(w.w_hh), n.w_hr = to_vector(w.w_hr);
      n.b_ih = to_vector(w.b_ih), n.b_hh = to_vector(w.b_hh);
      if (o.initial) n.h0 = to_vector(select(arguments.h0, 0, k + d));
      if (o.initial && has_cell) n.c0 = to_vector(select(arguments.c0, 0, k + d));
      const auto ended = [&](index_t t, index_t b) {
        return !o.lengths.empty() && t >= o.lengths[static_cast<std::size_t>(b)];
      };
      for (index_t t = 0; t < o.time; ++t)
        for (index_t b = 0; b < o.batch; ++b)
          n.mask.push_back(!ended(t, b) && (o.mask.empty() || o.mask[static_cast<std::size_t>(t * o.batch + b)] != 0));
      const NaiveStates states = cell(n);
      const index_t last = d == 1 ? 0 : o.time - 1;
      for (index_t b = 0; b < o.batch; ++b) {
        for (index_t j = 0; j < o.state(); ++j)
          for (index_t t = 0; t < o.time; ++t)
            output[static_cast<std::size_t>((t * o.batch + b) * width + d * o.state() + j)] =
                ended(t, b) ? 0.0 : states.h[static_cast<std::size_t>((t * o.batch + b) * o.state() + j)];
        for (index_t j = 0; j < o.state(); ++j)
          h.push_back(states.h[static_cast<std::size_t>((last * o.batch + b) * o.state() + j)]);
        for (index_t j = 0; j < o.hidden; ++j)
          c.push_back(states.c[static_cast<std::size_t>((last * o.batch + b) * o.hidden + j)]);
      }
    }
    below = output;
  }
  const Tensor<double> output = from<double>(below, {o.time, o.batch, width});
  return one_row(o.batch_first ? permute(output, {1, 0, 2}) : output, from<double>(h, {static_cast<index_t>(h.size())}),
                 has_cell ? from<double>(c, {static_cast<index_t>(c.size())}) : Tensor<double>());
}

/// The cases that every recurrent operation must pass.
inline std::vector<std::pair<std::string, RecurrentOpCase>> recurrent_op_cases() {
  return {
      {"one layer", {}},
      {"zero initial states, batch first", {.batch_first = true, .initial = false}},
      {"no biases", {.bias = false}},
      {"one step", {.time = 1}},
      {"one sequence of one feature", {.batch = 1, .input = 1, .hidden = 1}},
      {"two layers", {.time = 2, .hidden = 2, .layers = 2}},
      {"two directions", {.hidden = 2, .bidirectional = true}},
      {"two layers in two directions, batch first",
       {.time = 2, .hidden = 2, .layers = 2, .bidirectional = true, .batch_first = true}},
      {"packed lengths in any order, the longest shorter than time",
       {.time = 4, .batch = 3, .hidden = 2, .lengths = {2, 3, 1}}},
      {"packed, two layers in two directions",
       {.time = 3, .batch = 2, .hidden = 2, .layers = 2, .bidirectional = true, .lengths = {3, 1}}},
      {"masked steps at the start, in the middle and at the end",
       {.time = 4, .hidden = 2, .mask = {0, 1, 1, 0, 0, 1, 1, 0}}},
      {"masked, two directions, batch first",
       {.time = 3,
        .hidden = 2,
        .bidirectional = true,
        .batch_first = true,
        .initial = false,
        .mask = {1, 0, 0, 1, 1, 1}}},
      {"a mask and lengths together", {.time = 4, .hidden = 2, .lengths = {3, 4}, .mask = {1, 0, 0, 1, 1, 1, 1, 1}}}};
}

}  // namespace limn::test
