#pragma once
// Prepared images as tensors.

#include <algorithm>
#include <vector>

#include <limn/core/tensor.hpp>
#include <limn/image/transform.hpp>

namespace limn::inline LIMN_ABI::image {

/// [channels, height, width], or [height, width, channels] when the layout of `image` is HWC.
[[nodiscard]] inline Tensor<float> to_tensor(const Planes& image) {
  const bool hwc = image.layout == Layout::hwc;
  Tensor<float> x(hwc ? Shape{image.height, image.width, image.channels}
                      : Shape{image.channels, image.height, image.width});
  std::copy(image.values.begin(), image.values.end(), x.data());
  return x;
}

/// The images, which are of one size and layout, one after another: [N, channels, height, width] or [N, ..., channels].
[[nodiscard]] inline Tensor<float> to_tensor(const std::vector<Planes>& images) {
  if (images.empty()) fail("to_tensor", "there are no images");
  const Planes& first = images[0];
  const index_t count = static_cast<index_t>(images.size());
  const bool hwc = first.layout == Layout::hwc;
  Tensor<float> x(hwc ? Shape{count, first.height, first.width, first.channels}
                      : Shape{count, first.channels, first.height, first.width});
  float* to = x.data();
  for (const Planes& image : images) {
    if (image.channels != first.channels || image.height != first.height || image.width != first.width ||
        image.layout != first.layout)
      fail("to_tensor", "images of ", image.width, "x", image.height, " and ", first.width, "x", first.height,
           " pixels (or of other channels or layouts) cannot be one batch; resize them, or use pad_batch()");
    to = std::copy(image.values.begin(), image.values.end(), to);
  }
  return x;
}

}  // namespace limn::inline LIMN_ABI::image
