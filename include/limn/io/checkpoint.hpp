#pragma once
// Checkpoints: everything a run needs to go on, in one safetensors file that is replaced whole or not at all.

#include <limn/io/state_dict.hpp>

namespace limn::inline LIMN_ABI::io {

/// What a checkpoint says about itself, kept as JSON in the file's __metadata__.
struct CheckpointInfo {
  Json architecture = Json::object();  ///< what the model is: compared when the checkpoint is loaded
  Json state = Json::object();         ///< where the run is: epoch, step, generator, schedule, data order, best score
  Json extra = Json::object();         ///< what a user of the model needs: vocabulary, preprocessing
  Json test_vectors = Json::array();   ///< inputs and expected outputs, see replay_test_vectors
};

/// Writes tensors (model, optimiser, averages) and `info`. Equal content gives equal bytes. An existing file stays as
/// it was until the new one is complete on the disk.
inline void save_checkpoint(const std::filesystem::path& path, const TensorMap& tensors, const CheckpointInfo& info) {
  save_tensors(path, tensors,
               {{"format", "limn-checkpoint-1"},
                {"architecture", dump_json(info.architecture)},
                {"state", dump_json(info.state)},
                {"extra", dump_json(info.extra)},
                {"test_vectors", dump_json(info.test_vectors)}});
}

/// An open checkpoint. Has the reading functions of SafetensorsFile, so load_tensor and load_state read from it.
class Checkpoint : public SafetensorsFile {
 public:
  explicit Checkpoint(const std::filesystem::path& file) : SafetensorsFile(file) {
    const auto format = metadata().find("format");
    if (format == metadata().end() || format->second != "limn-checkpoint-1")
      fail(file.string(), "is not a limn checkpoint; name a file that training has written");
    info_.architecture = part("architecture");
    info_.state = part("state");
    info_.extra = part("extra");
    info_.test_vectors = part("test_vectors");
  }

  [[nodiscard]] const Json& architecture() const { return info_.architecture; }
  [[nodiscard]] const Json& state() const { return info_.state; }
  [[nodiscard]] const Json& extra() const { return info_.extra; }
  [[nodiscard]] const Json& test_vectors() const { return info_.test_vectors; }

  /// Throws Error("...: checkpoint of another architecture: ...") naming the first field that differs.
  void require_architecture(const Json& wanted) const {
    if (architecture() == wanted) return;
    std::string difference;
    const auto show = [](const Json& object, const std::string& key) {
      return object.is_object() && object.contains(key) ? dump_json(object.at(key)).substr(0, 80)
                                                        : std::string("absent");
    };
    Json keys = wanted.is_object() ? wanted : Json::object();
    if (architecture().is_object()) keys.update(architecture());
    for (const auto& entry : keys.items()) {
      const std::string has = show(architecture(), entry.key()), wants = show(wanted, entry.key());
      if (has == wants) continue;
      difference = in_quotes(entry.key()) + " is " + has + " but " + wants + " is wanted";
      break;
    }
    fail(path().string(), "checkpoint of another architecture: ", difference,
         "; use the options it was trained with or another file");
  }

  /// Runs f on the input of every test vector and compares with its output: |got - wanted| <= atol + rtol * |wanted|.
  /// The proof that file and program belong together. f: const Json& input -> std::vector<double>.
  template <class F>
  void replay_test_vectors(F&& f, double atol = 1e-5, double rtol = 1e-4) const {
    index_t number = 0;
    for (const Json& vector : test_vectors()) {
      const auto wanted = json_value<std::vector<double>>(vector, "output", path().string());
      const std::vector<double> got = f(json_value<Json>(vector, "input", path().string()));
      bool same = got.size() == wanted.size();
      for (std::size_t i = 0; same && i < got.size(); ++i)
        same = std::abs(got[i] - wanted[i]) <= atol + rtol * std::abs(wanted[i]);
      if (!same)
        fail(path().string(), "test vector ", number,
             " gives another output than when it was written; the file or the program has changed");
      ++number;
    }
  }

 private:
  [[nodiscard]] Json part(const std::string& key) const {
    const auto found = metadata().find(key);
    if (found == metadata().end()) fail(path().string(), "the checkpoint has no ", in_quotes(key), detail::damaged);
    return parse_json(found->second, path().string());
  }

  CheckpointInfo info_;
};

/// {"input": input, "output": output} for CheckpointInfo::test_vectors.
[[nodiscard]] inline Json test_vector(const Json& input, const std::vector<double>& output) {
  return Json{{"input", input}, {"output", output}};
}

}  // namespace limn::inline LIMN_ABI::io
