#pragma once
// Scaled dot-product attention with boolean, additive and causal masks.

#include <cmath>

#include <limn/core/random.hpp>
#include <limn/ops/arithmetic.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/softmax.hpp>

namespace limn::inline LIMN_ABI {

/// Which keys a query may see; both tensors broadcast to the scores [..., Tq, Tk], an undefined one masks nothing.
template <class T>
struct AttentionMask {
  Tensor<bool> out{};  ///< true = this key is masked out (torch.nn.MultiheadAttention's boolean masks)
  Tensor<T> added{};   ///< added to the scores; differentiable
};

struct AttentionOptions {
  bool causal = false;             ///< query i sees keys 0..i only
  double scale = 0;                ///< factor of q k^T; 0 = 1 / sqrt(D)
  double dropout = 0;              ///< on the weights
  Generator* generator = nullptr;  ///< of that dropout
};

namespace detail {

/// A score that no softmax prefers, finite: a query whose keys are all masked out attends to all alike instead of
/// giving NaN.
template <class T>
inline constexpr double lowest_score = std::is_same_v<T, f16> ? -6e4 : -3e38;

/// [Tq, Tk], true above the diagonal.
[[nodiscard]] inline Tensor<bool> causal_mask(index_t queries, index_t keys) {
  Tensor<bool> mask({queries, keys});
  for (index_t i = 0; i < queries; ++i)
    for (index_t j = 0; j < keys; ++j) mask.data()[i * keys + j] = j > i;
  return mask;
}

}  // namespace detail

/// softmax(scale q k^T + mask), the share of each key in each query's answer.
/// q [..., Tq, D], k [..., Tk, D] -> [..., Tq, Tk]; leading dimensions broadcast. Dropout is applied here.
template <class T>
[[nodiscard]] Tensor<T> attention_weights(const Tensor<T>& q, const Tensor<T>& k, const AttentionMask<T>& mask = {},
                                          const AttentionOptions& options = {}) {
  if (q.rank() < 2 || k.rank() < 2)
    fail("attention", "q ", q.shape(), " and k ", k.shape(), " must have at least two dimensions");
  if (q.size(-1) != k.size(-1))
    fail("attention", "q ", q.shape(), " and k ", k.shape(), " differ in their last extent");
  if (options.dropout > 0 && !options.generator) fail("attention", "dropout ", options.dropout, " needs a generator");

  const double scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(q.size(-1)));
  Tensor<T> scores = matmul(q * scale, transpose(k));
  if (mask.added.defined()) scores = scores + mask.added;
  if (mask.out.defined()) scores = masked_fill(scores, mask.out, detail::lowest_score<T>);
  if (options.causal)
    scores = masked_fill(scores, detail::causal_mask(q.size(-2), k.size(-2)), detail::lowest_score<T>);
  const Tensor<T> weights = softmax(scores, -1);
  return options.dropout > 0 ? dropout(weights, options.dropout, *options.generator) : weights;
}

/// softmax(scale q k^T + mask) v (Vaswani et al. 2017).
/// q [..., Tq, D], k [..., Tk, D], v [..., Tk, E] -> [..., Tq, E]; leading dimensions (batch, heads) broadcast.
template <class T>
[[nodiscard]] Tensor<T> scaled_dot_product_attention(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                                     const AttentionMask<T>& mask = {},
                                                     const AttentionOptions& options = {}) {
  if (v.rank() < 2 || k.rank() < 2 || v.size(-2) != k.size(-2))
    fail("attention", "k ", k.shape(), " and v ", v.shape(), " differ in their number of keys");
  return matmul(attention_weights(q, k, mask, options), v);
}

}  // namespace limn::inline LIMN_ABI
