#pragma once
// The CPU body of lstm.hpp.

#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/cpu/recurrent.hpp>
#include <limn_kernels/lstm.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One step of the walk; pointers are those of its time.
template <class T>
struct LstmStep {
  index_t batch, input, hidden, state;
  const std::uint8_t* mask;  // [batch] or null
  const T* x;                // [batch, input]
  const T* h_before;         // [batch, state]
  const T* c_before;         // [batch, hidden]
  const T* panels;           // Panels::gates of w_ih and w_hh
  const T* bias;             // [4 hidden]
  T* gates;                  // [batch, 4 hidden], or null: nobody wants them
  T* c;                      // [batch, hidden], may be c_before
  T* h;                      // [batch, hidden]
  bool copies_h;             // a masked row copies h_before; with a projection h is not the state: it becomes zero
};

template <class T>
struct LstmStepBackward {
  index_t hidden;
  const std::uint8_t* mask;  // [batch] or null
  const T* gates;            // [batch, 4 hidden]
  const T* c_before;         // [batch, hidden]
  const T* c;                // [batch, hidden]
  const T* dhidden;          // [batch, hidden]: gradient on o * tanh(c)
  T* dc;                     // [batch, hidden]: gradient on c, becomes that on c_before
  T* dgates;                 // [batch, 4 hidden]
  T* hidden_out;             // [batch, hidden]: o * tanh(c) again, or null
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/lstm.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// The steps of the walk for the rows [first, last) of the batch; `panels` is null where the products are left to gemm.
template <class T>
void lstm_walk(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out, const T* panels,
               const Panels<T>& projection, const T* bias, index_t first, index_t last) {
  const index_t batch = s.batch, rows = last - first, hidden = s.hidden, state = s.state(), width = 4 * hidden;
  const bool projected = s.projection > 0;
  Workspace<T> zeros(rows * std::max(hidden, state)), unprojected(projected ? rows * hidden : 0);
  Workspace<T> sums(panels || out.gates ? 0 : s.time * rows * width);
  zeros.zero();
  T* products = out.gates ? out.gates : sums.data();
  if (!panels) input_products(s, width, in.x, in.w_ih, products);

  const index_t blocks = (hidden + LIMN_CALL_ISA(vector_lanes<T>) - 1) / LIMN_CALL_ISA(vector_lanes<T>);
  const T* h = in.h0 ? in.h0 + first * state : zeros.data();
  const T* c = in.c0 ? in.c0 + first * hidden : zeros.data();
  for (index_t i = 0; i < s.time; ++i) {
    const index_t t = s.at(i), row = t * batch + first;
    T* h_now = out.h + row * state;
    const std::uint8_t* mask = in.mask ? in.mask + row : nullptr;
    const LstmStep<T> step{rows,
                           s.input,
                           hidden,
                           state,
                           mask,
                           in.x + row * s.input,
                           h,
                           c,
                           panels,
                           bias,
                           out.gates ? out.gates + row * width : nullptr,
                           out.c + (out.gates ? row : first) * hidden,
                           projected ? unprojected.data() : h_now,
                           !projected};
    if (panels) {
      for_step_blocks(blocks, 2 * rows * width * (s.input + state),
                      [&](index_t begin, index_t end) { LIMN_CALL_ISA(lstm_step<T>, step, begin, end); });
    } else {
      T* sum = products + row * width;
      const GemmShape product{.m = rows, .n = width, .k = state, .transpose_b = true};
      if (i > 0 || in.h0) kernels::gemm<T>(cpu_device, product, T{1}, h, in.w_hh, T{1}, sum);
      LIMN_CALL_ISA(lstm_step_rows<T>, step, sum, 0, rows);
    }
    if (projected) {
      std::fill_n(h_now, rows * state, T{0});
      projection.accumulate(rows, unprojected.data(), h_now);
      for (index_t b = 0; mask && b < rows; ++b)
        if (mask[b] == 0) std::copy_n(h + b * state, state, h_now + b * state);
    }
    h = h_now;
    c = step.c;
  }
}

template <class T>
void lstm_forward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out) {
  const index_t batch = s.batch, hidden = s.hidden, width = 4 * hidden;
  if (s.time == 0 || batch == 0) return;
  Workspace<T> bias(width);
  add_biases(width, in.b_ih, in.b_hh, bias.data());
  const Panels<T> projection = Panels<T>::plain(hidden, s.projection, in.w_hr, 1, hidden);
  if (batch < recurrent_packed_batch) return lstm_walk<T>(s, in, out, nullptr, projection, bias.data(), 0, batch);
  const Panels<T> weights = Panels<T>::gates(4, hidden, {{in.w_ih, s.input}, {in.w_hh, s.state()}});
  for_batch_parts(batch, [&](index_t first, index_t last) {
    lstm_walk(s, in, out, weights.data(), projection, bias.data(), first, last);
  });
}

template <class T>
void lstm_backward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved, const T* dh,
                   const T* dc_last, const LstmGradients<T>& grads) {
  const index_t batch = s.batch, hidden = s.hidden, state = s.state(), width = 4 * hidden, steps = s.time * batch;
  const bool projected = s.projection > 0;
  const Panels<T> recurrent = Panels<T>::plain(width, state, in.w_hh, state, 1);
  const Panels<T> projection = Panels<T>::plain(s.projection, hidden, in.w_hr, hidden, 1);
  Workspace<T> dgates(steps * width), zeros(batch * hidden), dstate(batch * state), dc(batch * hidden);
  // With a projection: the gradient on the projected and on the unprojected state, and that state, for dw_hr.
  Workspace<T> dprojected(projected ? steps * state : 0), dhidden(projected ? batch * hidden : 0);
  Workspace<T> unprojected(projected ? steps * hidden : 0);
  zeros.zero();
  dstate.zero();
  if (dc_last)
    std::copy_n(dc_last, batch * hidden, dc.data());
  else
    dc.zero();

  for (index_t i = s.time - 1; i >= 0; --i) {
    const index_t t = s.at(i);
    const std::uint8_t* mask = in.mask ? in.mask + t * batch : nullptr;
    const T* c_before = i > 0 ? saved.c + s.at(i - 1) * batch * hidden : in.c0 ? in.c0 : zeros.data();
    T* dh_now = projected ? dprojected.data() + t * batch * state : dstate.data();
    for (index_t j = 0; j < batch * state; ++j) dh_now[j] = dstate.data()[j] + dh[t * batch * state + j];
    if (projected) {
      std::copy_n(dh_now, batch * state, dstate.data());
      for (index_t b = 0; mask && b < batch; ++b)
        if (mask[b] == 0) std::fill_n(dh_now + b * state, state, T{0});
      dhidden.zero();
      projection.accumulate(batch, dh_now, dhidden.data());
    }
    const LstmStepBackward<T> step{hidden,
                                   mask,
                                   saved.gates + t * batch * width,
                                   c_before,
                                   saved.c + t * batch * hidden,
                                   projected ? dhidden.data() : dstate.data(),
                                   dc.data(),
                                   dgates.data() + t * batch * width,
                                   projected ? unprojected.data() + t * batch * hidden : nullptr};
    parallel_for(batch, 1 + 16384 / hidden,
                 [&](index_t first, index_t last) { LIMN_CALL_ISA(lstm_step_backward<T>, step, first, last); });
    for (index_t b = 0; b < batch; ++b)  // a masked step hands its gradient on; another one has used it up
      if (!mask || mask[b] != 0) std::fill_n(dstate.data() + b * state, state, T{0});
    recurrent.accumulate(batch, step.dgates, dstate.data());
  }

  if (grads.dh0) std::copy_n(dstate.data(), batch * state, grads.dh0);
  if (grads.dc0) std::copy_n(dc.data(), batch * hidden, grads.dc0);
  if (grads.dx) input_gradient(s, width, dgates.data(), in.w_ih, grads.dx);
  if (grads.dw_ih) weight_gradient(steps, width, s.input, dgates.data(), in.x, T{0}, grads.dw_ih);
  if (grads.dw_hh) recurrent_weight_gradient(s, width, dgates.data(), saved.h, in.h0, grads.dw_hh);
  if (grads.dw_hr && projected)
    weight_gradient(steps, state, hidden, dprojected.data(), unprojected.data(), T{0}, grads.dw_hr);
  if (grads.db) bias_gradient(s, width, dgates.data(), grads.db);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
