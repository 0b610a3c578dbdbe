#include "support/op_case.hpp"

#include <limn/ops/conv2d.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

/// The definition, in double, over explicit padding and any option.
test::Reference naive(Conv2dOptions o) {
  return [o](const Inputs<double>& in) {
    const Tensor<double>&x = in[0], &w = in[1];
    const Pair end = o.padding_end.h < 0 ? o.padding : o.padding_end;
    const index_t oh = (x.size(2) + o.padding.h + end.h - o.dilation.h * (w.size(2) - 1) - 1) / o.stride.h + 1;
    const index_t ow = (x.size(3) + o.padding.w + end.w - o.dilation.w * (w.size(3) - 1) - 1) / o.stride.w + 1;
    const index_t per_group = w.size(0) / o.groups;
    Tensor<double> y = zeros<double>({x.size(0), w.size(0), oh, ow});
    for (index_t n = 0; n < x.size(0); ++n)
      for (index_t f = 0; f < w.size(0); ++f)
        for (index_t oy = 0; oy < oh; ++oy)
          for (index_t ox = 0; ox < ow; ++ox) {
            double sum = in.size() > 2 ? in[2].at({f}) : 0;
            for (index_t c = 0; c < w.size(1); ++c)
              for (index_t i = 0; i < w.size(2); ++i)
                for (index_t j = 0; j < w.size(3); ++j) {
                  const index_t iy = oy * o.stride.h - o.padding.h + i * o.dilation.h,
                                ix = ox * o.stride.w - o.padding.w + j * o.dilation.w;
                  if (iy < 0 || iy >= x.size(2) || ix < 0 || ix >= x.size(3)) continue;
                  sum += w.at({f, c, i, j}) * x.at({n, f / per_group * w.size(1) + c, iy, ix});
                }
            y.at({n, f, oy, ox}) = sum;
          }
    return y;
  };
}

void check_conv(const char* what, const std::vector<Shape>& shapes, Conv2dOptions o) {
  check_op("conv2d", what, shapes,
           [o](const auto& in) {
             using Value = typename std::remove_cvref_t<decltype(in[0])>;
             return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Value(), o);
           },
           naive(o), {.gradient_rtol = 1e-3});
}

}  // namespace

TEST_CASE("conv2d agrees with its definition over stride, padding, dilation and groups, odd and non-square sizes") {
  check_conv("3x3", {{2, 3, 5, 4}, {4, 3, 3, 3}, {4}}, {});
  check_conv("padding 1", {{1, 2, 4, 5}, {3, 2, 3, 3}, {3}}, {.padding = 1});
  check_conv("stride 2 on odd sizes", {{2, 2, 7, 5}, {3, 2, 3, 3}}, {.stride = 2, .padding = 1});
  check_conv("1x1", {{2, 3, 3, 4}, {5, 3, 1, 1}, {5}}, {});
  check_conv("1x1 stride 2", {{1, 3, 5, 4}, {2, 3, 1, 1}}, {.stride = 2});
  check_conv("dilation (2, 3), padding (1, 4), stride (2, 1)", {{1, 2, 7, 6}, {2, 2, 3, 2}},
             {.stride = {2, 1}, .padding = {1, 4}, .dilation = {2, 3}});
  check_conv("two groups", {{2, 4, 4, 3}, {6, 2, 3, 2}, {6}}, {.padding = 1, .groups = 2});
  check_conv("depthwise", {{2, 3, 5, 6}, {3, 1, 3, 3}, {3}}, {.padding = 1, .groups = 3});
  check_conv("depthwise with multiplier 2 and stride 2", {{1, 2, 5, 6}, {4, 1, 3, 3}},
             {.stride = 2, .padding = 1, .groups = 2});
  check_conv("TensorFlow's same padding for stride 2", {{1, 2, 4, 6}, {2, 2, 3, 3}},
             {.stride = 2, .padding = 0, .padding_end = 1});
  check_conv("a kernel wider than the image", {{1, 1, 2, 2}, {2, 1, 4, 5}}, {.padding = 2});
  check_conv("an empty batch", {{0, 2, 4, 4}, {2, 2, 3, 3}}, {});
}

TEST_CASE("conv2d agrees over many channels and pixels: several blocks and panels") {
  const auto values = [](const Conv2dOptions& o, const Shape& xs, const Shape& ws) {
    Generator generator(3);
    const Tensor<float> x = uniform<float>(xs, generator, -1, 1), w = uniform<float>(ws, generator, -1, 1);
    const Tensor<double> expected = naive(o)({test::detail::widen(x), test::detail::widen(w)});
    return test::detail::largest_difference(test::detail::widen(conv2d(x, w, {}, o)), expected);
  };
  CHECK(values({.padding = 1}, {1, 70, 19, 23}, {180, 70, 3, 3}) < 1e-4);
  CHECK(values({.stride = 2, .padding = 3}, {2, 3, 41, 37}, {20, 3, 7, 7}) < 1e-4);
  CHECK(values({.padding = 1, .groups = 40}, {1, 40, 20, 45}, {40, 1, 3, 3}) < 1e-5);
}

TEST_CASE("padding 'same' keeps the size, the odd unit at the bottom and the right") {
  const auto same = [](const auto& in) { return conv2d(in[0], in[1], {}, {.same = true}); };
  check_op("conv2d", "same, even kernel", {{1, 2, 4, 5}, {3, 2, 2, 4}}, same,
           naive({.padding = {0, 1}, .padding_end = {1, 2}}));
  CHECK_THROWS_WITH_AS((void)conv2d(zeros({1, 1, 4, 4}), zeros({1, 1, 3, 3}), {}, {.stride = 2, .same = true}),
                       "conv2d: padding 'same' needs stride 1, got (2, 2)", Error);
}

TEST_CASE("conv2d's gradients are differentiable operations of their own") {
  const kernels::Conv2dShape s{1, 2, 5, 4, 3, 3, 2, 3, 2, 2, 2, 1, 0, 1, 1, 1};
  check_op("conv2d_data_gradient", "stride 2", {{1, 3, 3, 2}, {3, 2, 3, 2}},
           [s](const auto& in) { return detail::conv2d_data_gradient(s, in[0], in[1]); });
  check_op("conv2d_weight_gradient", "stride 2", {{1, 2, 5, 4}, {1, 3, 3, 2}},
           [s](const auto& in) { return detail::conv2d_weight_gradient(s, in[0], in[1]); });
}

TEST_CASE("conv_transpose2d undoes the shape of conv2d over every option") {
  const auto check = [](const char* what, const std::vector<Shape>& shapes, ConvTranspose2dOptions o) {
    check_op("conv2d_data_gradient", what, shapes, [o](const auto& in) {
      using Value = typename std::remove_cvref_t<decltype(in[0])>;
      return conv_transpose2d(in[0], in[1], in.size() > 2 ? in[2] : Value(), o);
    });
  };
  check("stride 2, output padding 1, bias", {{1, 2, 3, 4}, {2, 3, 3, 3}, {3}},
        {.stride = 2, .padding = 1, .output_padding = 1});
  check("groups and dilation", {{2, 4, 3, 2}, {4, 1, 2, 3}}, {.groups = 2, .dilation = {2, 1}});
  CHECK(conv_transpose2d(zeros({1, 2, 3, 4}), zeros({2, 3, 3, 3}), {}, {.stride = 2, .padding = 1, .output_padding = 1})
            .shape() == Shape{1, 3, 6, 8});
  CHECK_THROWS_AS((void)conv_transpose2d(zeros({1, 2, 3, 4}), zeros({2, 3, 3, 3}), {}, {.output_padding = 1}), Error);
}

TEST_CASE("conv2d says what came and what it wanted") {
  CHECK_THROWS_WITH_AS((void)conv2d(zeros({1, 3, 8, 8}), zeros({4, 2, 3, 3})),
                       "conv2d: x has 3 channels [1, 3, 8, 8] but w [4, 2, 3, 3] with groups=1 wants 2", Error);
  CHECK_THROWS_AS((void)conv2d(zeros({1, 3, 2, 2}), zeros({4, 3, 3, 3})), Error);
  CHECK_THROWS_AS((void)conv2d(zeros({1, 3, 8, 8}), zeros({4, 3, 3, 3}), zeros({3})), Error);
  CHECK_THROWS_AS((void)conv2d(zeros({1, 3, 8, 8}), zeros({4, 3, 3, 3}), {}, {.stride = 0}), Error);
}
