#pragma once
// rnn: Elman's network, any number of layers, one or two directions, packed or masked sequences.

#include <limn/ops/recurrent.hpp>
#include <limn_kernels/rnn.hpp>

namespace limn::inline LIMN_ABI {

using kernels::RnnActivation;
using RnnOptions = RecurrentOptions;

namespace detail {

/// One walk of an RNN in ordinary operations; in = {x, h0, w_ih, w_hh, b_ih, b_hh}.
template <class T>
[[nodiscard]] Tensor<T> rnn_formula(const kernels::RecurrentShape& s, RnnActivation activation,
                                    const Tensor<std::uint8_t>& runs, const std::vector<Tensor<T>>& in) {
  const Tensor<T> from_x = linear(in[0], in[2], in[4]);  // [time, batch, hidden]
  Tensor<T> h = in[1].defined() ? in[1] : zeros<T>({s.batch, s.hidden}, in[0].device());
  std::vector<Tensor<T>> states(static_cast<std::size_t>(s.time));
  for (index_t i = 0; i < s.time; ++i) {
    const index_t t = s.at(i);
    const Tensor<T> sum = select(from_x, 0, t) + linear(h, in[3], in[5]);
    h = step_where(runs, t, activation == RnnActivation::tanh ? tanh(sum) : relu(sum), h);
    states[static_cast<std::size_t>(t)] = h;
  }
  return stack(states);
}

/// What the kernel reads; the (contiguous) tensors must outlive it.
template <class T>
[[nodiscard]] kernels::RnnInputs<T> rnn_inputs(const std::vector<Tensor<T>>& in, const Tensor<std::uint8_t>& runs) {
  return {.x = in[0].data(),
          .mask = runs.data(),
          .h0 = in[1].data(),
          .w_ih = in[2].data(),
          .w_hh = in[3].data(),
          .b_ih = in[4].data(),
          .b_hh = in[5].data()};
}

/// One layer in one direction by the fused kernel: h of every step [time, batch, hidden].
template <class T>
[[nodiscard]] Tensor<T> rnn_walk(const kernels::RecurrentShape& s, RnnActivation activation,
                                 const Tensor<std::uint8_t>& runs, const std::vector<Tensor<T>>& in) {
  const std::vector<Tensor<T>> read = packed_all(in);
  Tensor<T> h({s.time, s.batch, s.hidden}, read[0].device());
  kernels::rnn_forward(h.device(), s, activation, rnn_inputs(read, runs), h.data());

  return record("rnn", h, in, [s, activation, runs, in, h](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled())
      return composite_backward([&](const auto& x) { return rnn_formula(s, activation, runs, x); }, in, dy);
    const std::vector<Tensor<T>> again = packed_all(in);
    Grads<T> grads = wanted_gradients(in);
    const Tensor<T> db = grads[4].defined() ? grads[4] : grads[5];
    kernels::rnn_backward(dy.device(), s, activation, rnn_inputs(again, runs), h.data(), packed(dy).data(),
                          {grads[0].data(), grads[1].data(), grads[2].data(), grads[3].data(), db.data()});
    if (grads[4].defined() && grads[5].defined()) grads[5] = copy_as<T>(grads[4]);
    return grads;
  });
}

}  // namespace detail

/// Elman network over whole sequences: h' = activation(w_ih x + b_ih + w_hh h + b_hh), activation tanh or relu.
/// x [time, batch, input] (batch_first: [batch, time, input]); h0 [layers * directions, batch, hidden], undefined =
/// zeros; `weights` layer by layer, forward then reversed. The second-order gradient goes through the formula in
/// ordinary operations.
template <class T>
[[nodiscard]] RecurrentResult<T> rnn(const Tensor<T>& x, const Tensor<T>& h0,
                                     const std::vector<RecurrentWeights<T>>& weights,
                                     RnnActivation activation = RnnActivation::tanh, const RnnOptions& options = {}) {
  check_rank("rnn", "x", x.shape(), 3);
  if constexpr (is_half<T>) {
    const RecurrentResult<float> wide =
        rnn(detail::widened(x), detail::widened(h0), detail::widened(weights), activation, options);
    return {cast<T>(wide.output), cast<T>(wide.h)};
  } else {
    const Tensor<std::uint8_t> runs = detail::running_steps("rnn", x.size(options.batch_first ? 1 : 0),
                                                            x.size(options.batch_first ? 0 : 1), options, x.device());
    return detail::stack_layers(
        "rnn", x, weights.size(), options,
        detail::one_by_one<T>([&](std::size_t k, const Tensor<T>& input, bool reverse) {
          const RecurrentWeights<T>& w = weights[k];
          if (w.w_hr.defined()) fail("rnn", "has no projection but w_hr was given");
          const kernels::RecurrentShape s = detail::recurrent_shape("rnn", 1, input.shape(), w, reverse);
          const Tensor<T> h = detail::initial_state("rnn", "h0", h0, k, weights.size(), s.batch, s.hidden);
          return detail::rnn_walk<T>(s, activation, runs, {input, h, w.w_ih, w.w_hh, w.b_ih, w.b_hh});
        }));
  }
}

}  // namespace limn::inline LIMN_ABI
