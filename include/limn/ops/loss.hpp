#pragma once
// Losses of regression, binary classification, ranking and embedding. cross_entropy has its own header.

#include <limn/ops/activation.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/distance.hpp>

namespace limn::inline LIMN_ABI {

struct LossOptions {
  Reduction reduction = Reduction::mean;
};

// Regression. x and target broadcast.

/// (x - target)^2.
template <class T>
[[nodiscard]] Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target, LossOptions options = {}) {
  return detail::reduce_loss(square(sub(x, target)), options.reduction);
}

/// |x - target|.
template <class T>
[[nodiscard]] Tensor<T> l1_loss(const Tensor<T>& x, const Tensor<T>& target, LossOptions options = {}) {
  return detail::reduce_loss(abs(sub(x, target)), options.reduction);
}

struct SmoothL1Options {
  double beta = 1;  ///< where the parabola meets the line; 0 gives l1_loss
  Reduction reduction = Reduction::mean;
};
/// With d = |x - target|: d^2 / (2 beta) where d < beta, else d - beta / 2.
template <class T>
[[nodiscard]] Tensor<T> smooth_l1_loss(const Tensor<T>& x, const Tensor<T>& target, SmoothL1Options options = {}) {
  if (options.beta < 0) fail("smooth_l1_loss", "beta = ", options.beta, " is negative");
  if (options.beta == 0) return l1_loss(x, target, {options.reduction});
  const Tensor<T> d = abs(sub(x, target));
  const Tensor<T> loss = where(less(d, options.beta), mul(square(d), 0.5 / options.beta), sub(d, options.beta / 2));
  return detail::reduce_loss(loss, options.reduction);
}

struct HuberOptions {
  double delta = 1;
  Reduction reduction = Reduction::mean;
};
/// With d = |x - target|: d^2 / 2 where d <= delta, else delta (d - delta / 2).
template <class T>
[[nodiscard]] Tensor<T> huber_loss(const Tensor<T>& x, const Tensor<T>& target, HuberOptions options = {}) {
  if (options.delta <= 0) fail("huber_loss", "delta = ", options.delta, " is not positive");
  const Tensor<T> d = abs(sub(x, target));
  const Tensor<T> loss =
      where(less_equal(d, options.delta), mul(square(d), 0.5), mul(sub(d, options.delta / 2), options.delta));
  return detail::reduce_loss(loss, options.reduction);
}

struct PoissonOptions {
  bool log_input = true;  ///< x is the logarithm of the rate
  bool full = false;      ///< add Stirling's approximation of log(target!)
  double eps = 1e-8;
  Reduction reduction = Reduction::mean;
};
/// rate - target log(rate).
template <class T>
[[nodiscard]] Tensor<T> poisson_nll_loss(const Tensor<T>& x, const Tensor<T>& target, PoissonOptions options = {}) {
  Tensor<T> loss = options.log_input ? sub(exp(x), mul(target, x)) : sub(x, mul(target, log(add(x, options.eps))));
  if (options.full) {
    const Tensor<bool> large = greater(target, 1);
    const Tensor<T> t = where(large, target, 1);
    loss = add(loss, where(large, add(sub(mul(t, log(t)), t), mul(log(mul(t, 6.283185307179586)), 0.5)), 0));
  }
  return detail::reduce_loss(loss, options.reduction);
}

struct GaussianOptions {
  bool full = false;  ///< add log(2 pi) / 2
  double eps = 1e-6;  ///< the smallest variance; its gradient there is that of the clamped value
  Reduction reduction = Reduction::mean;
};
/// (log(variance) + (x - target)^2 / variance) / 2.
template <class T>
[[nodiscard]] Tensor<T> gaussian_nll_loss(const Tensor<T>& x, const Tensor<T>& target, const Tensor<T>& variance,
                                          GaussianOptions options = {}) {
  // The clamp is a constant shift: like PyTorch's, it does not stop the gradient.
  const Tensor<T> v = add(variance, sub(clamp_min(variance.detach(), options.eps), variance.detach()));
  const Tensor<T> loss = mul(add(log(v), div(square(sub(x, target)), v)), 0.5);
  return detail::reduce_loss(options.full ? add(loss, 0.9189385332046727) : loss, options.reduction);
}

// Binary classification.

template <class T>
struct BinaryOptions {
  Tensor<T> weight = {};  ///< of each element; broadcasts
  Reduction reduction = Reduction::mean;
};

/// -(t log x + (1 - t) log(1 - x)) of probabilities x in [0, 1], the logarithms no smaller than -100.
template <class T>
[[nodiscard]] Tensor<T> binary_cross_entropy(const Tensor<T>& x, const Tensor<T>& target,
                                             const BinaryOptions<T>& options = {}) {
  check_shape("binary_cross_entropy", "target", target.shape(), x.shape());
  if (x.device() == cpu_device)
    for (const T v : to_vector(x.detach()))
      if (v < T(0.f) || v > T(1.f))
        fail("binary_cross_entropy", "x holds ", static_cast<double>(v),
             ", which is not a probability; binary_cross_entropy_with_logits takes any number");
  Tensor<T> y;
  {
    NoGradGuard no_grad;
    const Tensor<T> positive = clamp_min(log(x), -100), negative = clamp_min(log1p(neg(x)), -100);
    y = neg(add(mul(target, positive), mul(sub(1, target), negative)));
  }
  const Tensor<T> loss = record("binary_cross_entropy", y, {x, target}, [x, target](const Tensor<T>& dy) -> Grads<T> {
    Tensor<T> dt;
    if (target.requires_grad()) dt = mul(dy, sub(clamp_min(log1p(neg(x)), -100), clamp_min(log(x), -100)));
    return {mul(dy, div(sub(x, target), clamp_min(mul(x, sub(1, x)), 1e-12))), dt};
  });
  return detail::reduce_loss(options.weight.defined() ? mul(loss, options.weight) : loss, options.reduction);
}

template <class T>
struct LogitsOptions {
  Tensor<T> weight = {};      ///< of each element; broadcasts
  Tensor<T> pos_weight = {};  ///< of the positive term; broadcasts, usually [C]
  Reduction reduction = Reduction::mean;
};

/// binary_cross_entropy of sigmoid(x), stable for any x.
template <class T>
[[nodiscard]] Tensor<T> binary_cross_entropy_with_logits(const Tensor<T>& x, const Tensor<T>& target,
                                                         const LogitsOptions<T>& options = {}) {
  check_shape("binary_cross_entropy_with_logits", "target", target.shape(), x.shape());
  Tensor<T> soft = neg(logsigmoid(x));
  if (options.pos_weight.defined()) soft = mul(soft, add(mul(sub(options.pos_weight, 1), target), 1));
  const Tensor<T> loss = add(mul(sub(1, target), x), soft);
  return detail::reduce_loss(options.weight.defined() ? mul(loss, options.weight) : loss, options.reduction);
}

/// log(1 + exp(-target x)), target 1 or -1.
template <class T>
[[nodiscard]] Tensor<T> soft_margin_loss(const Tensor<T>& x, const Tensor<T>& target, LossOptions options = {}) {
  return detail::reduce_loss(neg(logsigmoid(mul(target, x))), options.reduction);
}

/// The mean over classes of binary_cross_entropy_with_logits. x, target [N, C]; weight [C].
template <class T>
[[nodiscard]] Tensor<T> multilabel_soft_margin_loss(const Tensor<T>& x, const Tensor<T>& target,
                                                    const BinaryOptions<T>& options = {}) {
  const Tensor<T> each = binary_cross_entropy_with_logits(
      x, target, LogitsOptions<T>{.weight = options.weight, .reduction = Reduction::none});
  return detail::reduce_loss(mean(each, -1), options.reduction);
}

// Distributions.

/// Adds batchmean: the sum divided by x.size(0).
enum class KlReduction { none, mean, sum, batchmean };
struct KlOptions {
  bool log_target = false;  ///< target holds logarithms too
  KlReduction reduction = KlReduction::mean;
};
/// target (log target - log_x), 0 where target is 0. log_x: logarithms of probabilities.
template <class T>
[[nodiscard]] Tensor<T> kl_div(const Tensor<T>& log_x, const Tensor<T>& target, KlOptions options = {}) {
  Tensor<T> loss;
  if (options.log_target) {
    loss = mul(exp(target), sub(target, log_x));
  } else {
    const Tensor<bool> positive = greater(target, 0);
    const Tensor<T> t = where(positive, target, 1);
    loss = sub(where(positive, mul(t, log(t)), 0), mul(target, log_x));
  }
  if (options.reduction != KlReduction::batchmean)
    return detail::reduce_loss(loss, options.reduction == KlReduction::none  ? Reduction::none
                                     : options.reduction == KlReduction::sum ? Reduction::sum
                                                                             : Reduction::mean);
  if (log_x.rank() == 0) fail("kl_div", "batchmean wants a batch dimension");
  return div(sum(loss), log_x.size(0));
}

// Ranking and embeddings.

struct MarginOptions {
  double margin = 0;
  Reduction reduction = Reduction::mean;
};
/// max(0, margin - target (a - b)), target 1 or -1.
template <class T>
[[nodiscard]] Tensor<T> margin_ranking_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& target,
                                            MarginOptions options = {}) {
  return detail::reduce_loss(clamp_min(sub(options.margin, mul(target, sub(a, b))), 0), options.reduction);
}

/// x where target is 1, max(0, margin - x) where it is -1.
template <class T>
[[nodiscard]] Tensor<T> hinge_embedding_loss(const Tensor<T>& x, const Tensor<T>& target,
                                             MarginOptions options = {.margin = 1}) {
  const Tensor<T> apart = where(equal(target, 1), 0, clamp_min(sub(options.margin, x), 0));
  return detail::reduce_loss(add(apart, where(equal(target, -1), 0, x)), options.reduction);
}

/// 1 - cos(a, b) where target is 1, max(0, cos(a, b) - margin) where it is -1. a, b [N, D] or [D]; target [N] or [].
template <class T>
[[nodiscard]] Tensor<T> cosine_embedding_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& target,
                                              MarginOptions options = {}) {
  const Tensor<T> squares = mul(add(sum(square(a), -1), 1e-12), add(sum(square(b), -1), 1e-12));
  const Tensor<T> cosine = div(sum(mul(a, b), -1), sqrt(squares));
  const Tensor<T> together = where(equal(target, 1), sub(1, cosine), 0);
  return detail::reduce_loss(add(together, where(equal(target, -1), clamp_min(sub(cosine, options.margin), 0), 0)),
                             options.reduction);
}

struct TripletOptions {
  double margin = 1;
  double p = 2;
  double eps = 1e-6;
  bool swap = false;  ///< use the distance from positive to negative where it is smaller (Balntas et al. 2016)
  Reduction reduction = Reduction::mean;
};
/// max(0, d(anchor, positive) - d(anchor, negative) + margin), d the pairwise_distance. All [N, D].
template <class T>
[[nodiscard]] Tensor<T> triplet_margin_loss(const Tensor<T>& anchor, const Tensor<T>& positive,
                                            const Tensor<T>& negative, TripletOptions options = {}) {
  const DistanceOptions distance{.p = options.p, .eps = options.eps};
  Tensor<T> far = pairwise_distance(anchor, negative, distance);
  if (options.swap) far = minimum(far, pairwise_distance(positive, negative, distance));
  return detail::reduce_loss(clamp_min(add(sub(pairwise_distance(anchor, positive, distance), far), options.margin), 0),
                             options.reduction);
}

template <class T>
struct MultiMarginOptions {
  int p = 1;
  double margin = 1;
  Tensor<T> weight = {};  ///< [C]: of each target class
  Reduction reduction = Reduction::mean;
};
/// sum_{c != t} max(0, margin - x_t + x_c)^p / C for each row. x [N, C], target [N].
template <class T>
[[nodiscard]] Tensor<T> multi_margin_loss(const Tensor<T>& x, const Tensor<std::int64_t>& target,
                                          const MultiMarginOptions<T>& options = {}) {
  check_rank("multi_margin_loss", "x", x.shape(), 2);
  check_shape("multi_margin_loss", "target", target.shape(), {x.size(0)});
  const Tensor<std::int64_t> t = reshape(target, {-1, 1});
  const Tensor<T> hinge = clamp_min(add(sub(x, gather(x, 1, t)), options.margin), 0);
  const Tensor<bool> own = equal(broadcast_to(t, x.shape()), broadcast_to(arange<std::int64_t>(x.size(1)), x.shape()));
  Tensor<T> loss = where(own, 0, options.p == 1 ? hinge : pow(hinge, options.p));
  if (options.weight.defined()) loss = mul(loss, gather(broadcast_to(options.weight, x.shape()), 1, t));
  return detail::reduce_loss(div(sum(loss, 1), x.size(1)), options.reduction);
}

}  // namespace limn::inline LIMN_ABI
