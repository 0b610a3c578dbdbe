#pragma once
// linear: a matrix product with weights as layers store them, or packed, and what follows it done in the cache.

#include <limn_kernels/gemm.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// The function of an epilogue: those of functors.hpp.
enum class Activation : std::uint8_t { none, relu, gelu, gelu_tanh, silu, tanh, sigmoid };

/// What becomes of y [rows, outputs] after its sums, part by part, while that part is in the cache: y(i, j) =
/// activation(y(i, j) + bias[j]); no bias where it is null. The bits are those of separate passes.
template <class T>
struct Epilogue {
  const T* bias = nullptr;
  Activation activation = Activation::none;
};

struct LinearShape {
  index_t rows = 0, outputs = 0, inputs = 0;
};

namespace cpu {
template <class T>
void linear(const LinearShape& s, const T* x, const T* w, const PackedMatrix<T>* packed, const Epilogue<T>& epilogue,
            T* y);
}  // namespace cpu
namespace cuda {
template <class T>
void linear(const LinearShape& s, const T* x, const T* w, const Epilogue<T>& epilogue, T* y);  // float, double
}  // namespace cuda

/// y [rows, outputs] = epilogue(x [rows, inputs] w^T), w [outputs, inputs]. Float and double. The bits of y are the
/// same for any number of threads. y may overlap neither x nor w.
template <class T>
void linear(Device device, const LinearShape& s, const T* x, const T* w, const Epilogue<T>& epilogue, T* y) {
  dispatch_floating<T>(
      "linear", device, [&] { cpu::linear<T>(s, x, w, nullptr, epilogue, y); },
      [&](auto) { cuda::linear<T>(s, x, w, epilogue, y); });
}

/// The same with w^T packed: `rows` rows of x.
template <class T>
void linear(Device device, index_t rows, const T* x, const PackedMatrix<T>& w, const Epilogue<T>& epilogue, T* y) {
  dispatch_cpu("linear", device, [&] { cpu::linear<T>({rows, w.n(), w.k()}, x, nullptr, &w, epilogue, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/linear.cpp
#include <limn_kernels/cpu/linear.hpp>
#endif
