#pragma once
// index_select, embedding, gather, scatter_add, one_hot: elements picked by index.

#include <limn/ops/cast.hpp>
#include <limn_kernels/gather.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// x seen as [outer, rows, inner] with `axis` in the middle.
[[nodiscard]] inline kernels::GatherShape gather_shape(const Shape& shape, index_t axis, index_t count) {
  kernels::GatherShape s{1, shape[axis], 1, count};
  for (index_t i = 0; i < axis; ++i) s.outer *= shape[i];
  for (index_t i = axis + 1; i < shape.rank(); ++i) s.inner *= shape[i];
  return s;
}

using Indices = std::shared_ptr<const std::vector<index_t>>;

/// The list where a kernel for tensors on `device` reads it.
[[nodiscard]] inline Tensor<index_t> indices_on(Device device, const std::vector<index_t>& indices) {
  Tensor<index_t> y({static_cast<index_t>(indices.size())}, device);
  kernels::copy_bytes(y.data(), device, indices.data(), cpu_device, indices.size() * sizeof(index_t));
  return y;
}

/// The transpose of select_rows: zeros of `shape` to whose rows indices[i] along axis row i of x is added.
template <class T>
[[nodiscard]] Tensor<T> add_rows(const Tensor<T>& x, const Shape& shape, index_t axis, const Indices& indices);

template <class T>
[[nodiscard]] Tensor<T> select_rows(const Tensor<T>& x, index_t axis, const Indices& indices) {
  const index_t count = static_cast<index_t>(indices->size());
  Shape shape = x.shape();
  shape[axis] = count;
  Tensor<T> y(shape, x.device());
  kernels::gather_rows(x.device(), gather_shape(x.shape(), axis, count), packed(x).data(),
                       indices_on(x.device(), *indices).data(), y.data());

  return record("index_select", y, {x}, [from = x.shape(), axis, indices](const Tensor<T>& dy) -> Grads<T> {
    return {add_rows(dy, from, axis, indices)};
  });
}

template <class T>
Tensor<T> add_rows(const Tensor<T>& x, const Shape& shape, index_t axis, const Indices& indices) {
  Tensor<T> y = zeros<T>(shape, x.device());
  kernels::scatter_add_rows(x.device(), gather_shape(shape, axis, static_cast<index_t>(indices->size())),
                            packed(x).data(), indices_on(x.device(), *indices).data(), y.data());

  return record("index_add", y, {x},
                [axis, indices](const Tensor<T>& dy) -> Grads<T> { return {select_rows(dy, axis, indices)}; });
}

}  // namespace detail

/// Positions `indices` along `axis`, in that order, repeats allowed (torch.index_select). Negative ones count from the
/// end.
template <class T>
[[nodiscard]] Tensor<T> index_select(const Tensor<T>& x, index_t axis, const std::vector<index_t>& indices) {
  axis = check_axis("index_select", axis, x.shape());
  auto checked = std::make_shared<std::vector<index_t>>(indices);
  for (index_t& index : *checked) {
    const index_t given = index;
    if (index < 0) index += x.size(axis);
    if (index < 0 || index >= x.size(axis))
      fail("index_select", "index ", given, " is out of range for axis ", axis, " of shape ", x.shape());
  }
  return detail::select_rows<T>(x, axis, checked);
}

struct EmbeddingOptions {
  index_t padding_index = Slice::none;  ///< the row whose gradient is zero; negative counts from the end
};

/// Rows of a table: y[..., :] = table[ids[...], :]. table [V, E], ids any shape; y [ids..., E].
template <class T>
[[nodiscard]] Tensor<T> embedding(const Tensor<std::int64_t>& ids, const Tensor<T>& table,
                                  EmbeddingOptions options = {}) {
  check_rank("embedding", "table", table.shape(), 2);
  const index_t rows = table.size(0);
  index_t padding = options.padding_index;
  if (padding != Slice::none) {
    if (padding < 0) padding += rows;
    if (padding < 0 || padding >= rows)
      fail("embedding", "padding index ", options.padding_index, " is out of range for table ", table.shape());
  }
  auto indices = std::make_shared<std::vector<index_t>>(to_vector(ids));
  for (const index_t id : *indices)
    if (id < 0 || id >= rows) fail("embedding", "id ", id, " is out of range for a table of ", rows, " rows");

  Shape shape = ids.shape();
  shape.push_back(table.size(1));
  Tensor<T> y(shape, table.device());
  const auto s = detail::gather_shape(table.shape(), 0, static_cast<index_t>(indices->size()));
  kernels::gather_rows(table.device(), s, detail::packed(table).data(),
                       detail::indices_on(table.device(), *indices).data(), y.data());

  return record("embedding", y, {table}, [from = table.shape(), indices, padding](const Tensor<T>& dy) -> Grads<T> {
    auto kept = std::make_shared<std::vector<index_t>>(*indices);
    for (index_t& id : *kept)
      if (id == padding) id = -1;
    return {detail::add_rows<T>(reshape(dy, {static_cast<index_t>(kept->size()), from[1]}), from, 0, kept)};
  });
}

namespace detail {

template <class T>
[[nodiscard]] Tensor<T> scatter_elements(const Tensor<T>& x, const Shape& shape, index_t axis,
                                         const Tensor<std::int64_t>& indices);

template <class T>
[[nodiscard]] Tensor<T> gather_elements(const Tensor<T>& x, index_t axis, const Tensor<std::int64_t>& indices) {
  Tensor<T> y(indices.shape(), x.device());
  kernels::gather_elements(x.device(), gather_shape(x.shape(), axis, indices.size(axis)), packed(x).data(),
                           indices.data(), y.data());
  return record("gather", y, {x}, [from = x.shape(), axis, indices](const Tensor<T>& dy) -> Grads<T> {
    return {scatter_elements(dy, from, axis, indices)};
  });
}

template <class T>
Tensor<T> scatter_elements(const Tensor<T>& x, const Shape& shape, index_t axis, const Tensor<std::int64_t>& indices) {
  Tensor<T> y = zeros<T>(shape, x.device());
  kernels::scatter_add_elements(x.device(), gather_shape(shape, axis, indices.size(axis)), packed(x).data(),
                                indices.data(), y.data());
  return record("scatter_add", y, {x},
                [axis, indices](const Tensor<T>& dy) -> Grads<T> { return {gather_elements(dy, axis, indices)}; });
}

}  // namespace detail

/// y[i, j, k] = x[i, indices[i, j, k], k] for axis 1 (torch.gather). Apart from `axis`, indices has the extents of x.
template <class T>
[[nodiscard]] Tensor<T> gather(const Tensor<T>& x, index_t axis, const Tensor<std::int64_t>& indices) {
  axis = check_axis("gather", axis, x.shape());
  Shape expected = x.shape();
  if (indices.rank() == x.rank()) expected[axis] = indices.size(axis);
  check_shape("gather", "indices", indices.shape(), expected);
  const Tensor<std::int64_t> packed = detail::packed(indices);
  for (const index_t index : to_vector(packed))
    if (index < 0 || index >= x.size(axis))
      fail("gather", "index ", index, " is out of range for axis ", axis, " of shape ", x.shape());
  return detail::gather_elements(x, axis, to(packed, x.device()));
}

/// y[..., c] = 1 where c == ids[...], else 0; y [ids..., classes].
template <class T = float>
[[nodiscard]] Tensor<T> one_hot(const Tensor<std::int64_t>& ids, index_t classes) {
  Shape shape = ids.shape();
  shape.push_back(classes);
  Tensor<T> y = zeros<T>(shape);
  index_t row = 0;
  for (const index_t id : to_vector(ids)) {
    if (id < 0 || id >= classes) fail("one_hot", "id ", id, " is out of range for ", classes, " classes");
    y.data()[row++ * classes + id] = T(1);
  }
  return y;
}

}  // namespace limn::inline LIMN_ABI
