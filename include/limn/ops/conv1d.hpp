#pragma once
// conv1d and conv_transpose1d: conv2d on images of height 1.

#include <limn/ops/conv2d.hpp>

namespace limn::inline LIMN_ABI {

struct Conv1dOptions {
  index_t stride = 1;
  index_t padding = 0;
  index_t dilation = 1;
  index_t groups = 1;
  bool same = false;  ///< as much padding as keeps the length (stride 1); an odd unit goes to the right
};

struct ConvTranspose1dOptions {
  index_t stride = 1;
  index_t padding = 0;
  index_t output_padding = 0;
  index_t groups = 1;
  index_t dilation = 1;
};

/// x [N, C, L], w [O, C / groups, k], b [O] or undefined -> [N, O, OL], OL = (L + 2 padding - dilation (k - 1) - 1) /
/// stride + 1, rounded down.
template <class T>
[[nodiscard]] Tensor<T> conv1d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                               const Conv1dOptions& options = {}) {
  check_rank("conv1d", "x", x.shape(), 3);
  check_rank("conv1d", "w", w.shape(), 3);
  const Tensor<T> y = conv2d(unsqueeze(x, 2), unsqueeze(w, 2), b,
                             {.stride = {1, options.stride},
                              .padding = {0, options.padding},
                              .dilation = {1, options.dilation},
                              .groups = options.groups,
                              .same = options.same});
  return squeeze(y, 2);
}

/// x [N, C, L], w [C, O / groups, k], b [O] or undefined -> [N, O, OL],
/// OL = (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.
template <class T>
[[nodiscard]] Tensor<T> conv_transpose1d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                                         const ConvTranspose1dOptions& options = {}) {
  check_rank("conv_transpose1d", "x", x.shape(), 3);
  check_rank("conv_transpose1d", "w", w.shape(), 3);
  const Tensor<T> y = conv_transpose2d(unsqueeze(x, 2), unsqueeze(w, 2), b,
                                       {.stride = {1, options.stride},
                                        .padding = {0, options.padding},
                                        .output_padding = {0, options.output_padding},
                                        .groups = options.groups,
                                        .dilation = {1, options.dilation}});
  return squeeze(y, 2);
}

}  // namespace limn::inline LIMN_ABI
