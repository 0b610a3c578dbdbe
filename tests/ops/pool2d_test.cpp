#include "support/op_case.hpp"

#include <limn/ops/pool2d.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

/// Windows by their definition; mean or maximum.
test::Reference naive(Pair kernel, Pool2dOptions o, bool mean, Shape expected) {
  return [=](const Inputs<double>& in) {
    const Tensor<double>& x = in[0];
    const Pair stride = o.stride == Pair(0) ? kernel : o.stride;
    Tensor<double> y = zeros<double>(expected);
    for (index_t n = 0; n < expected[0]; ++n)
      for (index_t c = 0; c < expected[1]; ++c)
        for (index_t oy = 0; oy < expected[2]; ++oy)
          for (index_t ox = 0; ox < expected[3]; ++ox) {
            double sum = 0, top = -1e300, inside = 0, padded = 0;
            for (index_t i = 0; i < kernel.h; ++i)
              for (index_t j = 0; j < kernel.w; ++j) {
                const index_t iy = oy * stride.h - o.padding.h + i * o.dilation.h,
                              ix = ox * stride.w - o.padding.w + j * o.dilation.w;
                if (iy < x.size(2) + o.padding.h && ix < x.size(3) + o.padding.w) ++padded;
                if (iy < 0 || iy >= x.size(2) || ix < 0 || ix >= x.size(3)) continue;
                const double v = x.at({n, c, iy, ix});
                sum += v;
                top = std::max(top, v);
                ++inside;
              }
            const double divisor = o.divisor_override    ? static_cast<double>(o.divisor_override)
                                   : o.count_include_pad ? padded
                                                         : inside;
            y.at({n, c, oy, ox}) = mean ? sum / divisor : top;
          }
    return y;
  };
}

}  // namespace

TEST_CASE("max_pool2d over kernel, stride, padding, dilation and ceil_mode") {
  const auto check = [](const char* what, Shape x, Pair kernel, Pool2dOptions o, Shape expected) {
    check_op(
        "max_pool2d", what, {x}, [=](const auto& in) { return max_pool2d(in[0], kernel, o); },
        naive(kernel, o, false, expected));
  };
  check("2x2", {1, 2, 4, 6}, 2, {}, {1, 2, 2, 3});
  check("3x2, stride 2, padding 1, odd sizes", {2, 1, 7, 5}, {3, 2}, {.stride = 2, .padding = 1}, {2, 1, 4, 3});
  check("ceil_mode", {1, 1, 6, 5}, 3, {.stride = 2, .ceil_mode = true}, {1, 1, 3, 2});
  check("ceil_mode drops a window in the padding", {1, 1, 3, 4}, 2, {.stride = 2, .padding = 1, .ceil_mode = true},
        {1, 1, 2, 3});
  check("dilation", {1, 1, 7, 8}, 3, {.stride = 1, .padding = 1, .dilation = {2, 3}}, {1, 1, 5, 4});
}

TEST_CASE("max_pool2d gives the first of equal elements, and its gradient, in scan order") {
  const auto result = max_pool2d_with_indices(from<float>({5, 5, 1, 5}, {1, 1, 2, 2}), 2);
  CHECK(result.indices.item() == 0);
  Tensor<float> x = ones({1, 1, 3, 3});
  x.requires_grad_();
  backward(max_pool2d(x, 3));
  CHECK(to_vector(x.grad()) == std::vector<float>{1, 0, 0, 0, 0, 0, 0, 0, 0});
  check_op("max_pool2d_backward", "of its own", {{1, 1, 4, 4}},
           [](const auto& in) { return max_pool2d(max_pool2d(in[0], 2, {.stride = 1}), 2, {.stride = 1}); });
  check_op("max_pool2d_pick", "rank 3", {{2, 4, 4}}, [](const auto& in) { return max_pool2d(in[0], 2); });
}

TEST_CASE("avg_pool2d over padding counted or not, ceil_mode and divisors") {
  const auto check = [](const char* what, Shape x, Pair kernel, Pool2dOptions o, Shape expected) {
    check_op(
        "avg_pool2d", what, {x}, [=](const auto& in) { return avg_pool2d(in[0], kernel, o); },
        naive(kernel, o, true, expected));
  };
  check("2x3", {1, 2, 4, 6}, {2, 3}, {}, {1, 2, 2, 2});
  check("padding counted", {1, 1, 5, 5}, 3, {.stride = 2, .padding = 1}, {1, 1, 3, 3});
  check("padding not counted", {1, 1, 5, 4}, 3, {.stride = 2, .padding = 1, .count_include_pad = false}, {1, 1, 3, 2});
  check("ceil_mode", {1, 1, 6, 5}, 3, {.stride = 2, .padding = 1, .ceil_mode = true}, {1, 1, 4, 3});
  check("divisor 3", {1, 1, 4, 4}, 2, {.divisor_override = 3}, {1, 1, 2, 2});
  check_op("avg_pool2d_backward", "twice", {{1, 1, 4, 4}},
           [](const auto& in) { return avg_pool2d(avg_pool2d(in[0], 2, {.stride = 1}), 2, {.stride = 1}); });
}

TEST_CASE("adaptive pooling shrinks and enlarges") {
  check_op("avg_pool2d", "adaptive, 5x7 to 3x2", {{2, 2, 5, 7}}, [](const auto& in) {
    return adaptive_avg_pool2d(in[0], {3, 2});
  });
  check_op("avg_pool2d", "adaptive, 2x2 to 7x7", {{1, 1, 2, 2}},
           [](const auto& in) { return adaptive_avg_pool2d(in[0], 7); });
  check_op("max_pool2d", "adaptive", {{1, 2, 5, 7}}, [](const auto& in) { return adaptive_max_pool2d(in[0], {3, 2}); });
  CHECK(to_vector(adaptive_avg_pool2d(from<float>({1, 2, 3, 4}, {1, 1, 2, 2}), 1)) == std::vector<float>{2.5f});
  CHECK(to_vector(adaptive_avg_pool2d(from<float>({1, 2, 3}, {1, 1, 1, 3}), {1, 2})) == std::vector<float>{1.5f, 2.5f});
}

TEST_CASE("pooling refuses windows that do not fit") {
  CHECK_THROWS_AS((void)max_pool2d(zeros({1, 1, 2, 2}), 3), Error);
  CHECK_THROWS_WITH_AS((void)max_pool2d(zeros({1, 1, 8, 8}), 2, {.padding = 2}),
                       "max_pool2d: padding 2 must be between 0 and half of the kernel 2", Error);
  CHECK_THROWS_AS((void)avg_pool2d(zeros({4, 4}), 2), Error);
}
