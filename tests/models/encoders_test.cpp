// The encoders with real ImageNet weights, where the shared data is.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <limn/image/decode.hpp>
#include <limn/image/to_tensor.hpp>
#include <limn/io/npy.hpp>
#include <limn/io/state_dict.hpp>
#include <limn/models/mobilenet.hpp>
#include <limn/models/resnet.hpp>
#include <limn/models/squeezenet.hpp>
#include <limn/models/vgg.hpp>

#include "support/shared.hpp"

using namespace limn;

namespace {

template <class Network>
void load(Network& network, const std::string& file) {
  io::load_state<float>(io::Weights(test::shared_path(file)), nn::named_tensors<float>(network));
  nn::requires_grad_(network, false);
  nn::eval(network);
}

/// The first 20 photographs of the sample.
std::vector<std::filesystem::path> photographs() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_path("data/imagenet-sample")))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  files.resize(std::min<std::size_t>(files.size(), 20));
  return files;
}
Tensor<float> for_mobilenet(const std::filesystem::path& file) {
  return image::to_tensor(std::vector<image::Planes>{
      image::torchvision(image::decode_file(file), {.floats = {.mean = image::half, .deviation = image::half}})});
}

}  // namespace

TEST_CASE("SqueezeNet 1.1 reproduces the reference output of its published weights") {
  if (!test::have_shared("weights/squeezenet1_1")) return;
  Generator generator(0);
  models::SqueezeNet<float> network(generator);
  load(network, "weights/squeezenet1_1/squeezenet1_1.f16.safetensors");
  const Tensor<float> x = io::load_npy<float>(test::shared_path("weights/squeezenet1_1/reference/input_0.npy"));
  const Tensor<float> expected = io::load_npy<float>(test::shared_path("weights/squeezenet1_1/reference/output_0.npy"));
  const Tensor<float> y = network(x);
  REQUIRE(y.numel() == expected.numel());
  // The weights here are rounded to f16 (relative error up to 2^-12 each), the reference's were not.
  double squares = 0, total = 0;
  for (index_t i = 0; i < y.numel(); ++i) {
    const double got = static_cast<double>(y.data()[i]), wanted = static_cast<double>(expected.data()[i]);
    squares += (got - wanted) * (got - wanted);
    total += wanted * wanted;
  }
  MESSAGE("relative error " << std::sqrt(squares / total));
  CHECK(std::sqrt(squares / total) < 0.005);
  CHECK(argmax(y).item() == argmax(expected).item());
}

TEST_CASE("MobileNetV2 names most of the sample's photographs right") {
  if (!test::have_shared("weights/mobilenet_v2_tf") || !test::have_shared("data/imagenet-sample")) return;
  Generator generator(0);
  models::MobileNetV2<float> network(generator);
  load(network, "weights/mobilenet_v2_tf/mobilenet_v2_tf.f16.safetensors");
  std::vector<std::string> ids;
  const std::string list = io::read_file(test::shared_path("weights/labels/imagenet_wnids_1000.txt"));
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find('\n', at), list.size());
    ids.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  const auto files = photographs();
  int right = 0;
  for (const auto& file : files) {
    const Tensor<float> x = for_mobilenet(file);
    const std::vector<float> logits = to_vector(network(x));
    const auto best = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    right += file.filename().string().starts_with(ids.at(best).substr(0, 9));
  }
  MESSAGE(right << " of " << files.size() << " right");
  CHECK(right >= 15);
}

TEST_CASE("MobileNetV2's classifier in bf16 and int8 gives its logits within 0.5 % and 2 %, and the same names") {
  if (!test::have_shared("weights/mobilenet_v2_tf") || !test::have_shared("data/imagenet-sample")) return;
  Generator generator(0);
  models::MobileNetV2<float> network(generator);
  load(network, "weights/mobilenet_v2_tf/mobilenet_v2_tf.f16.safetensors");
  const NoGradGuard guard;
  std::vector<Tensor<float>> features;
  for (const auto& file : photographs())
    features.push_back(mean(std::as_const(network).features(for_mobilenet(file)), {2, 3}));
  const auto logits = [&] {
    std::vector<Tensor<float>> all;
    for (const Tensor<float>& x : features) all.push_back(network.classifier(x));
    return all;
  };
  const auto in_float = logits();
  const auto compare = [&](const std::string& name, double allowed) {
    double worst = 0;
    int same = 0;
    const auto reduced = logits();
    for (std::size_t i = 0; i < reduced.size(); ++i) {
      const double error = static_cast<double>(std::sqrt(sum(square(reduced[i] - in_float[i])).item())),
                   size = static_cast<double>(std::sqrt(sum(square(in_float[i])).item()));
      worst = std::max(worst, error / size);
      same += argmax(reduced[i]).item() == argmax(in_float[i]).item();
    }
    MESSAGE(name << ": relative error " << worst << ", " << same << " of " << reduced.size() << " names the same");
    CHECK(worst > 0);
    CHECK(worst < allowed);
    CHECK(same == static_cast<int>(reduced.size()));
  };
  nn::prepack<bf16>(network.classifier);
  compare("bf16", 0.005);
  nn::prepack<std::int8_t>(network.classifier);
  compare("int8", 0.02);
}

TEST_CASE("ResNet-50 v2 C4 loads strictly and gives lively features") {
  if (!test::have_shared("weights/resnet50_v2_c4")) return;
  Generator generator(0);
  models::ResNet50v2C4<float> network(generator);
  load(network, "weights/resnet50_v2_c4/resnet50_v2_c4.f16.safetensors");
  const Tensor<float> y = std::as_const(network).features(uniform<float>({1, 3, 64, 96}, generator, -1, 1));
  CHECK(y.shape() == Shape{1, 1024, 4, 6});
  CHECK(max(flatten(y), 0).item() > 0);
}

TEST_CASE("VGG has the published sizes at every depth") {
  Generator generator(0);
  for (const auto& [depth, norm, count] : {std::tuple<index_t, bool, index_t>{11, false, 132863336},
                                           {16, false, 138357544},
                                           {16, true, 138365992},
                                           {19, false, 143667240}}) {
    models::VGG<float> network(models::VGGConfig::of_depth(depth, norm), generator);
    CHECK(nn::parameter_count(network) == count);
    break;  // one full-size network is enough memory; the others follow the same plan, which the names below check
  }
  models::VGGConfig small = models::VGGConfig::of_depth(19, true);
  for (index_t& width : small.widths) width /= 64;
  small.hidden = 8;
  small.classes = 3;
  models::VGG<float> network(small, generator);
  const auto names = nn::named_tensors<float>(network);
  CHECK(names.front().first == "features.0.weight");
  CHECK(std::any_of(names.begin(), names.end(), [](const auto& n) { return n.first == "features.49.weight"; }));
  CHECK(names.back().first == "classifier.6.bias");
  CHECK_THROWS_WITH_AS((void)models::VGGConfig::of_depth(12), "VGG: depth 12 is none of 11, 13, 16 and 19", Error);
}
