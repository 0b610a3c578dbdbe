// The convolutions of the GPU against plain loops in double.

#include <algorithm>

#include <limn_kernels/conv2d.hpp>

#include <cuda/expect.hpp>
#include <support/naive_conv2d.hpp>

namespace limn::test {
namespace {

using kernels::Conv2dShape;

/// The shape with y as large as the rest allows.
Conv2dShape complete(Conv2dShape s, index_t pad_bottom, index_t pad_right) {
  s.oh = (s.h + s.pad_top + pad_bottom - s.dilation_h * (s.kh - 1) - 1) / s.stride_h + 1;
  s.ow = (s.w + s.pad_left + pad_right - s.dilation_w * (s.kw - 1) - 1) / s.stride_w + 1;
  return s;
}

std::vector<Conv2dShape> shapes() {
  return {
      complete(
          {.n = 2, .c = 3, .h = 9, .w = 11, .oc = 5, .kh = 3, .kw = 3, .oh = 0, .ow = 0, .pad_top = 1, .pad_left = 1},
          1, 1),
      complete({.n = 1, .c = 70, .h = 8, .w = 8, .oc = 66, .kh = 1, .kw = 1, .oh = 0, .ow = 0}, 0, 0),
      complete({.n = 2,
                .c = 4,
                .h = 16,
                .w = 12,
                .oc = 130,
                .kh = 7,
                .kw = 5,
                .oh = 0,
                .ow = 0,
                .stride_h = 2,
                .stride_w = 3,
                .pad_top = 3,
                .pad_left = 2},
               2, 0),
      complete({.n = 1,
                .c = 6,
                .h = 13,
                .w = 10,
                .oc = 9,
                .kh = 3,
                .kw = 2,
                .oh = 0,
                .ow = 0,
                .pad_top = 2,
                .pad_left = 1,
                .dilation_h = 2,
                .dilation_w = 3,
                .groups = 3},
               2, 2),
      complete({.n = 3,
                .c = 8,
                .h = 7,
                .w = 7,
                .oc = 8,
                .kh = 3,
                .kw = 3,
                .oh = 0,
                .ow = 0,
                .stride_h = 2,
                .stride_w = 2,
                .pad_top = 1,
                .pad_left = 1,
                .groups = 8},
               1, 1),
      complete(
          {.n = 2, .c = 40, .h = 20, .w = 20, .oc = 4, .kh = 3, .kw = 3, .oh = 0, .ow = 0, .pad_top = 1, .pad_left = 1},
          1, 1),
      complete({.n = 1, .c = 1, .h = 1, .w = 1, .oc = 1, .kh = 1, .kw = 1, .oh = 0, .ow = 0}, 0, 0),
      complete(
          {.n = 2, .c = 2, .h = 6, .w = 6, .oc = 3, .kh = 3, .kw = 3, .oh = 0, .ow = 0, .stride_h = 4, .stride_w = 4},
          0, 0),
  };
}

template <class T>
double close_to(index_t terms) {
  return 2 * tolerance<T> * std::sqrt(static_cast<double>(terms) + 25);
}

TEST_CASE_TEMPLATE("conv2d: padding, strides, dilation, groups; and its data and weight gradients", T, float, double) {
  if (!have_device()) return;
  for (const Conv2dShape& s : shapes()) {
    INFO("c " << s.c << " h " << s.h << " w " << s.w << " oc " << s.oc << " kh " << s.kh << " groups " << s.groups);
    const auto x = values(s.n * s.c * s.h * s.w, 3), weight = values(s.oc * s.field(), 5), bias = values(s.oc, 7),
               dy = values(s.n * s.oc * s.oh * s.ow, 11);
    std::vector<double> y(dy.size()), dx(x.size()), dw(weight.size());
    for_each_product(s, [&](std::size_t in, std::size_t tap, std::size_t out) {
      y[out] += x[in] * weight[tap];
      dx[in] += dy[out] * weight[tap];
      dw[tap] += dy[out] * x[in];
    });
    const Buffer<T> at_x(x), at_weight(weight), at_bias(bias), at_dy(dy);
    expect<T>(y, close_to<T>(s.field()),
              [&](T* to) { kernels::conv2d_forward<T>(under_test, s, at_x.data(), at_weight.data(), nullptr, to); });
    expect<T>(dx, close_to<T>(s.outputs() * s.kh * s.kw),
              [&](T* to) { kernels::conv2d_data_gradient<T>(under_test, s, at_dy.data(), at_weight.data(), to); });
    expect<T>(dw, close_to<T>(s.n * s.oh * s.ow),
              [&](T* to) { kernels::conv2d_weight_gradient<T>(under_test, s, at_x.data(), at_dy.data(), to); });

    std::vector<double> pooled;
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] += bias[i / static_cast<std::size_t>(s.oh * s.ow) % static_cast<std::size_t>(s.oc)];
      y[i] = y[i] > 0 ? y[i] : 0;
    }
    for (index_t plane = 0; plane < s.n * s.oc; ++plane)
      for (index_t oy = 0; oy < s.oh / 2; ++oy)
        for (index_t ox = 0; ox < s.ow / 2; ++ox) {
          const auto corner = static_cast<std::size_t>((plane * s.oh + 2 * oy) * s.ow + 2 * ox);
          const auto below = corner + static_cast<std::size_t>(s.ow);
          pooled.push_back(std::max({y[corner], y[corner + 1], y[below], y[below + 1]}));
        }
    expect<T>(y, close_to<T>(s.field()), [&](T* to) {
      kernels::conv2d_forward<T>(under_test, s, at_x.data(), at_weight.data(), at_bias.data(), to, {.relu = true});
    });
    expect<T>(pooled, close_to<T>(s.field()), [&](T* to) {
      kernels::conv2d_forward<T>(under_test, s, at_x.data(), at_weight.data(), at_bias.data(), to,
                                 {.relu = true, .max_pool = true});
    });
  }
}

TEST_CASE_TEMPLATE("conv2d: no image, no channel, no output", T, float, double) {
  if (!have_device()) return;
  for (const Conv2dShape& s :
       {Conv2dShape{.n = 0, .c = 2, .h = 4, .w = 4, .oc = 3, .kh = 3, .kw = 3, .oh = 2, .ow = 2},
        Conv2dShape{.n = 2, .c = 0, .h = 4, .w = 4, .oc = 3, .kh = 3, .kw = 3, .oh = 2, .ow = 2},
        Conv2dShape{.n = 2, .c = 2, .h = 4, .w = 4, .oc = 0, .kh = 3, .kw = 3, .oh = 2, .ow = 2}}) {
    const auto x = values(s.n * s.c * s.h * s.w, 3), weight = values(s.oc * s.field(), 5), bias = values(s.oc, 7),
               dy = values(s.n * s.oc * s.oh * s.ow, 11);
    const Buffer<T> at_x(x), at_weight(weight), at_bias(bias), at_dy(dy);
    std::vector<double> y;
    for (std::size_t i = 0; i < dy.size(); ++i) y.push_back(bias[i / 4 % bias.size()]);
    expect<T>(y, tolerance<T>, [&](T* to) {
      kernels::conv2d_forward<T>(under_test, s, at_x.data(), at_weight.data(), at_bias.data(), to);
    });
    expect<T>(std::vector<double>(x.size()), 0,
              [&](T* to) { kernels::conv2d_data_gradient<T>(under_test, s, at_dy.data(), at_weight.data(), to); });
    expect<T>(std::vector<double>(weight.size()), 0,
              [&](T* to) { kernels::conv2d_weight_gradient<T>(under_test, s, at_x.data(), at_dy.data(), to); });
  }
}

}  // namespace
}  // namespace limn::test
