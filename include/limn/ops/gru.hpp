#pragma once
// gru: any number of layers, one or two directions, packed or masked sequences.

#include <limn/ops/recurrent.hpp>
#include <limn_kernels/gru.hpp>

namespace limn::inline LIMN_ABI {

using GruOptions = RecurrentOptions;

namespace detail {

/// One walk of a GRU in ordinary operations; in = {x, h0, w_ih, w_hh, b_ih, b_hh}.
template <class T>
[[nodiscard]] Tensor<T> gru_formula(const kernels::RecurrentShape& s, const Tensor<std::uint8_t>& runs,
                                    const std::vector<Tensor<T>>& in) {
  const Tensor<T> from_x = linear(in[0], in[2], in[4]);  // [time, batch, 3 hidden]
  Tensor<T> h = in[1].defined() ? in[1] : zeros<T>({s.batch, s.hidden}, in[0].device());
  std::vector<Tensor<T>> states(static_cast<std::size_t>(s.time));
  for (index_t i = 0; i < s.time; ++i) {
    const index_t t = s.at(i);
    const std::vector<Tensor<T>> gx = chunk(select(from_x, 0, t), 3, 1), gh = chunk(linear(h, in[3], in[5]), 3, 1);
    const Tensor<T> reset = sigmoid(gx[0] + gh[0]), z = sigmoid(gx[1] + gh[1]), candidate = tanh(gx[2] + reset * gh[2]);
    h = step_where(runs, t, candidate + z * (h - candidate), h);
    states[static_cast<std::size_t>(t)] = h;
  }
  return stack(states);
}

/// What the kernel reads; the (contiguous) tensors must outlive it.
template <class T>
[[nodiscard]] kernels::GruInputs<T> gru_inputs(const std::vector<Tensor<T>>& in, const Tensor<std::uint8_t>& runs,
                                               const kernels::PackedRecurrent<T>* packed = nullptr) {
  return {.x = in[0].data(),
          .mask = runs.data(),
          .h0 = in[1].data(),
          .w_ih = in[2].data(),
          .w_hh = in[3].data(),
          .b_ih = in[4].data(),
          .b_hh = in[5].data(),
          .packed = packed};
}

/// One layer in one direction by the fused kernel: h of every step [time, batch, hidden].
template <class T>
[[nodiscard]] Tensor<T> gru_walk(const kernels::RecurrentShape& s, const Tensor<std::uint8_t>& runs,
                                 const std::vector<Tensor<T>>& in,
                                 const kernels::PackedRecurrent<T>* packed_weights = nullptr) {
  const std::vector<Tensor<T>> read = packed_all(in);
  const Device device = read[0].device();
  Tensor<T> h({s.time, s.batch, s.hidden}, device), gates, inner;
  if (needs_gradient(in)) {
    gates = Tensor<T>({s.time, s.batch, 3 * s.hidden}, device);
    inner = Tensor<T>(h.shape(), device);
  }
  kernels::gru_forward(device, s, gru_inputs(read, runs, gates.defined() ? nullptr : packed_weights),
                       {h.data(), gates.data(), inner.data()});

  return record("gru", h, in, [s, runs, in, h, gates, inner](const Tensor<T>& dy) -> Grads<T> {
    if (grad_enabled()) return composite_backward([&](const auto& x) { return gru_formula(s, runs, x); }, in, dy);
    const std::vector<Tensor<T>> again = packed_all(in);
    Grads<T> grads = wanted_gradients(in);
    kernels::gru_backward(
        dy.device(), s, gru_inputs(again, runs), {h.data(), gates.data(), inner.data()}, packed(dy).data(),
        {grads[0].data(), grads[1].data(), grads[2].data(), grads[3].data(), grads[4].data(), grads[5].data()});
    return grads;
  });
}

}  // namespace detail

/// Gated recurrent unit over whole sequences, computed by a fused kernel.
///   r, z = sigmoid(w_i x + b_i + w_h h + b_h); n = tanh(w_in x + b_in + r (w_hn h + b_hn)); h' = (1 - z) n + z h
/// x [time, batch, input] (batch_first: [batch, time, input]); h0 [layers * directions, batch, hidden], undefined =
/// zeros; `weights` layer by layer, forward then reversed. The second-order gradient goes through the formula in
/// ordinary operations. packed_weights, for calls that record nothing: the same weights as nn::prepack() leaves them.
template <class T>
[[nodiscard]] RecurrentResult<T> gru(const Tensor<T>& x, const Tensor<T>& h0,
                                     const std::vector<RecurrentWeights<T>>& weights, const GruOptions& options = {},
                                     const PackedWeights<T>& packed_weights = {}) {
  check_rank("gru", "x", x.shape(), 3);
  if constexpr (is_half<T>) {
    const RecurrentResult<float> wide = gru(detail::widened(x), detail::widened(h0), detail::widened(weights), options);
    return {cast<T>(wide.output), cast<T>(wide.h)};
  } else {
    const Tensor<std::uint8_t> runs = detail::running_steps("gru", x.size(options.batch_first ? 1 : 0),
                                                            x.size(options.batch_first ? 0 : 1), options, x.device());
    detail::check_packed("gru", packed_weights, weights.size());
    return detail::stack_layers(
        "gru", x, weights.size(), options,
        detail::one_by_one<T>([&](std::size_t k, const Tensor<T>& input, bool reverse) {
          const RecurrentWeights<T>& w = weights[k];
          if (w.w_hr.defined()) fail("gru", "has no projection but w_hr was given");
          const kernels::RecurrentShape s = detail::recurrent_shape("gru", 3, input.shape(), w, reverse);
          const Tensor<T> h = detail::initial_state("gru", "h0", h0, k, weights.size(), s.batch, s.hidden);
          return detail::gru_walk<T>(s, runs, {input, h, w.w_ih, w.w_hh, w.b_ih, w.b_hh},
                                     packed_weights.empty() ? nullptr : packed_weights[k]);
        }));
  }
}

}  // namespace limn::inline LIMN_ABI
