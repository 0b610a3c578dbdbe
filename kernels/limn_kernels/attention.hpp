#pragma once
// Scaled dot-product attention, forward and backward, without a buffer of the size of the scores.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// `batch` independent problems: queries [queries, depth], keys [keys, depth], values [keys, width]; keys >= 1.
struct AttentionShape {
  index_t batch = 1, queries = 1, keys = 1, depth = 1, width = 1;
  double scale = 1;     // factor of the products, before `added`
  bool causal = false;  // query i sees keys 0..i only
};

/// Matrices of a batch: row i of problem b begins at data + offsets[b] + i * row, its elements are `column` apart.
template <class T>
struct AttentionMatrices {
  const T* data = nullptr;
  const index_t* offsets = nullptr;  // [batch], on the host
  index_t row = 0, column = 1;       // column: 1, for a mask also 0
};

template <class T>
struct AttentionInputs {
  AttentionMatrices<T> q, k, v;
  AttentionMatrices<bool> out;  // [queries, keys]: true = masked out; data null = nothing is
  AttentionMatrices<T> added;   // [queries, keys]: added to the scores; data null = nothing
};

/// What the backward pass writes, all contiguous: [batch, queries, depth], [batch, keys, depth], [batch, keys, width].
template <class T>
struct AttentionGradients {
  T *dq = nullptr, *dk = nullptr, *dv = nullptr;
};

namespace cpu {
template <class T>
void attention_forward(const AttentionShape& s, const AttentionInputs<T>& in, T* y, T* statistics);
template <class T>
void attention_backward(const AttentionShape& s, const AttentionInputs<T>& in, const T* y, const T* statistics,
                        const T* dy, const AttentionGradients<T>& grads);
}  // namespace cpu

/// y [batch, queries, width] = softmax(scale q k^T + added) v, in one pass over the keys with a running maximum and sum
/// (Milakov and Gimelshein 2018; Dao et al. 2022). A masked score is -3e38: a query all of whose keys are masked out
/// attends to all alike. `statistics` receives, for the backward, the maximum of each query's scores and the reciprocal
/// of the sum of exp(score - maximum): [batch, queries, 2]; null = not wanted.
template <class T>
void attention_forward(Device device, const AttentionShape& s, const AttentionInputs<T>& in, T* y, T* statistics) {
  dispatch_cpu("attention_forward", device, [&] { cpu::attention_forward(s, in, y, statistics); });
}

/// The gradients for dy [batch, queries, width], contiguous as y. The weights are computed again, block by block.
template <class T>
void attention_backward(Device device, const AttentionShape& s, const AttentionInputs<T>& in, const T* y,
                        const T* statistics, const T* dy, const AttentionGradients<T>& grads) {
  dispatch_cpu("attention_backward", device, [&] { cpu::attention_backward(s, in, y, statistics, dy, grads); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/attention.cpp
#include <limn_kernels/cpu/attention.hpp>
#endif
