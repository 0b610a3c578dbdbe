#pragma once
// Models as files: what the programs' load and save share.

#include <filesystem>
#include <string>
#include <string_view>

#include <limn/io/checkpoint.hpp>
#include <limn/ops/cast.hpp>
#include <limn/text/vocabulary.hpp>

namespace limn::app {

/// A checkpoint opened for the model in it; a run's folder stands for its best model.
class ModelFile {
 public:
  explicit ModelFile(const std::string& named) : checkpoint_(file_of(named)), path_(checkpoint_.path().string()) {}

  [[nodiscard]] const io::Checkpoint& checkpoint() const { return checkpoint_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// What the architecture says of the model: a run's state has it beside what shaped the training.
  [[nodiscard]] const io::Json& architecture() const {
    const io::Json& stored = checkpoint_.architecture();
    return stored.contains("model") && stored.at("model").is_object() ? stored.at("model") : stored;
  }
  [[nodiscard]] text::Vocabulary vocabulary() const {
    return text::Vocabulary::from_text(io::json_value<std::string>(checkpoint_.extra(), "vocabulary", path_), path_);
  }
  /// The encoder's weights files as they were named in training.
  [[nodiscard]] std::vector<std::string> encoder_weights() const {
    return io::json_value_or<std::vector<std::string>>(checkpoint_.extra(), "encoder_weights", {}, path_);
  }
  /// Throws when the file holds fewer numbers than its architecture needs at least: one that lies about its sizes is
  /// refused before memory is asked for.
  void require_numbers(index_t needed) const {
    index_t held = 0;
    for (const std::string& name : checkpoint_.names()) held += checkpoint_.info(name).numel();
    if (held < needed)
      fail(path_, "holds ", held, " numbers but its architecture needs ", needed,
           " and more; the file is damaged, train or fetch it again");
  }
  /// Fills the model's tensors; what the optimiser left is passed over, and what begins with `besides`; NaN refused.
  void load(const io::NamedTensors<float>& tensors, std::string_view besides = "optimizer.") const {
    const auto ignored = [besides](const std::string& name) {
      return name.starts_with("optimizer.") || name.starts_with(besides);
    };
    io::load_state<float>(checkpoint_, tensors, {.ignore = ignored, .reject_nan = true});
  }

 private:
  [[nodiscard]] static std::string file_of(const std::string& named) {
    std::error_code ignored;
    return std::filesystem::is_directory(named, ignored) ? (std::filesystem::path(named) / "best.safetensors").string()
                                                         : named;
  }
  io::Checkpoint checkpoint_;
  std::string path_;
};

/// The model of checkpoint `path`, whose tensors these are, becomes (1 - share) of itself and `share` of that of
/// checkpoint `other`: between a model and one that was trained on from it lie models better than either (Wortsman et
/// al. 2022, "Robust fine-tuning of zero-shot models"), between two trained on from the same one, too ("Model soups").
/// Which photographs it is familiar with stays what it was.
inline void average(const io::NamedTensors<float>& tensors, const std::string& path, const std::string& other,
                    double share) {
  const ModelFile own(path), second(other);
  if (own.vocabulary().to_text() != second.vocabulary().to_text())
    fail(second.path(), "has other words than ", own.path(), "; average checkpoints that training began alike");
  constexpr std::string_view familiarity = "familiarity.";
  io::NamedTensors<float> ours, theirs;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(familiarity)) continue;
    ours.emplace_back(name, tensor);
    theirs.emplace_back(name, clone(tensor.detach()));
  }
  second.load(theirs, familiarity);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const Tensor<float>& x = ours[i].second;
    for (index_t k = 0; k < x.numel(); ++k)
      x.data()[k] = static_cast<float>((1 - share) * static_cast<double>(x.data()[k]) +
                                       share * static_cast<double>(theirs[i].second.data()[k]));
    x.mark_written();
  }
}

/// Writes a model alone, without what training needs; `half`: in two-byte floats.
inline void save_model(const std::string& path, const io::NamedTensors<float>& tensors, io::Json architecture,
                       io::Json extra, bool half = false) {
  io::TensorMap map;
  for (const auto& [name, tensor] : tensors) {
    if (half)
      map.insert({name, io::StoredTensor(cast<f16>(tensor.detach()))});
    else
      map.insert({name, io::StoredTensor(tensor)});
  }
  io::CheckpointInfo info;
  info.architecture = std::move(architecture);
  info.extra = std::move(extra);
  io::save_checkpoint(path, map, info);
}

}  // namespace limn::app
