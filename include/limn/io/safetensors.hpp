#pragma once
// safetensors files: reading any part of them without loading the rest, and writing them atomically.

#include <algorithm>

#include <limn/io/safetensors_header.hpp>

namespace limn::inline LIMN_ABI::io {

/// An open safetensors file, checked in full at construction: afterwards only reading errors are possible. Nothing of
/// the data area stays in memory; each read goes to the file.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path) : file_(path, O_RDONLY) {
    const std::string where = path.string();
    const index_t size = file_.size();
    std::byte first[8] = {};
    if (size >= 8) file_.read_at(0, first);
    const index_t length = safetensors_header_length(first, size, where);
    std::string json(static_cast<std::size_t>(length), '\0');
    file_.read_at(8, std::as_writable_bytes(std::span(json.data(), json.size())));
    header_ = parse_safetensors_header(json, size - 8 - length, where);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }
  [[nodiscard]] const Metadata& metadata() const { return header_.metadata; }
  [[nodiscard]] const std::map<std::string, TensorInfo>& tensors() const { return header_.tensors; }
  [[nodiscard]] bool contains(const std::string& name) const { return header_.tensors.count(name) > 0; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : header_.tensors) result.push_back(entry.first);
    return result;
  }
  /// Throws an Error naming the file when there is no such tensor.
  [[nodiscard]] const TensorInfo& info(const std::string& name) const {
    const auto found = header_.tensors.find(name);
    if (found == header_.tensors.end()) fail(path().string(), "has no tensor ", in_quotes(name));
    return found->second;
  }

  /// All elements as they lie in the file; `bytes` must have info(name).bytes() bytes.
  void read_bytes(const std::string& name, std::span<std::byte> bytes) const {
    const TensorInfo& tensor = info(name);
    if (static_cast<index_t>(bytes.size()) != tensor.bytes())
      fail(path().string(), "the tensor ", in_quotes(name), " has ", tensor.bytes(), " bytes but the buffer ",
           bytes.size());
    file_.read_at(header_.data_start + tensor.begin, bytes);
  }
  [[nodiscard]] std::vector<std::byte> read_bytes(const std::string& name) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(info(name).bytes()));
    read_bytes(name, bytes);
    return bytes;
  }
  /// Rows first .. first + count - 1 along the first dimension, as they lie in the file.
  void read_rows(const std::string& name, index_t first, index_t count, std::span<std::byte> bytes) const {
    const TensorInfo& tensor = info(name);
    const index_t rows = tensor.shape.empty() ? 0 : tensor.shape[0];
    if (first < 0 || count < 0 || first > rows || count > rows - first)
      fail(path().string(), count, " rows from row ", first, " on of the tensor ", in_quotes(name), " of shape ",
           shape_text(tensor.shape), " do not exist");
    const index_t row = rows ? tensor.bytes() / rows : 0;
    if (static_cast<index_t>(bytes.size()) != count * row)
      fail(path().string(), count, " rows of the tensor ", in_quotes(name), " have ", count * row,
           " bytes but the buffer ", bytes.size());
    file_.read_at(header_.data_start + tensor.begin + first * row, bytes);
  }
  /// All elements, converted (see convert_elements).
  template <class T>
  [[nodiscard]] std::vector<T> read_as(const std::string& name) const {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> is not an array; read std::uint8_t");
    std::vector<T> values(static_cast<std::size_t>(info(name).numel()));
    convert_elements(info(name).dtype, read_bytes(name), values.data());
    return values;
  }

 private:
  File file_;
  SafetensorsHeader header_;
};

/// A tensor to be written; `bytes` outlive the call.
struct TensorBytes {
  std::string name;
  DType dtype = DType::f32;
  std::vector<index_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes a safetensors file, whole or not at all. Equal tensors and metadata give equal bytes.
inline void write_safetensors(const std::filesystem::path& path, const std::vector<TensorBytes>& tensors,
                              const Metadata& metadata = {}) {
  const std::string where = path.string();
  SafetensorsHeader header;
  header.metadata = metadata;
  std::map<std::string, std::span<const std::byte>> bytes;
  for (const TensorBytes& tensor : tensors) {
    if (!bytes.emplace(tensor.name, tensor.bytes).second) fail(where, "two tensors are named ", in_quotes(tensor.name));
    header.tensors[tensor.name] = {tensor.dtype, tensor.shape, 0, 0};
  }
  const std::string head = format_safetensors_header(header, where);

  std::vector<std::pair<index_t, const std::string*>> order;
  for (const auto& [name, info] : header.tensors) {
    if (info.bytes() != static_cast<index_t>(bytes[name].size()))
      fail(where, "the tensor ", in_quotes(name), " of shape ", shape_text(info.shape), " needs ", info.bytes(),
           " bytes but has ", bytes[name].size());
    if (info.bytes() > 0) order.emplace_back(info.begin, &name);
  }
  std::sort(order.begin(), order.end());
  AtomicFile file(path);
  file.write(head);
  for (const auto& entry : order) file.write(bytes[*entry.second]);
  file.commit();
}

}  // namespace limn::inline LIMN_ABI::io
