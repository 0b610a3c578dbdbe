#pragma once
// max_pool2d, avg_pool2d, adaptive_max_pool2d, adaptive_avg_pool2d over the last two axes of x [N, C, H, W] or [C, H,
// W].

#include <limn/ops/conv2d.hpp>
#include <limn_kernels/pool2d.hpp>

namespace limn::inline LIMN_ABI {

struct Pool2dOptions {
  Pair stride = 0;                ///< 0: as the kernel
  Pair padding = 0;               ///< at most half the kernel
  Pair dilation = 1;              ///< max_pool2d only
  bool ceil_mode = false;         ///< round the output size up; a last window that starts in the padding is dropped
  bool count_include_pad = true;  ///< avg_pool2d only: padding counts in the divisor
  index_t divisor_override = 0;   ///< avg_pool2d only: divide by this instead (0: by the window's size)
};

template <class T>
struct MaxPoolResult {
  Tensor<T> values;
  Tensor<std::int64_t> indices;  ///< h * W + w in the unpadded plane; the first in scan order among equals
};

namespace detail {

/// One output extent. Throws naming op when nothing fits.
[[nodiscard]] inline index_t pooled_extent(const char* op, index_t extent, index_t kernel, index_t stride, index_t pad,
                                           index_t dilation, bool ceil_mode) {
  if (kernel < 1 || stride < 1 || dilation < 1)
    fail(op, "kernel ", kernel, ", stride ", stride, " and dilation ", dilation, " must be at least 1");
  if (pad < 0 || 2 * pad > kernel) fail(op, "padding ", pad, " must be between 0 and half of the kernel ", kernel);
  const index_t room = extent + 2 * pad - dilation * (kernel - 1) - 1;
  if (room < 0)
    fail(op, "a kernel of ", kernel, " with dilation ", dilation, " does not fit an extent of ", extent,
         " with padding ", pad);
  index_t out = (ceil_mode ? room + stride - 1 : room) / stride + 1;
  if (ceil_mode && (out - 1) * stride >= extent + pad) --out;
  return out;
}

template <class T>
[[nodiscard]] kernels::Pool2dShape pool_shape(const char* op, const Tensor<T>& x, Pair kernel, const Pool2dOptions& o) {
  if (x.rank() != 3 && x.rank() != 4) fail(op, "x has shape ", x.shape(), " but must be [N, C, H, W] or [C, H, W]");
  const Pair stride = o.stride == Pair(0) ? kernel : o.stride;
  const index_t h = x.size(-2), w = x.size(-1);
  return {h * w > 0 ? x.numel() / (h * w) : 0,
          h,
          w,
          pooled_extent(op, h, kernel.h, stride.h, o.padding.h, o.dilation.h, o.ceil_mode),
          pooled_extent(op, w, kernel.w, stride.w, o.padding.w, o.dilation.w, o.ceil_mode),
          kernel.h,
          kernel.w,
          stride.h,
          stride.w,
          o.padding.h,
          o.padding.w,
          o.dilation.h,
          o.dilation.w};
}

template <class T>
[[nodiscard]] kernels::Pool2dShape adaptive_shape(const char* op, const Tensor<T>& x, Pair size) {
  if (x.rank() != 3 && x.rank() != 4) fail(op, "x has shape ", x.shape(), " but must be [N, C, H, W] or [C, H, W]");
  const index_t h = x.size(-2), w = x.size(-1);
  if (size.h < 1 || size.w < 1 || h < 1 || w < 1) fail(op, "cannot make ", size, " of x of shape ", x.shape());
  kernels::Pool2dShape s{x.numel() / (h * w),           h, w, size.h, size.w, (h + size.h - 1) / size.h + 1,
                         (w + size.w - 1) / size.w + 1, 1, 1, 0,      0};
  s.adaptive = true;
  return s;
}

/// x's shape with the last two extents replaced.
[[nodiscard]] inline Shape with_plane(const Shape& shape, index_t h, index_t w) {
  Shape result = shape;
  result[-2] = h;
  result[-1] = w;
  return result;
}

template <class T>
[[nodiscard]] Tensor<T> max_pool_pick(const kernels::Pool2dShape& s, const Tensor<T>& x,
                                      const Tensor<std::int64_t>& index);

template <class T>
[[nodiscard]] Tensor<T> max_pool_backward(const kernels::Pool2dShape& s, const Tensor<T>& dy,
                                          const Tensor<std::int64_t>& index) {
  Tensor<T> dx(with_plane(dy.shape(), s.h, s.w), dy.device());
  kernels::max_pool2d_backward(dy.device(), s, packed(dy).data(), index.data(), dx.data());
  return record("max_pool2d_backward", dx, {dy},
                [s, index](const Tensor<T>& g) -> Grads<T> { return {max_pool_pick(s, g, index)}; });
}

template <class T>
Tensor<T> max_pool_pick(const kernels::Pool2dShape& s, const Tensor<T>& x, const Tensor<std::int64_t>& index) {
  Tensor<T> y(with_plane(x.shape(), s.oh, s.ow), x.device());
  kernels::max_pool2d_pick(x.device(), s, packed(x).data(), index.data(), y.data());
  return record("max_pool2d_pick", y, {x},
                [s, index](const Tensor<T>& g) -> Grads<T> { return {max_pool_backward(s, g, index)}; });
}

template <class T>
[[nodiscard]] MaxPoolResult<T> max_pool(const kernels::Pool2dShape& s, const Tensor<T>& x) {
  const Shape shape = with_plane(x.shape(), s.oh, s.ow);
  Tensor<T> y(shape, x.device());
  Tensor<std::int64_t> index(shape, x.device());
  kernels::max_pool2d(x.device(), s, packed(x).data(), y.data(), index.data());
  return {record("max_pool2d", y, {x},
                 [s, index](const Tensor<T>& dy) -> Grads<T> { return {max_pool_backward(s, dy, index)}; }),
          index};
}

template <class T>
[[nodiscard]] Tensor<T> avg_pool_backward(const kernels::Pool2dShape& s, kernels::AverageCount count,
                                          const Tensor<T>& dy);

template <class T>
[[nodiscard]] Tensor<T> avg_pool(const kernels::Pool2dShape& s, kernels::AverageCount count, const Tensor<T>& x) {
  Tensor<T> y(with_plane(x.shape(), s.oh, s.ow), x.device());
  kernels::avg_pool2d(x.device(), s, count, packed(x).data(), y.data());
  return record("avg_pool2d", y, {x},
                [s, count](const Tensor<T>& dy) -> Grads<T> { return {avg_pool_backward(s, count, dy)}; });
}

template <class T>
Tensor<T> avg_pool_backward(const kernels::Pool2dShape& s, kernels::AverageCount count, const Tensor<T>& dy) {
  Tensor<T> dx(with_plane(dy.shape(), s.h, s.w), dy.device());
  kernels::avg_pool2d_backward(dy.device(), s, count, packed(dy).data(), dx.data());
  return record("avg_pool2d_backward", dx, {dy},
                [s, count](const Tensor<T>& g) -> Grads<T> { return {avg_pool(s, count, g)}; });
}

}  // namespace detail

/// The maximum of each window; padding counts as minus infinity.
template <class T>
[[nodiscard]] MaxPoolResult<T> max_pool2d_with_indices(const Tensor<T>& x, Pair kernel,
                                                       const Pool2dOptions& options = {}) {
  return detail::max_pool(detail::pool_shape("max_pool2d", x, kernel, options), x);
}
template <class T>
[[nodiscard]] Tensor<T> max_pool2d(const Tensor<T>& x, Pair kernel, const Pool2dOptions& options = {}) {
  return max_pool2d_with_indices(x, kernel, options).values;
}

/// The mean of each window.
template <class T>
[[nodiscard]] Tensor<T> avg_pool2d(const Tensor<T>& x, Pair kernel, const Pool2dOptions& options = {}) {
  if (!(options.dilation == Pair(1))) fail("avg_pool2d", "has no dilation, got ", options.dilation);
  return detail::avg_pool(detail::pool_shape("avg_pool2d", x, kernel, options),
                          {options.count_include_pad, options.divisor_override}, x);
}

/// size windows, window i covering floor(i n / size) .. ceil((i + 1) n / size): also enlarges.
template <class T>
[[nodiscard]] Tensor<T> adaptive_avg_pool2d(const Tensor<T>& x, Pair size) {
  return detail::avg_pool(detail::adaptive_shape("adaptive_avg_pool2d", x, size), {}, x);
}
template <class T>
[[nodiscard]] MaxPoolResult<T> adaptive_max_pool2d_with_indices(const Tensor<T>& x, Pair size) {
  return detail::max_pool(detail::adaptive_shape("adaptive_max_pool2d", x, size), x);
}
template <class T>
[[nodiscard]] Tensor<T> adaptive_max_pool2d(const Tensor<T>& x, Pair size) {
  return adaptive_max_pool2d_with_indices(x, size).values;
}

}  // namespace limn::inline LIMN_ABI
