#pragma once
// The CPU body of linear.hpp: a product whose parts are finished in the cache.

#include <limn_kernels/linear.hpp>
#include <limn_kernels/pointwise.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// y = activation(y + bias) for rows x columns elements.
template <class T>
void finish_rows(index_t rows, index_t columns, const T* bias, Activation activation, T* y, index_t row) {
  for (index_t i = 0; i < rows; ++i, y += row) {
    if (bias)
      for (index_t j = 0; j < columns; ++j) y[j] += bias[j];
    switch (activation) {
      case Activation::none:
        break;
      case Activation::relu:
        LIMN_CALL_ISA(unary_block, Relu{}, columns, y, y);
        break;
      case Activation::gelu:
        LIMN_CALL_ISA(unary_block, Gelu{}, columns, y, y);
        break;
      case Activation::gelu_tanh:
        LIMN_CALL_ISA(unary_block, GeluTanh{}, columns, y, y);
        break;
      case Activation::silu:
        LIMN_CALL_ISA(unary_block, Silu{}, columns, y, y);
        break;
      case Activation::tanh:
        LIMN_CALL_ISA(unary_block, Tanh{}, columns, y, y);
        break;
      case Activation::sigmoid:
        LIMN_CALL_ISA(unary_block, Sigmoid{}, columns, y, y);
        break;
    }
  }
}

template <class T>
void linear(const LinearShape& s, const T* x, const T* w, const PackedMatrix<T>* packed, const Epilogue<T>& epilogue,
            T* y) {
  const index_t m = s.rows, n = s.outputs, k = s.inputs;
  if (m == 0 || n == 0) return;
  const auto finish = [&](index_t row, index_t rows, index_t column, index_t columns) {
    finish_rows(rows, columns, epilogue.bias ? epilogue.bias + column : nullptr, epilogue.activation,
                y + row * n + column, n);
  };
  if (k == 0) {
    std::fill(y, y + m * n, T(0));
    return finish(0, m, 0, n);
  }
  gemm_tiled<T>({m, n, k, T(1), T(0), x, k, 1, w, 1, k, y, n, 1},
                packed ? GemmPanels<T>{packed->data(), packed->padded_n()} : GemmPanels<T>{}, finish);
}

}  // namespace cpu
}  // namespace limn::inline LIMN_ABI::kernels
