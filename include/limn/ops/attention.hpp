#pragma once
// Scaled dot-product attention with boolean, additive and causal masks.

#include <algorithm>
#include <cmath>
#include <concepts>

#include <limn/core/random.hpp>
#include <limn/ops/arithmetic.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/softmax.hpp>
#include <limn_kernels/attention.hpp>

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
template <std::same_as<bool> B = bool>
[[nodiscard]] Tensor<B> causal_mask(index_t queries, index_t keys, Device device) {
  Tensor<B> mask({queries, keys});
  for (index_t i = 0; i < queries; ++i)
    for (index_t j = 0; j < keys; ++j) mask.data()[i * keys + j] = j > i;
  return to(mask, device);
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
    scores = masked_fill(scores, detail::causal_mask(q.size(-2), k.size(-2), q.device()), detail::lowest_score<T>);
  const Tensor<T> weights = softmax(scores, -1);
  return options.dropout > 0 ? dropout(weights, options.dropout, *options.generator) : weights;
}

namespace detail {

/// The same in ordinary operations, by way of the weights: dropout, two-byte floats, gradients of masks, and the graph
/// of a gradient.
template <class T>
[[nodiscard]] Tensor<T> attention_formula(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                          const AttentionMask<T>& mask, const AttentionOptions& options) {
  return matmul(attention_weights(q, k, mask, options), v);
}

/// Tensors seen as a batch of matrices: rows of neighbouring elements, and where each matrix begins.
template <class T>
struct MatrixBatch {
  Tensor<T> tensor;
  std::vector<index_t> offsets;

  /// x [..., rows, columns] under the broadcast batch shape.
  MatrixBatch(const Tensor<T>& x, const Shape& batch)
      : tensor(x.strides()[-1] == 1 || x.size(-1) == 1 ? x.detach() : packed(x)),
        offsets(batch_offsets(tensor, batch)) {}
  [[nodiscard]] kernels::AttentionMatrices<T> view() const {
    return {tensor.data(), offsets.data(), tensor.strides()[-2], 1};
  }
};

/// A mask for scores [batch..., Tq, Tk], read in place; its strides may be 0.
template <class U>
struct MaskBatch {
  Tensor<U> tensor;
  std::vector<index_t> offsets;

  MaskBatch(const Tensor<U>& mask, const Shape& batch, const Shape& scores) {
    if (!mask.defined()) return;
    tensor = broadcast_to(mask.detach(), scores);
    offsets = batch_offsets(tensor, batch);
  }
  [[nodiscard]] kernels::AttentionMatrices<U> view() const {
    if (!tensor.defined()) return {};
    return {tensor.data(), offsets.data(), tensor.strides()[-2], tensor.strides()[-1]};
  }
};

[[nodiscard]] inline Shape leading_dims(const Shape& shape) {
  return Shape(Dims(shape.data(), std::max<index_t>(0, shape.rank() - 2)));
}
[[nodiscard]] inline Shape with_matrix(Shape batch, index_t rows, index_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

/// By the fused kernel: no tensor of the size of the scores.
template <class T>
[[nodiscard]] Tensor<T> attention_fused(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                        const AttentionMask<T>& mask, const AttentionOptions& options) {
  Shape batch = broadcast_shapes("attention", leading_dims(q.shape()), leading_dims(k.shape()));
  batch = broadcast_shapes("attention", batch, leading_dims(v.shape()));
  if (mask.out.defined()) batch = broadcast_shapes("attention", batch, leading_dims(mask.out.shape()));
  if (mask.added.defined()) batch = broadcast_shapes("attention", batch, leading_dims(mask.added.shape()));
  const kernels::AttentionShape s{
      batch.numel(), q.size(-2), k.size(-2),
      q.size(-1),    v.size(-1), options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(q.size(-1))),
      options.causal};
  const Shape scores = with_matrix(batch, s.queries, s.keys);
  const MatrixBatch<T> of_q(q, batch), of_k(k, batch), of_v(v, batch);
  const MaskBatch<bool> out(mask.out, batch, scores);
  const MaskBatch<T> added(mask.added, batch, scores);
  const auto inputs = [s](const MatrixBatch<T>& a, const MatrixBatch<T>& b, const MatrixBatch<T>& c,
                          const MaskBatch<bool>& left_out, const MaskBatch<T>& more) {
    return kernels::AttentionInputs<T>{a.view(), b.view(), c.view(), left_out.view(), more.view()};
  };
  const Device device = q.device();
  const bool kept = grad_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  Tensor<T> y(with_matrix(batch, s.queries, s.width), device), statistics;
  if (kept) statistics = Tensor<T>({s.batch, s.queries, 2}, device);
  kernels::attention_forward(device, s, inputs(of_q, of_k, of_v, out, added), y.data(), statistics.data());

  return record(
      "attention", y, {q, k, v},
      [q, k, v, mask, options, batch, s, device, of_q, of_k, of_v, out, added, inputs, y,
       statistics](const Tensor<T>& dy) -> Grads<T> {
        if (grad_enabled())
          return composite_backward([&](const auto& x) { return attention_formula(x[0], x[1], x[2], mask, options); },
                                    {q, k, v}, dy);
        Grads<T> d{Tensor<T>(with_matrix(batch, s.queries, s.depth), device),
                   Tensor<T>(with_matrix(batch, s.keys, s.depth), device),
                   Tensor<T>(with_matrix(batch, s.keys, s.width), device)};
        kernels::attention_backward(device, s, inputs(of_q, of_k, of_v, out, added), y.data(), statistics.data(),
                                    packed(dy).data(), {d[0].data(), d[1].data(), d[2].data()});
        return d;
      });
}

}  // namespace detail

/// softmax(scale q k^T + mask) v (Vaswani et al. 2017), computed by a fused kernel; with dropout, with an added mask
/// that wants a gradient and in two-byte floats by way of the weights. q [..., Tq, D], k [..., Tk, D], v [..., Tk, E]
/// -> [..., Tq, E]; leading dimensions (batch, heads) broadcast.
template <class T>
[[nodiscard]] Tensor<T> scaled_dot_product_attention(const Tensor<T>& q, const Tensor<T>& k, const Tensor<T>& v,
                                                     const AttentionMask<T>& mask = {},
                                                     const AttentionOptions& options = {}) {
  if (v.rank() < 2 || k.rank() < 2 || v.size(-2) != k.size(-2))
    fail("attention", "k ", k.shape(), " and v ", v.shape(), " differ in their number of keys");
  if constexpr (std::is_floating_point_v<T>) {
    const bool mask_learns = grad_enabled() && mask.added.defined() && mask.added.requires_grad();
    const bool fits = q.rank() >= 2 && q.size(-1) == k.size(-1) && q.size(-1) > 0 && k.size(-2) > 0;
    if (options.dropout == 0 && !mask_learns && fits && q.device() == cpu_device)
      return detail::attention_fused(q, k, v, mask, options);
  }
  return detail::attention_formula(q, k, v, mask, options);
}

}  // namespace limn::inline LIMN_ABI
