#pragma once
// LSTM: one layer, one direction, the whole sequence, forward and backward.

#include <limn_kernels/parallel.hpp>
#include <limn_kernels/recurrent.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// What an LSTM layer reads. Gate rows are stacked i | f | g | o.
template <class T>
struct LstmInputs {
  const T* x = nullptr;                        // [time, batch, input]
  const std::uint8_t* mask = nullptr;          // [time, batch], see RecurrentShape; null = every step runs
  const T* h0 = nullptr;                       // [batch, state], null = zeros
  const T* c0 = nullptr;                       // [batch, hidden], null = zeros
  const T* w_ih = nullptr;                     // [4 hidden, input]
  const T* w_hh = nullptr;                     // [4 hidden, state]
  const T* w_hr = nullptr;                     // [projection, hidden], null without projection
  const T* b_ih = nullptr;                     // [4 hidden], null = none
  const T* b_hh = nullptr;                     // [4 hidden], null = none
  const PackedRecurrent<T>* packed = nullptr;  // w_ih and w_hh again, for the forward pass; null = none
};

/// What the forward pass writes and the backward pass reads: the states after each step, and the gates in it. Without
/// `gates` nothing is kept for a backward pass, and c is only what the last step of the walk leaves.
template <class T>
struct LstmStates {
  T* h = nullptr;      // [time, batch, state]
  T* c = nullptr;      // [time, batch, hidden]; without gates [batch, hidden]
  T* gates = nullptr;  // [time, batch, 4 hidden], after sigmoid or tanh; undefined where masked
};

/// What the backward pass writes (overwrites); a null pointer is a gradient nobody wants.
template <class T>
struct LstmGradients {
  T* dx = nullptr;
  T* dh0 = nullptr;
  T* dc0 = nullptr;
  T* dw_ih = nullptr;
  T* dw_hh = nullptr;
  T* dw_hr = nullptr;
  T* db = nullptr;  // [4 hidden], the gradient of b_ih and of b_hh alike
};

namespace cpu {
template <class T>
void lstm_forward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out);
template <class T>
void lstm_backward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved, const T* dh,
                   const T* dc_last, const LstmGradients<T>& grads);
}  // namespace cpu
namespace cuda {  // LstmInputs::packed is not read
template <class T>
void lstm_forward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out);
template <class T>
void lstm_backward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved, const T* dh,
                   const T* dc_last, const LstmGradients<T>& grads);
}  // namespace cuda

/// i, f, o = sigmoid(w_ih x + b_ih + w_hh h + b_hh), g = tanh(same), c' = f c + i g, h' = o tanh(c'), projected: h' =
/// w_hr h' (Hochreiter and Schmidhuber 1997; Gers et al. 2000; projection: Sak et al. 2014).
template <class T>
void lstm_forward(Device device, const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out) {
  dispatch_floating<T>(
      "lstm_forward", device, [&] { cpu::lstm_forward(s, in, out); }, [&](auto) { cuda::lstm_forward(s, in, out); });
}

/// Both directions of a layer, on the CPU each on a core of its own where that is best: body(0), body(1) call the
/// functions here for one direction each, and write to different memory. The bits do not depend on it.
template <class Body>
void lstm_directions(Device device, const RecurrentShape& s, index_t directions, Body&& body) {
  const auto on_cpu = [&] {
    // At once where there are no more threads than directions, or where a step is too small to be divided: then no
    // thread waits for another, and each reads the weights of its own direction alone.
    const bool small = 2 * s.batch * 4 * s.hidden * (s.input + s.state()) < 400000;
    parallel_for(directions, small || thread_count() <= directions ? 1 : directions, [&](index_t begin, index_t end) {
      for (index_t d = begin; d < end; ++d) body(d);
    });
  };
  dispatch("lstm_directions", device, on_cpu, [&](auto) {
    for (index_t d = 0; d < directions; ++d) body(d);
  });
}

/// Gradients for dh [time, batch, state] on every h and dc_last [batch, hidden] (null = zeros) on the c after the walk.
template <class T>
void lstm_backward(Device device, const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved,
                   const T* dh, const T* dc_last, const LstmGradients<T>& grads) {
  dispatch_floating<T>(
      "lstm_backward", device, [&] { cpu::lstm_backward(s, in, saved, dh, dc_last, grads); },
      [&](auto) { cuda::lstm_backward(s, in, saved, dh, dc_last, grads); });
}

}  // namespace limn::inline LIMN_ABI::kernels

#ifndef LIMN_COMPILED_KERNELS  // compiled/lstm.cpp
#include <limn_kernels/cpu/lstm.hpp>
#endif
