#pragma once
// Tensors to and from safetensors files.

#include <cmath>
#include <memory>

#include <limn/core/create.hpp>
#include <limn/io/weights.hpp>

namespace limn::inline LIMN_ABI::io {

/// A tensor of any element type, ready to be written. Shares the elements of a contiguous host tensor, copies others.
class StoredTensor {
 public:
  template <class T>
  StoredTensor(const Tensor<T>& x) : dtype_(dtype_of<T>()) {  // NOLINT: {"w", w} in a TensorMap is the point
    if (!x.defined()) fail("save", "a tensor is undefined");
    shape_ = x.shape().to_vector();
    bytes_ = static_cast<std::size_t>(x.numel()) * sizeof(T);
    Tensor<T> packed = limn::detail::packed(x);
    if (packed.device() != cpu_device) {
      Tensor<T> host(x.shape());
      kernels::copy_bytes(host.data(), cpu_device, packed.data(), packed.device(), bytes_);
      packed = host;
    }
    storage_ = packed.storage();
    data_ = packed.data();
  }

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const std::vector<index_t>& shape() const { return shape_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), bytes_}; }

 private:
  DType dtype_;
  std::vector<index_t> shape_;
  std::size_t bytes_ = 0;
  std::shared_ptr<Storage> storage_;  // keeps data_ alive
  const void* data_ = nullptr;
};

/// Name -> tensor, for saving: TensorMap{{"weight", w}, {"step", steps}}.
using TensorMap = std::map<std::string, StoredTensor>;

/// Writes a safetensors file, whole or not at all; equal content gives equal bytes.
inline void save_tensors(const std::filesystem::path& path, const TensorMap& tensors, const Metadata& metadata = {}) {
  std::vector<TensorBytes> list;
  for (const auto& [name, tensor] : tensors) list.push_back({name, tensor.dtype(), tensor.shape(), tensor.bytes()});
  write_safetensors(path, list, metadata);
}

namespace detail {

/// Elements convert between floating-point types; any other type must be the tensor's own.
template <class T>
void check_convertible(DType from, const std::string& where, const std::string& name) {
  const bool same = from == dtype_of<T>();
  if (!same && !(is_float(from) && is_floating<T>))
    fail(where, "the tensor ", in_quotes(name), " has the type ", dtype_name(from), " but ", dtype_name(dtype_of<T>()),
         " is wanted");
}

/// Fills x (contiguous, on the host) with a tensor of the file.
template <class T, class Source>
void read_into(const Source& source, const std::string& name, const Tensor<T>& x) {
  const TensorInfo& info = source.info(name);
  if (info.bytes() == 0) return;
  x.mark_written();
  if (info.dtype == dtype_of<T>() && info.dtype != DType::boolean) {
    source.read_bytes(name, std::as_writable_bytes(std::span(x.data(), static_cast<std::size_t>(x.numel()))));
    return;
  }
  convert_elements(info.dtype, source.read_bytes(name), x.data());
}

/// Overwrites the elements of `tensor`, wherever it is and however it is strided, with those of `loaded` (on the host).
template <class T>
void assign(const Tensor<T>& loaded, const Tensor<T>& tensor) {
  if (tensor.device() == cpu_device) return copy_into(loaded, tensor);
  Tensor<T> moved(loaded.shape(), tensor.device());
  const std::size_t bytes = static_cast<std::size_t>(loaded.numel()) * sizeof(T);
  kernels::copy_bytes(moved.data(), tensor.device(), loaded.data(), cpu_device, bytes);
  copy_into(moved, tensor);
}

/// Is every element of tensor `name`, as a T, a finite number? Reads a megabyte at a time where the source can.
template <class T, class Source>
[[nodiscard]] bool finite_in_file(const Source& source, const std::string& name) {
  const TensorInfo& info = source.info(name);
  const auto finite = [&](std::span<const std::byte> bytes, index_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    convert_elements(info.dtype, bytes, values.data());
    return std::all_of(values.begin(), values.end(),
                       [](const T& value) { return std::isfinite(static_cast<compute_t<T>>(value)); });
  };
  std::vector<std::byte> bytes;
  if constexpr (requires { source.read_rows(name, index_t{}, index_t{}, bytes); }) {
    const index_t rows = info.shape.empty() || info.bytes() == 0 ? 0 : info.shape[0];
    const index_t row = rows > 0 ? info.bytes() / rows : 1, step = std::max<index_t>(1, (index_t{1} << 20) / row);
    for (index_t first = 0; first < rows; first += step) {
      const index_t count = std::min(step, rows - first);
      bytes.resize(static_cast<std::size_t>(count * row));
      source.read_rows(name, first, count, bytes);
      if (!finite(bytes, count * (info.numel() / rows))) return false;
    }
    if (rows > 0) return true;
  }
  return finite(source.read_bytes(name), info.numel());
}

}  // namespace detail

/// The tensor `name` of a SafetensorsFile or Weights, converted between floating-point types where they differ.
template <class T = float, class Source>
[[nodiscard]] Tensor<T> load_tensor(const Source& source, const std::string& name) {
  const TensorInfo& info = source.info(name);
  detail::check_convertible<T>(info.dtype, source.path().string(), name);
  if (static_cast<index_t>(info.shape.size()) > max_rank)
    fail(source.path().string(), "the tensor ", in_quotes(name), " has rank ", info.shape.size(), ", above ", max_rank);
  Tensor<T> x{Shape(info.shape)};
  detail::read_into(source, name, x);
  return x;
}

}  // namespace limn::inline LIMN_ABI::io
