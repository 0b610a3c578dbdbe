#pragma once
// Cross-entropy of logits against class indices, fused with the log-softmax: nothing of the size of the logits is
// stored but their gradient.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// x is contiguous [outer, classes, inner]; target, loss and dloss are [outer, inner].
struct CrossEntropyShape {
  index_t outer = 1, classes = 1, inner = 1;
};

template <class T>
struct CrossEntropyParameters {
  const T* weight = nullptr;  ///< [classes], or null: all 1
  std::int64_t ignore_index = -100;
  double smoothing = 0;
};

/// loss = -(1 - smoothing) w_t log p_t - smoothing / classes * sum_c w_c log p_c with p = softmax(x), t = target; 0
/// where t is ignore_index. Every other target must be in [0, classes). `normaliser` receives, for the backward, two
/// numbers a position: the maximum of its logits and log(sum(exp(x - maximum))).
template <class T>
void cross_entropy_forward(Device device, const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                           const std::int64_t* target, T* loss, T* normaliser);

/// dx = dloss * d loss / d x. Overwrites dx; dx may be x.
template <class T>
void cross_entropy_backward(Device device, const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                            const std::int64_t* target, const T* normaliser, const T* dloss, T* dx);

/// Both at once, where dloss is one number for all positions: each row is read once, and its gradient written while it
/// is in the cache. dx may not be x.
template <class T>
void cross_entropy_with_gradient(Device device, const CrossEntropyShape& s, const CrossEntropyParameters<T>& p,
                                 const T* x, const std::int64_t* target, T dloss, T* loss, T* normaliser, T* dx);

namespace cuda {
template <class T>
void cross_entropy_forward(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                           const std::int64_t* target, T* loss, T* normaliser);
template <class T>
void cross_entropy_backward(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                            const std::int64_t* target, const T* normaliser, const T* dloss, T* dx);
template <class T>
void cross_entropy_with_gradient(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                                 const std::int64_t* target, T dloss, T* loss, T* normaliser, T* dx);
}  // namespace cuda

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/cross_entropy.cpp
#include <limn_kernels/cpu/cross_entropy.hpp>
#endif
