#pragma once
// Convolution with what usually follows it, in one pass where no gradient is recorded: conv2d_relu and
// conv2d_relu_max_pool2d. With gradients they are the three operations.

#include <limn/ops/activation.hpp>
#include <limn/ops/conv2d.hpp>
#include <limn/ops/pool2d.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {
template <class T>
[[nodiscard]] Tensor<T> conv2d_fused(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b,
                                     const Conv2dOptions& options, const kernels::PackedConv2d<T>* prepared,
                                     bool pooled) {
  const kernels::Conv2dShape s = conv2d_shape(x, w, b, options);
  Tensor<T> y({s.n, s.oc, pooled ? s.oh / 2 : s.oh, pooled ? s.ow / 2 : s.ow}, x.device());
  kernels::conv2d_forward(x.device(), s, packed(x).data(), packed(w).data(), b.defined() ? packed(b).data() : nullptr,
                          y.data(), {.relu = true, .max_pool = pooled}, prepared);
  return y;
}
template <class T>
[[nodiscard]] bool conv2d_records(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b) {
  return grad_enabled() && (x.requires_grad() || w.requires_grad() || b.requires_grad());
}
}  // namespace detail

/// relu(conv2d(x, w, b, options)), the same bits; `prepared` as for conv2d.
template <class T>
[[nodiscard]] Tensor<T> conv2d_relu(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                                    const Conv2dOptions& options = {},
                                    const kernels::PackedConv2d<T>* prepared = nullptr) {
  if (detail::conv2d_records(x, w, b)) return relu(conv2d(x, w, b, options));
  return detail::conv2d_fused(x, w, b, options, prepared, false);
}

/// max_pool2d(relu(conv2d(x, w, b, options)), 2), the same bits. [N, C, H, W] -> [N, O, OH / 2, OW / 2], rounded down.
template <class T>
[[nodiscard]] Tensor<T> conv2d_relu_max_pool2d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                                               const Conv2dOptions& options = {},
                                               const kernels::PackedConv2d<T>* prepared = nullptr) {
  if (detail::conv2d_records(x, w, b)) return max_pool2d(relu(conv2d(x, w, b, options)), 2);
  return detail::conv2d_fused(x, w, b, options, prepared, true);
}

}  // namespace limn::inline LIMN_ABI
