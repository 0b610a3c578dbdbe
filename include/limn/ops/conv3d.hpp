#pragma once
// conv3d: the sum, over the planes of the kernel, of conv2d on the planes of x they meet.

#include <limn/ops/concat.hpp>
#include <limn/ops/conv2d.hpp>

namespace limn::inline LIMN_ABI {

/// Three numbers, of depth, height and width; one number stands for all.
struct Triple {
  index_t d, h, w;
  constexpr Triple(index_t all) : d(all), h(all), w(all) {}  // NOLINT: .stride = 2 is meant to read so
  constexpr Triple(index_t depth, index_t height, index_t width) : d(depth), h(height), w(width) {}
};

struct Conv3dOptions {
  Triple stride = 1;
  Triple padding = 0;
  Triple dilation = 1;
  index_t groups = 1;
  bool same = false;  ///< as much padding as keeps the size (stride 1); an odd unit goes to the end
};

/// x [N, C, D, H, W], w [O, C / groups, kd, kh, kw], b [O] or undefined -> [N, O, OD, OH, OW], extents as in conv2d.
template <class T>
[[nodiscard]] Tensor<T> conv3d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                               const Conv3dOptions& options = {}) {
  check_rank("conv3d", "x", x.shape(), 5);
  check_rank("conv3d", "w", w.shape(), 5);
  const index_t reach = options.dilation.d * (w.size(2) - 1), stride = options.stride.d;
  if (stride < 1 || options.dilation.d < 1)
    fail("conv3d", "stride ", stride, " and dilation ", options.dilation.d, " must be at least 1");
  if (options.same && stride != 1) fail("conv3d", "padding 'same' needs stride 1, got ", stride);
  const index_t before = options.same ? reach / 2 : options.padding.d,
                after = options.same ? reach - before : options.padding.d;
  const index_t room = x.size(2) + before + after - reach - 1;
  if (before < 0 || room < 0 || w.size(2) < 1)
    fail("conv3d", "the kernel of w ", w.shape(), " with dilation ", options.dilation.d, " is larger than x ",
         x.shape(), " with padding ", before);
  const index_t depth = room / stride + 1, batch = x.size(0);
  const Conv2dOptions plane{.stride = {options.stride.h, options.stride.w},
                            .padding = {options.padding.h, options.padding.w},
                            .dilation = {options.dilation.h, options.dilation.w},
                            .groups = options.groups,
                            .same = options.same};

  const Tensor<T> padded = permute(pad_axis(x, 2, before, after), {0, 2, 1, 3, 4});  // [N, D, C, H, W]
  Tensor<T> sum;
  for (index_t i = 0; i < w.size(2); ++i) {
    const index_t first = i * options.dilation.d;
    const Tensor<T> met = slice(padded, 1, first, first + (depth - 1) * stride + 1, stride);
    const Tensor<T> images = reshape(met, {batch * depth, x.size(1), x.size(3), x.size(4)});
    const Tensor<T> part = conv2d(images, select(w, 2, i), i == 0 ? b : Tensor<T>(), plane);
    sum = sum.defined() ? sum + part : part;
  }
  return permute(reshape(sum, {batch, depth, w.size(0), sum.size(2), sum.size(3)}), {0, 2, 1, 3, 4});
}

}  // namespace limn::inline LIMN_ABI
