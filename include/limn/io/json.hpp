#pragma once
// JSON: the one header that includes nlohmann_json; parsing of outside bytes with one-line errors and a depth limit.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <limn/io/file.hpp>

namespace limn::inline LIMN_ABI::io {

/// A JSON value. Objects are sorted by key, so that dump() is deterministic.
using Json = nlohmann::json;

namespace detail {

/// The library's message without its "[json.exception...]" prefix.
[[nodiscard]] inline std::string json_message(const Json::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace detail

/// Parses `text` (UTF-8). Throws Error("<where>: not valid JSON: ...") on anything else and on nesting deeper than 64.
[[nodiscard]] inline Json parse_json(std::string_view text, const std::string& where) {
  const auto limit_depth = [&where](int depth, Json::parse_event_t, Json&) {
    if (depth > 64) fail(where, "JSON nested deeper than 64 levels; the file is damaged, create it again");
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), limit_depth);
  } catch (const Json::exception& error) {
    fail(where, "not valid JSON: ", detail::json_message(error), "; the file is damaged, fetch or create it again");
  }
}

/// The JSON in a file of at most 1 GiB.
[[nodiscard]] inline Json parse_json_file(const std::filesystem::path& path) {
  return parse_json(read_file(path, index_t{1} << 30), path.string());
}

/// One line of JSON; throws Error when a string in it is not UTF-8. indent >= 0 gives several lines.
[[nodiscard]] inline std::string dump_json(const Json& value, int indent = -1) {
  try {
    return value.dump(indent);
  } catch (const Json::exception& error) {
    fail("json", detail::json_message(error));
  }
}

/// object[key] as a T. Throws Error naming `where` and the key when it is missing or of another type.
template <class T>
[[nodiscard]] T json_value(const Json& object, const std::string& key, const std::string& where) {
  if (!object.is_object())
    fail(where, "an object with the field ", in_quotes(key), " is wanted, but this is ", object.type_name());
  const auto found = object.find(key);
  if (found == object.end()) fail(where, "the field ", in_quotes(key), " is missing");
  try {
    return found->template get<T>();
  } catch (const Json::exception&) {
    fail(where, "the field ", in_quotes(key), " has the wrong type (", found->type_name(), ")");
  }
}

/// object[key] as a T, or `otherwise` when the key is missing or null.
template <class T>
[[nodiscard]] T json_value_or(const Json& object, const std::string& key, T otherwise, const std::string& where) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || found->is_null()) return otherwise;
  return json_value<T>(object, key, where);
}

}  // namespace limn::inline LIMN_ABI::io
