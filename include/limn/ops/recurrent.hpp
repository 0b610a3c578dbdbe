#pragma once
// What lstm, gru and rnn share: options, weights, masks, and the stacking of layers and directions.

#include <algorithm>
#include <concepts>

#include <limn/core/random.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/arithmetic.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/concat.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/pointwise.hpp>
#include <limn_kernels/recurrent.hpp>

namespace limn::inline LIMN_ABI {

struct RecurrentOptions {
  bool batch_first = false;    ///< x, output and mask are [batch, time, ...] instead of [time, batch, ...]
  bool bidirectional = false;  ///< every layer runs in both directions; outputs are concatenated, forward first
  /// Packed sequences: the length of each, 1..time, in any order; empty = all are `time` long. The output is zero past
  /// the end, the last state is the one at the end, and the reversed direction starts at the end.
  std::vector<index_t> lengths = {};
  /// [time, batch]; false = this step copies its state, and its output is the copied state (Keras' mask_zero). May be
  /// undefined (no mask), and may be combined with lengths.
  Tensor<bool> mask = {};
  double dropout = 0;              ///< on the output of every layer but the last
  Generator* generator = nullptr;  ///< of that dropout
};

/// The weights of one layer in one direction (torch: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0).
/// Gate rows are stacked: lstm i | f | g | o, gru r | z | n, rnn one. Undefined biases stand for zero.
template <class T>
struct RecurrentWeights {
  Tensor<T>
      w_ih;  ///< [gates * hidden, input]; in deeper layers input = the width of the layer below, directions together
  Tensor<T> w_hh;  ///< [gates * hidden, state]
  Tensor<T> b_ih;  ///< [gates * hidden]
  Tensor<T> b_hh;  ///< [gates * hidden]
  Tensor<T> w_hr;  ///< [state, hidden], lstm only: the state is projected; undefined = the state is as wide as hidden

  RecurrentWeights() = default;
  RecurrentWeights(Tensor<T> input, Tensor<T> recurrent, Tensor<T> input_bias = Tensor<T>(),
                   Tensor<T> recurrent_bias = Tensor<T>(), Tensor<T> projection = Tensor<T>())
      : w_ih(std::move(input)),
        w_hh(std::move(recurrent)),
        b_ih(std::move(input_bias)),
        b_hh(std::move(recurrent_bias)),
        w_hr(std::move(projection)) {}
};

/// For each of the weights of an lstm or gru what kernels::PackedRecurrent made of w_ih and w_hh, null = nothing; empty
/// = nothing of any. Whether they are still those weights is the caller's to know.
template <class T>
using PackedWeights = std::vector<const kernels::PackedRecurrent<T>*>;

template <class T>
struct RecurrentResult {
  Tensor<T> output;  ///< [time, batch, directions * state] of the last layer, or [batch, time, ...] with batch_first
  Tensor<T> h;  ///< [layers * directions, batch, state]: the state after each walk, layer-major, forward then reversed
};

namespace detail {

/// The steps that run, as bytes [time, batch] on `device`, from lengths and mask; undefined when all do.
template <std::same_as<std::uint8_t> B = std::uint8_t>
[[nodiscard]] Tensor<B> running_steps(const char* op, index_t time, index_t batch, const RecurrentOptions& options,
                                      Device device) {
  if (!options.mask.defined() && options.lengths.empty()) return {};
  Tensor<B> runs = full<B>({time, batch}, 1);
  if (options.mask.defined()) {
    const Shape wanted = options.batch_first ? Shape{batch, time} : Shape{time, batch};
    check_shape(op, "the mask", options.mask.shape(), wanted);
    runs = copy_as<B>(options.batch_first
                          ? options.mask.as_view({time, batch}, {options.mask.strides()[1], options.mask.strides()[0]})
                          : options.mask);
    runs = to(runs, cpu_device);
  }
  if (options.lengths.empty()) return to(runs, device);
  if (static_cast<index_t>(options.lengths.size()) != batch)
    fail(op, "got ", options.lengths.size(), " lengths for a batch of ", batch);
  for (index_t b = 0; b < batch; ++b) {
    const index_t length = options.lengths[static_cast<std::size_t>(b)];
    if (length < 1 || length > time) fail(op, "length ", length, " of sequence ", b, " is not in 1..", time);
    for (index_t t = length; t < time; ++t) runs.data()[t * batch + b] = 0;
  }
  return to(runs, device);
}

/// [time, batch, 1]: true past the end of each sequence.
template <std::same_as<bool> B = bool>
[[nodiscard]] Tensor<B> past_end(index_t time, const std::vector<index_t>& lengths) {
  const auto batch = static_cast<index_t>(lengths.size());
  Tensor<B> y({time, batch, 1});
  for (index_t t = 0; t < time; ++t)
    for (index_t b = 0; b < batch; ++b) y.data()[t * batch + b] = t >= lengths[static_cast<std::size_t>(b)];
  return y;
}

/// Checks one layer's weights and gives its sizes. x [time, batch, input].
template <class T>
[[nodiscard]] kernels::RecurrentShape recurrent_shape(const char* op, index_t gates, const Shape& x,
                                                      const RecurrentWeights<T>& w, bool reverse) {
  check_rank(op, "x", x, 3);
  if (x[0] < 1) fail(op, "x of shape ", x, " has no time steps");
  check_rank(op, "w_ih", w.w_ih.shape(), 2);
  check_rank(op, "w_hh", w.w_hh.shape(), 2);
  const index_t rows = w.w_ih.size(0), hidden = rows / gates, state = w.w_hr.defined() ? w.w_hr.size(0) : hidden;
  if (rows % gates != 0 || rows == 0)
    fail(op, "w_ih has shape ", w.w_ih.shape(), " but its rows must be ", gates, " * hidden");
  if (w.w_ih.size(1) != x[2])
    fail(op, "x has ", x[2], " features ", x, " but w_ih ", w.w_ih.shape(), " wants ", w.w_ih.size(1));
  check_shape(op, "w_hh", w.w_hh.shape(), {rows, state});
  if (w.w_hr.defined()) check_shape(op, "w_hr", w.w_hr.shape(), {state, hidden});
  if (w.b_ih.defined()) check_shape(op, "b_ih", w.b_ih.shape(), {rows});
  if (w.b_hh.defined()) check_shape(op, "b_hh", w.b_hh.shape(), {rows});
  return {x[0], x[1], x[2], hidden, w.w_hr.defined() ? state : 0, reverse};
}

/// Each input contiguous; undefined ones stay so (their data() is null): what a kernel reads.
template <class T>
[[nodiscard]] std::vector<Tensor<T>> packed_all(const std::vector<Tensor<T>>& inputs) {
  std::vector<Tensor<T>> result;
  for (const Tensor<T>& x : inputs) result.push_back(packed(x));
  return result;
}

/// Whether an operation on these inputs will be recorded.
template <class T>
[[nodiscard]] bool needs_gradient(const std::vector<Tensor<T>>& inputs) {
  return grad_enabled() && std::any_of(inputs.begin(), inputs.end(), [](const auto& x) { return x.requires_grad(); });
}

/// Gradients that somebody wants, uninitialised; the others stay undefined.
template <class T>
[[nodiscard]] Grads<T> wanted_gradients(const std::vector<Tensor<T>>& inputs) {
  Grads<T> result;
  for (const Tensor<T>& x : inputs)
    result.push_back(x.requires_grad() ? Tensor<T>(x.shape(), x.device()) : Tensor<T>());
  return result;
}

template <class T>
void check_packed(const char* op, const PackedWeights<T>& packed_weights, std::size_t weights) {
  if (!packed_weights.empty() && packed_weights.size() != weights)
    fail(op, "got ", packed_weights.size(), " packed weights for ", weights, " layers and directions");
}

/// `next` where step t runs, `before` where it does not; runs [time, batch], undefined = all run.
template <class T>
[[nodiscard]] Tensor<T> step_where(const Tensor<std::uint8_t>& runs, index_t t, const Tensor<T>& next,
                                   const Tensor<T>& before) {
  if (!runs.defined()) return next;
  const index_t batch = runs.size(1);
  return where(copy_as<bool>(runs.as_view({batch, 1}, {1, 1}, t * batch)), next, before);
}

/// A layer for stack_layers from walk(k, input, reverse) -> states, which runs one direction.
template <class T, class Walk>
[[nodiscard]] auto one_by_one(Walk walk) {
  return [walk](std::size_t k, std::size_t directions, const Tensor<T>& input) {
    std::vector<Tensor<T>> states;
    for (std::size_t d = 0; d < directions; ++d) states.push_back(walk(k + d, input, d == 1));
    return states;
  };
}

/// Runs layer(k, directions, input [time, batch, width]) for each layer and puts together what it returns: for each of
/// its directions, the weights of which are k, k + 1, the states [time, batch, state].
template <class T, class Layer>
[[nodiscard]] RecurrentResult<T> stack_layers(const char* op, const Tensor<T>& x, std::size_t weights,
                                              const RecurrentOptions& options, Layer&& layer) {
  check_rank(op, "x", x.shape(), 3);
  const std::size_t directions = options.bidirectional ? 2 : 1;
  if (weights == 0 || weights % directions != 0)
    fail(op, "got the weights of ", weights, " layers and directions; wanted a multiple of ", directions);
  if (options.dropout > 0 && !options.generator)
    fail(op, "dropout ", options.dropout, " between layers needs a generator");

  Tensor<T> input = options.batch_first ? permute(x, {1, 0, 2}) : x;
  const index_t time = input.size(0);
  const Tensor<bool> ended = options.lengths.empty() ? Tensor<bool>() : to(past_end(time, options.lengths), x.device());
  std::vector<Tensor<T>> last;
  for (std::size_t k = 0; k < weights; k += directions) {
    if (k > 0 && options.dropout > 0) input = dropout(input, options.dropout, *options.generator);
    std::vector<Tensor<T>> outputs = layer(k, directions, input);
    for (std::size_t d = 0; d < directions; ++d) {
      Tensor<T>& h = outputs[d];
      last.push_back(select(h, 0, d == 1 ? 0 : time - 1));
      if (ended.defined()) h = masked_fill(h, ended, 0);
    }
    input = directions == 1 ? outputs[0] : concat(outputs, 2);
  }
  return {options.batch_first ? permute(input, {1, 0, 2}) : input,
          last.size() == 1 ? unsqueeze(last[0], 0) : stack(last, 0)};
}

/// Row k of a state [layers * directions, batch, width] given for all walks; undefined stays so (zeros).
template <class T>
[[nodiscard]] Tensor<T> initial_state(const char* op, const char* name, const Tensor<T>& state, std::size_t k,
                                      std::size_t walks, index_t batch, index_t width) {
  if (!state.defined()) return {};
  check_shape(op, name, state.shape(), {static_cast<index_t>(walks), batch, width});
  return select(state, 0, static_cast<index_t>(k));
}

/// A tensor of a two-byte type as float, in which those are computed; undefined stays so.
template <class T>
[[nodiscard]] Tensor<float> widened(const Tensor<T>& x) {
  return x.defined() ? cast<float>(x) : Tensor<float>();
}
template <class T>
[[nodiscard]] std::vector<RecurrentWeights<float>> widened(const std::vector<RecurrentWeights<T>>& weights) {
  std::vector<RecurrentWeights<float>> wide;
  for (const RecurrentWeights<T>& w : weights)
    wide.emplace_back(widened(w.w_ih), widened(w.w_hh), widened(w.b_ih), widened(w.b_hh), widened(w.w_hr));
  return wide;
}

}  // namespace detail

}  // namespace limn::inline LIMN_ABI
