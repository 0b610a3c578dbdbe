#pragma once
// normalize, cosine_similarity, pairwise_distance.

#include <limn/ops/reduce.hpp>

namespace limn::inline LIMN_ABI {

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

/// sum(a b) along the axis, a and b each divided by max(its 2-norm, eps). a and b broadcast; the axis is one of the result's
/// and disappears.
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
