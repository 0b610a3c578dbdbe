#pragma once
// Transformer encoder and decoder layers with PyTorch's parameter names.

#include <limn/nn/attention.hpp>
#include <limn/nn/norm.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/dropout.hpp>

namespace limn::inline LIMN_ABI::nn {

enum class TransformerActivation : std::uint8_t { relu, gelu };

struct TransformerOptions {
  index_t feedforward = 2048;  ///< width between the two linear layers
  TransformerActivation activation = TransformerActivation::relu;
  bool norm_first = false;  ///< normalise what enters a block, not the sum that leaves it
  double layer_norm_eps = 1e-5;
  bool batch_first = false;
  double dropout = 0.1;  ///< in training: attention weights, feed-forward, and what each block adds
};

namespace detail {

/// linear2(activation(linear1(x))), and the dropout that both kinds of layer share.
template <class T>
struct FeedForward {
  TransformerOptions options;
  bool training = true;

  [[nodiscard]] Tensor<T> drop(const Tensor<T>& x, Generator* generator) const {
    if (!training || options.dropout == 0) return x;
    if (!generator) fail("Transformer layer", "dropout ", options.dropout, " in training needs a generator");
    return dropout(x, options.dropout, *generator);
  }
  [[nodiscard]] Tensor<T> operator()(const Linear<T>& first, const Linear<T>& second, const Tensor<T>& x,
                                     Generator* generator) const {
    const Tensor<T> wide = first(x);
    return second(drop(options.activation == TransformerActivation::relu ? relu(wide) : gelu(wide), generator));
  }
};

template <class T>
[[nodiscard]] MultiheadAttentionCall<T> without_weights(MultiheadAttentionCall<T> call) {
  call.need_weights = false;
  return call;
}

}  // namespace detail

/// torch.nn.TransformerEncoderLayer: x + attention(x), then x + feedforward(x), each normalised before or after.
template <class T = float>
struct TransformerEncoderLayer {
  TransformerOptions options;
  MultiheadAttention<T> self_attn;
  Linear<T> linear1, linear2;
  LayerNorm<T> norm1, norm2;
  bool training = true;

  TransformerEncoderLayer() = default;
  TransformerEncoderLayer(index_t width, index_t heads, Generator& generator, const TransformerOptions& chosen = {})
      : options(chosen),
        self_attn(width, heads, generator, {.batch_first = chosen.batch_first, .dropout = chosen.dropout}),
        linear1(width, chosen.feedforward, generator),
        linear2(chosen.feedforward, width, generator),
        norm1(Dims{width}, {.eps = chosen.layer_norm_eps}),
        norm2(Dims{width}, {.eps = chosen.layer_norm_eps}) {}

  template <class V>
  void members(V&& visit) {
    visit("self_attn", self_attn);
    visit("linear1", linear1);
    visit("linear2", linear2);
    visit("norm1", norm1);
    visit("norm2", norm2);
  }

  /// x [time, batch, width], or [batch, time, width] with batch_first; masks and generator as in MultiheadAttention.
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x, const MultiheadAttentionCall<T>& call = {}) const {
    const detail::FeedForward<T> forward{options, training};
    const auto attend = [&](const Tensor<T>& v) {
      return forward.drop(self_attn(v, v, v, detail::without_weights(call)).output, call.generator);
    };
    const auto widen = [&](const Tensor<T>& v) {
      return forward.drop(forward(linear1, linear2, v, call.generator), call.generator);
    };
    if (options.norm_first) {
      const Tensor<T> y = x + attend(norm1(x));
      return y + widen(norm2(y));
    }
    const Tensor<T> y = norm1(x + attend(x));
    return norm2(y + widen(y));
  }
};

/// torch.nn.TransformerDecoderLayer: self-attention, attention to `memory`, feed-forward.
template <class T = float>
struct TransformerDecoderLayer {
  TransformerOptions options;
  MultiheadAttention<T> self_attn, multihead_attn;
  Linear<T> linear1, linear2;
  LayerNorm<T> norm1, norm2, norm3;
  bool training = true;

  TransformerDecoderLayer() = default;
  TransformerDecoderLayer(index_t width, index_t heads, Generator& generator, const TransformerOptions& chosen = {})
      : options(chosen),
        self_attn(width, heads, generator, {.batch_first = chosen.batch_first, .dropout = chosen.dropout}),
        multihead_attn(width, heads, generator, {.batch_first = chosen.batch_first, .dropout = chosen.dropout}),
        linear1(width, chosen.feedforward, generator),
        linear2(chosen.feedforward, width, generator),
        norm1(Dims{width}, {.eps = chosen.layer_norm_eps}),
        norm2(Dims{width}, {.eps = chosen.layer_norm_eps}),
        norm3(Dims{width}, {.eps = chosen.layer_norm_eps}) {}

  template <class V>
  void members(V&& visit) {
    visit("self_attn", self_attn);
    visit("multihead_attn", multihead_attn);
    visit("linear1", linear1);
    visit("linear2", linear2);
    visit("norm1", norm1);
    visit("norm2", norm2);
    visit("norm3", norm3);
  }

  /// x [time, batch, width], memory [memory time, batch, width], or batch first. `call` masks the self-attention,
  /// `memory_call` the attention to memory; the generator is that of `call`.
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x, const Tensor<T>& memory,
                                     const MultiheadAttentionCall<T>& call = {},
                                     MultiheadAttentionCall<T> memory_call = {}) const {
    memory_call.generator = call.generator;
    const detail::FeedForward<T> forward{options, training};
    const auto attend = [&](const Tensor<T>& v) {
      return forward.drop(self_attn(v, v, v, detail::without_weights(call)).output, call.generator);
    };
    const auto look = [&](const Tensor<T>& v) {
      return forward.drop(multihead_attn(v, memory, memory, detail::without_weights(memory_call)).output,
                          call.generator);
    };
    const auto widen = [&](const Tensor<T>& v) {
      return forward.drop(forward(linear1, linear2, v, call.generator), call.generator);
    };
    if (options.norm_first) {
      const Tensor<T> y = x + attend(norm1(x)), z = y + look(norm2(y));
      return z + widen(norm3(z));
    }
    const Tensor<T> y = norm1(x + attend(x)), z = norm2(y + look(y));
    return norm3(z + widen(z));
  }
};

}  // namespace limn::inline LIMN_ABI::nn
