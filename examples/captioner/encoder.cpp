#include "captioner/encoder.hpp"

#include <cstdlib>
#include <filesystem>
#include <map>

#include <limn/image/to_tensor.hpp>
#include <limn/io/state_dict.hpp>
#ifdef LIMN_WITH_HDF5
#include <limn/io/keras_h5.hpp>
#endif
#include <limn/models/mobilenet.hpp>
#include <limn/models/resnet.hpp>
#include <limn/models/squeezenet.hpp>
#include <limn/models/vgg.hpp>

#include "captioner/own_encoder.hpp"

namespace limn::captioner {
namespace {

constexpr index_t side = 7;

/// [N, C, h, w] -> [N, side * side, C], averaging (or repeating) to side x side.
Tensor<float> to_grid(const Tensor<float>& planes) {
  const Tensor<float> fitted =
      planes.size(2) == side && planes.size(3) == side ? planes : adaptive_avg_pool2d(planes, side);
  return contiguous(transpose(flatten(fitted, 2), 1, 2));
}
enum class Preparation { torchvision, tf, keras };

/// Pictures as a network wants them: torchvision's (short side 256, centre 224, ImageNet mean and deviation),
/// TensorFlow's (the same crop, x / 127.5 - 1), or Keras' "caffe" (squashed to 224 by nearest neighbour, BGR minus the
/// mean).
Tensor<float> prepare(const std::vector<image::Image>& images, Preparation how) {
  std::vector<image::Planes> prepared;
  for (const image::Image& picture : images) {
    if (how == Preparation::keras) {
      prepared.push_back(image::keras(picture, {.layout = image::Layout::chw}));
    } else {
      image::TorchvisionOptions options;
      if (how == Preparation::tf) options.floats = {.mean = image::half, .deviation = image::half};
      prepared.push_back(image::torchvision(picture, options));
    }
  }
  return image::to_tensor(prepared);
}

/// The same values of pixels [N, 3, height, width] that are as large as they are to be.
Tensor<float> prepare(const Tensor<float>& pixels, Preparation how) {
  const auto colours = [&](double a, double b, double c) {
    return to(from({static_cast<float>(a), static_cast<float>(b), static_cast<float>(c)}, {1, 3, 1, 1}),
              pixels.device());
  };
  if (how == Preparation::tf) return pixels / 127.5f - 1.0f;
  if (how == Preparation::keras) {
    const auto colour = [&](index_t c) { return narrow(pixels, 1, c, 1); };
    return concat<float>({colour(2), colour(1), colour(0)}, 1) - colours(103.939, 116.779, 123.68);
  }
  const auto &mean = image::imagenet_mean, &deviation = image::imagenet_deviation;
  return (pixels / 255.0f - colours(mean[0], mean[1], mean[2])) / colours(deviation[0], deviation[1], deviation[2]);
}

bool counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

/// Loads a safetensors file into a network. Some exporters prefix every name: "model.", "module.", "backbone.".
template <class Network>
void load(Network& network, const std::string& file,
          const std::function<std::string(const std::string&)>& rename = {}) {
  const io::Weights weights(file);
  auto tensors = nn::named_tensors<float>(network);
  std::string prefix;
  const auto in_file = [&](const std::string& name) { return prefix + (rename ? rename(name) : name); };
  for (const char* candidate : {"", "model.", "module.", "backbone."}) {
    prefix = candidate;
    if (!tensors.empty() && weights.contains(in_file(tensors[0].first))) break;
    prefix.clear();
  }
  io::load_state<float>(weights, tensors, {.rename = in_file, .ignore = counter, .reject_nan = true});
}

Encoder::Features on_cpu(const Encoder::Features& features) {
  return {to(features.pooled, cpu_device), to(features.grid, cpu_device)};
}

/// A network whose features are its last planes, pooled by their mean.
template <class Network>
class PlanesEncoder final : public Encoder {
 public:
  PlanesEncoder(std::string name, index_t channels, Preparation preparation, const std::string& weights)
      : name_(std::move(name)), channels_(channels), preparation_(preparation), network_(generator_) {
    if (!weights.empty()) load(network_, weights);
    nn::requires_grad_(network_, false);
    nn::eval(network_);
  }
  std::string name() const override { return name_; }
  index_t channels() const override { return channels_; }
  index_t pooled_size() const override { return channels_; }
  Features operator()(const std::vector<image::Image>& images) const override {
    return on_cpu(features_of_planes(network_.features(limn::to(prepare(images, preparation_), device_))));
  }
  Features of_pixels(const Tensor<float>& pixels) const override {
    return features_of_planes(network_.features(prepare(pixels, preparation_)));
  }
  void to(Device device) override {
    nn::to(network_, device);
    device_ = device;
  }
  std::optional<Classifier> classifier() const override {
    if constexpr (requires { nn::Linear<float>(network_.classifier); })
      return Classifier{network_.classifier};
    else
      return {};
  }
  void prepack() override { nn::prepack(network_); }

 private:
  std::string name_;
  index_t channels_;
  Device device_;
  Preparation preparation_;
  Generator generator_{0};
  Network network_;
};

/// VGG: the pooled vector is the second hidden layer's, as the Keras captioner reads it.
class VGGEncoder final : public Encoder {
 public:
  VGGEncoder(std::string name, const models::VGGConfig& config, const std::string& weights)
      : name_(std::move(name)), network_(config, generator_) {
    if (weights.ends_with(".h5") || weights.ends_with(".hdf5"))
      load_keras(weights);
    else if (!weights.empty())
      load_torch(weights);
    nn::requires_grad_(network_, false);
    nn::eval(network_);
  }
  std::string name() const override { return name_; }
  index_t channels() const override { return 512; }
  index_t pooled_size() const override { return network_.config.hidden; }
  Features operator()(const std::vector<image::Image>& images) const override {
    return on_cpu(of_prepared(limn::to(prepare(images, preparation_), device_)));
  }
  Features of_pixels(const Tensor<float>& pixels) const override { return of_prepared(prepare(pixels, preparation_)); }
  void to(Device device) override {
    nn::to(network_, device);
    device_ = device;
  }
  void prepack() override { nn::prepack(network_); }

 private:
  [[nodiscard]] Features of_prepared(const Tensor<float>& pixels) const {
    const Tensor<float> planes = network_.features(pixels);
    return {network_.hidden(network_.pool(planes)), to_grid(planes)};
  }
  /// torchvision's names; timm's differ in the classifier ("pre_logits.fc1" is a 7x7 convolution there).
  void load_torch(const std::string& file) {
    const io::Weights weights(file);
    if (!weights.contains("pre_logits.fc1.weight")) return load(network_, file);
    for (auto& [name, tensor] : nn::named_tensors<float>(network_)) {
      std::string stored = name;
      if (name.starts_with("classifier.0.")) stored = "pre_logits.fc1." + name.substr(13);
      if (name.starts_with("classifier.3.")) stored = "pre_logits.fc2." + name.substr(13);
      if (name.starts_with("classifier.6.")) stored = "head.fc." + name.substr(13);
      const Tensor<float> found = io::load_tensor<float>(weights, stored);
      if (found.numel() != tensor.numel())
        fail(file, "'", stored, "' has shape ", found.shape(), " but the model wants ", tensor.shape(),
             "; use the weights of this architecture");
      copy_into(reshape(found, tensor.shape()), tensor.detach());
    }
  }
  void load_keras(const std::string& file) {
#ifdef LIMN_WITH_HDF5
    preparation_ = Preparation::keras;
    load_keras_vgg(file);
#else
    fail(file,
         "this build reads no HDF5; install libhdf5-dev and configure again, or convert the weights to safetensors");
#endif
  }
  void load_keras_vgg(const std::string& file);

  std::string name_;
  Device device_;
  Preparation preparation_ = Preparation::torchvision;
  Generator generator_{0};
  models::VGG<float> network_;
};

#ifdef LIMN_WITH_HDF5
/// keras.applications' layer names: block1_conv1 ... block5_conv3, fc1, fc2, predictions.
void VGGEncoder::load_keras_vgg(const std::string& file) {
  std::map<std::string, std::string> layer_of = {
      {"classifier.0", "fc1"}, {"classifier.3", "fc2"}, {"classifier.6", "predictions"}};
  index_t block = 1, conv = 1, index = 0;
  for (const index_t width : network_.config.widths) {
    if (width == 0) {
      ++block, ++index;
      conv = 1;
      continue;
    }
    layer_of["features." + std::to_string(index)] = "block" + std::to_string(block) + "_conv" + std::to_string(conv++);
    index += 2;
  }
  io::KerasFile weights(file);
  weights.set_flattened("fc1", 512, network_.config.grid, network_.config.grid);
  io::load_state<float>(weights, nn::named_tensors<float>(network_),
                        {.rename =
                             [&](const std::string& name) {
                               const std::size_t dot = name.rfind('.');
                               const auto layer = layer_of.find(name.substr(0, dot));
                               return (layer == layer_of.end() ? name.substr(0, dot) : layer->second) +
                                      name.substr(dot);
                             },
                         .reject_nan = true});
}
#endif

class Combined final : public Encoder {
 public:
  explicit Combined(std::vector<std::unique_ptr<Encoder>> parts) : parts_(std::move(parts)) {}
  std::string name() const override {
    std::string all;
    for (const auto& part : parts_) all += (all.empty() ? "" : "+") + part->name();
    return all;
  }
  index_t channels() const override { return sum(&Encoder::channels); }
  index_t pooled_size() const override { return sum(&Encoder::pooled_size); }
  Features operator()(const std::vector<image::Image>& images) const override { return stacked(images); }
  Features of_pixels(const Tensor<float>& pixels) const override { return stacked(pixels); }
  void to(Device device) override {
    for (const auto& part : parts_) part->to(device);
  }
  std::optional<Classifier> classifier() const override {
    index_t first = 0;
    for (const auto& part : parts_) {
      if (auto found = part->classifier()) {
        found->first += first;
        return found;
      }
      first += part->pooled_size();
    }
    return {};
  }
  void prepack() override {
    for (const auto& part : parts_) part->prepack();
  }

 private:
  static Features of(const Encoder& part, const std::vector<image::Image>& images) { return part(images); }
  static Features of(const Encoder& part, const Tensor<float>& pixels) { return part.of_pixels(pixels); }
  [[nodiscard]] Features stacked(const auto& seen) const {
    std::vector<Tensor<float>> pooled, grids;
    for (const auto& part : parts_) {
      const Features features = of(*part, seen);
      pooled.push_back(features.pooled);
      grids.push_back(features.grid);
    }
    return {concat(pooled, 1), concat(grids, 2)};
  }
  index_t sum(index_t (Encoder::*size)() const) const {
    index_t total = 0;
    for (const auto& part : parts_) total += ((*part).*size)();
    return total;
  }
  std::vector<std::unique_ptr<Encoder>> parts_;
};

std::unique_ptr<Encoder> make_one(const std::string& name, const std::string& weights) {
  if (name == "mobilenet")
    return std::make_unique<PlanesEncoder<models::MobileNetV2<float>>>(name, 1280, Preparation::tf, weights);
  if (name == "resnet50")
    return std::make_unique<PlanesEncoder<models::ResNet50v2C4<float>>>(name, 1024, Preparation::torchvision, weights);
  if (name == "squeezenet")
    return std::make_unique<PlanesEncoder<models::SqueezeNet<float>>>(name, 512, Preparation::torchvision, weights);
  for (const index_t depth : {11, 13, 16, 19})
    for (const bool norm : {false, true}) {
      const std::string vgg = "vgg" + std::to_string(depth) + (norm ? "_bn" : "");
      if (name == vgg) return std::make_unique<VGGEncoder>(vgg, models::VGGConfig::of_depth(depth, norm), weights);
    }
  if (name == "distilled") return own_encoder(weights);
  std::string known;
  for (const std::string& each : encoder_names()) known += (known.empty() ? "" : ", ") + each;
  fail("--encoder", "there is no encoder '", name, "'; known are ", known);
}

}  // namespace

Encoder::Features features_of_planes(const Tensor<float>& planes) { return {mean(planes, {2, 3}), to_grid(planes)}; }

std::vector<std::string> encoder_names() {
  return {"distilled", "mobilenet", "resnet50", "squeezenet", "vgg11", "vgg11_bn",
          "vgg13",     "vgg13_bn",  "vgg16",    "vgg16_bn",   "vgg19", "vgg19_bn"};
}

std::unique_ptr<Encoder> make_encoder(const std::string& names, const std::vector<std::string>& weights,
                                      bool allow_random) {
  std::vector<std::string> list(1);
  for (const char c : names) {
    if (c == '+')
      list.emplace_back();
    else
      list.back() += c;
  }
  if (weights.size() != list.size() && !(weights.empty() && allow_random))
    fail("--weights", "the encoder ", names, " needs ", list.size(), " weights file(s) but ", weights.size(),
         " came; name one for each, in order");
  std::vector<std::unique_ptr<Encoder>> parts;
  for (std::size_t i = 0; i < list.size(); ++i) parts.push_back(make_one(list[i], weights.empty() ? "" : weights[i]));
  if (parts.size() == 1) return std::move(parts[0]);
  return std::make_unique<Combined>(std::move(parts));
}

std::unique_ptr<Encoder> find_encoder(const std::string& names, const std::vector<std::string>& named_files,
                                      const std::string& checkpoint, const std::vector<std::string>& given) {
  if (!given.empty()) return make_encoder(names, given);
  const char* variable = std::getenv("LIMN_SHARED");
  const std::filesystem::path shared = variable ? variable : "../shared",
                              beside = std::filesystem::path(checkpoint).parent_path();
  std::vector<std::string> found;
  for (const std::string& each : named_files) {
    const std::filesystem::path path = each, file = path.filename(), folder = path.parent_path().filename();
    for (const auto& candidate : {path, beside / file, shared / "weights" / folder / file}) {
      std::error_code ignored;
      if (!std::filesystem::exists(candidate, ignored)) continue;
      found.push_back(candidate.string());
      break;
    }
  }
  if (found.size() != named_files.size() || found.empty())
    fail(checkpoint, "needs the weights of its encoder ", names,
         "; name them with --weights, one file for each, in order");
  return make_encoder(names, found);
}

}  // namespace limn::captioner
