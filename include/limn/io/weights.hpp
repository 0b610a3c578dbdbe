#pragma once
// Weights: the tensors of a model, from one safetensors file, a sharded index, or the folder that holds either.

#include <utility>

#include <limn/io/safetensors.hpp>

namespace limn::inline LIMN_ABI::io {

/// Opens FILE.safetensors, FILE.safetensors.index.json, or a folder with model.safetensors(.index.json) in it. Every
/// shard is opened and checked at construction. Has the reading functions of SafetensorsFile.
class Weights {
 public:
  explicit Weights(const std::filesystem::path& path) : path_(path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path_, ignored)) {
      const std::filesystem::path whole = path_ / "model.safetensors", index = path_ / "model.safetensors.index.json";
      if (std::filesystem::exists(whole, ignored))
        path_ = whole;
      else if (std::filesystem::exists(index, ignored))
        path_ = index;
      else
        fail(path.string(), "has neither model.safetensors nor model.safetensors.index.json; name the weights file");
    }
    path_.extension() == ".json" ? open_index() : open_single();
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool contains(const std::string& name) const { return file_of_.count(name) > 0; }
  /// In alphabetical order.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : file_of_) result.push_back(entry.first);
    return result;
  }
  /// Of the first file.
  [[nodiscard]] const Metadata& metadata() const { return files_.front().metadata(); }
  [[nodiscard]] const TensorInfo& info(const std::string& name) const { return file_of(name).info(name); }
  void read_bytes(const std::string& name, std::span<std::byte> bytes) const { file_of(name).read_bytes(name, bytes); }
  [[nodiscard]] std::vector<std::byte> read_bytes(const std::string& name) const {
    return file_of(name).read_bytes(name);
  }
  void read_rows(const std::string& name, index_t first, index_t count, std::span<std::byte> bytes) const {
    file_of(name).read_rows(name, first, count, bytes);
  }
  template <class T>
  [[nodiscard]] std::vector<T> read_as(const std::string& name) const {
    return file_of(name).template read_as<T>(name);
  }

 private:
  [[nodiscard]] const SafetensorsFile& file_of(const std::string& name) const {
    const auto found = file_of_.find(name);
    if (found == file_of_.end()) fail(path_.string(), "has no tensor ", in_quotes(name));
    return files_[found->second];
  }
  void open_single() {
    files_.emplace_back(path_);
    for (const auto& entry : files_[0].tensors()) file_of_[entry.first] = 0;
  }
  void open_index() {
    const std::string where = path_.string();
    const Json index = parse_json_file(path_);
    const Json map = json_value<Json>(index, "weight_map", where);
    if (!map.is_object() || map.empty()) fail(where, "weight_map is not an object with entries", detail::damaged);
    std::map<std::string, std::size_t> shards;
    for (const auto& entry : map.items()) {
      if (!entry.value().is_string())
        fail(where, "the file of ", in_quotes(entry.key()), " is not a string", detail::damaged);
      const std::string shard = entry.value().get<std::string>();
      if (std::filesystem::path(shard).filename() != shard || shard.empty() || shard == "." || shard == "..")
        fail(where, "names the shard ", in_quotes(shard), ", which is not a file of the same folder", detail::damaged);
      const auto known = shards.find(shard);
      const std::size_t position = known == shards.end() ? files_.size() : known->second;
      if (known == shards.end()) {
        files_.emplace_back(detail::folder_of(path_) / shard);
        shards[shard] = position;
      }
      if (!files_[position].contains(entry.key()))
        fail(where, "says that ", in_quotes(entry.key()), " is in ", in_quotes(shard),
             ", which has no such tensor; fetch both again");
      file_of_[entry.key()] = position;
    }
  }

  std::filesystem::path path_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> file_of_;
};

}  // namespace limn::inline LIMN_ABI::io
