#pragma once
// BatchNorm2d (BatchNorm1d differs in name alone), LayerNorm, GroupNorm: normalisation layers with PyTorch's names.

#include <limn/nn/init.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/norm.hpp>

namespace limn::inline LIMN_ABI::nn {

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  ///< share of the new batch in the running statistics
  bool affine = true;
  bool track_running_stats = true;
};

/// limn::batch_norm with its parameters and running statistics, over each channel of x [N, C] or [N, C, ...].
template <class T = float>
struct BatchNorm2d {
  Tensor<T> weight, bias;               ///< [C]; undefined when not affine
  Tensor<T> running_mean, running_var;  ///< [C]; undefined when not tracked
  Tensor<std::int64_t> num_batches_tracked;
  BatchNormOptions options;
  bool training = true;

  BatchNorm2d() = default;
  explicit BatchNorm2d(index_t channels, BatchNormOptions chosen = {}) : options(chosen) {
    if (options.affine) {
      weight = parameter(ones<T>({channels}));
      bias = parameter(zeros<T>({channels}));
    }
    if (options.track_running_stats) {
      running_mean = zeros<T>({channels});
      running_var = ones<T>({channels});
      num_batches_tracked = zeros<std::int64_t>({});
    }
  }
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
    visit("running_mean", running_mean);
    visit("running_var", running_var);
    visit("num_batches_tracked", num_batches_tracked);
  }
  /// In training the statistics are the batch's and the running ones follow them; else the running ones serve.
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    if (training && num_batches_tracked.defined())
      copy_into(full<std::int64_t>({}, num_batches_tracked.item() + 1, num_batches_tracked.device()),
                num_batches_tracked);
    const bool from_batch = training || !running_mean.defined();
    return batch_norm(x, weight, bias, running_mean, running_var,
                      {.training = from_batch, .momentum = options.momentum, .eps = options.eps});
  }
};
template <class T = float>
using BatchNorm1d = BatchNorm2d<T>;

/// limn::layer_norm over the last axes, of the given extents.
template <class T = float>
struct LayerNorm {
  Tensor<T> weight, bias;  ///< [normalized_shape]
  Dims normalized_shape;
  LayerNormOptions options;

  LayerNorm() = default;
  explicit LayerNorm(const Dims& shape, LayerNormOptions chosen = {})
      : weight(parameter(ones<T>(Shape(shape)))),
        bias(parameter(zeros<T>(Shape(shape)))),
        normalized_shape(shape),
        options(chosen) {}
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const {
    return layer_norm(x, normalized_shape, weight, bias, options);
  }
};

/// limn::group_norm.
template <class T = float>
struct GroupNorm {
  Tensor<T> weight, bias;  ///< [channels]
  index_t groups = 1;
  GroupNormOptions options;

  GroupNorm() = default;
  GroupNorm(index_t group_count, index_t channels, GroupNormOptions chosen = {})
      : weight(parameter(ones<T>({channels}))),
        bias(parameter(zeros<T>({channels}))),
        groups(group_count),
        options(chosen) {}
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
  [[nodiscard]] Tensor<T> operator()(const Tensor<T>& x) const { return group_norm(x, groups, weight, bias, options); }
};

}  // namespace limn::inline LIMN_ABI::nn
