// Kind vgg: features, hidden layer and logits for any image size, gradients, and one training step of batch norm.

#include <limn/autograd/backward.hpp>
#include <limn/io/state_dict.hpp>
#include <limn/models/vgg.hpp>
#include <limn/ops/cross_entropy.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

models::VGGConfig vgg_config(const Fixture& fixture) {
  Options o(fixture.config(), "config.json");
  o.ignore("architecture");
  models::VGGConfig config;
  config.batch_norm = o.get("batch_norm", false);
  config.dropout = o.get("dropout", 0.5);
  index_t channels = 3;
  for (const io::Json& width : o.at("widths")) {
    if (width.is_string() && width.get<std::string>() != "M")
      fail("config.json", "unknown layer ", io::dump_json(width));
    config.widths.push_back(width.is_string() ? 0 : width.get<index_t>());
    if (config.widths.back() != 0) channels = config.widths.back();
  }
  const std::vector<index_t> grid = o.list("avgpool", 2, 7), sizes = o.get<std::vector<index_t>>("classifier");
  if (grid[0] != grid[1]) fail("config.json", "avgpool is not square");
  if (sizes.size() != 4 || sizes[1] != sizes[2] || sizes[0] != channels * grid[0] * grid[1])
    fail("config.json", "the classifier is not [in, hidden, hidden, classes]");
  config.grid = grid[0];
  config.hidden = sizes[1];
  config.classes = sizes[3];
  o.done();
  return config;
}

models::VGG<float> load_vgg(const Fixture& fixture) {
  Generator generator(0);
  models::VGG<float> model(vgg_config(fixture), generator);
  const io::SafetensorsFile file(fixture.folder() / "model.safetensors");
  const auto is_counter = [](const std::string& name) { return name.ends_with("num_batches_tracked"); };
  io::load_state<float>(file, nn::named_tensors(model), {.ignore = is_counter});
  nn::for_each_tensor(model, [&](const std::string& name, auto& tensor) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(tensor)>, Tensor<std::int64_t>>)
      tensor = io::load_tensor<std::int64_t>(file, name);
  });
  return model;
}

/// Gradients of the mean cross-entropy for x and every parameter, under `x_name` and `prefix` + the parameter's name.
void compare_gradients(models::VGG<float>& model, const Tensor<float>& x, const Tensor<float>& loss,
                       const std::string& x_name, const std::string& prefix, Report& report) {
  std::vector<Tensor<float>> leaves{x};
  std::vector<std::string> names{x_name};
  for (const auto& [name, tensor] : nn::named_tensors(model)) {
    if (!tensor.requires_grad()) continue;
    leaves.push_back(tensor);
    names.push_back(prefix + name);
  }
  const auto gradients = grad(loss, leaves);
  for (std::size_t i = 0; i < leaves.size(); ++i)
    if (report.expects(names[i])) report.tensor(names[i], gradients[i]);
}

}  // namespace

void check_vgg(const std::filesystem::path& folder, Report& report) {
  const Fixture fixture(folder);
  models::VGG<float> model = load_vgg(fixture);
  nn::eval(model);
  const auto compare = [&report](const std::string& name, const auto& y) {
    if (report.expects(name)) report.tensor(name, y);
  };

  for (const std::string& input : io::SafetensorsFile(folder / "inputs.safetensors").names()) {
    if (input == "labels") continue;
    const NoGradGuard no_grad;
    const Tensor<float> features = model.features(fixture.tensor(input), [&](index_t index, const Tensor<float>& y) {
      compare(input + ".features." + std::to_string(index), y);
    });
    const Tensor<float> grid = model.pool(features);
    const Tensor<float> hidden = model.hidden(grid);
    compare(input + ".features", features);
    compare(input + ".avgpool", grid);
    compare(input + ".fc2_features", hidden);
    compare(input + ".logits", model.fc3(hidden));
  }

  if (!report.meta().contains("grad_input")) return;
  const auto labels = fixture.tensor<std::int64_t>("labels");
  const auto grad_input = report.meta().at("grad_input").get<std::string>();
  {
    Tensor<float> x = fixture.tensor(grad_input);
    x.requires_grad_();
    const Tensor<float> loss = cross_entropy(model(x), labels);
    compare("eval_grad.loss", loss);
    compare_gradients(model, x, loss, "eval_grad.x", "eval_grad.", report);
  }
  if (!model.config.batch_norm) return;
  nn::train(model);
  Tensor<float> x = fixture.tensor(grad_input);
  x.requires_grad_();
  const Tensor<float> logits = model(x);  // without a generator nothing is dropped
  const Tensor<float> loss = cross_entropy(logits, labels);
  compare("train_bn.logits", logits);
  compare("train_bn.loss", loss);
  compare_gradients(model, x, loss, "train_bn.x.grad", "train_bn.grad.", report);
  nn::for_each_tensor(model,
                      [&](const std::string& name, const auto& tensor) { compare("train_bn.buffer." + name, tensor); });
}

}  // namespace limn::golden
