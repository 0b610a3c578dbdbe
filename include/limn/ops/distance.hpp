#pragma once
// norm, normalize, cosine_similarity, pairwise_distance.

#include <cmath>

#include <limn/ops/reduce.hpp>

namespace limn::inline LIMN_ABI {

struct NormOptions {
  double p = 2;  ///< 1, 2, any positive number, or infinity
  bool keepdim = false;
};

/// (sum |x|^p)^(1/p) over `axes` (empty: all). The gradient of the 2-norm of 0 is 0.
template <class T>
[[nodiscard]] Tensor<T> norm(const Tensor<T>& x, const Dims& axes, NormOptions options = {}) {
  const ReduceOptions reduce{.keepdim = options.keepdim};
  if (options.p == 1) return sum(abs(x), axes, reduce);
  if (std::isinf(options.p)) return max(abs(x), axes, reduce);
  if (options.p != 2) return pow(sum(pow(abs(x), options.p), axes, reduce), 1 / options.p);
  const detail::ReducedAxes r = detail::reduced_axes("norm", x.shape(), axes, reduce);

  const Tensor<T> y = detail::unary_values<T>(
      "norm", kernels::Sqrt{},
      detail::reduce_values<kernels::Add>(detail::unary_values<T>("norm", kernels::Square{}, x), r));

  return record("norm", y, {x}, [x, y, r, axes, options](const Tensor<T>& dy) -> Grads<T> {
    const Tensor<T> length = grad_enabled() ? norm(x, axes, options) : y;
    const Tensor<T> share = where(equal(length, 0), 0, div(dy, where(equal(length, 0), 1, length)));
    return {mul(reshape(share, r.kept_as_one), x)};
  });
}

template <class T>
[[nodiscard]] Tensor<T> norm(const Tensor<T>& x, index_t axis, NormOptions options = {}) {
  return norm(x, Dims{axis}, options);
}
template <class T>
[[nodiscard]] Tensor<T> norm(const Tensor<T>& x) {
  return norm(x, Dims{});
}

struct NormalizeOptions {
  double p = 2;
  index_t axis = 1;
  double eps = 1e-12;
};

/// x / max(||x||_p, eps), the norm taken along the axis.
template <class T>
[[nodiscard]] Tensor<T> normalize(const Tensor<T>& x, NormalizeOptions options = {}) {
  const index_t axis = check_axis("normalize", options.axis, x.shape());
  return div(x, clamp_min(norm(x, axis, {.p = options.p, .keepdim = true}), options.eps));
}

struct CosineOptions {
  index_t axis = 1;
  double eps = 1e-8;
};

/// sum(a b) along the axis, a and b each divided by max(its 2-norm, eps). a and b broadcast; the axis is one of the
/// result's and disappears.
template <class T>
[[nodiscard]] Tensor<T> cosine_similarity(const Tensor<T>& a, const Tensor<T>& b, CosineOptions options = {}) {
  const Shape shape = broadcast_shapes("cosine_similarity", a.shape(), b.shape());
  const index_t axis = check_axis("cosine_similarity", options.axis, shape);
  const NormalizeOptions unit{.axis = axis, .eps = options.eps};
  return sum(mul(normalize(broadcast_to(a, shape), unit), normalize(broadcast_to(b, shape), unit)), axis);
}

struct DistanceOptions {
  double p = 2;
  double eps = 1e-6;
  bool keepdim = false;
};

/// ||a - b + eps||_p along the last axis.
template <class T>
[[nodiscard]] Tensor<T> pairwise_distance(const Tensor<T>& a, const Tensor<T>& b, DistanceOptions options = {}) {
  return norm(add(sub(a, b), options.eps), -1, {.p = options.p, .keepdim = options.keepdim});
}

}  // namespace limn::inline LIMN_ABI
