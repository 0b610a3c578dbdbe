#pragma once
// The CPU body of gru.hpp.

#include <limn_kernels/cpu/gate_gradients.hpp>
#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/gru.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// One step of the walk; pointers are those of its time.
template <class T>
struct GruStep {
  index_t batch, input, hidden;
  const std::uint8_t* mask;  // [batch] or null
  const T* x;                // [batch, input]
  const T* h_before;         // [batch, hidden]
  const T* panels;           // GatePanels of w_ih and w_hh
  const T* bias;             // [4 hidden]: r and z (both biases), n of x, n of h
  const T* products;         // [batch, 3 hidden]: the sums of input and its biases, or null: not known yet
  T* gates;                  // [batch, 3 hidden], or null: nobody wants them
  T* inner;                  // [batch, hidden], with gates only
  T* h;                      // [batch, hidden]
};

template <class T>
struct GruStepBackward {
  index_t hidden;
  const std::uint8_t* mask;  // [batch] or null
  const T* gates;            // [batch, 3 hidden]
  const T* inner;            // [batch, hidden]
  const T* h_before;         // [batch, hidden]
  const T* dh;               // [batch, hidden]: added to dstate
  T* dstate;                 // [batch, hidden]: gradient on h, becomes the part on h_before that passes through z
  T* dgates_x;               // [batch, 3 hidden], rows `row` apart: gradient on w_ih x + b_ih
  T* dgates_h;               // the same on w_hh h + b_hh
  index_t row;
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/gru.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// The steps of the walk for the rows [first, last) of the batch; few rows without packed weights read them as they are
/// stored: `panels` is null.
template <class T>
void gru_walk(const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& out, const T* panels, const T* bias,
              index_t first, index_t last) {
  const index_t batch = s.batch, rows = last - first, hidden = s.hidden, width = 3 * hidden;
  const bool ahead = !panels || (rows < packed_rows && s.time > 1);  // input products of all steps at once, see lstm
  Workspace<T> zeros(rows * hidden), of_x(ahead ? s.time * rows * width : 0), of_h(panels ? 0 : rows * width);
  zeros.zero();
  const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>), blocks = (hidden + lanes - 1) / lanes;
  if (!panels) input_products(s, width, in.x, in.w_ih, of_x.data());
  if (panels && ahead)
    for_step_parts(blocks, 1, 2 * s.time * rows * width * s.input, [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(input_panels<T>, 3, s.time * rows, hidden, s.input, hidden, in.x, panels, bias, of_x.data(), begin,
                    end);
    });
  const T* h = in.h0 ? in.h0 + first * hidden : zeros.data();
  for (index_t i = 0; i < s.time; ++i) {
    const index_t row = s.at(i) * batch + first;
    const GruStep<T> step{rows,
                          s.input,
                          hidden,
                          in.mask ? in.mask + row : nullptr,
                          in.x + row * s.input,
                          h,
                          panels,
                          bias,
                          panels && ahead ? of_x.data() + row * width : nullptr,
                          out.gates ? out.gates + row * width : nullptr,
                          out.gates ? out.inner + row * hidden : nullptr,
                          out.h + row * hidden};
    const bool back = i % 2 == 1;  // through the weights: a step begins with what the last one left in the cache
    if (panels) {
      for_step_parts(blocks, 1, 2 * rows * width * (s.input + hidden),
                     [&](index_t begin, index_t end) { LIMN_CALL_ISA(gru_step<T>, step, back, begin, end); });
    } else {
      for_step_parts(hidden, lanes, 2 * rows * width * hidden, [&](index_t begin, index_t end) {
        LIMN_CALL_ISA(gru_step_stream<T>, step, in.w_hh, of_x.data() + row * width, of_h.data(), back, begin, end);
      });
    }
    h = step.h;
  }
}

template <class T>
void gru_forward(const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& out) {
  const index_t batch = s.batch, hidden = s.hidden;
  if (s.time == 0 || batch == 0) return;
  Workspace<T> bias(4 * hidden);
  add_biases<T>(2 * hidden, in.b_ih, in.b_hh, bias.data());
  add_biases<T>(hidden, in.b_ih ? in.b_ih + 2 * hidden : nullptr, nullptr, bias.data() + 2 * hidden);
  add_biases<T>(hidden, nullptr, in.b_hh ? in.b_hh + 2 * hidden : nullptr, bias.data() + 3 * hidden);
  const GatePanels<T> layout{3, hidden, s.input, hidden};
  const bool packs = !in.packed && packs_forward(s);
  const Workspace<T> weights(packs ? layout.size() : 0);
  if (packs) layout.pack(in.w_ih, in.w_hh, weights.data());
  const T* panels = in.packed ? in.packed->data() : packs ? weights.data() : nullptr;
  if (!panels) return gru_walk<T>(s, in, out, nullptr, bias.data(), 0, batch);
  for_batch_parts(batch, [&](index_t first, index_t last) { gru_walk(s, in, out, panels, bias.data(), first, last); });
}

template <class T>
void gru_backward(const RecurrentShape& s, const GruInputs<T>& in, const GruStates<T>& saved, const T* dh,
                  const GruGradients<T>& grads) {
  const index_t batch = s.batch, hidden = s.hidden, width = 3 * hidden;
  const Panels<T> recurrent = Panels<T>::backward(s, width, in.w_hh);
  const GateGradients<T> dgates_x(s, width), dgates_h(s, width);
  Workspace<T> zeros(batch * hidden), dstate(batch * hidden);
  zeros.zero();
  dstate.zero();

  for_batch_parts(batch, [&](index_t first, index_t last) {
    T* const carried = dstate.data() + first * hidden;
    for (index_t i = s.time - 1; i >= 0; --i) {
      const index_t row = s.at(i) * batch + first, rows = last - first;
      const T* h_before = i > 0 ? saved.h + s.at(i - 1) * batch * hidden : in.h0 ? in.h0 : zeros.data();
      const GruStepBackward<T> step{hidden,
                                    in.mask ? in.mask + row : nullptr,
                                    saved.gates + row * width,
                                    saved.inner + row * hidden,
                                    h_before + first * hidden,
                                    dh + row * hidden,
                                    carried,
                                    dgates_x.at(row),
                                    dgates_h.at(row),
                                    dgates_h.row()};
      for_step_parts(rows, 1, 64 * rows * hidden,
                     [&](index_t begin, index_t end) { LIMN_CALL_ISA(gru_step_backward<T>, step, begin, end); });
      state_gradient(s, recurrent, i, rows, width, step.dgates_h, step.row, in.w_hh, carried);
    }
  });

  if (grads.dh0) std::copy_n(dstate.data(), batch * hidden, grads.dh0);
  if (grads.dx) dgates_x.times(in.w_ih, s.input, grads.dx);
  dgates_x.weights(s, in.x, grads.dw_ih, nullptr, nullptr, nullptr, grads.db_ih);
  dgates_h.weights(s, nullptr, nullptr, saved.h, in.h0, grads.dw_hh, grads.db_hh);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
