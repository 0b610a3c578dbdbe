#pragma once
// .npy files: exchange of one tensor with NumPy (format versions 1 to 3, little-endian).

#include <limn/io/tensors.hpp>

namespace limn::inline LIMN_ABI::io {

namespace detail {

inline constexpr std::string_view npy_descriptions[] = {"|b1", "|u1", "|i1", "<u2", "<i2", "<f2", "",
                                                        "<u4", "<i4", "<f4", "<u8", "<i8", "<f8"};

/// The text after 'key': in the header's Python dictionary; it is one NumPy has written, so keys never occur inside
/// values.
[[nodiscard]] inline std::string_view npy_field(std::string_view header, std::string_view key,
                                                const std::string& where) {
  const std::size_t found = header.find(in_quotes(key));
  const std::size_t colon = found == std::string_view::npos ? found : header.find(':', found);
  if (colon == std::string_view::npos) fail(where, "the header has no ", in_quotes(key), damaged);
  const std::size_t start = header.find_first_not_of(' ', colon + 1);
  if (start == std::string_view::npos) fail(where, "the header ends early", damaged);
  return header.substr(start);
}

[[nodiscard]] inline std::vector<index_t> npy_shape(std::string_view text, const std::string& where) {
  const std::size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string_view::npos) fail(where, "the shape is not a tuple", damaged);
  std::vector<index_t> shape;
  bool digits = false;
  index_t value = 0;
  for (const char c : text.substr(1, end)) {
    if (c >= '0' && c <= '9') {
      if (__builtin_mul_overflow(value, index_t{10}, &value) || __builtin_add_overflow(value, index_t{c - '0'}, &value))
        fail(where, "an extent of the shape is too large", damaged);
      digits = true;
      continue;
    }
    if (c != ' ' && c != ',' && c != ')' && c != 'L') fail(where, "the shape is not a tuple of whole numbers", damaged);
    if ((c == ',' || c == ')') && digits) {
      shape.push_back(value);
      value = 0;
      digits = false;
    }
  }
  return shape;
}

}  // namespace detail

/// Reads a .npy file; floating-point types are converted to T, other types must be T. Fortran order is understood.
template <class T = float>
[[nodiscard]] Tensor<T> load_npy(const std::filesystem::path& path) {
  const std::string where = path.string();
  const File file(path, O_RDONLY);
  const index_t size = file.size();
  std::byte first[12] = {};
  if (size < 12) fail(where, "too short for a .npy file", detail::damaged);
  file.read_at(0, first);
  if (std::memcmp(first, "\x93NUMPY", 6) != 0) fail(where, "is not a .npy file");
  const int version = std::to_integer<int>(first[6]);
  if (version < 1 || version > 3)
    fail(where, "has the unknown .npy version ", version, "; save it again with numpy.save");
  const index_t start = version == 1 ? 10 : 12;
  index_t length = 0;
  std::memcpy(&length, first + 8, version == 1 ? 2 : 4);
  if (length > size - start)
    fail(where, "the header claims ", length, " bytes but the file has ", size, detail::damaged);
  std::string header(static_cast<std::size_t>(length), '\0');
  file.read_at(start, std::as_writable_bytes(std::span(header.data(), header.size())));

  const std::string_view description = detail::npy_field(header, "descr", where);
  std::optional<DType> dtype;
  for (std::size_t i = 0; i < std::size(detail::npy_descriptions); ++i)
    if (description.size() > 4 && !detail::npy_descriptions[i].empty() &&
        description.substr(1, 3) == detail::npy_descriptions[i])
      dtype = static_cast<DType>(i);
  if (!dtype) fail(where, "has the element type ", in_quotes(description.substr(0, 8)), "; save it as float32");
  detail::check_convertible<T>(*dtype, where, "data");
  const bool fortran = detail::npy_field(header, "fortran_order", where).substr(0, 4) == "True";
  const std::vector<index_t> extents = detail::npy_shape(detail::npy_field(header, "shape", where), where);
  if (static_cast<index_t>(extents.size()) > max_rank) fail(where, "has rank ", extents.size(), ", above ", max_rank);
  const Shape shape(extents);
  index_t bytes = 0;
  if (__builtin_mul_overflow(shape.numel(), dtype_size(*dtype), &bytes) || bytes != size - start - length)
    fail(where, "the shape ", shape, " does not fit the ", size - start - length, " bytes of data", detail::damaged);

  std::vector<std::byte> data(static_cast<std::size_t>(bytes));
  file.read_at(start + length, data);
  if (!fortran) {
    Tensor<T> x(shape);
    convert_elements(*dtype, data, x.data());
    return x;
  }
  Shape reversed;
  for (index_t i = shape.rank() - 1; i >= 0; --i) reversed.push_back(shape[i]);
  Tensor<T> x(reversed);
  convert_elements(*dtype, data, x.data());
  Strides strides = contiguous_strides(reversed), swapped;
  for (index_t i = shape.rank() - 1; i >= 0; --i) swapped.push_back(strides[i]);
  return limn::detail::packed(x.as_view(shape, swapped));
}

/// Writes a .npy file (version 1), whole or not at all. bf16 has no NumPy type: cast it first.
template <class T>
void save_npy(const std::filesystem::path& path, const Tensor<T>& x) {
  static_assert(!std::is_same_v<T, bf16>, "NumPy has no bfloat16; cast to float first");
  const StoredTensor stored(x);
  std::string shape = "(";
  for (const index_t extent : stored.shape()) shape += std::to_string(extent) + ",";
  shape += ")";
  std::string header = "{'descr': '" + std::string(detail::npy_descriptions[static_cast<std::size_t>(stored.dtype())]) +
                       "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string head("\x93NUMPY\x01\x00", 8);
  head += static_cast<char>(length & 0xff);
  head += static_cast<char>(length >> 8);
  AtomicFile file(path);
  file.write(head + header);
  file.write(stored.bytes());
  file.commit();
}

}  // namespace limn::inline LIMN_ABI::io
