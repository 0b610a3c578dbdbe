#pragma once
// cross_entropy and nll_loss: class indices or class probabilities, weights, ignored positions, label smoothing.

#include <limn/ops/gather.hpp>
#include <limn/ops/softmax.hpp>
#include <limn_kernels/cross_entropy.hpp>

namespace limn::inline LIMN_ABI {

/// What a loss returns: one value for each element, their mean, or their sum.
enum class Reduction { none, mean, sum };

template <class T>
struct CrossEntropyOptions {
  Tensor<T> weight = {};             ///< [C]: how much each class counts; undefined: all 1
  std::int64_t ignore_index = -100;  ///< positions with this target count nothing
  double label_smoothing = 0;        ///< this much of each target is spread evenly over all classes
  Reduction reduction =
      Reduction::mean;  ///< mean divides by the weights of the targets that count (by positions for probabilities)
};

namespace detail {

template <class T>
[[nodiscard]] Tensor<T> reduce_loss(const Tensor<T>& loss, Reduction reduction) {
  if (reduction == Reduction::none) return loss;
  return reduction == Reduction::sum ? sum(loss) : mean(loss);
}

/// x [N, C, d...] or [C] as [N, C, d], and the shape of its targets.
struct ClassShape {
  kernels::CrossEntropyShape kernel;
  Shape target;
};
[[nodiscard]] inline ClassShape class_shape(const char* op, const Shape& x) {
  if (x.rank() == 0) fail(op, "x has no class dimension");
  const index_t axis = x.rank() == 1 ? 0 : 1;
  ClassShape c;
  for (index_t i = 0; i < x.rank(); ++i) {
    if (i < axis)
      c.kernel.outer *= x[i];
    else if (i == axis)
      c.kernel.classes = x[i];
    else
      c.kernel.inner *= x[i];
    if (i != axis) c.target.push_back(x[i]);
  }
  return c;
}

template <class T>
void check_classes(const char* op, const ClassShape& c, const Tensor<std::int64_t>& target, const Tensor<T>& weight,
                   std::int64_t ignore_index) {
  check_shape(op, "target", target.shape(), c.target);
  if (weight.defined()) check_shape(op, "weight", weight.shape(), {c.kernel.classes});
  index_t position = 0;
  for (const std::int64_t t : to_vector(target)) {
    if (t != ignore_index && (t < 0 || t >= c.kernel.classes))
      fail(op, "target ", t, " at position ", position, " is out of range for ", c.kernel.classes, " classes");
    ++position;
  }
}

/// The weights of the targets, 0 where ignored, in the shape of the targets and where they are.
template <class T>
[[nodiscard]] Tensor<T> target_weights(const Tensor<std::int64_t>& target, const Tensor<T>& weight,
                                       std::int64_t ignore_index) {
  Tensor<T> w(target.shape());
  const Tensor<std::int64_t> classes = to(packed(target), cpu_device);
  const Tensor<T> of_class = weight.defined() ? to(packed(weight), cpu_device) : weight;
  for (index_t i = 0; i < target.numel(); ++i) {
    const std::int64_t t = classes.data()[i];
    w.data()[i] = t == ignore_index ? T(0.f) : of_class.defined() ? of_class.data()[t] : T(1.f);
  }
  return to(w, target.device());
}

/// -w_t log_p[t] for each position, 0 where ignored. log_p [N, C, d], w [N, d].
template <class T>
[[nodiscard]] Tensor<T> picked(const Tensor<T>& log_p, const Tensor<std::int64_t>& target, const Tensor<T>& w,
                               std::int64_t ignore_index) {
  const Tensor<std::int64_t> inside = where(equal(target, ignore_index), 0, target);
  const Tensor<T> chosen = reshape(gather(log_p, 1, reshape(inside, {log_p.size(0), 1, log_p.size(2)})), w.shape());
  return where(equal(target, ignore_index), 0, neg(mul(chosen, w)));
}

/// Every position's loss; log-softmax and gradient fused.
template <class T>
[[nodiscard]] Tensor<T> cross_entropy_positions(const Tensor<T>& x, const ClassShape& c,
                                                const Tensor<std::int64_t>& target,
                                                const CrossEntropyOptions<T>& options) {
  const Tensor<T> source = packed(x),
                  weight = options.weight.defined() ? to(packed(options.weight), x.device()) : options.weight;
  const kernels::CrossEntropyParameters<T> parameters{weight.data(), options.ignore_index, options.label_smoothing};
  Tensor<T> y(c.target, x.device()), normaliser({y.numel(), 2}, x.device());
  kernels::cross_entropy_forward(x.device(), c.kernel, parameters, source.data(), target.data(), y.data(),
                                 normaliser.data());

  return record(
      "cross_entropy", y, {x},
      [x, source, c, target, weight, parameters, options, normaliser](const Tensor<T>& dy) -> Grads<T> {
        if (!grad_enabled()) {
          Tensor<T> dx(x.shape(), x.device());
          kernels::cross_entropy_backward(x.device(), c.kernel, parameters, source.data(), target.data(),
                                          normaliser.data(), packed(dy).data(), dx.data());
          return {dx};
        }
        return composite_backward(
            [&](const std::vector<Tensor<T>>& in) {
              const auto [outer, classes, inner] = c.kernel;
              const Tensor<T> log_p = log_softmax(reshape(in[0], {outer, classes, inner}), 1);
              const Tensor<std::int64_t> t = reshape(target, {outer, inner});
              const Tensor<T> hard =
                  picked(log_p, t, target_weights(t, weight, options.ignore_index), options.ignore_index);
              const Tensor<T> w = weight.defined() ? reshape(weight, {classes, 1}) : ones<T>({classes, 1}, x.device());
              const Tensor<T> even = where(equal(t, options.ignore_index), 0, neg(sum(mul(log_p, w), 1)));
              const double e = options.label_smoothing;
              return reshape(add(mul(hard, 1 - e), mul(even, e / static_cast<double>(classes))), c.target);
            },
            {x}, dy);
      });
}

/// sum(cross_entropy_positions(...)) / total (on the CPU), recorded as one operation. The gradient for dy = 1 is made
/// with the loss, while a row of logits is in the cache; backward scales it where dy is another number. It is handed
/// out once; a second walk over the graph computes it anew.
template <class T>
[[nodiscard]] Tensor<T> cross_entropy_total(const Tensor<T>& x, const ClassShape& c, const Tensor<std::int64_t>& target,
                                            const CrossEntropyOptions<T>& options, const Tensor<T>& total) {
  const Tensor<T> source = packed(x),
                  weight = options.weight.defined() ? to(packed(options.weight), x.device()) : options.weight;
  const kernels::CrossEntropyParameters<T> parameters{weight.data(), options.ignore_index, options.label_smoothing};
  Tensor<T> loss(c.target, x.device()), normaliser({loss.numel(), 2}, x.device()), dx(x.shape(), x.device());
  kernels::cross_entropy_with_gradient(x.device(), c.kernel, parameters, source.data(), target.data(),
                                       T(1) / total.item(), loss.data(), normaliser.data(), dx.data());
  const auto made = std::make_shared<Tensor<T>>(dx);

  return record(
      "cross_entropy", div(sum(loss), to(total, x.device())), {x},
      [x, source, c, target, weight, parameters, options, total, normaliser, made](const Tensor<T>& dy) -> Grads<T> {
        if (grad_enabled())
          return composite_backward(
              [&](const std::vector<Tensor<T>>& in) {
                return div(sum(cross_entropy_positions(in[0], c, target, options)), to(total, x.device()));
              },
              {x}, dy);
        Tensor<T> gradient = std::exchange(*made, Tensor<T>());
        if (!gradient.defined()) {
          gradient = Tensor<T>(x.shape(), x.device());
          const Tensor<T> dloss = full<T>(c.target, T(1) / total.item(), x.device());
          kernels::cross_entropy_backward(x.device(), c.kernel, parameters, source.data(), target.data(),
                                          normaliser.data(), dloss.data(), gradient.data());
        }
        const bool as_made = dy.device() == cpu_device && dy.item() == T(1);  // to ask a GPU would be to wait for it
        return {as_made ? gradient : mul(gradient, dy)};
      });
}

}  // namespace detail

/// The cross-entropy of softmax(x) against class indices. x [N, C, d...] or [C]: logits; target [N, d...] or []:
/// indices, on x's device or on the CPU. With Reduction::none the result has the shape of target.
template <class T>
[[nodiscard]] Tensor<T> cross_entropy(const Tensor<T>& x, const Tensor<std::int64_t>& target,
                                      const CrossEntropyOptions<T>& options = {}) {
  if constexpr (is_half<T>) {
    return cast<T>(cross_entropy(cast<float>(x), target,
                                 {options.weight.defined() ? cast<float>(options.weight) : Tensor<float>(),
                                  options.ignore_index, options.label_smoothing, options.reduction}));
  } else {
    const detail::ClassShape c = detail::class_shape("cross_entropy", x.shape());
    const Tensor<std::int64_t> given = to(detail::packed(target), cpu_device), t = to(given, x.device());
    detail::check_classes("cross_entropy", c, given, options.weight, options.ignore_index);
    if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
      fail("cross_entropy", "label_smoothing = ", options.label_smoothing, " is not in [0, 1]");

    if (options.reduction == Reduction::none) return detail::cross_entropy_positions(x, c, t, options);
    const Tensor<T> total = options.reduction == Reduction::sum
                                ? ones<T>({})
                                : sum(detail::target_weights(given, options.weight, options.ignore_index));
    if (grad_enabled() && x.requires_grad()) return detail::cross_entropy_total(x, c, t, options, total);
    return div(sum(detail::cross_entropy_positions(x, c, t, options)), to(total, x.device()));
  }
}

/// The same against class probabilities: target has the shape of x and may carry a gradient.
template <class T>
[[nodiscard]] Tensor<T> cross_entropy(const Tensor<T>& x, const Tensor<T>& target,
                                      const CrossEntropyOptions<T>& options = {}) {
  const detail::ClassShape c = detail::class_shape("cross_entropy", x.shape());
  check_shape("cross_entropy", "target", target.shape(), x.shape());
  const index_t axis = x.rank() == 1 ? 0 : 1;
  const double e = options.label_smoothing, classes = static_cast<double>(c.kernel.classes);
  const Tensor<T> smooth = e > 0 ? add(mul(target, 1 - e), e / classes) : target;
  Tensor<T> terms = mul(smooth, log_softmax(x, axis));
  if (options.weight.defined()) {
    check_shape("cross_entropy", "weight", options.weight.shape(), {c.kernel.classes});
    Shape along(x.shape());
    for (index_t i = 0; i < along.rank(); ++i) along[i] = i == axis ? c.kernel.classes : 1;
    terms = mul(terms, reshape(options.weight, along));
  }
  return detail::reduce_loss(neg(sum(terms, axis)), options.reduction);
}

template <class T>
struct NllOptions {
  Tensor<T> weight = {};  ///< [C]
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
};

/// -w_t log_p[t]: cross_entropy without the softmax. log_p [N, C, d...] or [C].
template <class T>
[[nodiscard]] Tensor<T> nll_loss(const Tensor<T>& log_p, const Tensor<std::int64_t>& target,
                                 const NllOptions<T>& options = {}) {
  const detail::ClassShape c = detail::class_shape("nll_loss", log_p.shape());
  const Tensor<std::int64_t> packed = detail::packed(target);
  detail::check_classes("nll_loss", c, packed, options.weight, options.ignore_index);
  const Tensor<std::int64_t> t = reshape(packed, {c.kernel.outer, c.kernel.inner});
  const Tensor<T> w = detail::target_weights(t, options.weight, options.ignore_index);

  const Tensor<T> loss =
      detail::picked(reshape(log_p, {c.kernel.outer, c.kernel.classes, c.kernel.inner}), t, w, options.ignore_index);

  if (options.reduction == Reduction::none) return reshape(loss, c.target);
  return options.reduction == Reduction::sum ? sum(loss) : div(sum(loss), sum(w));
}

}  // namespace limn::inline LIMN_ABI
