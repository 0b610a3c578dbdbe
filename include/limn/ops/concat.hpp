#pragma once
// concat, stack, split, chunk, pad: tensors put side by side and taken apart.

#include <limn/ops/view.hpp>

namespace limn::inline LIMN_ABI {

/// The tensors one after the other along `axis` (torch.cat). All other extents are equal; at least one tensor.
template <class T>
[[nodiscard]] Tensor<T> concat(const std::vector<Tensor<T>>& parts, index_t axis = 0) {
  if (parts.empty()) fail("concat", "needs at least one tensor");
  Shape shape = parts[0].shape();
  axis = check_axis("concat", axis, shape);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Shape other = parts[i].shape();
    if (other.rank() != shape.rank()) fail("concat", "part ", i, " has shape ", other, " beside ", parts[0].shape());
    const index_t extent = other[axis];
    other[axis] = shape[axis];
    if (!(other == shape))
      fail("concat", "part ", i, " has shape ", parts[i].shape(), " beside ", parts[0].shape(), " along axis ", axis);
    shape[axis] += extent;
  }

  Tensor<T> y(shape, parts[0].device());
  std::vector<index_t> starts;
  index_t start = 0;
  for (const Tensor<T>& part : parts) {
    starts.push_back(start);
    copy_into(part.detach(), detail::slice_view(y, axis, {start, part.size(axis), 1}));
    start += part.size(axis);
  }

  return record(
      "concat", y, parts, [parts_count = parts.size(), starts, axis, total = start](const Tensor<T>& dy) -> Grads<T> {
        Grads<T> dx;
        for (std::size_t i = 0; i < parts_count; ++i)
          dx.push_back(narrow(dy, axis, starts[i], (i + 1 < parts_count ? starts[i + 1] : total) - starts[i]));
        return dx;
      });
}

/// The tensors, of one shape, along a new axis (torch.stack).
template <class T>
[[nodiscard]] Tensor<T> stack(const std::vector<Tensor<T>>& parts, index_t axis = 0) {
  std::vector<Tensor<T>> raised;
  for (const Tensor<T>& part : parts) raised.push_back(unsqueeze(part, axis));
  return concat(raised, axis < 0 && !raised.empty() ? axis + raised[0].rank() : axis);
}

/// Views of the given lengths along `axis`, which they must fill.
template <class T>
[[nodiscard]] std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<index_t>& lengths, index_t axis = 0) {
  axis = check_axis("split", axis, x.shape());
  std::vector<Tensor<T>> parts;
  index_t start = 0;
  for (const index_t length : lengths) {
    parts.push_back(narrow(x, axis, start, length));
    start += length;
  }
  if (start != x.size(axis))
    fail("split", "the lengths add up to ", start, " but axis ", axis, " of shape ", x.shape(), " has ", x.size(axis));
  return parts;
}

/// `count` views of equal length along `axis`, the last one shorter where it does not divide (torch.chunk).
template <class T>
[[nodiscard]] std::vector<Tensor<T>> chunk(const Tensor<T>& x, index_t count, index_t axis = 0) {
  axis = check_axis("chunk", axis, x.shape());
  if (count < 1) fail("chunk", "count ", count, " must be at least 1");
  const index_t extent = x.size(axis), length = (extent + count - 1) / count;
  std::vector<index_t> lengths;
  for (index_t start = 0; start < extent; start += length)
    lengths.push_back(start + length < extent ? length : extent - start);
  return split(x, lengths, axis);
}

/// How pad() fills the border.
enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };

namespace detail {

/// What lies before (or behind) x along an axis, `count` elements, where the border is made of x's own elements: views.
template <class T>
[[nodiscard]] Tensor<T> border(const Tensor<T>& x, index_t axis, index_t count, bool before, PadMode mode) {
  const index_t extent = x.size(axis);
  if (mode == PadMode::reflect) return flip(narrow(x, axis, before ? 1 : extent - 1 - count, count), axis);
  if (mode == PadMode::circular) return narrow(x, axis, before ? extent - count : 0, count);
  Shape repeated = x.shape();  // replicate
  repeated[axis] = count;
  return broadcast_to(narrow(x, axis, before ? 0 : extent - 1, 1), repeated);
}

/// pad() with a constant, all axes in one copy. The gradient is padded by the negative amounts, with zeros.
template <class T>
[[nodiscard]] Tensor<T> pad_constant(const Tensor<T>& x, const std::vector<index_t>& amounts, T value) {
  Tensor<T> kept = x.detach();
  Shape shape = x.shape(), starts = x.shape();
  for (index_t i = 0; i < x.rank(); ++i) starts[i] = 0;
  std::vector<index_t> opposite;
  for (std::size_t i = 0; i < amounts.size(); i += 2) {
    const index_t axis = x.rank() - 1 - static_cast<index_t>(i / 2), before = amounts[i], after = amounts[i + 1],
                  first = before < 0 ? -before : 0, last = x.size(axis) + (after < 0 ? after : 0);
    if (first > last)
      fail("pad", "cropping ", -before, " and ", -after, " leaves nothing of axis ", axis, " of shape ", x.shape());
    kept = slice_view(kept, axis, {first, last - first, 1});
    shape[axis] += before + after;
    starts[axis] = before > 0 ? before : 0;
    opposite.insert(opposite.end(), {-before, -after});
  }

  const Tensor<T> y = full<T>(shape, value, x.device());
  Tensor<T> inner = y;
  for (index_t i = 0; i < x.rank(); ++i) inner = slice_view(inner, i, {starts[i], kept.size(i), 1});
  copy_into(kept, inner);

  return record("pad", y, {x},
                [opposite](const Tensor<T>& dy) -> Grads<T> { return {pad_constant(dy, opposite, T(0))}; });
}

}  // namespace detail

/// x with `before` and `after` new elements along one axis. A negative amount crops (constant mode only). reflect needs
/// amounts < extent, circular <= extent.
template <class T>
[[nodiscard]] Tensor<T> pad_axis(const Tensor<T>& x, index_t axis, index_t before, index_t after,
                                 PadMode mode = PadMode::constant, std::type_identity_t<T> value = T(0)) {
  axis = check_axis("pad", axis, x.shape());
  const index_t extent = x.size(axis);
  if (before == 0 && after == 0) return x;
  if (mode == PadMode::constant) {
    std::vector<index_t> amounts(2 * static_cast<std::size_t>(x.rank() - axis));
    amounts.end()[-2] = before;
    amounts.end()[-1] = after;
    return detail::pad_constant<T>(x, amounts, value);
  }
  const index_t most = mode == PadMode::reflect    ? extent - 1
                       : mode == PadMode::circular ? extent
                                                   : std::numeric_limits<index_t>::max();
  if (before < 0 || after < 0 || before > most || after > most || extent == 0)
    fail("pad", "amounts (", before, ", ", after, ") do not suit axis ", axis, " of shape ", x.shape(),
         " in this mode");
  std::vector<Tensor<T>> parts;
  if (before > 0) parts.push_back(detail::border(x, axis, before, true, mode));
  parts.push_back(x);
  if (after > 0) parts.push_back(detail::border(x, axis, after, false, mode));
  return concat(parts, axis);
}

/// Pads the last axes: {left, right}, {left, right, top, bottom}, ... (torch.nn.functional.pad).
template <class T>
[[nodiscard]] Tensor<T> pad(const Tensor<T>& x, const std::vector<index_t>& amounts, PadMode mode = PadMode::constant,
                            std::type_identity_t<T> value = T(0)) {
  if (amounts.size() % 2 != 0 || static_cast<index_t>(amounts.size() / 2) > x.rank())
    fail("pad", amounts.size(), " amounts do not fit x of shape ", x.shape());
  if (mode == PadMode::constant) return detail::pad_constant<T>(x, amounts, value);
  Tensor<T> y = x;
  for (std::size_t i = 0; i < amounts.size() / 2; ++i)
    y = pad_axis(y, -1 - static_cast<index_t>(i), amounts[2 * i], amounts[2 * i + 1], mode, value);
  return y;
}

}  // namespace limn::inline LIMN_ABI
