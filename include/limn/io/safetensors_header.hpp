#pragma once
// The header of a safetensors file: 8 bytes of length, JSON, then the data area. Parsing trusts nothing.

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <limn/io/dtype.hpp>
#include <limn/io/json.hpp>

namespace limn::inline LIMN_ABI::io {

/// One tensor of a file: its type, shape, and bytes [begin, end) of the data area.
struct TensorInfo {
  DType dtype = DType::f32;
  std::vector<index_t> shape;
  index_t begin = 0, end = 0;

  [[nodiscard]] index_t numel() const { return (end - begin) / dtype_size(dtype); }
  [[nodiscard]] index_t bytes() const { return end - begin; }
};

/// Free text that travels in a file under "__metadata__".
using Metadata = std::map<std::string, std::string>;

struct SafetensorsHeader {
  std::map<std::string, TensorInfo> tensors;
  Metadata metadata;
  index_t data_start = 0;  ///< offset of the data area in the file
};

/// "[2, 3]"
[[nodiscard]] inline std::string shape_text(const std::vector<index_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

inline constexpr index_t max_safetensors_header = 100'000'000;  // the limit of the reference implementation

namespace detail {

inline constexpr const char* damaged = "; the file is damaged, fetch or create it again";

[[nodiscard]] inline index_t json_extent(const Json& value, const std::string& where, const std::string& what) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
    fail(where, what, " is not a whole number from 0 up", damaged);
  return static_cast<index_t>(value.get<std::uint64_t>());
}

[[nodiscard]] inline const Json& json_field(const Json& entry, const char* key, const std::string& where,
                                            const std::string& what) {
  const auto found = entry.find(key);
  if (found == entry.end()) fail(where, what, " has no \"", key, "\"", damaged);
  return *found;
}

[[nodiscard]] inline TensorInfo parse_tensor_info(const Json& entry, index_t data_bytes, const std::string& where,
                                                  const std::string& what) {
  if (!entry.is_object()) fail(where, what, " is described by ", entry.type_name(), ", not by an object", damaged);
  TensorInfo info;

  const Json& dtype = json_field(entry, "dtype", where, what);
  if (!dtype.is_string()) fail(where, "the dtype of ", what, " is not a string", damaged);
  const auto known = dtype_from_name(dtype.get_ref<const std::string&>());
  if (!known)
    fail(where, what, " has the unknown dtype ", in_quotes(dtype.get_ref<const std::string&>()), "; convert it to F32");
  info.dtype = *known;

  const Json& shape = json_field(entry, "shape", where, what);
  if (!shape.is_array()) fail(where, "the shape of ", what, " is not a list", damaged);
  index_t bytes = dtype_size(info.dtype);
  for (const Json& value : shape) {
    info.shape.push_back(json_extent(value, where, "an extent in the shape of " + what));
    if (__builtin_mul_overflow(bytes, info.shape.back(), &bytes))
      fail(where, "the shape of ", what, " has more bytes than 64 bits can count", damaged);
  }

  const Json& offsets = json_field(entry, "data_offsets", where, what);
  if (!offsets.is_array() || offsets.size() != 2) fail(where, "the data_offsets of ", what, " are not a pair", damaged);
  info.begin = json_extent(offsets[0], where, "a data offset of " + what);
  info.end = json_extent(offsets[1], where, "a data offset of " + what);
  if (info.begin > info.end || info.end > data_bytes)
    fail(where, what, " lies at bytes ", info.begin, " to ", info.end, " but the file holds ", data_bytes, damaged);
  if (info.bytes() != bytes)
    fail(where, what, " of shape ", shape_text(info.shape), " and dtype ", dtype_name(info.dtype), " needs ", bytes,
         " bytes but has ", info.bytes(), damaged);
  return info;
}

}  // namespace detail

/// The length of the JSON header, from the first bytes of a file of `file_bytes` bytes.
[[nodiscard]] inline index_t safetensors_header_length(std::span<const std::byte> first, index_t file_bytes,
                                                       const std::string& where) {
  if (file_bytes < 8 || first.size() < 8)
    fail(where, "holds ", file_bytes, " bytes, too few for a safetensors file", detail::damaged);
  std::uint64_t length = 0;
  std::memcpy(&length, first.data(), 8);
  if (length > static_cast<std::uint64_t>(std::min(file_bytes - 8, max_safetensors_header)))
    fail(where, "the header claims ", length, " bytes but the file has ", file_bytes - 8,
         " after the length; not a safetensors file, or cut short");
  return static_cast<index_t>(length);
}

/// Parses the JSON `header` of a file whose data area has `data_bytes` bytes. Throws an Error naming `where` unless
/// every tensor is well formed and together they cover the data area exactly, without overlap, hole or rest.
[[nodiscard]] inline SafetensorsHeader parse_safetensors_header(std::string_view header, index_t data_bytes,
                                                                const std::string& where) {
  if (header.empty() || header.front() != '{') fail(where, "the header is not a JSON object; not a safetensors file");
  const Json json = parse_json(header, where);
  SafetensorsHeader result;
  result.data_start = 8 + static_cast<index_t>(header.size());
  for (const auto& item : json.items()) {
    if (item.key() == "__metadata__") {
      if (!item.value().is_object()) fail(where, "__metadata__ is not an object", detail::damaged);
      for (const auto& pair : item.value().items()) {
        if (!pair.value().is_string())
          fail(where, "the metadata ", in_quotes(pair.key()), " is not a string", detail::damaged);
        result.metadata[pair.key()] = pair.value().get<std::string>();
      }
      continue;
    }
    result.tensors[item.key()] =
        detail::parse_tensor_info(item.value(), data_bytes, where, "the tensor " + in_quotes(item.key()));
  }

  std::vector<std::pair<const std::string*, const TensorInfo*>> order;
  for (const auto& [name, info] : result.tensors) order.emplace_back(&name, &info);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  index_t covered = 0;
  for (const auto& [name, info] : order) {
    if (info->begin != covered)
      fail(where, "the tensor ", in_quotes(*name), " begins at byte ", info->begin,
           " of the data but the one before ends at ", covered, detail::damaged);
    covered = info->end;
  }
  if (covered != data_bytes)
    fail(where, "the tensors take ", covered, " bytes but the file holds ", data_bytes, " bytes of data",
         detail::damaged);
  return result;
}

/// Lays out tensors (their begin and end are set here) and returns the bytes before the data area. The order in the
/// file is by falling element size, then by name: every tensor is aligned, and equal content gives equal bytes.
[[nodiscard]] inline std::string format_safetensors_header(SafetensorsHeader& header, const std::string& where) {
  std::vector<std::pair<const std::string*, TensorInfo*>> order;
  for (auto& [name, info] : header.tensors) {
    if (name == "__metadata__") fail(where, "a tensor may not be named __metadata__; choose another name");
    order.emplace_back(&name, &info);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return dtype_size(a.second->dtype) > dtype_size(b.second->dtype);
  });
  std::string json = "{";
  if (!header.metadata.empty()) json += "\"__metadata__\":" + dump_json(Json(header.metadata));
  index_t position = 0;
  for (const auto& [name, info] : order) {
    index_t bytes = dtype_size(info->dtype);
    for (const index_t extent : info->shape)
      if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
        fail(where, "the tensor ", in_quotes(*name), " has the impossible shape ", shape_text(info->shape));
    info->begin = position;
    if (__builtin_add_overflow(position, bytes, &position))
      fail(where, "the tensors have more bytes than 64 bits can count");
    info->end = position;
    json += json.size() > 1 ? "," : "";
    json += dump_json(Json(*name)) + ":{\"dtype\":\"" + std::string(dtype_name(info->dtype)) +
            "\",\"shape\":" + dump_json(Json(info->shape)) + ",\"data_offsets\":[" + std::to_string(info->begin) + "," +
            std::to_string(info->end) + "]}";
  }
  json += "}";
  while (json.size() % 8 != 0) json += ' ';
  if (static_cast<index_t>(json.size()) > max_safetensors_header) fail(where, "the header would be longer than 100 MB");
  header.data_start = 8 + static_cast<index_t>(json.size());
  const auto length = static_cast<std::uint64_t>(json.size());
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + json;
}

}  // namespace limn::inline LIMN_ABI::io
