#pragma once
// GRU: one layer, one direction, the whole sequence, forward and backward.

#include <limn_kernels/recurrent.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// What a GRU layer reads. Gate rows are stacked r | z | n.
template <class T>
struct GruInputs {
  const T* x = nullptr;                        // [time, batch, input]
  const std::uint8_t* mask = nullptr;          // [time, batch], see RecurrentShape; null = every step runs
  const T* h0 = nullptr;                       // [batch, hidden], null = zeros
  const T* w_ih = nullptr;                     // [3 hidden, input]
  const T* w_hh = nullptr;                     // [3 hidden, hidden]
  const T* b_ih = nullptr;                     // [3 hidden], null = none
  const T* b_hh = nullptr;                     // [3 hidden], null = none
  const PackedRecurrent<T>* packed = nullptr;  // w_ih and w_hh again, for the forward pass; null = none
};

/// What the forward pass writes and the backward pass reads. Without `gates`, `inner` is not written either, and
/// nothing is kept for a backward pass.
template <class T>
struct GruStates {
  T* h = nullptr;      // [time, batch, hidden], after each step
  T* gates = nullptr;  // [time, batch, 3 hidden], after sigmoid or tanh; undefined where masked
  T* inner = nullptr;  // [time, batch, hidden]: w_hn h + b_hn, what r multiplies; undefined where masked
};

/// What the backward pass writes (overwrites); a null pointer is a gradient nobody wants.
template <class T>
struct GruGradients {
  T* dx = nullptr;
  T* dh0 = nullptr;
  T* dw_ih = nullptr;
  T* dw_hh = nullptr;
  T* db_ih = nullptr;
  T* db_hh = nullptr;
};

namespace cpu {
template <class T>
void gru_forward(const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& out);
template <class T>
void gru_backward(const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& saved, const T* dh,
                  const GruGradients<T>& grads);
}  // namespace cpu

/// r, z = sigmoid(w_i x + b_i + w_h h + b_h), n = tanh(w_in x + b_in + r (w_hn h + b_hn)), h' = (1 - z) n + z h
/// (Cho et al. 2014, with the reset gate after the product, as PyTorch, cuDNN and Keras' reset_after have it).
template <class T>
void gru_forward(Device device, const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& out) {
  dispatch_cpu("gru_forward", device, [&] { cpu::gru_forward(s, in, out); });
}

/// Gradients for dh [time, batch, hidden] on every h.
template <class T>
void gru_backward(Device device, const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& saved,
                  const T* dh, const GruGradients<T>& grads) {
  dispatch_cpu("gru_backward", device, [&] { cpu::gru_backward(s, in, saved, dh, grads); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/gru.cpp
#include <limn_kernels/cpu/gru.hpp>
#endif
