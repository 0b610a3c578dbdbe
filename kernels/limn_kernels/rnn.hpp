#pragma once
// Elman RNN: one layer, one direction, the whole sequence, forward and backward.

#include <limn_kernels/recurrent.hpp>

namespace limn::inline LIMN_ABI::kernels {

enum class RnnActivation : std::uint8_t { tanh, relu };

/// What an RNN layer reads.
template <class T>
struct RnnInputs {
  const T* x = nullptr;                // [time, batch, input]
  const std::uint8_t* mask = nullptr;  // [time, batch], see RecurrentShape; null = every step runs
  const T* h0 = nullptr;               // [batch, hidden], null = zeros
  const T* w_ih = nullptr;             // [hidden, input]
  const T* w_hh = nullptr;             // [hidden, hidden]
  const T* b_ih = nullptr;             // [hidden], null = none
  const T* b_hh = nullptr;             // [hidden], null = none
};

/// What the backward pass writes (overwrites); a null pointer is a gradient nobody wants.
template <class T>
struct RnnGradients {
  T* dx = nullptr;
  T* dh0 = nullptr;
  T* dw_ih = nullptr;
  T* dw_hh = nullptr;
  T* db = nullptr;  // [hidden], the gradient of b_ih and of b_hh alike
};

namespace cpu {
template <class T>
void rnn_forward(const RecurrentShape& s, RnnActivation activation, const RnnInputs<T>& in, T* h);
template <class T>
void rnn_backward(const RecurrentShape& s, RnnActivation activation, const RnnInputs<T>& in, const T* h, const T* dh,
                  const RnnGradients<T>& grads);
}  // namespace cpu

/// h' = activation(w_ih x + b_ih + w_hh h + b_hh) (Elman 1990); writes h [time, batch, hidden], the state after each
/// step.
template <class T>
void rnn_forward(Device device, const RecurrentShape& s, RnnActivation activation, const RnnInputs<T>& in, T* h) {
  dispatch_cpu("rnn_forward", device, [&] { cpu::rnn_forward(s, activation, in, h); });
}

/// Gradients for dh [time, batch, hidden] on every h; h as rnn_forward wrote it.
template <class T>
void rnn_backward(Device device, const RecurrentShape& s, RnnActivation activation, const RnnInputs<T>& in, const T* h,
                  const T* dh, const RnnGradients<T>& grads) {
  dispatch_cpu("rnn_backward", device, [&] { cpu::rnn_backward(s, activation, in, h, dh, grads); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/rnn.cpp
#include <limn_kernels/cpu/rnn.hpp>
#endif
