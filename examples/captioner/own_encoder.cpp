#include "captioner/own_encoder.hpp"

namespace limn::captioner {
namespace {

std::string file_of(const std::string& named) {
  std::error_code ignored;
  return std::filesystem::is_directory(named, ignored) ? (std::filesystem::path(named) / "best.safetensors").string()
                                                       : named;
}

/// Its architecture is the shape itself or, in a run's state, stands under "model".
io::Json shape_of(const io::Checkpoint& checkpoint, const std::string& file) {
  const io::Json& stored = checkpoint.architecture();
  const io::Json shape = stored.contains("model") ? stored.at("model") : stored;
  if (!shape.is_object() || !shape.contains("cnn_widths"))
    fail(file, "holds no encoder of its own; name a checkpoint that 'captioner distill' has written");
  return shape;
}

}  // namespace

io::Json to_json(const OwnEncoderConfig& config) {
  io::Json json{{"cnn_widths", config.cnn.widths}, {"cnn_strides", config.cnn.strides}, {"picture", config.picture}};
  if (!config.cnn.pools.empty()) json["cnn_pools"] = config.cnn.pools;
  return json;
}

OwnEncoderConfig own_encoder_from_json(const io::Json& json, const std::string& where) {
  OwnEncoderConfig config;
  config.cnn.widths = io::json_value<std::vector<index_t>>(json, "cnn_widths", where);
  config.cnn.strides = io::json_value<std::vector<index_t>>(json, "cnn_strides", where);
  config.cnn.pools = io::json_value_or<std::vector<index_t>>(json, "cnn_pools", {}, where);
  config.picture = io::json_value<index_t>(json, "picture", where);
  if (config.cnn.widths.empty() || config.cnn.widths.size() > 100 ||
      config.cnn.widths.size() != config.cnn.strides.size() || config.cnn.pools.size() > 5)
    fail(where, "its architecture names no network that reads pictures; the file is damaged");
  index_t shrunk = 1;
  for (const index_t size : config.cnn.widths)
    if (size < 1 || size > 4096) fail(where, "its architecture names a layer ", size, " wide; the file is damaged");
  for (const index_t stride : config.cnn.strides) {
    if (stride < 1 || stride > 8) fail(where, "its architecture names a stride of ", stride, "; the file is damaged");
    shrunk = std::min<index_t>(shrunk * stride, 1 << 20);
  }
  shrunk <<= config.cnn.pools.size();
  if (config.picture < 16 || config.picture > 4096 || (!config.cnn.pools.empty() && shrunk > config.picture))
    fail(where, "its architecture reads pictures of side ", config.picture, "; the file is damaged");
  return config;
}

void save_own_encoder(const std::string& path, const OwnEncoderConfig& config, models::SmallCNN<float>& cnn) {
  io::TensorMap map;
  for (const auto& [name, tensor] : nn::named_tensors<float>(cnn))
    map.insert({"cnn." + name, io::StoredTensor(tensor)});
  io::CheckpointInfo info;
  info.architecture = to_json(config);
  io::save_checkpoint(path, map, info);
}

OwnEncoderConfig own_encoder_config(const std::string& named) {
  const std::string file = file_of(named);
  return own_encoder_from_json(shape_of(io::Checkpoint(file), file), file);
}

void load_own_encoder(const std::string& named, models::SmallCNN<float>& cnn) {
  const io::Checkpoint checkpoint(file_of(named));
  io::NamedTensors<float> tensors;
  for (const auto& [name, tensor] : nn::named_tensors<float>(cnn)) tensors.emplace_back("cnn." + name, tensor);
  io::load_state<float>(
      checkpoint, tensors,
      {.ignore = [](const std::string& name) { return !name.starts_with("cnn."); }, .reject_nan = true});
}

}  // namespace limn::captioner
