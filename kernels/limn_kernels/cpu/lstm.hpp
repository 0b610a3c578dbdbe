#pragma once
// The CPU body of lstm.hpp.

#include <limn_kernels/cpu/gate_gradients.hpp>
#include <limn_kernels/cpu/math.hpp>
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
  const T* panels;           // GatePanels of w_ih and w_hh
  const T* bias;             // [4 hidden]
  const T* products;         // [batch, 4 hidden]: the sums of input and bias, or null: not known yet
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
  const T* dh;               // [batch, hidden]: added to dstate, or null
  T* dstate;  // [batch, hidden]: gradient on o tanh(c); a masked row keeps it, in the others it becomes 0
  T* dc;      // [batch, hidden]: gradient on c, becomes that on c_before
  T* dgates;  // [batch, 4 hidden], rows `row` apart
  index_t row;
  T* hidden_out;  // [batch, hidden]: o tanh(c) again, or null
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/lstm.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// The steps of the walk for the rows [first, last) of the batch; few rows without packed weights read them as they are
/// stored: `panels` is null.
template <class T>
void lstm_walk(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out, const T* panels,
               const Panels<T>& projection, const T* bias, index_t first, index_t last) {
  const index_t batch = s.batch, rows = last - first, hidden = s.hidden, state = s.state(), width = 4 * hidden;
  const bool projected = s.projection > 0;
  Workspace<T> zeros(rows * std::max(hidden, state)), unprojected(projected ? rows * hidden : 0);
  // The input products of all steps at once, where a step alone would have too few rows for that.
  const bool ahead = !panels || (rows < packed_rows && s.time > 1);
  Workspace<T> sums(ahead && !out.gates ? s.time * rows * width : 0);
  zeros.zero();
  T* products = out.gates ? out.gates : sums.data();
  const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>), blocks = (hidden + lanes - 1) / lanes;
  if (!panels) input_products(s, width, in.x, in.w_ih, products);
  if (panels && ahead)
    for_step_parts(blocks, 1, 2 * s.time * rows * width * s.input, [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(input_panels<T>, 4, s.time * rows, hidden, s.input, state, in.x, panels, bias, products, begin,
                    end);
    });
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
                           panels && ahead ? products + row * width : nullptr,
                           out.gates ? out.gates + row * width : nullptr,
                           out.c + (out.gates ? row : first) * hidden,
                           projected ? unprojected.data() : h_now,
                           !projected};
    const bool back = i % 2 == 1;  // through the weights: a step begins with what the last one left in the cache
    if (panels) {
      for_step_parts(blocks, 1, 2 * rows * width * (s.input + state),
                     [&](index_t begin, index_t end) { LIMN_CALL_ISA(lstm_step<T>, step, back, begin, end); });
    } else {
      for_step_parts(hidden, lanes, 2 * rows * width * state, [&](index_t begin, index_t end) {
        LIMN_CALL_ISA(lstm_step_stream<T>, step, in.w_hh, products + row * width, back, begin, end);
      });
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
  const GatePanels<T> layout{4, hidden, s.input, s.state()};
  const bool packs = !in.packed && packs_forward(s);
  const Workspace<T> weights(packs ? layout.size() : 0);
  if (packs) layout.pack(in.w_ih, in.w_hh, weights.data());
  const T* panels = in.packed ? in.packed->data() : packs ? weights.data() : nullptr;
  if (!panels) return lstm_walk<T>(s, in, out, nullptr, projection, bias.data(), 0, batch);
  for_batch_parts(
      batch, [&](index_t first, index_t last) { lstm_walk(s, in, out, panels, projection, bias.data(), first, last); });
}

/// What a backward walk leaves for the products over all its steps, and what it carries from step to step.
template <class T>
struct LstmBackwardWalk {
  const Panels<T>&recurrent, &projection;  // w_hh and w_hr as [4 hidden, state], [state, hidden]
  const T* dh;                             // [time, batch, state]
  const GateGradients<T>& dgates;
  T *dstate, *dc;               // [batch, state], [batch, hidden]
  T *dprojected, *unprojected;  // [time, batch, state], [time, batch, hidden]: with a projection, for dw_hr
};

/// The steps of the walk for the rows [first, last) of the batch.
template <class T>
void lstm_backward_walk(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved,
                        const LstmBackwardWalk<T>& walk, index_t first, index_t last) {
  const index_t batch = s.batch, rows = last - first, hidden = s.hidden, state = s.state(), width = 4 * hidden;
  const bool projected = s.projection > 0;
  Workspace<T> zeros(rows * hidden), dhidden(projected ? rows * hidden : 0);
  zeros.zero();
  T* const dstate = walk.dstate + first * state;
  for (index_t i = s.time - 1; i >= 0; --i) {
    const index_t row = s.at(i) * batch + first;
    const std::uint8_t* mask = in.mask ? in.mask + row : nullptr;
    const T* c_before = i > 0   ? saved.c + (s.at(i - 1) * batch + first) * hidden
                        : in.c0 ? in.c0 + first * hidden
                                : zeros.data();
    if (projected) {
      T* dprojected = walk.dprojected + row * state;
      for (index_t j = 0; j < rows * state; ++j) {
        const bool runs = !mask || mask[j / state] != 0;
        const T total = dstate[j] + walk.dh[row * state + j];
        dprojected[j] = runs ? total : T{0};
        dstate[j] = runs ? T{0} : total;
      }
      dhidden.zero();
      walk.projection.accumulate(rows, dprojected, dhidden.data());
    }
    const LstmStepBackward<T> step{hidden,
                                   mask,
                                   saved.gates + row * width,
                                   c_before,
                                   saved.c + row * hidden,
                                   projected ? nullptr : walk.dh + row * hidden,
                                   projected ? dhidden.data() : dstate,
                                   walk.dc + first * hidden,
                                   walk.dgates.at(row),
                                   walk.dgates.row(),
                                   projected ? walk.unprojected + row * hidden : nullptr};
    for_step_parts(rows, 1, 64 * rows * hidden,
                   [&](index_t begin, index_t end) { LIMN_CALL_ISA(lstm_step_backward<T>, step, begin, end); });
    state_gradient(s, walk.recurrent, i, rows, width, step.dgates, step.row, in.w_hh, dstate);
  }
}

template <class T>
void lstm_backward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved, const T* dh,
                   const T* dc_last, const LstmGradients<T>& grads) {
  const index_t batch = s.batch, hidden = s.hidden, state = s.state(), width = 4 * hidden, steps = s.time * batch;
  const bool projected = s.projection > 0;
  const Panels<T> recurrent = Panels<T>::backward(s, width, in.w_hh);
  const Panels<T> projection = Panels<T>::plain(s.projection, hidden, in.w_hr, hidden, 1);
  const GateGradients<T> dgates(s, width);
  Workspace<T> dstate(batch * state), dc(batch * hidden);
  Workspace<T> dprojected(projected ? steps * state : 0), unprojected(projected ? steps * hidden : 0);
  dstate.zero();
  if (dc_last)
    std::copy_n(dc_last, batch * hidden, dc.data());
  else
    dc.zero();
  const LstmBackwardWalk<T> walk{recurrent,         projection,        dh, dgates, dstate.data(), dc.data(),
                                 dprojected.data(), unprojected.data()};
  for_batch_parts(batch, [&](index_t first, index_t last) { lstm_backward_walk(s, in, saved, walk, first, last); });

  if (grads.dh0) std::copy_n(dstate.data(), batch * state, grads.dh0);
  if (grads.dc0) std::copy_n(dc.data(), batch * hidden, grads.dc0);
  if (grads.dx) dgates.times(in.w_ih, s.input, grads.dx);
  dgates.weights(s, in.x, grads.dw_ih, saved.h, in.h0, grads.dw_hh, grads.db);
  if (grads.dw_hr && projected) {
    const GemmShape shape{.m = state, .n = hidden, .k = steps, .transpose_a = true};
    kernels::gemm<T>(cpu_device, shape, T{1}, dprojected.data(), unprojected.data(), T{0}, grads.dw_hr);
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
