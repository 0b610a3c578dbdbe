#include "captioner/own_encoder.hpp"

#include <limn/image/resize.hpp>

#include "captioner/pictures.hpp"
#include "shared/model_file.hpp"

namespace limn::captioner {
namespace {

const io::Json& shape_of(const app::ModelFile& file) {
  if (!file.architecture().contains("cnn_widths"))
    fail(file.path(), "holds no encoder of its own; name a checkpoint that 'captioner distill' has written");
  return file.architecture();
}

}  // namespace

io::Json to_json(const OwnEncoderConfig& config) {
  io::Json json{{"cnn_widths", config.cnn.widths}, {"cnn_strides", config.cnn.strides}, {"picture", config.picture}};
  if (!config.cnn.pools.empty()) json["cnn_pools"] = config.cnn.pools;
  if (config.squeezed > 0) json["squeezed"] = config.squeezed;
  return json;
}

OwnEncoderConfig own_encoder_from_json(const io::Json& json, const std::string& where) {
  OwnEncoderConfig config;
  config.cnn.widths = io::json_value<std::vector<index_t>>(json, "cnn_widths", where);
  config.cnn.strides = io::json_value<std::vector<index_t>>(json, "cnn_strides", where);
  config.cnn.pools = io::json_value_or<std::vector<index_t>>(json, "cnn_pools", {}, where);
  config.picture = io::json_value<index_t>(json, "picture", where);
  config.squeezed = io::json_value_or<index_t>(json, "squeezed", 0, where);
  if (config.cnn.widths.empty() || config.cnn.widths.size() > 100 ||
      config.cnn.widths.size() != config.cnn.strides.size() || config.cnn.pools.size() > 5)
    fail(where, "its architecture names no network that reads pictures; the file is damaged");
  for (const index_t size : config.cnn.widths)
    if (size < 1 || size > 4096) fail(where, "its architecture names a layer ", size, " wide; the file is damaged");
  for (const index_t stride : config.cnn.strides)
    if (stride < 1 || stride > 8) fail(where, "its architecture names a stride of ", stride, "; the file is damaged");
  if (config.picture < 16 || config.picture > 4096 ||
      (!config.cnn.pools.empty() && shrinkage(config.cnn) > config.picture))
    fail(where, "its architecture reads pictures of side ", config.picture, "; the file is damaged");
  if (config.squeezed < 0 || config.squeezed > 4096)
    fail(where, "its architecture squeezes pictures to a side of ", config.squeezed, "; the file is damaged");
  return config;
}

index_t shrinkage(const models::SmallCNNConfig& cnn) {
  index_t times = 1;
  for (const index_t stride : cnn.strides) times = std::min<index_t>(times * stride, 1 << 20);
  return times << cnn.pools.size();
}

void check_picture(index_t side, const models::SmallCNNConfig& cnn) {
  const index_t times = shrinkage(cnn);
  if (side % times != 0)
    fail("--picture", side, " is no multiple of ", times, ", by which the network shrinks a picture; name one that is");
}

index_t own_encoder_numbers(const models::SmallCNNConfig& cnn) {
  index_t numbers = 0, channels = 3;
  for (const index_t width : cnn.widths) {
    numbers += 9 * channels * width;
    channels = width;
  }
  return numbers;
}

Tensor<float> pixels_of(const std::vector<image::Image>& pictures, index_t side) {
  const index_t count = static_cast<index_t>(pictures.size());
  Tensor<float> x({count, 3, side, side});
  kernels::parallel_for(count, 8, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n) {
      const image::Image& given = pictures[static_cast<std::size_t>(n)];
      const bool fits = given.width == side && given.height == side;
      const image::Image resized = fits ? image::Image() : image::resize(given, side, side, image::Filter::bilinear);
      const image::Image& picture = fits ? given : resized;
      for (index_t p = 0; p < side * side; ++p)
        for (index_t c = 0; c < 3; ++c)
          x.data()[(n * 3 + c) * side * side + p] =
              static_cast<float>(picture.pixels[static_cast<std::size_t>(3 * p + c)]) / 63.75f - 2;
    }
  });
  return x;
}

Tensor<float> pixels_of(const std::vector<image::Image>& pictures, const OwnEncoderConfig& config) {
  if (config.squeezed == 0) return pixels_of(pictures, config.picture);
  return PictureSet(pictures, config.squeezed).whole_pixels(config.picture);
}

io::NamedTensors<float> own_encoder_tensors(models::SmallCNN<float>& cnn) {
  io::NamedTensors<float> tensors;
  for (const auto& [name, tensor] : nn::named_tensors<float>(cnn)) tensors.emplace_back("cnn." + name, tensor);
  return tensors;
}

void save_own_encoder(const std::string& path, const OwnEncoderConfig& config, models::SmallCNN<float>& cnn) {
  app::save_model(path, own_encoder_tensors(cnn), to_json(config), io::Json::object());
}

OwnEncoderConfig own_encoder_config(const std::string& checkpoint) {
  const app::ModelFile file(checkpoint);
  return own_encoder_from_json(shape_of(file), file.path());
}

void load_own_encoder(const std::string& checkpoint, models::SmallCNN<float>& cnn) {
  const app::ModelFile file(checkpoint);
  io::load_state<float>(
      file.checkpoint(), own_encoder_tensors(cnn),
      {.ignore = [](const std::string& name) { return !name.starts_with("cnn."); }, .reject_nan = true});
}

namespace {

class OwnEncoder final : public Encoder {
 public:
  OwnEncoder(const OwnEncoderConfig& config, const models::SmallCNN<float>& cnn) : config_(config), cnn_(cnn) {
    nn::requires_grad_(cnn_, false);
    nn::eval(cnn_);
  }
  std::string name() const override { return "distilled"; }
  index_t channels() const override { return config_.cnn.widths.back(); }
  index_t pooled_size() const override { return channels(); }
  Features operator()(const std::vector<image::Image>& images) const override {
    NoGradGuard no_grad;
    const Features features = features_of_planes(cnn_(limn::to(pixels_of(images, config_), device_)));
    return {limn::to(features.pooled, cpu_device), limn::to(features.grid, cpu_device)};
  }
  Features of_pixels(const Tensor<float>& pixels) const override {
    NoGradGuard no_grad;
    return features_of_planes(cnn_(pixels / 63.75f - 2.0f));
  }
  void to(Device device) override {
    nn::to(cnn_, device);
    device_ = device;
  }
  void prepack() override { nn::prepack(cnn_); }

 private:
  OwnEncoderConfig config_;
  models::SmallCNN<float> cnn_;
  Device device_;
};

}  // namespace

std::unique_ptr<Encoder> own_encoder(const OwnEncoderConfig& config, const models::SmallCNN<float>& cnn) {
  return std::make_unique<OwnEncoder>(config, cnn);
}

std::unique_ptr<Encoder> own_encoder(const std::string& checkpoint) {
  const OwnEncoderConfig config = own_encoder_config(checkpoint);
  Generator generator(0);
  models::SmallCNN<float> cnn(config.cnn, generator);
  load_own_encoder(checkpoint, cnn);
  return own_encoder(config, cnn);
}

}  // namespace limn::captioner
