#pragma once
// Fixture: the inputs, weights and cases of a fixture folder as tensors and options.

#include <set>
#include <string>
#include <vector>

#include "report.hpp"

namespace limn::golden {

/// A tensor of a safetensors file with elements converted to T.
template <class T>
[[nodiscard]] Tensor<T> load(const io::SafetensorsFile& file, const std::string& name) {
  const io::TensorInfo& info = file.info(name);
  Tensor<T> x{Shape(info.shape)};
  io::convert_elements(info.dtype, file.read_bytes(name), x.data());
  return x;
}

/// The key-value options of a case. Every option must be asked for: done() fails on one that nobody knows.
class Options {
 public:
  Options(io::Json values, std::string where) : values_(std::move(values)), where_(std::move(where)) {
    if (values_.is_null()) values_ = io::Json::object();
    if (!values_.is_object()) fail(where_, "the options are not an object");
  }

  [[nodiscard]] const std::string& where() const { return where_; }
  /// True when the option is there and not null.
  [[nodiscard]] bool has(const std::string& key) {
    seen_.insert(key);
    const auto found = values_.find(key);
    return found != values_.end() && !found->is_null();
  }
  [[nodiscard]] const io::Json& at(const std::string& key) {
    if (!has(key)) fail(where_, "the option ", key, " is missing");
    return values_.at(key);
  }
  template <class T>
  [[nodiscard]] T get(const std::string& key) {
    seen_.insert(key);
    return io::json_value<T>(values_, key, where_);
  }
  template <class T>
  [[nodiscard]] T get(const std::string& key, T otherwise) {
    seen_.insert(key);
    return io::json_value_or<T>(values_, key, otherwise, where_);
  }
  /// A number or a list of them: n values, a single number repeated.
  [[nodiscard]] std::vector<index_t> list(const std::string& key, std::size_t n, index_t otherwise) {
    if (!has(key)) return std::vector<index_t>(n, otherwise);
    const io::Json& value = values_.at(key);
    if (value.is_number_integer()) return std::vector<index_t>(n, value.get<index_t>());
    const auto result = get<std::vector<index_t>>(key);
    if (result.size() == 1) return std::vector<index_t>(n, result[0]);
    if (result.size() != n) fail(where_, "the option ", key, " has ", result.size(), " values, not ", n);
    return result;
  }
  /// Says that an option is understood and changes nothing here.
  void ignore(const std::string& key) { seen_.insert(key); }
  void done() const {
    for (const auto& entry : values_.items())
      if (!seen_.count(entry.key())) fail(where_, "unknown option ", entry.key(), " = ", io::dump_json(entry.value()));
  }

 private:
  io::Json values_;
  std::string where_;
  std::set<std::string> seen_;
};

/// inputs.safetensors, model.safetensors and config.json of a folder, whichever exist.
class Fixture {
 public:
  explicit Fixture(const std::filesystem::path& folder) : folder_(folder) {
    if (std::filesystem::exists(folder / "config.json")) config_ = io::parse_json_file(folder / "config.json");
    for (const char* name : {"inputs.safetensors", "model.safetensors"})
      if (std::filesystem::exists(folder / name)) files_.emplace_back(folder / name);
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const io::Json& config() const { return config_; }
  [[nodiscard]] const io::Json& cases() const {
    if (!config_.is_object() || !config_.contains("cases")) fail(folder_.string(), "config.json has no cases");
    return config_.at("cases");
  }
  [[nodiscard]] bool has(const std::string& name) const { return find(name) != nullptr; }
  /// Input or weight `name`.
  template <class T = float>
  [[nodiscard]] Tensor<T> tensor(const std::string& name) const {
    const io::SafetensorsFile* file = find(name);
    if (!file) fail(folder_.string(), "has no input or weight named ", io::in_quotes(name));
    return load<T>(*file, name);
  }
  [[nodiscard]] io::DType dtype(const std::string& name) const {
    const io::SafetensorsFile* file = find(name);
    if (!file) fail(folder_.string(), "has no input or weight named ", io::in_quotes(name));
    return file->info(name).dtype;
  }
  /// Names in inputs.safetensors and model.safetensors that begin with `prefix`.
  [[nodiscard]] std::vector<std::string> names(const std::string& prefix = "") const {
    std::vector<std::string> result;
    for (const auto& file : files_)
      for (const std::string& name : file.names())
        if (name.rfind(prefix, 0) == 0) result.push_back(name);
    return result;
  }

 private:
  [[nodiscard]] const io::SafetensorsFile* find(const std::string& name) const {
    for (const auto& file : files_)
      if (file.contains(name)) return &file;
    return nullptr;
  }

  std::filesystem::path folder_;
  io::Json config_;
  std::vector<io::SafetensorsFile> files_;
};

}  // namespace limn::golden
