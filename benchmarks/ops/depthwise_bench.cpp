// Depthwise convolutions: every shape of MobileNetV2's, with gradients of some, and wider kernels.

#include "conv2d_case.hpp"

namespace bench {

void cases() {
  struct Shape {
    index_t channels, size, stride;
    bool quick = false;
  };
  const std::vector<Shape> shapes{{32, 112, 1, true}, {96, 112, 2},     {144, 56, 1}, {144, 56, 2},
                                  {192, 28, 1},       {192, 28, 2},     {384, 14, 1}, {576, 14, 1, true},
                                  {576, 14, 2},       {960, 7, 1, true}};
  for (const Shape& s : shapes)
    add_convolution("mobilenet", {s.channels, s.channels, s.size, 3, s.stride, s.channels}, 1, Pass::forward, s.quick);
  for (const Pass pass : {Pass::data_gradient, Pass::weight_gradient})
    for (const Shape& s :
         {Shape{144, 56, 1}, Shape{144, 56, 2}, Shape{576, 14, 1}, Shape{576, 14, 2}, Shape{960, 7, 1}})
      add_convolution("mobilenet", {s.channels, s.channels, s.size, 3, s.stride, s.channels}, 1, pass);
  // EfficientNet's and ConvNeXt's kernels.
  for (const Pass pass : {Pass::forward, Pass::data_gradient, Pass::weight_gradient}) {
    add_convolution("wide", {240, 240, 28, 5, 1, 240}, 1, pass);
    add_convolution("wide", {240, 240, 28, 5, 2, 240}, 1, pass);
    add_convolution("wide", {96, 96, 56, 7, 1, 96}, 1, pass);
  }
  for (const Pass pass : {Pass::forward, Pass::weight_gradient}) {
    add_convolution("wide", {480, 480, 14, 5, 1, 480}, 1, pass);
    add_convolution("wide", {384, 384, 14, 7, 1, 384}, 1, pass);
    add_convolution("wide", {672, 672, 14, 5, 2, 672}, 1, pass);
    add_convolution("wide", {1152, 1152, 7, 5, 1, 1152}, 1, pass);
    add_convolution("wide", {768, 768, 7, 7, 1, 768}, 1, pass);
  }
}

}  // namespace bench
