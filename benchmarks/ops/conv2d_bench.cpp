// Convolutions: VGG16's 3x3 layers for one and eight images (forward, both gradients), 1x1, a stem, a patch embedding.

#include <limn/core/random.hpp>
#include <limn_kernels/conv2d.hpp>

#include "conv2d_case.hpp"

using namespace limn;

namespace bench {

void cases() {
  const std::vector<ConvSize> vgg{{3, 64, 224, 3, 1},    {64, 64, 224, 3, 1},  {64, 128, 112, 3, 1},
                                  {128, 128, 112, 3, 1}, {128, 256, 56, 3, 1}, {256, 256, 56, 3, 1},
                                  {256, 512, 28, 3, 1},  {512, 512, 28, 3, 1}, {512, 512, 14, 3, 1}};
  for (const Pass pass : {Pass::forward, Pass::data_gradient, Pass::weight_gradient})
    for (const index_t batch : {1, 8})
      for (const ConvSize& size : vgg)
        add_convolution("vgg16", size, batch, pass, batch == 1 && (size.c == 128 || size.size == 14));
  for (const Pass pass : {Pass::forward, Pass::data_gradient}) {
    const bool quick = pass == Pass::forward;
    add_convolution("1x1", {256, 1024, 14, 1, 1}, 1, pass, quick);
    add_convolution("1x1", {256, 64, 56, 1, 1}, 1, pass);
    add_convolution("stem", {3, 64, 224, 7, 2}, 1, pass, true);       // ResNet's
    add_convolution("patch", {3, 768, 384, 16, 16}, 1, pass, quick);  // a vision transformer's
  }
  // Beside the usual: strides, small images in a batch, large kernels, few channels, groups.
  const std::vector<std::pair<ConvSize, index_t>> others{
      {{256, 256, 28, 3, 2}, 1},  {{512, 512, 14, 3, 2}, 8}, {{256, 512, 56, 1, 2}, 1}, {{512, 2048, 7, 1, 1}, 16},
      {{64, 192, 27, 5, 1}, 8},   {{3, 64, 224, 11, 4}, 4},  {{1, 32, 28, 3, 1}, 64},   {{256, 256, 28, 3, 1, 32}, 4},
      {{256, 256, 14, 3, 1}, 16}, {{512, 512, 7, 3, 1}, 1},  {{256, 64, 56, 1, 1}, 8},  {{64, 256, 56, 1, 1}, 8}};
  for (const Pass pass : {Pass::forward, Pass::data_gradient, Pass::weight_gradient})
    for (const auto& [size, batch] : others) add_convolution("other", size, batch, pass);
  // ResNeXt-50's 32 groups, of 4 to 32 channels, and where a stage begins.
  const std::vector<ConvSize> groups{{128, 128, 56, 3, 1, 32}, {256, 256, 56, 3, 2, 32},   {512, 512, 28, 3, 2, 32},
                                     {512, 512, 14, 3, 1, 32}, {1024, 1024, 14, 3, 2, 32}, {1024, 1024, 7, 3, 1, 32}};
  for (const Pass pass : {Pass::forward, Pass::data_gradient, Pass::weight_gradient})
    for (const ConvSize& size : groups) add_convolution("groups", size, 4, pass);
}

}  // namespace bench
