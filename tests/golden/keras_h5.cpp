// Kind keras-h5: the captioner and VGG with weights read from Keras' HDF5 files.

#include <limn/io/keras_h5.hpp>
#include <limn/models/caption_merge.hpp>
#include <limn/models/vgg.hpp>
#include <limn/ops/softmax.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

#ifdef LIMN_WITH_HDF5

namespace {

/// The layers of a file that have a weight, in order of the numbers in their names: "dense" before "dense_1" before
/// "dense_10".
std::vector<std::string> layers_named(const io::KerasFile& file, const std::string& prefix) {
  std::vector<std::pair<int, std::string>> found;
  for (const std::string& name : file.names()) {
    const std::string layer = name.substr(0, name.find('.'));
    if (layer.rfind(prefix, 0) != 0 || name != layer + ".weight") continue;
    const std::string number = layer.size() > prefix.size() ? layer.substr(prefix.size() + 1) : "0";
    if (!number.empty() && number.find_first_not_of("0123456789") == std::string::npos)
      found.emplace_back(std::stoi(number), layer);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> result;
  for (const auto& entry : found) result.push_back(entry.second);
  return result;
}

/// Renames "layer.rest" by a map of layers.
io::StateOptions renamed_layers(std::map<std::string, std::string> layers) {
  return {.rename = [layers = std::move(layers)](const std::string& name) {
    const std::size_t dot = name.rfind('.');
    return layers.at(name.substr(0, dot)) + name.substr(dot);
  }};
}

void check_merge(const io::KerasFile& file, const Fixture& fixture, Options& o, Report& report) {
  const std::vector<std::string> dense = layers_named(file, "dense"), embedding = layers_named(file, "embedding");
  if (dense.size() != 3 || embedding.size() != 1) fail(o.where(), "the layers are not those of a merge captioner");
  std::string lstm;
  for (const std::string& name : file.names())
    if (name.ends_with(".weight_hh_l0")) lstm = name.substr(0, name.find('.'));
  const std::string merge = o.get<std::string>("merge");
  if (merge != "add" && merge != "concat") fail(o.where(), "unknown merge ", merge);
  const std::vector<index_t> image = file.info(dense[0] + ".weight").shape;
  Generator generator(0);
  models::MergeCaptioner<float> model({.features = image.at(1),
                                       .units = image.at(0),
                                       .vocabulary = file.info(embedding[0] + ".weight").shape.at(0),
                                       .concat = merge == "concat"},
                                      generator);
  io::load_state<float>(file, nn::named_tensors(model),
                        renamed_layers({{"image_dense", dense[0]},
                                        {"decoder_dense", dense[1]},
                                        {"output", dense[2]},
                                        {"embedding", embedding[0]},
                                        {"lstm", lstm}}));
  const auto inputs = o.get<std::vector<std::string>>("inputs"), expected = o.get<std::vector<std::string>>("expected");
  if (inputs.size() != 2 || expected.size() != 1)
    fail(o.where(), "has ", inputs.size(), " inputs and ", expected.size(), " outputs");
  const NoGradGuard no_grad;
  report.tensor(expected[0],
                softmax(model.of_prefix(fixture.tensor(inputs[0]), fixture.tensor<std::int64_t>(inputs[1])).second));
}

void check_vgg_weights(io::KerasFile& file, const Fixture& fixture, Options& o, Report& report) {
  models::VGGConfig config;
  std::map<std::string, std::string> layers{
      {"classifier.0", "fc1"}, {"classifier.3", "fc2"}, {"classifier.6", "predictions"}};
  index_t index = 0, channels = 0;
  for (int block = 1; file.contains("block" + std::to_string(block) + "_conv1.weight"); ++block) {
    for (int conv = 1;; ++conv) {
      const std::string layer = "block" + std::to_string(block) + "_conv" + std::to_string(conv);
      if (!file.contains(layer + ".weight")) break;
      channels = file.info(layer + ".weight").shape.at(0);
      config.widths.push_back(channels);
      layers["features." + std::to_string(index)] = layer;
      index += 2;
    }
    config.widths.push_back(0);
    ++index;
  }
  const std::vector<index_t> fc1 = file.info("fc1.weight").shape;
  config.hidden = fc1.at(0);
  config.classes = file.info("predictions.weight").shape.at(0);
  while (channels * config.grid * config.grid > fc1.at(1)) --config.grid;
  file.set_flattened("fc1", channels, config.grid, config.grid);

  Generator generator(0);
  models::VGG<float> model(config, generator);
  io::load_state<float>(file, nn::named_tensors(model), renamed_layers(layers));
  nn::eval(model);
  const NoGradGuard no_grad;
  const Tensor<float> x = permute(fixture.tensor(o.get<std::vector<std::string>>("inputs").at(0)), {0, 3, 1, 2});
  const Tensor<float> features = model.features(x), grid = model.pool(features), hidden = model.hidden(grid);
  const std::map<std::string, Tensor<float>> answers{{"vgg.fc1", relu(model.fc1(flatten(grid, 1)))},
                                                     {"vgg.fc2", hidden},
                                                     {"vgg.last_pool_nhwc", permute(features, {0, 2, 3, 1})},
                                                     {"vgg.predictions", softmax(model.fc3(hidden))}};
  for (const std::string& name : o.get<std::vector<std::string>>("expected")) {
    const auto answer = answers.find(name);
    if (answer == answers.end()) fail(o.where(), "unknown output ", name);
    report.tensor(name, answer->second);
  }
  if (report.expects("vgg.torch_equiv.fc1_weight_chw"))
    report.tensor("vgg.torch_equiv.fc1_weight_chw", model.fc1.weight);
}

}  // namespace

void check_keras_h5(const std::filesystem::path& folder, Report& report) {
  const Fixture fixture(folder);
  for (const io::Json& json : report.meta().at("cases")) {
    Options o(json, "meta.json case");
    const std::string name = o.get<std::string>("file");
    report.guard(name, [&] {
      io::KerasFile file(folder / name);
      const std::string model = o.get<std::string>("model");
      if (model == "merge")
        check_merge(file, fixture, o, report);
      else if (model == "vgg")
        check_vgg_weights(file, fixture, o, report);
      else
        fail(name, "unknown model ", model);
      o.done();
    });
  }
}

#else

void check_keras_h5(const std::filesystem::path&, Report& report) {
  report.wrong("keras-h5", "this program was built without HDF5");
}

#endif

}  // namespace limn::golden
