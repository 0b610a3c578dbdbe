#include "support/op_case.hpp"

#include <limn/ops/conv1d.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

test::Reference naive(Conv1dOptions o) {
  return [o](const Inputs<double>& in) {
    const Tensor<double>&x = in[0], &w = in[1];
    const index_t per_group = w.size(0) / o.groups,
                  length = (x.size(2) + 2 * o.padding - o.dilation * (w.size(2) - 1) - 1) / o.stride + 1;
    Tensor<double> y = zeros<double>({x.size(0), w.size(0), length});
    for (index_t n = 0; n < x.size(0); ++n)
      for (index_t f = 0; f < w.size(0); ++f)
        for (index_t t = 0; t < length; ++t) {
          double sum = in.size() > 2 ? in[2].at({f}) : 0;
          for (index_t c = 0; c < w.size(1); ++c)
            for (index_t i = 0; i < w.size(2); ++i) {
              const index_t at = t * o.stride - o.padding + i * o.dilation;
              if (at >= 0 && at < x.size(2)) sum += w.at({f, c, i}) * x.at({n, f / per_group * w.size(1) + c, at});
            }
          y.at({n, f, t}) = sum;
        }
    return y;
  };
}

void check_conv(const char* what, const std::vector<Shape>& shapes, Conv1dOptions o) {
  check_op("conv1d", what, shapes,
           [o](const auto& in) {
             using Value = typename std::remove_cvref_t<decltype(in[0])>;
             return conv1d(in[0], in[1], in.size() > 2 ? in[2] : Value(), o);
           },
           naive(o), {.gradient_rtol = 1e-3});
}

}  // namespace

TEST_CASE("conv1d agrees with its definition over stride, padding, dilation and groups") {
  check_conv("plain", {{2, 3, 7}, {4, 3, 3}, {4}}, {});
  check_conv("stride 2, padding 1, two groups", {{2, 4, 9}, {6, 2, 3}, {6}}, {.stride = 2, .padding = 1, .groups = 2});
  check_conv("dilation 3", {{1, 2, 10}, {2, 2, 3}}, {.padding = 2, .dilation = 3});
}

TEST_CASE("conv1d with padding 'same' keeps the length") {
  CHECK(conv1d(zeros({1, 2, 6}), zeros({3, 2, 4}), {}, {.same = true}).shape() == Shape{1, 3, 6});
}

TEST_CASE("conv_transpose1d is the transpose of conv1d") {
  Generator generator(5);
  const Tensor<double> x = uniform<double>({2, 4, 9}, generator), w = uniform<double>({6, 2, 3}, generator),
                       dy = uniform<double>({2, 6, 5}, generator);
  Tensor<double> leaf = x.detach();
  leaf.requires_grad_();
  const Tensor<double> y = conv1d(leaf, w, {}, {.stride = 2, .padding = 1, .groups = 2});
  const Tensor<double> dx = grad(y, {leaf}, {.dy = {dy}})[0];
  CHECK(test::detail::largest_difference(conv_transpose1d(dy, w, {}, {.stride = 2, .padding = 1, .groups = 2}), dx) <
        1e-12);
}

TEST_CASE("conv1d names what does not fit") {
  CHECK_THROWS_WITH_AS((void)conv1d(zeros({1, 2}), zeros({1, 1, 1})),
                       "conv1d: x has shape [1, 2] but must have 3 dimensions", Error);
}
