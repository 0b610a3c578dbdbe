#pragma once
// lstm: any number of layers, one or two directions, packed or masked sequences, optional projection.

#include <limn/ops/recurrent.hpp>
#include <limn_kernels/lstm.hpp>

namespace limn::inline LIMN_ABI {

using LstmOptions = RecurrentOptions;

template <class T>
struct LstmResult {
  Tensor<T> output;  ///< [time, batch, directions * state], or [batch, time, ...] with batch_first
  Tensor<T> h;       ///< [layers * directions, batch, state]
  Tensor<T> c;       ///< [layers * directions, batch, hidden]
};

namespace detail {

/// One walk of an LSTM in ordinary operations; in = {x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr}. See lstm_walk for the
/// result.
template <class T>
[[nodiscard]] Tensor<T> lstm_formula(const kernels::RecurrentShape& s, const Tensor<std::uint8_t>& runs,
                                     const std::vector<Tensor<T>>& in) {
  const Tensor<T> from_x = linear(in[0], in[3], in[5]);  // [time, batch, 4 hidden]
  Tensor<T> h = in[1].defined() ? in[1] : zeros<T>({s.batch, s.state()}, in[0].device());
  Tensor<T> c = in[2].defined() ? in[2] : zeros<T>({s.batch, s.hidden}, in[0].device());
  std::vector<Tensor<T>> states(static_cast<std::size_t>(s.time));
  for (index_t i = 0; i < s.time; ++i) {
    const index_t t = s.at(i);
    const std::vector<Tensor<T>> gates = chunk(select(from_x, 0, t) + linear(h, in[4], in[6]), 4, 1);
    const Tensor<T> cell = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    const Tensor<T> wide = sigmoid(gates[3]) * tanh(cell);
    c = step_where(runs, t, cell, c);
    h = step_where(runs, t, in[7].defined() ? linear(wide, in[7], Tensor<T>()) : wide, h);
    states[static_cast<std::size_t>(t)] = h;
  }
  return concat<T>({reshape(concat(states), {-1}), reshape(c, {-1})});
}

/// What the kernel reads; the (contiguous) tensors must outlive it.
template <class T>
[[nodiscard]] kernels::LstmInputs<T> lstm_inputs(const std::vector<Tensor<T>>& in, const Tensor<std::uint8_t>& runs) {
  return {.x = in[0].data(),
          .mask = runs.data(),
          .h0 = in[1].data(),
          .c0 = in[2].data(),
          .w_ih = in[3].data(),
          .w_hh = in[4].data(),
          .w_hr = in[7].data(),
          .b_ih = in[5].data(),
          .b_hh = in[6].data()};
}

/// One layer in one direction by the fused kernel. Returns h of every step [time * batch * state] and behind it the c
/// after the walk [batch * hidden], in one row, because an operation has one output.
template <class T>
[[nodiscard]] Tensor<T> lstm_walk(const kernels::RecurrentShape& s, const Tensor<std::uint8_t>& runs,
                                  const std::vector<Tensor<T>>& in) {
  const std::vector<Tensor<T>> read = packed_all(in);
  const Device device = read[0].device();
  const index_t states = s.time * s.batch * s.state(), cells = s.batch * s.hidden;
  Tensor<T> y({states + cells}, device), c, gates;
  if (needs_gradient(in)) {
    c = Tensor<T>({s.time, s.batch, s.hidden}, device);
    gates = Tensor<T>({s.time, s.batch, 4 * s.hidden}, device);
  }
  T* const last = y.data() + states;
  kernels::lstm_forward(device, s, lstm_inputs(read, runs), {y.data(), c.defined() ? c.data() : last, gates.data()});
  if (c.defined())
    kernels::copy_bytes(last, device, c.data() + s.at(s.time - 1) * cells, device,
                        static_cast<std::size_t>(cells) * sizeof(T));

  return record("lstm", y, in, [s, runs, in, y, c, gates](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) return composite_backward([&](const auto& x) { return lstm_formula(s, runs, x); }, in, dy);
    const std::vector<Tensor<T>> again = packed_all(in);
    Grads<T> grads = wanted_gradients(in);
    const Tensor<T> given = packed(dy), db = grads[5].defined() ? grads[5] : grads[6];
    kernels::lstm_backward(dy.device(), s, lstm_inputs(again, runs), {y.data(), c.data(), gates.data()}, given.data(),
                           given.data() + s.time * s.batch * s.state(),
                           {grads[0].data(), grads[1].data(), grads[2].data(), grads[3].data(), grads[4].data(),
                            grads[7].data(), db.data()});
    if (grads[5].defined() && grads[6].defined()) grads[6] = copy_as<T>(grads[5]);
    return grads;
  });
}

}  // namespace detail

/// Long short-term memory over whole sequences, computed by a fused kernel.
///   i, f, o = sigmoid(w_ih x + b_ih + w_hh h + b_hh); g = tanh(same); c' = f c + i g; h' = o tanh(c'), or w_hr (o
///   tanh(c'))
/// x [time, batch, input] (batch_first: [batch, time, input]); h0 [layers * directions, batch, state] and
/// c0 [layers * directions, batch, hidden], undefined = zeros; `weights` layer by layer, forward then reversed.
/// The second-order gradient goes through the same formula in ordinary operations.
template <class T>
[[nodiscard]] LstmResult<T> lstm(const Tensor<T>& x, const Tensor<T>& h0, const Tensor<T>& c0,
                                 const std::vector<RecurrentWeights<T>>& weights, const LstmOptions& options = {}) {
  check_rank("lstm", "x", x.shape(), 3);
  if constexpr (is_half<T>) {
    const LstmResult<float> wide =
        lstm(detail::widened(x), detail::widened(h0), detail::widened(c0), detail::widened(weights), options);
    return {cast<T>(wide.output), cast<T>(wide.h), cast<T>(wide.c)};
  } else {
    const Tensor<std::uint8_t> runs = detail::running_steps("lstm", x.size(options.batch_first ? 1 : 0),
                                                            x.size(options.batch_first ? 0 : 1), options);
    std::vector<Tensor<T>> cells;
    const auto result = detail::stack_layers(
        "lstm", x, weights.size(), options, [&](std::size_t k, const Tensor<T>& input, bool reverse) {
          const RecurrentWeights<T>& w = weights[k];
          const kernels::RecurrentShape s = detail::recurrent_shape("lstm", 4, input.shape(), w, reverse);
          const Tensor<T> h = detail::initial_state("lstm", "h0", h0, k, weights.size(), s.batch, s.state());
          const Tensor<T> c = detail::initial_state("lstm", "c0", c0, k, weights.size(), s.batch, s.hidden);
          const Tensor<T> row = detail::lstm_walk<T>(s, runs, {input, h, c, w.w_ih, w.w_hh, w.b_ih, w.b_hh, w.w_hr});
          const index_t states = s.time * s.batch * s.state();
          cells.push_back(reshape(narrow(row, 0, states, s.batch * s.hidden), {s.batch, s.hidden}));
          return reshape(narrow(row, 0, 0, states), {s.time, s.batch, s.state()});
        });
    return {result.output, result.h, cells.size() == 1 ? unsqueeze(cells[0], 0) : stack(cells, 0)};
  }
}

}  // namespace limn::inline LIMN_ABI
