#pragma once
// batch_norm, layer_norm, group_norm, instance_norm, rms_norm. (The norm of a tensor, a number, is in distance.hpp.)

#include <limn/ops/reduce.hpp>
#include <limn_kernels/norm.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

template <class T>
[[nodiscard]] Tensor<T> packed_or_null(const Tensor<T>& x) {
  return x.defined() ? packed(x) : x;
}

/// x times weight plus bias, each where defined.
template <class T>
[[nodiscard]] Tensor<T> affine(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias) {
  const Tensor<T> scaled = weight.defined() ? mul(x, weight) : x;
  return bias.defined() ? add(scaled, bias) : scaled;
}

/// (x - mean) / sqrt(variance + eps) over axes, in differentiable operations.
template <class T>
[[nodiscard]] Tensor<T> standardised(const Tensor<T>& x, const Dims& axes, double eps) {
  const Tensor<T> centred = sub(x, mean(x, axes, {.keepdim = true}));
  return mul(centred, rsqrt(add(mean(square(centred), axes, {.keepdim = true}), eps)));
}

/// v [C] as [C, 1, ...], to broadcast over x [N, C, ...]; undefined stays so.
template <class T>
[[nodiscard]] Tensor<T> by_channel(const Tensor<T>& v, const Shape& x) {
  if (!v.defined()) return v;
  Dims shape{x[1]};
  for (index_t i = 2; i < x.rank(); ++i) shape.push_back(1);
  return reshape(v, shape);
}

inline void check_channels(const char* op, const Shape& x) {
  if (x.rank() < 2) fail(op, "x has shape ", x, " but must be [N, C, ...]");
}
template <class T>
void check_parameter(const char* op, const char* name, const Tensor<T>& v, const Shape& wanted) {
  if (v.defined()) check_shape(op, name, v.shape(), wanted);
}

/// Moves a running statistic towards that of the batch, in place.
template <class T>
void follow(const Tensor<T>& running, const Tensor<double>& batch, double momentum) {
  copy_into(add(mul(copy_as<double>(running), 1 - momentum), mul(batch, momentum)), running);
}

}  // namespace detail

struct LayerNormOptions {
  double eps = 1e-5;
};

/// Every slice of x over its last dimensions, which are `normalized_shape`, brought to mean 0 and variance 1 (the mean
/// square deviation, plus eps), times weight, plus bias. weight and bias: [normalized_shape], or undefined.
template <class T>
[[nodiscard]] Tensor<T> layer_norm(const Tensor<T>& x, const Dims& normalized_shape, const Tensor<T>& weight = {},
                                   const Tensor<T>& bias = {}, LayerNormOptions options = {}) {
  if constexpr (is_half<T>) {
    const auto wide = [](const Tensor<T>& v) { return v.defined() ? cast<float>(v) : Tensor<float>(); };
    return cast<T>(layer_norm(cast<float>(x), normalized_shape, wide(weight), wide(bias), options));
  } else {
    const Shape slice(normalized_shape);
    bool fits = slice.rank() <= x.rank() && slice.rank() > 0;
    for (index_t i = 1; fits && i <= slice.rank(); ++i) fits = slice[-i] == x.size(-i);
    if (!fits) fail("layer_norm", "x of shape ", x.shape(), " does not end in ", slice);
    detail::check_parameter("layer_norm", "weight", weight, slice);
    detail::check_parameter("layer_norm", "bias", bias, slice);
    const kernels::RowNormShape s{slice.numel() > 0 ? x.numel() / slice.numel() : 0, slice.numel()};

    const Tensor<T> source = detail::packed(x), w = detail::packed_or_null(weight), b = detail::packed_or_null(bias);
    Tensor<T> y(x.shape(), x.device());
    Tensor<double> mean({s.rows}, x.device()), rstd({s.rows}, x.device());
    kernels::layer_norm_forward(x.device(), s, options.eps, source.data(), w.data(), b.data(), y.data(), mean.data(),
                                rstd.data());

    return record("layer_norm", y, {x, weight, bias},
                  [x, weight, bias, source, w, s, slice, options, mean, rstd](const Tensor<T>& dy) -> Grads<T> {
                    if (grad_enabled()) {
                      Dims axes;
                      for (index_t i = 1; i <= slice.rank(); ++i) axes.push_back(-i);
                      return composite_backward(
                          [&](const std::vector<Tensor<T>>& in) {
                            return detail::affine(detail::standardised(in[0], axes, options.eps), in[1], in[2]);
                          },
                          {x, weight, bias}, dy);
                    }
                    Tensor<T> dx(dy.shape(), dy.device()), dw, db;
                    if (weight.requires_grad()) dw = Tensor<T>(slice, dy.device());
                    if (bias.requires_grad()) db = Tensor<T>(slice, dy.device());
                    kernels::layer_norm_backward(dy.device(), s, source.data(), w.data(), mean.data(), rstd.data(),
                                                 detail::packed(dy).data(), dx.data(), dw.data(), db.data());
                    return {dx, dw, db};
                  });
  }
}

struct GroupNormOptions {
  double eps = 1e-5;
};

/// x [N, C, ...]: the C channels in `groups` equal groups; each group of each item is brought to mean 0 and variance 1,
/// then every channel times weight [C] plus bias [C] (either undefined).
template <class T>
[[nodiscard]] Tensor<T> group_norm(const Tensor<T>& x, index_t groups, const Tensor<T>& weight = {},
                                   const Tensor<T>& bias = {}, GroupNormOptions options = {}) {
  detail::check_channels("group_norm", x.shape());
  const index_t channels = x.size(1);
  if (groups < 1 || channels % groups != 0)
    fail("group_norm", channels, " channels cannot be split into ", groups, " groups");
  detail::check_parameter("group_norm", "weight", weight, {channels});
  detail::check_parameter("group_norm", "bias", bias, {channels});
  const index_t rows = x.size(0) * groups, length = rows > 0 ? x.numel() / rows : 0;
  const Tensor<T> y =
      reshape(layer_norm(reshape(x, {rows, length}), {length}, {}, {}, {.eps = options.eps}), x.shape());
  return detail::affine(y, detail::by_channel(weight, x.shape()), detail::by_channel(bias, x.shape()));
}

struct BatchNormOptions {
  bool training = false;  ///< use (and fold into the running statistics) those of the batch
  double momentum = 0.1;  ///< the share of the batch in the new running statistics
  double eps = 1e-5;
};

/// x [N, C, ...] (or [N, C]): each channel brought to mean 0 and variance 1 over the batch, times weight [C], plus bias
/// [C] (either undefined). When training, or without running statistics, mean and variance are those of the batch; when
/// training, the running ones are updated in place: new = (1 - momentum) old + momentum batch, the variance there with
/// divisor count - 1. Otherwise the running statistics are used.
template <class T>
[[nodiscard]] Tensor<T> batch_norm(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                                   const Tensor<T>& running_mean, const Tensor<T>& running_var,
                                   BatchNormOptions options = {}) {
  static_assert(!is_half<T>, "batch_norm wants float or double: cast first, running statistics need the precision");
  detail::check_channels("batch_norm", x.shape());
  const index_t channels = x.size(1);
  const Shape per_channel{channels};
  detail::check_parameter("batch_norm", "weight", weight, per_channel);
  detail::check_parameter("batch_norm", "bias", bias, per_channel);
  detail::check_parameter("batch_norm", "running_mean", running_mean, per_channel);
  detail::check_parameter("batch_norm", "running_var", running_var, per_channel);
  if (running_mean.defined() != running_var.defined())
    fail("batch_norm", "needs both running_mean and running_var, or neither");
  const bool of_batch = options.training || !running_mean.defined();
  const index_t count = channels > 0 ? x.numel() / channels : 0;
  if (of_batch && count < 2)
    fail("batch_norm", "x of shape ", x.shape(), " has ", count, " values a channel; the batch statistics need 2");
  const kernels::ChannelNormShape s{x.size(0), channels, x.size(0) > 0 && channels > 0 ? count / x.size(0) : 0};

  const Tensor<T> source = detail::packed(x), w = detail::packed_or_null(weight), b = detail::packed_or_null(bias);
  Tensor<double> mean, variance;
  if (of_batch) {
    mean = Tensor<double>(per_channel, x.device());
    variance = Tensor<double>(per_channel, x.device());
    kernels::channel_moments(x.device(), s, source.data(), mean.data(), variance.data());
    if (options.training && running_mean.defined()) {
      const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
      detail::follow(running_mean, mean, options.momentum);
      detail::follow(running_var, mul(variance, unbiased), options.momentum);
    }
  } else {
    mean = detail::copy_as<double>(running_mean);
    variance = detail::copy_as<double>(running_var);
  }
  const Tensor<double> rstd = reciprocal(sqrt(add(variance, options.eps)));
  Tensor<T> y(x.shape(), x.device());
  kernels::batch_norm_forward(x.device(), s, source.data(), mean.data(), rstd.data(), w.data(), b.data(), y.data());

  return record("batch_norm", y, {x, weight, bias},
                [x, weight, bias, source, w, s, of_batch, options, mean, rstd](const Tensor<T>& dy) -> Grads<T> {
                  if (grad_enabled())
                    return composite_backward(
                        [&](const std::vector<Tensor<T>>& in) {
                          Dims axes{0};
                          for (index_t i = 2; i < x.rank(); ++i) axes.push_back(i);
                          Tensor<T> unit;
                          if (of_batch) {
                            unit = detail::standardised(in[0], axes, options.eps);
                          } else {
                            const Tensor<T> m = detail::by_channel(cast<T>(mean), x.shape()),
                                            r = detail::by_channel(cast<T>(rstd), x.shape());
                            unit = mul(sub(in[0], m), r);
                          }
                          return detail::affine(unit, detail::by_channel(in[1], x.shape()),
                                                detail::by_channel(in[2], x.shape()));
                        },
                        {x, weight, bias}, dy);
                  Tensor<T> dx(dy.shape(), dy.device()), dw, db;
                  if (weight.requires_grad()) dw = Tensor<T>(weight.shape(), dy.device());
                  if (bias.requires_grad()) db = Tensor<T>(bias.shape(), dy.device());
                  const Tensor<T> d = detail::packed(dy);
                  if (of_batch)
                    kernels::batch_norm_backward(dy.device(), s, source.data(), mean.data(), rstd.data(), w.data(),
                                                 d.data(), dx.data(), dw.data(), db.data());
                  else
                    kernels::batch_norm_backward_constant(dy.device(), s, source.data(), mean.data(), rstd.data(),
                                                          w.data(), d.data(), dx.data(), dw.data(), db.data());
                  return {dx, dw, db};
                });
}

struct InstanceNormOptions {
  bool use_input_stats = true;  ///< false: the running statistics, as batch_norm does
  double momentum = 0.1;
  double eps = 1e-5;
};

/// x [N, C, ...]: each channel of each item brought to mean 0 and variance 1, times weight [C], plus bias [C] (either
/// undefined). Running statistics, where given, take in the mean over the items of each item's own (divisor count - 1).
template <class T>
[[nodiscard]] Tensor<T> instance_norm(const Tensor<T>& x, const Tensor<T>& weight = {}, const Tensor<T>& bias = {},
                                      const Tensor<T>& running_mean = {}, const Tensor<T>& running_var = {},
                                      InstanceNormOptions options = {}) {
  detail::check_channels("instance_norm", x.shape());
  if (!options.use_input_stats) {
    if (!running_mean.defined()) fail("instance_norm", "needs running statistics when it may not use the input's");
    return batch_norm(x, weight, bias, running_mean, running_var, {.training = false, .eps = options.eps});
  }
  const index_t items = x.size(0), channels = x.size(1),
                count = items * channels > 0 ? x.numel() / (items * channels) : 0;
  if (count < 2) fail("instance_norm", "x of shape ", x.shape(), " has ", count, " values an instance; it needs 2");
  if (running_mean.defined()) {
    NoGradGuard no_grad;
    const Tensor<T> flat = reshape(x.detach(), {items, channels, count});
    const Tensor<T> m = mean(mean(flat, 2), 0), v = mean(var(flat, 2), 0);
    copy_into(add(mul(running_mean.detach(), 1 - options.momentum), mul(m, options.momentum)), running_mean);
    copy_into(add(mul(running_var.detach(), 1 - options.momentum), mul(v, options.momentum)), running_var);
  }
  return group_norm(x, channels, weight, bias, {.eps = options.eps});
}

struct RmsNormOptions {
  double eps = 1e-6;
};

/// x / sqrt(mean(x^2) + eps) over the last axis, times weight [D] (or undefined) (Zhang and Sennrich 2019).
template <class T>
[[nodiscard]] Tensor<T> rms_norm(const Tensor<T>& x, const Tensor<T>& weight = {}, RmsNormOptions options = {}) {
  detail::check_parameter("rms_norm", "weight", weight, {x.size(-1)});
  const Tensor<T> unit = mul(x, rsqrt(add(mean(square(x), -1, {.keepdim = true}), options.eps)));
  return weight.defined() ? mul(unit, weight) : unit;
}

}  // namespace limn::inline LIMN_ABI
