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

/// What a direction reads beside x: {h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr}. The inputs of a layer are x and these of
/// its first direction, then those of its second.
inline constexpr std::size_t lstm_inputs_each = 7;

/// One walk of an LSTM in ordinary operations; in: what that direction reads. Returns states and cells in one row.
template <class T>
[[nodiscard]] Tensor<T> lstm_formula(const kernels::RecurrentShape& s, const Tensor<std::uint8_t>& runs,
                                     const Tensor<T>& x, const Tensor<T>* in) {
  const Tensor<T> from_x = linear(x, in[2], in[4]);  // [time, batch, 4 hidden]
  Tensor<T> h = in[0].defined() ? in[0] : zeros<T>({s.batch, s.state()}, x.device());
  Tensor<T> c = in[1].defined() ? in[1] : zeros<T>({s.batch, s.hidden}, x.device());
  std::vector<Tensor<T>> states(static_cast<std::size_t>(s.time));
  for (index_t i = 0; i < s.time; ++i) {
    const index_t t = s.at(i);
    const std::vector<Tensor<T>> gates = chunk(select(from_x, 0, t) + linear(h, in[3], in[5]), 4, 1);
    const Tensor<T> cell = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    const Tensor<T> wide = sigmoid(gates[3]) * tanh(cell);
    c = step_where(runs, t, cell, c);
    h = step_where(runs, t, in[6].defined() ? linear(wide, in[6], Tensor<T>()) : wide, h);
    states[static_cast<std::size_t>(t)] = h;
  }
  return concat<T>({reshape(concat(states), {-1}), reshape(c, {-1})});
}

/// What the kernel reads in direction d; the (contiguous) tensors must outlive it.
template <class T>
[[nodiscard]] kernels::LstmInputs<T> lstm_inputs(const std::vector<Tensor<T>>& in, std::size_t d,
                                                 const Tensor<std::uint8_t>& runs,
                                                 const kernels::PackedRecurrent<T>* packed = nullptr) {
  const Tensor<T>* own = in.data() + 1 + d * lstm_inputs_each;
  return {.x = in[0].data(),
          .mask = runs.data(),
          .h0 = own[0].data(),
          .c0 = own[1].data(),
          .w_ih = own[2].data(),
          .w_hh = own[3].data(),
          .w_hr = own[6].data(),
          .b_ih = own[4].data(),
          .b_hh = own[5].data(),
          .packed = packed};
}

/// One layer by the fused kernel: one direction, or two at once. s is the first direction; the second has the same
/// sizes and the reversed time. packed_weights: of each direction, or null. Returns in one row, because an operation
/// has one output, for each direction h of every step [time * batch * state] and behind it the c after the walk [batch
/// * hidden].
template <class T>
[[nodiscard]] Tensor<T> lstm_layer(const kernels::RecurrentShape& s, const Tensor<std::uint8_t>& runs,
                                   const std::vector<Tensor<T>>& in,
                                   const kernels::PackedRecurrent<T>* const* packed_weights = nullptr) {
  const std::vector<Tensor<T>> read = packed_all(in);
  const Device device = read[0].device();
  const auto directions = static_cast<index_t>(in.size() / lstm_inputs_each);
  const index_t states = s.time * s.batch * s.state(), cells = s.batch * s.hidden, length = states + cells;
  const auto shape_of = [s](index_t d) {
    kernels::RecurrentShape own = s;
    own.reverse = d == 1;
    return own;
  };
  Tensor<T> y({directions * length}, device), c, gates;
  if (needs_gradient(in)) {
    c = Tensor<T>({directions, s.time, s.batch, s.hidden}, device);
    gates = Tensor<T>({directions, s.time, s.batch, 4 * s.hidden}, device);
  }
  const auto saved = [s, y, c, gates, cells, length](index_t d) -> kernels::LstmStates<T> {
    return {y.data() + d * length, c.data() + d * s.time * cells, gates.data() + d * s.time * 4 * cells};
  };
  kernels::lstm_directions(device, s, directions, [&](index_t d) {
    T* const last = y.data() + d * length + states;
    if (!c.defined())
      return kernels::lstm_forward(
          device, shape_of(d),
          lstm_inputs(read, static_cast<std::size_t>(d), runs, packed_weights ? packed_weights[d] : nullptr),
          {y.data() + d * length, last, nullptr});
    kernels::lstm_forward(device, shape_of(d), lstm_inputs(read, static_cast<std::size_t>(d), runs), saved(d));
    kernels::copy_bytes(last, device, saved(d).c + shape_of(d).at(s.time - 1) * cells, device,
                        static_cast<std::size_t>(cells) * sizeof(T));
  });

  return record(
      "lstm", y, in, [s, runs, in, directions, states, length, shape_of, saved](const Tensor<T>& dy) -> Grads<T> {
        if (grad_enabled())
          return composite_backward(
              [&](const std::vector<Tensor<T>>& x) {
                std::vector<Tensor<T>> rows;
                for (index_t d = 0; d < directions; ++d)
                  rows.push_back(lstm_formula(shape_of(d), runs, x[0],
                                              x.data() + 1 + static_cast<std::size_t>(d) * lstm_inputs_each));
                return concat(rows);
              },
              in, dy);
        const std::vector<Tensor<T>> again = packed_all(in);
        Grads<T> grads = wanted_gradients(in);
        const Tensor<T> given = packed(dy), second = directions == 2 && in[0].requires_grad()
                                                         ? Tensor<T>(in[0].shape(), dy.device())
                                                         : Tensor<T>();
        kernels::lstm_directions(dy.device(), s, directions, [&](index_t d) {
          const Tensor<T>* own = grads.data() + 1 + static_cast<std::size_t>(d) * lstm_inputs_each;
          const T* of_states = given.data() + d * length;
          kernels::lstm_backward(dy.device(), shape_of(d), lstm_inputs(again, static_cast<std::size_t>(d), runs),
                                 saved(d), of_states, of_states + states,
                                 {(d == 0 ? grads[0] : second).data(), own[0].data(), own[1].data(), own[2].data(),
                                  own[3].data(), own[6].data(), (own[4].defined() ? own[4] : own[5]).data()});
        });
        if (second.defined()) grads[0] = add_gradients(grads[0], second);
        for (std::size_t b_hh = 6; b_hh < grads.size(); b_hh += lstm_inputs_each)
          if (grads[b_hh].defined() && grads[b_hh - 1].defined()) grads[b_hh] = copy_as<T>(grads[b_hh - 1]);
        return grads;
      });
}

}  // namespace detail

/// Long short-term memory over whole sequences, computed by a fused kernel.
///   i, f, o = sigmoid(w_ih x + b_ih + w_hh h + b_hh); g = tanh(same); c' = f c + i g; h' = o tanh(c'), or w_hr (o
///   tanh(c'))
/// x [time, batch, input] (batch_first: [batch, time, input]); h0 [layers * directions, batch, state] and
/// c0 [layers * directions, batch, hidden], undefined = zeros; `weights` layer by layer, forward then reversed.
/// The second-order gradient goes through the same formula in ordinary operations. packed_weights, for calls that
/// record nothing: the same weights as nn::prepack() leaves them, see there.
template <class T>
[[nodiscard]] LstmResult<T> lstm(const Tensor<T>& x, const Tensor<T>& h0, const Tensor<T>& c0,
                                 const std::vector<RecurrentWeights<T>>& weights, const LstmOptions& options = {},
                                 const PackedWeights<T>& packed_weights = {}) {
  check_rank("lstm", "x", x.shape(), 3);
  if constexpr (is_half<T>) {
    const LstmResult<float> wide =
        lstm(detail::widened(x), detail::widened(h0), detail::widened(c0), detail::widened(weights), options);
    return {cast<T>(wide.output), cast<T>(wide.h), cast<T>(wide.c)};
  } else {
    const Tensor<std::uint8_t> runs = detail::running_steps("lstm", x.size(options.batch_first ? 1 : 0),
                                                            x.size(options.batch_first ? 0 : 1), options, x.device());
    detail::check_packed("lstm", packed_weights, weights.size());
    std::vector<Tensor<T>> cells;
    const auto result = detail::stack_layers(
        "lstm", x, weights.size(), options, [&](std::size_t k, std::size_t directions, const Tensor<T>& input) {
          kernels::RecurrentShape s;
          std::vector<Tensor<T>> in = {input};
          for (std::size_t d = 0; d < directions; ++d) {
            const RecurrentWeights<T>& w = weights[k + d];
            const kernels::RecurrentShape own = detail::recurrent_shape("lstm", 4, input.shape(), w, d == 1);
            if (d == 0) s = own;
            if (own.hidden != s.hidden || own.state() != s.state())
              fail("lstm", "the reversed direction has ", own.hidden, " units and a state of ", own.state(),
                   " but the forward one ", s.hidden, " and ", s.state());
            in.push_back(detail::initial_state("lstm", "h0", h0, k + d, weights.size(), s.batch, s.state()));
            in.push_back(detail::initial_state("lstm", "c0", c0, k + d, weights.size(), s.batch, s.hidden));
            for (const Tensor<T>& part : {w.w_ih, w.w_hh, w.b_ih, w.b_hh, w.w_hr}) in.push_back(part);
          }
          const Tensor<T> row =
              detail::lstm_layer<T>(s, runs, in, packed_weights.empty() ? nullptr : &packed_weights[k]);
          const index_t states = s.time * s.batch * s.state(), each = states + s.batch * s.hidden;
          std::vector<Tensor<T>> h;
          for (index_t d = 0; d < static_cast<index_t>(directions); ++d) {
            h.push_back(reshape(narrow(row, 0, d * each, states), {s.time, s.batch, s.state()}));
            cells.push_back(reshape(narrow(row, 0, d * each + states, s.batch * s.hidden), {s.batch, s.hidden}));
          }
          return h;
        });
    return {result.output, result.h, cells.size() == 1 ? unsqueeze(cells[0], 0) : stack(cells, 0)};
  }
}

}  // namespace limn::inline LIMN_ABI
