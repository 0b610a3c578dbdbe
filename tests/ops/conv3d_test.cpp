#include "support/op_case.hpp"

#include <limn/ops/conv3d.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

test::Reference naive(Conv3dOptions o) {
  return [o](const Inputs<double>& in) {
    const Tensor<double>&x = in[0], &w = in[1];
    const auto extent = [](index_t n, index_t k, index_t s, index_t p, index_t d) {
      return (n + 2 * p - d * (k - 1) - 1) / s + 1;
    };
    const Shape shape{x.size(0), w.size(0), extent(x.size(2), w.size(2), o.stride.d, o.padding.d, o.dilation.d),
                      extent(x.size(3), w.size(3), o.stride.h, o.padding.h, o.dilation.h),
                      extent(x.size(4), w.size(4), o.stride.w, o.padding.w, o.dilation.w)};
    const index_t per_group = w.size(0) / o.groups;
    Tensor<double> y = zeros<double>(shape);
    for (index_t n = 0; n < shape[0]; ++n)
      for (index_t f = 0; f < shape[1]; ++f)
        for (index_t z = 0; z < shape[2]; ++z)
          for (index_t r = 0; r < shape[3]; ++r)
            for (index_t q = 0; q < shape[4]; ++q) {
              double sum = in.size() > 2 ? in[2].at({f}) : 0;
              for (index_t c = 0; c < w.size(1); ++c)
                for (index_t i = 0; i < w.size(2); ++i)
                  for (index_t j = 0; j < w.size(3); ++j)
                    for (index_t k = 0; k < w.size(4); ++k) {
                      const index_t iz = z * o.stride.d - o.padding.d + i * o.dilation.d,
                                    iy = r * o.stride.h - o.padding.h + j * o.dilation.h,
                                    ix = q * o.stride.w - o.padding.w + k * o.dilation.w;
                      if (iz < 0 || iz >= x.size(2) || iy < 0 || iy >= x.size(3) || ix < 0 || ix >= x.size(4)) continue;
                      sum += w.at({f, c, i, j, k}) * x.at({n, f / per_group * w.size(1) + c, iz, iy, ix});
                    }
              y.at({n, f, z, r, q}) = sum;
            }
    return y;
  };
}

void check_conv(const char* what, const std::vector<Shape>& shapes, Conv3dOptions o) {
  check_op("conv3d", what, shapes,
           [o](const auto& in) {
             using Value = typename std::remove_cvref_t<decltype(in[0])>;
             return conv3d(in[0], in[1], in.size() > 2 ? in[2] : Value(), o);
           },
           naive(o), {.gradient_rtol = 1e-3});
}

}  // namespace

TEST_CASE("conv3d agrees with its definition over stride, padding, dilation and groups") {
  check_conv("padding 1", {{1, 2, 3, 4, 3}, {2, 2, 3, 3, 3}, {2}}, {.padding = 1});
  check_conv("another stride on each axis", {{2, 1, 5, 4, 6}, {2, 1, 2, 2, 2}, {2}}, {.stride = {2, 1, 3}});
  check_conv("dilation in depth, two groups", {{1, 2, 5, 3, 3}, {2, 1, 2, 2, 1}},
             {.padding = {1, 0, 0}, .dilation = {2, 1, 1}, .groups = 2});
}

TEST_CASE("conv3d with padding 'same' keeps the size") {
  CHECK(conv3d(zeros({1, 2, 4, 5, 6}), zeros({3, 2, 2, 3, 4}), {}, {.same = true}).shape() == Shape{1, 3, 4, 5, 6});
}

TEST_CASE("conv3d names what does not fit") {
  CHECK_THROWS_WITH_AS(
      (void)conv3d(zeros({1, 1, 2, 2, 2}), zeros({1, 1, 3, 1, 1})),
      "conv3d: the kernel of w [1, 1, 3, 1, 1] with dilation 1 is larger than x [1, 1, 2, 2, 2] with padding 0", Error);
}
