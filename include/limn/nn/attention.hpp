#pragma once
// Multi-head attention with PyTorch's parameter names and options.

#include <limn/nn/init.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/attention.hpp>
#include <limn/ops/concat.hpp>
#include <limn/ops/reduce.hpp>

namespace limn::inline LIMN_ABI::nn {

struct MultiheadAttentionOptions {
  bool bias = true;            ///< on the projections
  bool batch_first = false;    ///< [batch, time, features] instead of [time, batch, features]
  index_t kdim = 0;            ///< features of the keys; 0 = embed
  index_t vdim = 0;            ///< features of the values; 0 = embed
  bool add_bias_kv = false;    ///< one learned key and value more
  bool add_zero_attn = false;  ///< one zero key and value more
  double dropout = 0;          ///< in training, on the attention weights
};

/// What belongs to one call. Boolean masks: true = masked out. Masks of numbers are added to the scores.
template <class T>
struct MultiheadAttentionCall {
  Tensor<bool> attn_mask{};         ///< [Tq, Tk] or [batch * heads, Tq, Tk]
  Tensor<T> attn_added{};           ///< [Tq, Tk] or [batch * heads, Tq, Tk]
  Tensor<bool> key_padding_mask{};  ///< [batch, Tk]
  Tensor<T> key_padding_added{};    ///< [batch, Tk]
  bool causal = false;              ///< query i sees keys 0..i only (and those that bias_kv and zero_attn add)
  bool need_weights = true;         ///< false: the result's weights are undefined, and nothing of their size is made
  bool average_weights = true;      ///< weights [batch, Tq, Tk] instead of [batch, heads, Tq, Tk]
  Generator* generator = nullptr;   ///< needed when training with dropout
};

template <class T>
struct MultiheadAttentionResult {
  Tensor<T> output;   ///< shaped as the query
  Tensor<T> weights;  ///< [batch, Tq, Tk], or [batch, heads, Tq, Tk]
};

/// torch.nn.MultiheadAttention: heads of width embed / heads, scores scaled by 1 / sqrt of that.
template <class T = float>
struct MultiheadAttention {
  index_t embed = 0, heads = 0;
  MultiheadAttentionOptions options;
  Tensor<T> in_proj_weight;  ///< [3 embed, embed], rows q | k | v, when kdim = vdim = embed
  Tensor<T> q_proj_weight, k_proj_weight, v_proj_weight;  ///< [embed, embed | kdim | vdim] otherwise
  Tensor<T> in_proj_bias;                                 ///< [3 embed]
  Tensor<T> bias_k, bias_v;                               ///< [1, 1, embed]
  Linear<T> out_proj;
  bool training = true;

  MultiheadAttention() = default;
  MultiheadAttention(index_t embed_width, index_t head_count, Generator& generator,
                     const MultiheadAttentionOptions& chosen = {})
      : embed(embed_width),
        heads(head_count),
        options(chosen),
        out_proj(embed_width, embed_width, generator, chosen.bias) {
    if (heads < 1 || embed < 1 || embed % heads != 0)
      fail("MultiheadAttention", "embed ", embed, " does not divide into ", heads, " heads");
    const index_t kdim = options.kdim > 0 ? options.kdim : embed, vdim = options.vdim > 0 ? options.vdim : embed;
    if (kdim == embed && vdim == embed) {
      in_proj_weight = xavier_uniform<T>({3 * embed, embed}, generator);
    } else {
      q_proj_weight = xavier_uniform<T>({embed, embed}, generator);
      k_proj_weight = xavier_uniform<T>({embed, kdim}, generator);
      v_proj_weight = xavier_uniform<T>({embed, vdim}, generator);
    }
    if (options.bias) {
      in_proj_bias = parameter(zeros<T>({3 * embed}));
      out_proj.bias = parameter(zeros<T>({embed}));
    }
    if (options.add_bias_kv) {
      bias_k = xavier_normal<T>({1, 1, embed}, generator);
      bias_v = xavier_normal<T>({1, 1, embed}, generator);
    }
  }

  template <class V>
  void members(V&& visit) {
    visit("in_proj_weight", in_proj_weight);
    visit("q_proj_weight", q_proj_weight);
    visit("k_proj_weight", k_proj_weight);
    visit("v_proj_weight", v_proj_weight);
    visit("in_proj_bias", in_proj_bias);
    visit("bias_k", bias_k);
    visit("bias_v", bias_v);
    visit("out_proj", out_proj);
  }

  /// query [Tq, batch, embed], key [Tk, batch, kdim], value [Tk, batch, vdim]; batch first if so chosen.
  [[nodiscard]] MultiheadAttentionResult<T> operator()(const Tensor<T>& query, const Tensor<T>& key,
                                                       const Tensor<T>& value,
                                                       const MultiheadAttentionCall<T>& call = {}) const {
    check_rank("MultiheadAttention", "query", query.shape(), 3);
    check_rank("MultiheadAttention", "key", key.shape(), 3);
    check_rank("MultiheadAttention", "value", value.shape(), 3);
    Tensor<T> q = project(batch_major(query), 0), k = project(batch_major(key), 1), v = project(batch_major(value), 2);
    const index_t batch = q.size(0), queries = q.size(1), given = k.size(1);
    if (k.size(0) != batch || v.size(0) != batch || v.size(1) != given)
      fail("MultiheadAttention", "query ", query.shape(), ", key ", key.shape(), " and value ", value.shape(),
           " do not fit together");
    if (bias_k.defined()) {
      k = concat<T>({k, expand(bias_k, {batch, 1, embed})}, 1);
      v = concat<T>({v, expand(bias_v, {batch, 1, embed})}, 1);
    }
    if (options.add_zero_attn) {
      const Tensor<T> zero = zeros<T>({batch, 1, embed}, q.device());
      k = concat<T>({k, zero}, 1);
      v = concat<T>({v, zero}, 1);
    }
    const AttentionMask<T> mask = masks(call, batch, queries, given, k.size(1) - given);
    const AttentionOptions how{.dropout = training ? options.dropout : 0, .generator = call.generator};
    const auto join = [&](const Tensor<T>& x) {
      return batch_major(out_proj(reshape(permute(x, {0, 2, 1, 3}), {batch, queries, embed})));
    };
    if (!call.need_weights)
      return {join(scaled_dot_product_attention(split_heads(q), split_heads(k), split_heads(v), mask, how)), {}};
    const Tensor<T> weights = attention_weights(split_heads(q), split_heads(k), mask, how);
    return {join(matmul(weights, split_heads(v))), call.average_weights ? mean(weights, {1}) : weights};
  }

 private:
  /// [time, batch, ...] <-> [batch, time, ...]
  [[nodiscard]] Tensor<T> batch_major(const Tensor<T>& x) const {
    return options.batch_first ? x : permute(x, {1, 0, 2});
  }
  [[nodiscard]] Tensor<T> split_heads(const Tensor<T>& x) const {
    return permute(reshape(x, {x.size(0), x.size(1), heads, embed / heads}), {0, 2, 1, 3});
  }
  /// The projection of the query (0), key (1) or value (2).
  [[nodiscard]] Tensor<T> project(const Tensor<T>& x, index_t part) const {
    const Tensor<T> w = in_proj_weight.defined() ? narrow(in_proj_weight, 0, part * embed, embed)
                        : part == 0              ? q_proj_weight
                        : part == 1              ? k_proj_weight
                                                 : v_proj_weight;
    return linear(x, w, in_proj_bias.defined() ? narrow(in_proj_bias, 0, part * embed, embed) : Tensor<T>());
  }

  /// The masks of a call as tensors that broadcast to [batch, heads, Tq, Tk + more]; the keys behind Tk are never
  /// masked.
  [[nodiscard]] AttentionMask<T> masks(const MultiheadAttentionCall<T>& call, index_t batch, index_t queries,
                                       index_t keys, index_t more) const {
    const auto shaped = [&](const auto& mask, const char* name) {
      if (mask.rank() == 3)
        check_shape("MultiheadAttention", name, mask.shape(), {batch * heads, queries, keys});
      else
        check_shape("MultiheadAttention", name, mask.shape(), {queries, keys});
      return widened(mask.rank() == 3 ? reshape(mask, {batch, heads, queries, keys}) : mask, more);
    };
    const auto padding = [&](const auto& mask, const char* name) {
      check_shape("MultiheadAttention", name, mask.shape(), {batch, keys});
      return widened(reshape(mask, {batch, 1, 1, keys}), more);
    };
    AttentionMask<T> mask;
    const auto also_out = [&](const Tensor<bool>& next) {
      mask.out = mask.out.defined() ? logical_or(mask.out, next) : next;
    };
    const auto also_added = [&](const Tensor<T>& next) {
      mask.added = mask.added.defined() ? mask.added + next : next;
    };
    if (call.attn_mask.defined()) also_out(shaped(call.attn_mask, "attn_mask"));
    if (call.key_padding_mask.defined()) also_out(padding(call.key_padding_mask, "key_padding_mask"));
    if (call.causal) also_out(widened(limn::detail::causal_mask(queries, keys, out_proj.weight.device()), more));
    if (call.attn_added.defined()) also_added(shaped(call.attn_added, "attn_added"));
    if (call.key_padding_added.defined()) also_added(padding(call.key_padding_added, "key_padding_added"));
    return mask;
  }
  /// `more` columns of zeros or false at the end.
  template <class U>
  [[nodiscard]] static Tensor<U> widened(const Tensor<U>& mask, index_t more) {
    if (more == 0) return mask;
    Shape shape = mask.shape();
    if constexpr (is_floating<U>) {
      shape[-1] = more;
      return concat<U>({mask, zeros<U>(shape, mask.device())}, -1);
    }
    shape[-1] += more;
    const Tensor<U> y = zeros<U>(shape, mask.device());
    copy_into(mask, y.as_view(mask.shape(), y.strides()));
    return y;
  }
};

}  // namespace limn::inline LIMN_ABI::nn
