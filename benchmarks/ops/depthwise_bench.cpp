// Depthwise 3x3 convolutions: every one of MobileNetV2's shapes.

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
}

}  // namespace bench
