#pragma once
// HDF5: the one header that includes it. Identifiers that close themselves, and attributes that are lists of strings.

#ifdef LIMN_WITH_HDF5

#include <string>
#include <utility>
#include <vector>

#include <hdf5.h>

#include <limn/io/safetensors_header.hpp>

namespace limn::inline LIMN_ABI::io {

namespace detail {

/// An HDF5 identifier and the function that closes it.
class Hdf5Id {
 public:
  Hdf5Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Id(const Hdf5Id&) = delete;
  Hdf5Id& operator=(const Hdf5Id&) = delete;
  ~Hdf5Id() {
    if (id_ >= 0) close_(id_);
  }
  [[nodiscard]] bool valid() const { return id_ >= 0; }
  operator hid_t() const { return id_; }  // NOLINT: it is used as the identifier it holds

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// The strings of an attribute (fixed or variable length, one or many); none when it is absent or empty.
[[nodiscard]] inline std::vector<std::string> hdf5_strings(hid_t object, const std::string& name,
                                                           const std::string& where) {
  if (H5Aexists(object, name.c_str()) <= 0) return {};
  const Hdf5Id attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  const Hdf5Id type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (!attribute.valid() || !type.valid() || count < 0)
    fail(where, "the attribute ", in_quotes(name), " cannot be read", damaged);
  if (count == 0) return {};
  if (H5Tget_class(type) != H5T_STRING || count > 1'000'000)
    fail(where, "the attribute ", in_quotes(name), " is not a list of strings", damaged);
  std::vector<std::string> result;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> texts(static_cast<std::size_t>(count), nullptr);
    if (H5Aread(attribute, type, texts.data()) < 0)
      fail(where, "the attribute ", in_quotes(name), " cannot be read", damaged);
    for (const char* text : texts) result.emplace_back(text ? text : "");
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts.data());
    return result;
  }
  const std::size_t length = H5Tget_size(type);
  if (length > (std::size_t{1} << 26) / static_cast<std::size_t>(count))
    fail(where, "the attribute ", in_quotes(name), " is too long", damaged);
  std::string texts(length * static_cast<std::size_t>(count), '\0');
  if (H5Aread(attribute, type, texts.data()) < 0)
    fail(where, "the attribute ", in_quotes(name), " cannot be read", damaged);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::string text = texts.substr(i * length, length);
    result.push_back(text.substr(0, text.find('\0')));
  }
  return result;
}

/// The same for a list that Keras has cut into name0, name1, ... because it was long.
[[nodiscard]] inline std::vector<std::string> hdf5_list(hid_t object, const std::string& name,
                                                        const std::string& where) {
  std::vector<std::string> result = hdf5_strings(object, name, where);
  for (int part = 0; result.empty() || part > 0; ++part) {
    const std::vector<std::string> more = hdf5_strings(object, name + std::to_string(part), where);
    if (more.empty()) break;
    result.insert(result.end(), more.begin(), more.end());
  }
  return result;
}

}  // namespace detail

}  // namespace limn::inline LIMN_ABI::io

#endif  // LIMN_WITH_HDF5
