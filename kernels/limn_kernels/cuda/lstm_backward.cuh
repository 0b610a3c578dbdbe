#pragma once
// The CUDA body of lstm.hpp's backward pass for float and double: one kernel a step, from the last to the first, which
// multiplies the next step's gradients on the gates by w_hh, and makes this step's of the sums; then the products over
// all steps, one gemm each.

#include <limn_kernels/cuda/copy.cuh>
#include <limn_kernels/cuda/gemm.cuh>
#include <limn_kernels/cuda/recurrent.cuh>
#include <limn_kernels/cuda/reduce.cuh>
#include <limn_kernels/cuda/scratch.cuh>
#include <limn_kernels/lstm.hpp>
#include <limn_kernels/math.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// One step of the walk backward; pointers are those of its time. A null array that is read stands for zeros, one that
/// is written for what nobody wants.
template <class T>
struct LstmStepBackward {
  RecurrentProduct<T> product;  // dgates of the step after it with w_hh turned over
  index_t hidden;
  const std::uint8_t* mask;      // [batch] or null
  const T* gates;                // [batch, 4 hidden]
  const T *c_before, *c;         // [batch, hidden]
  const T* dh;                   // [batch, hidden]
  const T *kept_before, *dc_in;  // [batch, hidden]: what the step after it left in `kept` and dc
  T* kept;         // [batch, hidden]: the gradient on h of a masked row passes by here; may be kept_before
  T* dc;           // [batch, hidden]: the gradient on c_before; may be dc_in
  T* dgates;       // [batch, 4 hidden]
  T* unprojected;  // [batch, hidden]: o tanh(c) again
};

/// What a step reads of a unit in a row beside its product: on its way while that is computed.
template <class T>
struct LstmPointBackward {
  T i, f, g, o, c_before, c, dh, kept, dc;
};

template <class T>
__device__ LstmPointBackward<T> load_point(const LstmStepBackward<T>& s, index_t row, index_t unit) {
  const index_t at = row * s.hidden + unit;
  const T* const gates = s.gates + row * 4 * s.hidden + unit;
  return {gates[0],
          gates[s.hidden],
          gates[2 * s.hidden],
          gates[3 * s.hidden],
          s.c_before ? s.c_before[at] : T(0),
          s.c[at],
          s.dh[at],
          s.kept_before ? s.kept_before[at] : T(0),
          s.dc_in ? s.dc_in[at] : T(0)};
}

/// `sum` is the product's share of the gradient on h.
template <class T>
__device__ void finish_point(const LstmStepBackward<T>& s, index_t row, index_t unit, const LstmPointBackward<T>& p,
                             T sum) {
  const index_t at = row * s.hidden + unit;
  T* const dgates = s.dgates + row * 4 * s.hidden + unit;
  const T dh = p.dh + p.kept + sum;
  const bool masked = s.mask && s.mask[row] == 0;
  if (s.kept) s.kept[at] = masked ? dh : T(0);
  if (masked) {
    for (int j = 0; j < 4; ++j) dgates[j * s.hidden] = T(0);
    s.dc[at] = p.dc;
    if (s.unprojected) s.unprojected[at] = T(0);
    return;
  }
  const T bent = scalar::tanh(p.c), dc = p.dc + dh * p.o * (T(1) - bent * bent);
  dgates[0] = dc * p.g * p.i * (T(1) - p.i);
  dgates[s.hidden] = dc * p.c_before * p.f * (T(1) - p.f);
  dgates[2 * s.hidden] = dc * p.i * (T(1) - p.g * p.g);
  dgates[3 * s.hidden] = dh * bent * p.o * (T(1) - p.o);
  s.dc[at] = dc * p.f;
  if (s.unprojected) s.unprojected[at] = p.o * bent;
}

/// A block has some rows and units.
template <class Tile, class T>
__global__ void __launch_bounds__(recurrent_threads) lstm_step_backward_kernel(LstmStepBackward<T> s) {
  constexpr int each = (Tile::points + recurrent_threads - 1) / recurrent_threads;  // points of a thread
  const index_t down = (s.product.rows + Tile::rows - 1) / Tile::rows;
  const index_t across = (s.hidden + Tile::columns - 1) / Tile::columns;
  for (index_t tile = blockIdx.x; tile < down * across; tile += gridDim.x) {
    const index_t first_row = tile % down * Tile::rows, first_unit = tile / down * Tile::columns;
    LstmPointBackward<T> points[each];
    index_t rows[each], units[each];
    bool mine[each];
    for (int i = 0; i < each; ++i) {
      const int point = static_cast<int>(threadIdx.x) + i * recurrent_threads, line = point / Tile::across;
      rows[i] = first_row + line % Tile::rows;
      units[i] = first_unit + line / Tile::rows * Tile::across + point % Tile::across;
      mine[i] = point < Tile::points && rows[i] < s.product.rows && units[i] < s.hidden;
      if (mine[i]) points[i] = load_point(s, rows[i], units[i]);
    }
    const T* sums = multiply_tile<Tile>(s.product, first_row, [&](int column) -> index_t {
      return first_unit + column < s.hidden ? first_unit + column : s.hidden - 1;
    });
    for (int i = 0; i < each; ++i)
      if (mine[i])
        finish_point(s, rows[i], units[i], points[i],
                     joined_sum<Tile>(sums, static_cast<int>(threadIdx.x) + i * recurrent_threads));
  }
}

/// Up to `rows` rows: a block has a unit.
template <int rows, class T>
__global__ void __launch_bounds__(recurrent_threads) lstm_step_backward_few_kernel(LstmStepBackward<T> s) {
  const int row = static_cast<int>(threadIdx.x);
  const bool mine = row < rows && row < s.product.rows;
  for (index_t unit = blockIdx.x; unit < s.hidden; unit += gridDim.x) {
    LstmPointBackward<T> p = {};
    if (mine) p = load_point(s, row, unit);
    T sum[1];
    multiply_few<rows>(
        s.product, [&](int) { return unit; }, sum);
    if (mine) finish_point(s, row, unit, p, sum[0]);
  }
}

template <class T>
void lstm_step_backward(const LstmStepBackward<T>& s) {
  const index_t rows = s.product.rows;
  if (rows <= recurrent_few_rows)
    return launch(
        "lstm_backward",
        rows == 1 ? lstm_step_backward_few_kernel<1, T> : lstm_step_backward_few_kernel<recurrent_few_rows, T>,
        blocks_for(s.hidden, 1), recurrent_threads, s);
  with_recurrent_tile<T>(rows, s.hidden, [&](auto tile) {
    using Tile = decltype(tile);
    launch("lstm_backward", lstm_step_backward_kernel<Tile, T>, recurrent_blocks<Tile>(rows, s.hidden),
           recurrent_threads, s);
  });
}

/// With a projection: what of dh and of the gradient on the state after the step goes through w_hr, and what of it
/// masked rows keep. dstate_in null = zeros.
template <class T>
__global__ void split_state_gradient_kernel(index_t rows, index_t state, const std::uint8_t* mask, const T* dh,
                                            const T* dstate_in, T* dprojected, T* dstate) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < rows * state; i += step) {
    const bool masked = mask && mask[i / state] == 0;
    const T total = dstate_in ? dh[i] + dstate_in[i] : dh[i];
    dprojected[i] = masked ? T(0) : total;
    dstate[i] = masked ? total : T(0);
  }
}

/// What follows from dgates [time * batch, 4 hidden] when the walk is over.
template <class T>
void lstm_weight_gradients(const RecurrentShape& s, const LstmInputs<T>& in, const T* h, const T* dgates,
                           const LstmGradients<T>& grads) {
  const index_t batch = s.batch, state = s.state(), width = 4 * s.hidden, steps = s.time * batch;
  const index_t later = s.time > 0 ? steps - batch : 0;  // rows of all steps but the first of the walk
  if (grads.dx) gemm<T>({.m = steps, .n = s.input, .k = width}, T(1), dgates, in.w_ih, T(0), grads.dx);
  if (grads.dw_ih)
    gemm<T>({.m = width, .n = s.input, .k = steps, .transpose_a = true}, T(1), dgates, in.x, T(0), grads.dw_ih);
  if (grads.dw_hh) {
    GemmShape shape{.m = width, .n = state, .k = later, .transpose_a = true};
    const index_t skipped = s.reverse ? 0 : batch;  // the states before steps are those after others
    gemm<T>(shape, T(1), dgates + skipped * width, h + (batch - skipped) * state, T(0), grads.dw_hh);
    shape.k = batch;
    if (in.h0 && steps > 0) gemm<T>(shape, T(1), dgates + s.at(0) * batch * width, in.h0, T(1), grads.dw_hh);
  }
  if (grads.db) reduce<Add>({1, steps, width}, dgates, grads.db);
}

template <class T>
void lstm_backward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& saved, const T* dh,
                   const T* dc_last, const LstmGradients<T>& grads) {
  const index_t batch = s.batch, hidden = s.hidden, state = s.state(), width = 4 * hidden, steps = s.time * batch;
  const bool projected = s.projection > 0;
  const Scratch<T> dgates(steps * width), turned(projected ? 0 : width * state);
  const Scratch<T> own_dc(grads.dc0 ? 0 : batch * hidden);
  const Scratch<T> own_dstate(grads.dh0 || !(projected || in.mask) ? 0 : batch * state);
  const Scratch<T> dprojected(projected ? steps * state : 0);
  const Scratch<T> unprojected(projected ? steps * hidden : 0);
  const Scratch<T> dhidden(projected ? batch * hidden : 0);
  T* const dc = grads.dc0 ? grads.dc0 : own_dc.data();
  T* const dstate = grads.dh0 ? grads.dh0 : own_dstate.data();
  T* const kept = in.mask && !projected ? dstate : nullptr;
  if (!projected && s.time > 1)
    gather_strided({.rank = 2, .extents = {state, width}, .strides = {1, state}}, in.w_hh, turned.data());

  const GemmShape to_state{.m = batch, .n = state, .k = width};
  for (index_t i = s.time - 1; i >= 0; --i) {
    const index_t row = s.at(i) * batch;
    const bool last = i == s.time - 1;
    const std::uint8_t* mask = in.mask ? in.mask + row : nullptr;
    const T* of_h = dh + row * state;
    if (projected) {
      T* const through = dprojected.data() + row * state;
      launch("lstm_backward", split_state_gradient_kernel<T>, blocks_for(batch * state, recurrent_threads),
             recurrent_threads, batch, state, mask, of_h, last ? nullptr : dstate, through, dstate);
      gemm<T>({.m = batch, .n = hidden, .k = state}, T(1), through, in.w_hr, T(0), dhidden.data());
      of_h = dhidden.data();
    }
    const T* const after = projected || last ? nullptr : dgates.data() + s.at(i + 1) * batch * width;
    const LstmStepBackward<T> step{recurrent_product<T>(batch, width, after, turned.data()),
                                   hidden,
                                   mask,
                                   saved.gates + row * width,
                                   i > 0 ? saved.c + s.at(i - 1) * batch * hidden : in.c0,
                                   saved.c + row * hidden,
                                   of_h,
                                   last ? nullptr : kept,
                                   last ? dc_last : dc,
                                   kept,
                                   dc,
                                   dgates.data() + row * width,
                                   projected ? unprojected.data() + row * hidden : nullptr};
    lstm_step_backward(step);
    if (projected) gemm<T>(to_state, T(1), step.dgates, in.w_hh, T(1), dstate);
  }
  if (grads.dh0 && !projected && s.time > 0)
    gemm<T>(to_state, T(1), dgates.data() + s.at(0) * batch * width, in.w_hh, kept ? T(1) : T(0), grads.dh0);
  lstm_weight_gradients(s, in, saved.h, dgates.data(), grads);
  if (grads.dw_hr && projected)
    gemm<T>({.m = state, .n = hidden, .k = steps, .transpose_a = true}, T(1), dprojected.data(), unprojected.data(),
            T(0), grads.dw_hr);
}

#define LIMN_LSTM_BACKWARD_ON_GPU(T)                                                                          \
  template void lstm_backward<T>(const RecurrentShape&, const LstmInputs<T>&, const LstmStates<T>&, const T*, \
                                 const T*, const LstmGradients<T>&);
LIMN_LSTM_BACKWARD_ON_GPU(float)
LIMN_LSTM_BACKWARD_ON_GPU(double)
#undef LIMN_LSTM_BACKWARD_ON_GPU

}  // namespace limn::inline LIMN_ABI::kernels::cuda
