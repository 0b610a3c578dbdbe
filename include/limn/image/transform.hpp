#pragma once
// From an RGB image to the numbers a network was trained on: the processors of Hugging Face (BLIP, CLIP, ViLT),
// torchvision and Keras, each as its integer stages and the whole.

#include <array>
#include <cmath>
#include <vector>

#include <limn/image/image.hpp>
#include <limn/image/resize.hpp>

namespace limn::inline LIMN_ABI::image {

struct Size {
  index_t height = 0, width = 0;

  friend bool operator==(const Size&, const Size&) = default;
};

enum class Layout { chw, hwc };

/// An image as floats: values[(channel * height + row) * width + column], or HWC when the layout says so.
struct Planes {
  index_t channels = 0, height = 0, width = 0;
  std::vector<float> values;
  Layout layout = Layout::chw;
};

using Triple = std::array<double, 3>;
inline constexpr Triple clip_mean = {0.48145466, 0.4578275, 0.40821073};
inline constexpr Triple clip_deviation = {0.26862954, 0.26130258, 0.27577711};
inline constexpr Triple imagenet_mean = {0.485, 0.456, 0.406};
inline constexpr Triple imagenet_deviation = {0.229, 0.224, 0.225};
inline constexpr Triple half = {0.5, 0.5, 0.5};

// --- parts -----------------------------------------------------------------------------------------------------------

/// The short side becomes `shorter`, the long one int(shorter * long / short).
[[nodiscard]] Size size_with_shorter_side(const Image& image, index_t shorter);
/// Rows top .. top + size.height - 1 and columns alike; what lies outside the image is 0.
[[nodiscard]] Image crop(const Image& image, index_t top, index_t left, Size size);
struct NormaliseOptions {
  Triple mean = imagenet_mean, deviation = imagenet_deviation;
  double scale = 1.0 / 255;  ///< multiplied in double, then rounded to float, as transformers does; 1 leaves 0..255
  bool divide = false;       ///< float(sample) / 255 instead, as torchvision does
};
/// [3, height, width] of an RGB image: (x - mean) / deviation in float, where x is the sample times `scale`.
[[nodiscard]] Planes normalise(const Image& rgb, const NormaliseOptions& options);

// --- Hugging Face ----------------------------------------------------------------------------------------------------

/// Bicubic to exactly `size`, whatever the aspect ratio.
struct BlipOptions {
  bool do_resize = true;
  Size size{384, 384};
  Filter resample = Filter::bicubic;
  NormaliseOptions floats{.mean = clip_mean, .deviation = clip_deviation};
};
[[nodiscard]] Image blip_resize(const Image& rgb, const BlipOptions& options = {});
[[nodiscard]] Planes blip(const Image& rgb, const BlipOptions& options = {});

/// The short side to `shortest_edge` (or to `size` exactly, when that is given), then the centre.
struct ClipOptions {
  bool do_resize = true;
  index_t shortest_edge = 224;
  Size size{};
  Filter resample = Filter::bicubic;
  bool do_center_crop = true;
  Size crop_size{224, 224};
  NormaliseOptions floats{.mean = clip_mean, .deviation = clip_deviation};
};
[[nodiscard]] Image clip_resize(const Image& rgb, const ClipOptions& options = {});
/// Of the resized image; one that is too small is padded with zeros on both sides, the odd line first.
[[nodiscard]] Image clip_crop(const Image& resized, const ClipOptions& options = {});
[[nodiscard]] Planes clip(const Image& rgb, const ClipOptions& options = {});

/// The short side to `shortest_edge`, less where the long one would exceed 1333/800 of that; both sides cut down to
/// multiples of `size_divisor`.
struct ViltOptions {
  bool do_resize = true;
  index_t shortest_edge = 384;
  index_t size_divisor = 32;
  Filter resample = Filter::bicubic;
  NormaliseOptions floats{.mean = half, .deviation = half};
};
[[nodiscard]] Size vilt_size(const Image& image, const ViltOptions& options = {});
[[nodiscard]] Image vilt_resize(const Image& rgb, const ViltOptions& options = {});
[[nodiscard]] Planes vilt(const Image& rgb, const ViltOptions& options = {});

/// Images of several sizes in one batch: zeros below and to the right; mask [count, height, width] is 1 on pixels.
struct PaddedBatch {
  index_t count = 0, channels = 0, height = 0, width = 0;
  std::vector<float> values;  // [count, channels, height, width]
  std::vector<std::uint8_t> mask;
};
[[nodiscard]] PaddedBatch pad_batch(const std::vector<Planes>& images);

// --- torchvision -----------------------------------------------------------------------------------------------------

/// Resize, CenterCrop, ToTensor, Normalize.
struct TorchvisionOptions {
  index_t resize = 256;  ///< the short side; 0 leaves the size
  Size resize_to{};      ///< when given: exactly this size instead
  Size crop{224, 224};   ///< {0, 0} crops nothing
  Filter interpolation = Filter::bilinear;
  NormaliseOptions floats{.divide = true};
};
[[nodiscard]] Image torchvision_resize(const Image& rgb, const TorchvisionOptions& options = {});
/// Of the resized image; one that is too small is padded with zeros first.
[[nodiscard]] Image torchvision_crop(const Image& resized, const TorchvisionOptions& options = {});
[[nodiscard]] Planes torchvision(const Image& rgb, const TorchvisionOptions& options = {});

// --- Keras -----------------------------------------------------------------------------------------------------------

/// What keras.applications' preprocess_input does. caffe: BGR minus the ImageNet mean, no scaling. tf: x / 127.5 - 1.
/// torch: x / 255, then ImageNet mean and deviation. raw: the samples.
enum class KerasMode { caffe, tf, torch, raw };

/// load_img(target_size), then preprocess_input.
struct KerasOptions {
  Size target_size{224, 224};
  Filter interpolation = Filter::nearest;
  KerasMode mode = KerasMode::caffe;
  Layout layout = Layout::hwc;  ///< chw for networks of limn
};
[[nodiscard]] Image keras_resize(const Image& rgb, const KerasOptions& options = {});
[[nodiscard]] Planes keras(const Image& rgb, const KerasOptions& options = {});

// --- bodies ----------------------------------------------------------------------------------------------------------

namespace detail {

inline void check_rgb(const char* op, const Image& image) {
  if (image.channels != 3 || image.empty())
    fail(op, "the image has ", image.channels, " channels; 3 (RGB) are wanted, see to_rgb()");
}

inline void check_crop(const char* op, Size size) {
  if (size.height < 1 || size.width < 1 || size.height > (1 << 20) || size.width > (1 << 20))
    fail(op, "a size of ", size.width, "x", size.height, " was asked for; sides of 1 to 1048576 are possible");
}

[[nodiscard]] inline index_t floor_half(index_t x) { return x >= 0 ? x / 2 : -((1 - x) / 2); }

}  // namespace detail

inline Size size_with_shorter_side(const Image& image, index_t shorter) {
  if (image.empty()) fail("resize", "the image is empty");
  if (shorter < 1 || shorter > (1 << 20))
    fail("resize", "a short side of ", shorter, " was asked for; 1 to 1048576 are possible");
  const bool upright = image.width <= image.height;
  const index_t low = upright ? image.width : image.height, high = upright ? image.height : image.width;
  const index_t longer = static_cast<index_t>(static_cast<double>(shorter * high) / static_cast<double>(low));
  return upright ? Size{longer, shorter} : Size{shorter, longer};
}

inline Image crop(const Image& image, index_t top, index_t left, Size size) {
  detail::check_crop("crop", size);
  Image result(size.width, size.height, image.channels);
  const index_t first = std::max<index_t>(0, left), last = std::min(image.width, left + size.width);
  if (first >= last) return result;
  for (index_t row = std::max<index_t>(0, top); row < std::min(image.height, top + size.height); ++row)
    std::copy_n(image.pixels.data() + (row * image.width + first) * image.channels, (last - first) * image.channels,
                result.pixels.data() + ((row - top) * size.width + first - left) * image.channels);
  return result;
}

inline Planes normalise(const Image& rgb, const NormaliseOptions& options) {
  detail::check_rgb("normalise", rgb);
  const std::size_t plane = static_cast<std::size_t>(rgb.width * rgb.height);
  Planes result{3, rgb.height, rgb.width, std::vector<float>(3 * plane)};
  for (std::size_t c = 0; c < 3; ++c) {
    std::array<float, 256> table;  // one value for each of the 256 samples
    for (std::size_t v = 0; v < 256; ++v) {
      const float x =
          options.divide ? static_cast<float>(v) / 255.0f : static_cast<float>(static_cast<double>(v) * options.scale);
      table[v] = (x - static_cast<float>(options.mean[c])) / static_cast<float>(options.deviation[c]);
    }
    for (std::size_t i = 0; i < plane; ++i) result.values[c * plane + i] = table[rgb.pixels[3 * i + c]];
  }
  return result;
}

inline Image blip_resize(const Image& rgb, const BlipOptions& options) {
  if (!options.do_resize) return rgb;
  return resize(rgb, options.size.width, options.size.height, options.resample);
}
inline Planes blip(const Image& rgb, const BlipOptions& options) {
  return normalise(blip_resize(rgb, options), options.floats);
}

inline Image clip_resize(const Image& rgb, const ClipOptions& options) {
  if (!options.do_resize) return rgb;
  const Size size = options.size == Size{} ? size_with_shorter_side(rgb, options.shortest_edge) : options.size;
  return resize(rgb, size.width, size.height, options.resample);
}
inline Image clip_crop(const Image& resized, const ClipOptions& options) {
  if (!options.do_center_crop) return resized;
  return crop(resized, detail::floor_half(resized.height - options.crop_size.height),
              detail::floor_half(resized.width - options.crop_size.width), options.crop_size);
}
inline Planes clip(const Image& rgb, const ClipOptions& options) {
  return normalise(clip_crop(clip_resize(rgb, options), options), options.floats);
}

inline Size vilt_size(const Image& image, const ViltOptions& options) {
  if (image.empty()) fail("vilt", "the image is empty");
  const index_t divisor = options.size_divisor;
  if (options.shortest_edge < 1 || options.shortest_edge > (1 << 20) || divisor < 1)
    fail("vilt", "a short side of ", options.shortest_edge, " in steps of ", divisor, " is not possible");
  const double shorter = static_cast<double>(options.shortest_edge);
  const double longer = std::floor(1333.0 / 800.0 * shorter);
  const double high = static_cast<double>(image.height), wide = static_cast<double>(image.width);
  const double scale = shorter / std::min(high, wide);
  double height = high < wide ? shorter : scale * high, width = high < wide ? scale * wide : shorter;
  if (const double most = std::max(height, width); most > longer) {
    height *= longer / most;
    width *= longer / most;
  }
  const Size size{static_cast<index_t>(height + 0.5) / divisor * divisor,
                  static_cast<index_t>(width + 0.5) / divisor * divisor};
  if (size.height < 1 || size.width < 1)
    fail("vilt", "an image of ", image.width, "x", image.height, " is too narrow: scaled it is under ", divisor,
         " pixels in one direction; crop or pad it");
  return size;
}
inline Image vilt_resize(const Image& rgb, const ViltOptions& options) {
  if (!options.do_resize) return rgb;
  const Size size = vilt_size(rgb, options);
  return resize(rgb, size.width, size.height, options.resample);
}
inline Planes vilt(const Image& rgb, const ViltOptions& options) {
  return normalise(vilt_resize(rgb, options), options.floats);
}

inline PaddedBatch pad_batch(const std::vector<Planes>& images) {
  if (images.empty()) fail("pad_batch", "there are no images");
  PaddedBatch batch;
  batch.count = static_cast<index_t>(images.size());
  batch.channels = images[0].channels;
  for (const Planes& image : images) {
    if (image.channels != batch.channels || image.layout != Layout::chw)
      fail("pad_batch", "images of ", image.channels, " and ", batch.channels, " channels, or not in CHW, are mixed");
    batch.height = std::max(batch.height, image.height);
    batch.width = std::max(batch.width, image.width);
  }
  const index_t plane = batch.height * batch.width;
  batch.values.resize(static_cast<std::size_t>(batch.count * batch.channels * plane));
  batch.mask.resize(static_cast<std::size_t>(batch.count * plane));
  for (index_t n = 0; n < batch.count; ++n) {
    const Planes& image = images[static_cast<std::size_t>(n)];
    for (index_t row = 0; row < image.height; ++row)
      std::fill_n(batch.mask.data() + n * plane + row * batch.width, image.width, std::uint8_t{1});
    for (index_t c = 0; c < image.channels; ++c)
      for (index_t row = 0; row < image.height; ++row)
        std::copy_n(image.values.data() + (c * image.height + row) * image.width, image.width,
                    batch.values.data() + (n * batch.channels + c) * plane + row * batch.width);
  }
  return batch;
}

inline Image torchvision_resize(const Image& rgb, const TorchvisionOptions& options) {
  if (options.resize_to == Size{} && options.resize == 0) return rgb;
  const Size size = options.resize_to == Size{} ? size_with_shorter_side(rgb, options.resize) : options.resize_to;
  return resize(rgb, size.width, size.height, options.interpolation);
}
inline Image torchvision_crop(const Image& resized, const TorchvisionOptions& options) {
  if (options.crop == Size{}) return resized;
  // Too small: (wanted - side) / 2 zeros before. Else Python's round((side - wanted) / 2), ties to the even number.
  const auto start = [](index_t side, index_t wanted) {
    const index_t over = side - wanted;
    if (over < 0) return -(-over / 2);
    return over % 2 == 0 ? over / 2 : (over + 1) / 4 * 2;
  };
  return crop(resized, start(resized.height, options.crop.height), start(resized.width, options.crop.width),
              options.crop);
}
inline Planes torchvision(const Image& rgb, const TorchvisionOptions& options) {
  return normalise(torchvision_crop(torchvision_resize(rgb, options), options), options.floats);
}

inline Image keras_resize(const Image& rgb, const KerasOptions& options) {
  return resize(rgb, options.target_size.width, options.target_size.height, options.interpolation);
}
inline Planes keras(const Image& rgb, const KerasOptions& options) {
  const Image resized = keras_resize(rgb, options);
  detail::check_rgb("keras", resized);
  constexpr float bgr_mean[] = {103.939f, 116.779f, 123.68f};
  const auto number = [&](std::size_t channel, std::uint8_t sample) {
    const float x = sample;
    switch (options.mode) {
      case KerasMode::caffe:
        return x - bgr_mean[channel];
      case KerasMode::tf:
        return x / 127.5f - 1.0f;
      case KerasMode::torch:
        return (x / 255.0f - static_cast<float>(imagenet_mean[channel])) /
               static_cast<float>(imagenet_deviation[channel]);
      default:
        return x;
    }
  };
  const std::size_t plane = static_cast<std::size_t>(resized.width * resized.height);
  Planes result{3, resized.height, resized.width, std::vector<float>(3 * plane), options.layout};
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t source = options.mode == KerasMode::caffe ? 2 - c : c;
    std::array<float, 256> table;
    for (std::size_t v = 0; v < 256; ++v) table[v] = number(c, static_cast<std::uint8_t>(v));
    for (std::size_t i = 0; i < plane; ++i)
      result.values[options.layout == Layout::hwc ? 3 * i + c : c * plane + i] = table[resized.pixels[3 * i + source]];
  }
  return result;
}

}  // namespace limn::inline LIMN_ABI::image
