#pragma once
// The CPU body of rnn.hpp.

#include <limn_kernels/cpu/gate_gradients.hpp>
#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/rnn.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One step of the walk; pointers are those of its time.
template <class T>
struct RnnStep {
  index_t batch, hidden;
  RnnActivation activation;
  const std::uint8_t* mask;  // [batch] or null
  const T* h_before;         // [batch, hidden]
  const T* bias;             // [hidden]
  T* h;                      // [batch, hidden]: input products, replaced by the state
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/rnn.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

template <class T>
void rnn_forward(const RecurrentShape& s, RnnActivation activation, const RnnInputs<T>& in, T* h) {
  const index_t batch = s.batch, hidden = s.hidden;
  if (s.time == 0 || batch == 0) return;
  input_products(s, hidden, in.x, in.w_ih, h);

  const Panels<T> recurrent = Panels<T>::plain(hidden, hidden, in.w_hh, 1, hidden);
  Workspace<T> bias(hidden), zeros(batch * hidden);
  add_biases(hidden, in.b_ih, in.b_hh, bias.data());
  zeros.zero();
  const T* h_before = in.h0 ? in.h0 : zeros.data();
  for (index_t i = 0; i < s.time; ++i) {
    const index_t t = s.at(i);
    const RnnStep<T> step{batch,
                          hidden,
                          activation,
                          in.mask ? in.mask + t * batch : nullptr,
                          h_before,
                          bias.data(),
                          h + t * batch * hidden};
    recurrent.accumulate(batch, h_before, step.h);
    LIMN_CALL_ISA(rnn_step_rows<T>, step, 0, batch);
    h_before = step.h;
  }
}

template <class T>
void rnn_backward(const RecurrentShape& s, RnnActivation activation, const RnnInputs<T>& in, const T* h, const T* dh,
                  const RnnGradients<T>& grads) {
  const index_t batch = s.batch, hidden = s.hidden;
  const Panels<T> recurrent = Panels<T>::backward(s, hidden, in.w_hh);
  const GateGradients<T> dgates(s, hidden);
  Workspace<T> dstate(batch * hidden);
  dstate.zero();
  for (index_t i = s.time - 1; i >= 0; --i) {
    const index_t t = s.at(i);
    for (index_t b = 0; b < batch; ++b) {
      const bool masked = in.mask && in.mask[t * batch + b] == 0;
      const T *y = h + (t * batch + b) * hidden, *dy = dh + (t * batch + b) * hidden;
      T *carried = dstate.data() + b * hidden, *dgate = dgates.at(t * batch + b);
      for (index_t j = 0; j < hidden; ++j) {
        const T total = carried[j] + dy[j];
        const T slope = activation == RnnActivation::tanh ? T{1} - y[j] * y[j] : y[j] > T{0} ? T{1} : T{0};
        dgate[j] = masked ? T{0} : total * slope;
        carried[j] = masked ? total : T{0};
      }
    }
    state_gradient(s, recurrent, i, batch, hidden, dgates.at(t * batch), dgates.row(), in.w_hh, dstate.data());
  }

  if (grads.dh0) std::copy_n(dstate.data(), batch * hidden, grads.dh0);
  if (grads.dx) dgates.times(in.w_ih, s.input, grads.dx);
  dgates.weights(s, in.x, grads.dw_ih, h, in.h0, grads.dw_hh, grads.db);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
