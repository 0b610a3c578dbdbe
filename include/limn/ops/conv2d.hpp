#pragma once
// conv2d and conv_transpose2d. Convolution, its data gradient and its weight gradient are three operations closed under
// differentiation, so every order of gradient exists.

#include <limn/ops/arithmetic.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/ops/view.hpp>
#include <limn_kernels/conv2d.hpp>

namespace limn::inline LIMN_ABI {

/// Two numbers, of the vertical and the horizontal axis; one number stands for both.
struct Pair {
  index_t h, w;
  constexpr Pair(index_t both) : h(both), w(both) {}  // NOLINT: .stride = 2 is meant to read so
  constexpr Pair(index_t vertical, index_t horizontal) : h(vertical), w(horizontal) {}
  friend constexpr bool operator==(const Pair&, const Pair&) = default;
};
inline std::ostream& operator<<(std::ostream& out, const Pair& p) { return out << '(' << p.h << ", " << p.w << ')'; }

struct Conv2dOptions {
  Pair stride = 1;
  Pair padding =
      0;  ///< zeros at the top and the left, and at the bottom and the right unless padding_end says otherwise
  Pair dilation = 1;
  index_t groups = 1;
  Pair padding_end = -1;  ///< zeros at the bottom and the right; negative: as padding
  bool same = false;  ///< as much padding as keeps the size (stride 1); an odd unit goes to the bottom and the right
  /// Whether 3 x 3 kernels may use Winograd's algorithm (float on the CPU; docs/decisions/0007-winograd.md).
  kernels::Winograd winograd = kernels::default_winograd();
};

struct ConvTranspose2dOptions {
  Pair stride = 1;
  Pair padding = 0;         ///< rows and columns taken off each side of the full result
  Pair output_padding = 0;  ///< rows at the bottom and columns at the right added to the result
  index_t groups = 1;
  Pair dilation = 1;
  kernels::Winograd winograd = kernels::default_winograd();  ///< as in Conv2dOptions
};

namespace detail {

template <class T>
[[nodiscard]] Tensor<T> conv2d_forward(const kernels::Conv2dShape& s, const Tensor<T>& x, const Tensor<T>& w,
                                       const Tensor<T>& b, const kernels::PackedConv2d<T>* prepared = nullptr);
template <class T>
[[nodiscard]] Tensor<T> conv2d_data_gradient(const kernels::Conv2dShape& s, const Tensor<T>& dy, const Tensor<T>& w);
template <class T>
[[nodiscard]] Tensor<T> conv2d_weight_gradient(const kernels::Conv2dShape& s, const Tensor<T>& x, const Tensor<T>& dy);

template <class T>
Tensor<T> conv2d_forward(const kernels::Conv2dShape& s, const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b,
                         const kernels::PackedConv2d<T>* prepared) {
  Tensor<T> y({s.n, s.oc, s.oh, s.ow}, x.device());
  kernels::conv2d_forward(x.device(), s, packed(x).data(), packed(w).data(), b.defined() ? packed(b).data() : nullptr,
                          y.data(), {}, prepared);

  return record("conv2d", y, {x, w, b}, [s, x, w, b](const Tensor<T>& dy) -> Grads<T> {
    Grads<T> d(3);
    if (x.requires_grad()) d[0] = conv2d_data_gradient(s, dy, w);
    if (w.requires_grad()) d[1] = conv2d_weight_gradient(s, x, dy);
    if (b.requires_grad()) d[2] = reshape(sum_to(dy, {1, s.oc, 1, 1}), {s.oc});
    return d;
  });
}

template <class T>
Tensor<T> conv2d_data_gradient(const kernels::Conv2dShape& s, const Tensor<T>& dy, const Tensor<T>& w) {
  Tensor<T> dx({s.n, s.c, s.h, s.w}, dy.device());
  kernels::conv2d_data_gradient(dy.device(), s, packed(dy).data(), packed(w).data(), dx.data());

  return record("conv2d_data_gradient", dx, {dy, w}, [s, dy, w](const Tensor<T>& g) -> Grads<T> {
    Grads<T> d(2);
    if (dy.requires_grad()) d[0] = conv2d_forward(s, g, w, Tensor<T>());
    if (w.requires_grad()) d[1] = conv2d_weight_gradient(s, g, dy);
    return d;
  });
}

template <class T>
Tensor<T> conv2d_weight_gradient(const kernels::Conv2dShape& s, const Tensor<T>& x, const Tensor<T>& dy) {
  Tensor<T> dw({s.oc, s.channels(), s.kh, s.kw}, x.device());
  kernels::conv2d_weight_gradient(x.device(), s, packed(x).data(), packed(dy).data(), dw.data());

  return record("conv2d_weight_gradient", dw, {x, dy}, [s, x, dy](const Tensor<T>& g) -> Grads<T> {
    Grads<T> d(2);
    if (x.requires_grad()) d[0] = conv2d_data_gradient(s, dy, g);
    if (dy.requires_grad()) d[1] = conv2d_forward(s, x, g, Tensor<T>());
    return d;
  });
}

inline void check_conv_options(const char* op, Pair stride, Pair dilation, index_t groups) {
  if (stride.h < 1 || stride.w < 1) fail(op, "stride ", stride, " must be at least 1");
  if (dilation.h < 1 || dilation.w < 1) fail(op, "dilation ", dilation, " must be at least 1");
  if (groups < 1) fail(op, "groups=", groups, " must be at least 1");
}

}  // namespace detail

namespace detail {
/// What prepared weights depend on; the image does not matter.
template <class T>
[[nodiscard]] kernels::Conv2dShape conv2d_weights_shape(const Tensor<T>& w, const Conv2dOptions& options) {
  return {.n = 0,
          .c = w.size(1) * options.groups,
          .h = 0,
          .w = 0,
          .oc = w.size(0),
          .kh = w.size(2),
          .kw = w.size(3),
          .oh = 0,
          .ow = 0,
          .stride_h = options.stride.h,
          .stride_w = options.stride.w,
          .dilation_h = options.dilation.h,
          .dilation_w = options.dilation.w,
          .groups = options.groups,
          .winograd = options.winograd};
}

/// Checks what conv2d is called with.
template <class T>
[[nodiscard]] kernels::Conv2dShape conv2d_shape(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b,
                                                const Conv2dOptions& options) {
  check_rank("conv2d", "x", x.shape(), 4);
  check_rank("conv2d", "w", w.shape(), 4);
  check_conv_options("conv2d", options.stride, options.dilation, options.groups);
  const index_t groups = options.groups;
  if (x.size(1) != w.size(1) * groups)
    fail("conv2d", "x has ", x.size(1), " channels ", x.shape(), " but w ", w.shape(), " with groups=", groups,
         " wants ", w.size(1) * groups);
  if (w.size(0) % groups != 0)
    fail("conv2d", "w ", w.shape(), " has ", w.size(0), " outputs, which groups=", groups, " does not divide");
  if (b.defined()) check_shape("conv2d", "b", b.shape(), {w.size(0)});

  Pair start = options.padding, end = options.padding_end.h < 0 ? options.padding : options.padding_end;
  const index_t reach_h = options.dilation.h * (w.size(2) - 1), reach_w = options.dilation.w * (w.size(3) - 1);
  if (options.same) {
    if (!(options.stride == Pair(1))) fail("conv2d", "padding 'same' needs stride 1, got ", options.stride);
    start = {reach_h / 2, reach_w / 2};
    end = {reach_h - start.h, reach_w - start.w};
  }
  if (start.h < 0 || start.w < 0 || end.w < 0) fail("conv2d", "padding ", start, " must not be negative");
  const index_t room_h = x.size(2) + start.h + end.h - reach_h - 1, room_w = x.size(3) + start.w + end.w - reach_w - 1;
  if (room_h < 0 || room_w < 0 || w.size(2) < 1 || w.size(3) < 1)
    fail("conv2d", "the kernel of w ", w.shape(), " with dilation ", options.dilation, " is larger than x ", x.shape(),
         " with padding ", start);
  return {x.size(0),
          x.size(1),
          x.size(2),
          x.size(3),
          w.size(0),
          w.size(2),
          w.size(3),
          room_h / options.stride.h + 1,
          room_w / options.stride.w + 1,
          options.stride.h,
          options.stride.w,
          start.h,
          start.w,
          options.dilation.h,
          options.dilation.w,
          groups,
          options.winograd};
}
}  // namespace detail

/// y[n, o, oy, ox] = b[o] + sum over c, i, j of w[o, c, i, j] x[n, c, oy stride + i dilation - padding, ...]
/// (cross-correlation). x [N, C, H, W], w [O, C / groups, kh, kw], b [O] or undefined -> [N, O, OH, OW], OH = (H +
/// padding + padding_end - dilation (kh - 1) - 1) / stride + 1, rounded down. `prepared`, if any, was made of these
/// weights with these options and saves time; the result is the same.
template <class T>
[[nodiscard]] Tensor<T> conv2d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                               const Conv2dOptions& options = {}, const kernels::PackedConv2d<T>* prepared = nullptr) {
  return detail::conv2d_forward(detail::conv2d_shape(x, w, b, options), x, w, b, prepared);
}

/// The transpose of conv2d, as a layer that enlarges. x [N, C, H, W], w [C, O / groups, kh, kw], b [O] or undefined ->
/// [N, O, OH, OW], OH = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
template <class T>
[[nodiscard]] Tensor<T> conv_transpose2d(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {},
                                         const ConvTranspose2dOptions& options = {}) {
  const char* op = "conv_transpose2d";
  check_rank(op, "x", x.shape(), 4);
  check_rank(op, "w", w.shape(), 4);
  detail::check_conv_options(op, options.stride, options.dilation, options.groups);
  if (x.size(1) != w.size(0))
    fail(op, "x has ", x.size(1), " channels ", x.shape(), " but w ", w.shape(), " wants ", w.size(0));
  if (x.size(1) % options.groups != 0)
    fail(op, "x ", x.shape(), " has ", x.size(1), " channels, which groups=", options.groups, " does not divide");
  const Pair extra = options.output_padding;
  if (extra.h < 0 || extra.w < 0 || (extra.h >= options.stride.h && extra.h >= options.dilation.h) ||
      (extra.w >= options.stride.w && extra.w >= options.dilation.w))
    fail(op, "output_padding ", extra, " must be smaller than stride ", options.stride, " or dilation ",
         options.dilation);
  const index_t outputs = w.size(1) * options.groups;
  if (b.defined()) check_shape(op, "b", b.shape(), {outputs});
  const index_t oh =
      (x.size(2) - 1) * options.stride.h - 2 * options.padding.h + options.dilation.h * (w.size(2) - 1) + extra.h + 1;
  const index_t ow =
      (x.size(3) - 1) * options.stride.w - 2 * options.padding.w + options.dilation.w * (w.size(3) - 1) + extra.w + 1;
  if (oh < 1 || ow < 1)
    fail(op, "x ", x.shape(), " and w ", w.shape(), " with padding ", options.padding, " leave no output");

  const kernels::Conv2dShape s{x.size(0),
                               outputs,
                               oh,
                               ow,
                               x.size(1),
                               w.size(2),
                               w.size(3),
                               x.size(2),
                               x.size(3),
                               options.stride.h,
                               options.stride.w,
                               options.padding.h,
                               options.padding.w,
                               options.dilation.h,
                               options.dilation.w,
                               options.groups,
                               options.winograd};
  const Tensor<T> y = detail::conv2d_data_gradient(s, x, w);
  return b.defined() ? y + reshape(b, {1, outputs, 1, 1}) : y;
}

}  // namespace limn::inline LIMN_ABI
