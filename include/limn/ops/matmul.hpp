#pragma once
// matmul: matrix products with NumPy's batching; linear: x w^T + b.

#include <algorithm>

#include <limn/autograd/autocast.hpp>
#include <limn/ops/arithmetic.hpp>
#include <limn/ops/view.hpp>
#include <limn_kernels/linear.hpp>
#include <limn_kernels/matmul.hpp>
#include <limn_kernels/reduced_precision.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// A matrix (the last two axes) as gemm reads it: as it lies, transposed, or (copied) contiguous.
template <class T>
struct MatrixView {
  Tensor<T> tensor;
  bool transposed = false;
  index_t leading = 0;
};

template <class T>
[[nodiscard]] MatrixView<T> matrix_view(const Tensor<T>& x) {
  const index_t rows = x.size(-2), columns = x.size(-1), row_step = x.strides()[-2], column_step = x.strides()[-1];
  if (column_step == 1 && row_step >= columns && columns > 0) return {x.detach(), false, row_step};
  if (row_step == 1 && column_step >= rows && rows > 0) return {x.detach(), true, column_step};
  return {packed(x), false, columns};
}

/// The offset of each batch entry of x under the broadcast batch shape.
template <class T>
[[nodiscard]] std::vector<index_t> batch_offsets(const Tensor<T>& x, const Shape& batch) {
  const index_t own = x.rank() - 2;
  const Shape own_shape(Dims(x.shape().data(), own));
  const Strides own_strides(x.strides().data(), own), walk = broadcast_strides(own_shape, own_strides, batch);
  std::vector<index_t> offsets(static_cast<std::size_t>(batch.numel()));
  index_t position[max_rank] = {}, offset = 0;
  for (index_t& o : offsets) {
    o = offset;
    for (index_t d = batch.rank() - 1; d >= 0; --d) {
      offset += walk[d];
      if (++position[d] < batch[d]) break;
      offset -= position[d] * walk[d];
      position[d] = 0;
    }
  }
  return offsets;
}

/// What does the products of such tensors now (AutocastGuard); null: limn's own of T.
template <class T>
[[nodiscard]] const AutocastProducts* autocast_for(const Tensor<T>& x) {
  return std::is_same_v<T, float> && x.device() == cpu_device ? autocast_mode() : nullptr;
}

/// Both operands of rank >= 2.
template <class T>
[[nodiscard]] Tensor<T> matmul_batched(const Tensor<T>& a, const Tensor<T>& b) {
  if (a.size(-1) != b.size(-2))
    fail("matmul", "a of shape ", a.shape(), " has ", a.size(-1), " columns but b of shape ", b.shape(), " has ",
         b.size(-2), " rows");
  const Shape a_batch(Dims(a.shape().data(), a.rank() - 2)), b_batch(Dims(b.shape().data(), b.rank() - 2));
  // One matrix for the whole batch: its rows make one tall product.
  if (b.rank() == 2 && a.rank() > 2 && a.is_contiguous()) {
    Dims shape = a.shape();
    shape[-1] = b.size(1);
    return reshape(matmul_batched(reshape(a, {a_batch.numel() * a.size(-2), a.size(-1)}), b), shape);
  }
  Shape shape = broadcast_shapes("matmul", a_batch, b_batch);
  const Shape batch = shape;
  shape.push_back(a.size(-2));
  shape.push_back(b.size(-1));

  const MatrixView<T> va = matrix_view(a), vb = matrix_view(b);
  Tensor<T> y(shape, a.device());
  const kernels::MatmulShape s{
      {a.size(-2), b.size(-1), a.size(-1), va.transposed, vb.transposed, va.leading, vb.leading, b.size(-1)},
      batch.numel()};
  const auto a_offsets = batch_offsets(va.tensor, batch), b_offsets = batch_offsets(vb.tensor, batch);
  const AutocastProducts* const reduced = autocast_for(a);
  if constexpr (std::is_same_v<T, float>)
    if (reduced)
      reduced->matmul(a.device(), s, va.tensor.data(), a_offsets.data(), vb.tensor.data(), b_offsets.data(), y.data());
  if (!reduced)
    kernels::matmul(a.device(), s, va.tensor.data(), a_offsets.data(), vb.tensor.data(), b_offsets.data(), y.data());

  return record("matmul", y, {a, b}, [a, b, reduced](const Tensor<T>& dy) -> Grads<T> {
    const AutocastMode as_forward(reduced);
    Grads<T> d(2);
    if (a.requires_grad()) d[0] = matmul_batched(dy, transpose(b));
    if (b.requires_grad()) {
      // The gradient of a matrix that served a whole batch is one product over all its rows.
      const bool tall = b.rank() == 2 && a.rank() > 2;
      d[1] = tall ? matmul_batched(transpose(reshape(a, {-1, a.size(-1)})), reshape(dy, {-1, dy.size(-1)}))
                  : matmul_batched(transpose(a), dy);
    }
    return d;
  });
}

}  // namespace detail

/// The matrix product as numpy.matmul and torch.matmul define it: a [..., m, k], b [..., k, n] -> [..., m, n], batch
/// axes broadcast; an operand of rank 1 is a row (a) or a column (b) whose axis disappears from the result. Transposed
/// views are read in place.
template <class T>
[[nodiscard]] Tensor<T> matmul(const Tensor<T>& a, const Tensor<T>& b) {
  if (a.rank() == 0 || b.rank() == 0)
    fail("matmul", "needs at least one axis each, got shapes ", a.shape(), " and ", b.shape());
  if (a.rank() == 1) return squeeze(matmul(unsqueeze(a, 0), b), b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  return detail::matmul_batched(a, b);
}

/// x w^T + b: x [..., in], w [out, in], b [out] or undefined -> [..., out] (torch.nn.functional.linear).
template <class T>
[[nodiscard]] Tensor<T> linear(const Tensor<T>& x, const Tensor<T>& w, const Tensor<T>& b = {}) {
  check_rank("linear", "w", w.shape(), 2);
  if (x.rank() == 0 || x.size(-1) != w.size(1))
    fail("linear", "x of shape ", x.shape(), " does not end in the ", w.size(1), " inputs of w ", w.shape());
  const index_t in = w.size(1), out = w.size(0), rows = x.numel() / std::max<index_t>(in, 1);
  if constexpr (!std::is_floating_point_v<T>) {
    const Tensor<T> y = matmul(x, transpose(w));
    return b.defined() ? y + b : y;
  } else {
    if (in == 0 || (b.defined() && b.shape() != Shape{out})) {
      const Tensor<T> y = matmul(x, transpose(w));
      return b.defined() ? y + b : y;
    }
    Shape shape = x.shape();
    shape[x.rank() - 1] = out;
    const detail::AutocastProducts* const reduced = detail::autocast_for(x);
    const auto product = [device = x.device(), reduced](const kernels::GemmShape& s, const Tensor<T>& p,
                                                        const Tensor<T>& q, const Tensor<T>& to,
                                                        const T* bias = nullptr) {
      static_cast<void>(reduced);
      if constexpr (std::is_same_v<T, float>)
        if (reduced)
          return reduced->gemm(device, s, detail::packed(p).data(), detail::packed(q).data(), to.data(),
                               {bias, kernels::Activation::none});
      kernels::gemm<T>(device, s, T(1), detail::packed(p).data(), detail::packed(q).data(), T(0), to.data());
    };
    const Tensor<T> contiguous_bias = b.defined() ? detail::packed(b) : b;
    const T* bias = b.defined() ? contiguous_bias.data() : nullptr;
    Tensor<T> y(shape, x.device());
    if (reduced) {
      product({.m = rows, .n = out, .k = in, .transpose_b = true}, x, w, y, bias);
    } else {
      kernels::linear<T>(x.device(), {rows, out, in}, detail::packed(x).data(), detail::packed(w).data(),
                         {bias, kernels::Activation::none}, y.data());
    }

    return record("linear", y, {x, w, b}, [x, w, b, rows, in, out, reduced, product](const Tensor<T>& dy) -> Grads<T> {
      const detail::AutocastMode as_forward(reduced);
      Grads<T> d(3);
      if (b.requires_grad()) d[2] = sum_to(reshape(dy, {rows, out}), {out});
      if (grad_enabled()) {
        if (x.requires_grad()) d[0] = matmul(dy, w);
        if (w.requires_grad()) d[1] = matmul(transpose(reshape(dy, {rows, out})), reshape(x, {rows, in}));
        return d;
      }
      if (x.requires_grad()) {
        d[0] = Tensor<T>(x.shape(), x.device());
        product({.m = rows, .n = in, .k = out}, dy, w, d[0]);
      }
      if (w.requires_grad()) {
        d[1] = Tensor<T>(w.shape(), x.device());
        product({.m = out, .n = in, .k = rows, .transpose_a = true}, dy, x, d[1]);
      }
      return d;
    });
  }
}

namespace detail {

template <class T, class E>
[[nodiscard]] Tensor<T> linear_packed(const Tensor<T>& x, const kernels::PackedMatrix<E>& w, const Tensor<T>& b) {
  if (x.rank() == 0 || x.size(-1) != w.k())
    fail("linear", "x of shape ", x.shape(), " does not end in the ", w.k(), " inputs of the packed weight");
  if (b.defined()) check_shape("linear", "b", b.shape(), {w.n()});
  Shape shape = x.shape();
  shape[x.rank() - 1] = w.n();
  Tensor<T> y(shape, x.device());
  kernels::linear(x.device(), y.numel() / std::max<index_t>(w.n(), 1), detail::packed(x).data(), w,
                  {b.defined() ? detail::packed(b).data() : nullptr, kernels::Activation::none}, y.data());
  return y;
}

}  // namespace detail

/// The same with w^T packed once for many calls. For inference: nothing is recorded.
template <class T>
[[nodiscard]] Tensor<T> linear(const Tensor<T>& x, const kernels::PackedMatrix<T>& w, const Tensor<T>& b = {}) {
  return detail::linear_packed(x, w, b);
}
/// With w^T kept in bf16 or int8 and x rounded accordingly; float in and out (docs/kernels/reduced_precision.md).
template <class E>
requires kernels::is_reduced<E>
[[nodiscard]] Tensor<float> linear(const Tensor<float>& x, const kernels::PackedMatrix<E>& w,
                                   const Tensor<float>& b = {}) {
  return detail::linear_packed(x, w, b);
}

}  // namespace limn::inline LIMN_ABI
