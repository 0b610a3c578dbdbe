#pragma once
// LSTM, GRU and RNN modules with PyTorch's parameter names.

#include <memory>

#include <limn/autograd/no_grad.hpp>
#include <limn/core/stamp.hpp>
#include <limn/nn/init.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/gru.hpp>
#include <limn/ops/lstm.hpp>
#include <limn/ops/rnn.hpp>

namespace limn::inline LIMN_ABI::nn {

struct RecurrentModuleOptions {
  index_t layers = 1;
  bool bias = true;
  bool batch_first = false;
  bool bidirectional = false;
  double dropout = 0;      ///< in training, on the output of every layer but the last
  index_t projection = 0;  ///< LSTM only: width of the projected state (torch's proj_size); 0 = none
};

/// What belongs to one call: which steps run, and what random numbers dropout takes.
struct RecurrentCall {
  std::vector<index_t> lengths = {};  ///< packed sequences, see limn::RecurrentOptions
  Tensor<bool> mask{};                ///< false = the step copies its state, see limn::RecurrentOptions
  Generator* generator = nullptr;     ///< needed when training with dropout
};

namespace detail {

/// The parameters of all layers and directions.
template <class T>
struct RecurrentStack {
  RecurrentModuleOptions options;
  std::vector<RecurrentWeights<T>> weights;
  bool training = true;

  RecurrentStack() = default;
  /// Uniform within 1 / sqrt(hidden), as PyTorch begins.
  RecurrentStack(index_t gates, index_t input, index_t hidden, Generator& generator,
                 const RecurrentModuleOptions& chosen)
      : options(chosen) {
    const char* op = gates == 4 ? "LSTM" : gates == 3 ? "GRU" : "RNN";
    if (input < 1 || hidden < 1 || options.layers < 1)
      fail(op, "input ", input, ", hidden ", hidden, " and layers ", options.layers, " must be positive");
    if (options.projection != 0 && (gates != 4 || options.projection < 0 || options.projection >= hidden))
      fail(op, "projection ", options.projection, gates == 4 ? " must be smaller than hidden" : " is for LSTM alone");
    const index_t directions = options.bidirectional ? 2 : 1,
                  state = options.projection > 0 ? options.projection : hidden;
    for (index_t k = 0; k < options.layers * directions; ++k) {
      const index_t width = k < directions ? input : state * directions;
      RecurrentWeights<T> w(fan_in_uniform<T>({gates * hidden, width}, hidden, generator),
                            fan_in_uniform<T>({gates * hidden, state}, hidden, generator));
      if (options.bias) w.b_ih = fan_in_uniform<T>({gates * hidden}, hidden, generator);
      if (options.bias) w.b_hh = fan_in_uniform<T>({gates * hidden}, hidden, generator);
      if (options.projection > 0) w.w_hr = fan_in_uniform<T>({state, hidden}, hidden, generator);
      weights.push_back(w);
    }
  }

  /// weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0, then ..._l0_reverse, then layer 1.
  template <class V>
  void members(V&& visit) {
    const std::size_t directions = options.bidirectional ? 2 : 1;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const std::string end = "_l" + std::to_string(k / directions) + (k % directions == 1 ? "_reverse" : "");
      visit("weight_ih" + end, weights[k].w_ih);
      visit("weight_hh" + end, weights[k].w_hh);
      visit("bias_ih" + end, weights[k].b_ih);
      visit("bias_hh" + end, weights[k].b_hh);
      visit("weight_hr" + end, weights[k].w_hr);
    }
  }

  [[nodiscard]] limn::RecurrentOptions for_call(const RecurrentCall& call) const {
    return {.batch_first = options.batch_first,
            .bidirectional = options.bidirectional,
            .lengths = call.lengths,
            .mask = call.mask,
            .dropout = training && options.layers > 1 ? options.dropout : 0,
            .generator = call.generator};
  }

  /// Makes a copy of each direction's weights for the kernel; drops all copies where they are not wanted.
  void pack(index_t gates, const PrepackOptions& wanted) {
    copies_.clear();
    if (!wanted.recurrent) return;
    for (const RecurrentWeights<T>& w : weights) {
      Copy copy{nullptr, Stamp<T>(w.w_ih), Stamp<T>(w.w_hh)};
      if (copy.holds(w))
        copy.packed = std::make_shared<const kernels::PackedRecurrent<T>>(gates, w.w_ih.size(0) / gates, w.w_ih.size(1),
                                                                          w.w_hh.size(1), w.w_ih.data(), w.w_hh.data());
      copies_.push_back(copy);
    }
  }
  /// What pack() left, null where it is stale; nothing where a gradient may be recorded.
  [[nodiscard]] PackedWeights<T> packed() const {
    PackedWeights<T> all;
    if (grad_enabled() || copies_.size() != weights.size()) return all;
    for (std::size_t k = 0; k < weights.size(); ++k)
      all.push_back(copies_[k].packed && copies_[k].holds(weights[k]) ? copies_[k].packed.get() : nullptr);
    return all;
  }

 private:
  struct Copy {
    std::shared_ptr<const kernels::PackedRecurrent<T>> packed;
    Stamp<T> w_ih, w_hh;

    [[nodiscard]] bool holds(const RecurrentWeights<T>& w) const { return w_ih.holds(w.w_ih) && w_hh.holds(w.w_hh); }
  };
  std::vector<Copy> copies_;
};

}  // namespace detail

/// torch.nn.LSTM. x [time, batch, input] ([batch, time, input] with batch_first); see limn::lstm.
template <class T = float>
struct LSTM : detail::RecurrentStack<T> {
  LSTM() = default;
  LSTM(index_t input, index_t hidden, Generator& generator, const RecurrentModuleOptions& chosen = {})
      : detail::RecurrentStack<T>(4, input, hidden, generator, chosen) {}

  [[nodiscard]] LstmResult<T> operator()(const Tensor<T>& x, const Tensor<T>& h0 = Tensor<T>(),
                                         const Tensor<T>& c0 = Tensor<T>(), const RecurrentCall& call = {}) const {
    return lstm(x, h0, c0, this->weights, this->for_call(call), this->packed());
  }

  /// Copies the weights into the order in which the kernel reads them, for calls under NoGradGuard. After a write to a
  /// weight its copy is no longer used: call prepack() again (docs/decisions/0009-packed-weights.md).
  void prepack(const PrepackOptions& wanted = {}) {
    if constexpr (std::is_floating_point_v<T>) this->pack(4, wanted);
  }
};

/// torch.nn.GRU; see limn::gru.
template <class T = float>
struct GRU : detail::RecurrentStack<T> {
  GRU() = default;
  GRU(index_t input, index_t hidden, Generator& generator, const RecurrentModuleOptions& chosen = {})
      : detail::RecurrentStack<T>(3, input, hidden, generator, chosen) {}

  [[nodiscard]] RecurrentResult<T> operator()(const Tensor<T>& x, const Tensor<T>& h0 = Tensor<T>(),
                                              const RecurrentCall& call = {}) const {
    return gru(x, h0, this->weights, this->for_call(call), this->packed());
  }

  /// Copies the weights into the order in which the kernel reads them, for calls under NoGradGuard. After a write to a
  /// weight its copy is no longer used: call prepack() again (docs/decisions/0009-packed-weights.md).
  void prepack(const PrepackOptions& wanted = {}) {
    if constexpr (std::is_floating_point_v<T>) this->pack(3, wanted);
  }
};

/// torch.nn.RNN; see limn::rnn.
template <class T = float>
struct RNN : detail::RecurrentStack<T> {
  RnnActivation activation = RnnActivation::tanh;

  RNN() = default;
  RNN(index_t input, index_t hidden, Generator& generator, const RecurrentModuleOptions& chosen = {},
      RnnActivation kind = RnnActivation::tanh)
      : detail::RecurrentStack<T>(1, input, hidden, generator, chosen), activation(kind) {}

  [[nodiscard]] RecurrentResult<T> operator()(const Tensor<T>& x, const Tensor<T>& h0 = Tensor<T>(),
                                              const RecurrentCall& call = {}) const {
    return rnn(x, h0, this->weights, activation, this->for_call(call));
  }
};

}  // namespace limn::inline LIMN_ABI::nn
