#pragma once
// The CUDA body of lstm.hpp's forward pass for float and double: the input products of all steps in one gemm, then one
// kernel a step, which multiplies the state by the recurrent weights and applies the gates to the sums.

#include <limn_kernels/cuda/gemm.cuh>
#include <limn_kernels/cuda/recurrent.cuh>
#include <limn_kernels/cuda/scratch.cuh>
#include <limn_kernels/lstm.hpp>
#include <limn_kernels/math.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// One step of the walk; pointers are those of its time.
template <class T>
struct LstmStep {
  RecurrentProduct<T> product;  // the state before with w_hh
  index_t hidden;
  const std::uint8_t* mask;  // [batch] or null
  const T* h_before;         // [batch, hidden] that a masked row copies, null = zeros
  const T* c_before;         // [batch, hidden] or null = zeros
  const T *b_ih, *b_hh;      // [4 hidden] or null
  const T* sums;             // [batch, 4 hidden]: the products with the input; may be `gates`
  T* gates;                  // [batch, 4 hidden], or null: nobody wants them
  T* c;                      // [batch, hidden], may be c_before
  T* h;                      // [batch, hidden]
};

/// What a step reads of a unit in a row beside its product: on its way while that is computed, so that nothing is done
/// with it before.
template <class T>
struct LstmPoint {
  T gate[4], b_ih[4], b_hh[4], c;
};

template <class T>
__device__ LstmPoint<T> load_point(const LstmStep<T>& s, index_t row, index_t unit) {
  LstmPoint<T> p;
  for (int j = 0; j < 4; ++j) {
    p.gate[j] = s.sums[(row * 4 + j) * s.hidden + unit];
    p.b_ih[j] = s.b_ih ? s.b_ih[j * s.hidden + unit] : T(0);
    p.b_hh[j] = s.b_hh ? s.b_hh[j * s.hidden + unit] : T(0);
  }
  p.c = s.c_before ? s.c_before[row * s.hidden + unit] : T(0);
  return p;
}

template <class T>
__device__ void finish_point(const LstmStep<T>& s, index_t row, index_t unit, const LstmPoint<T>& p,
                             const T (&products)[4]) {
  const index_t at = row * s.hidden + unit;
  if (s.mask && s.mask[row] == 0) {
    s.c[at] = p.c;
    s.h[at] = s.h_before ? s.h_before[at] : T(0);
    return;
  }
  T gate[4];
  for (int j = 0; j < 4; ++j) gate[j] = p.gate[j] + (p.b_ih[j] + p.b_hh[j]) + products[j];
  const T i = scalar::sigmoid(gate[0]), f = scalar::sigmoid(gate[1]), g = scalar::tanh(gate[2]),
          o = scalar::sigmoid(gate[3]);
  const T c = f * p.c + i * g;
  s.c[at] = c;
  s.h[at] = o * scalar::tanh(c);
  if (!s.gates) return;
  T* const gates = s.gates + row * 4 * s.hidden + unit;
  gates[0] = i;
  gates[s.hidden] = f;
  gates[2 * s.hidden] = g;
  gates[3 * s.hidden] = o;
}

/// A block has some rows and the four gates of some units.
template <class Tile, class T>
__global__ void __launch_bounds__(recurrent_threads) lstm_step_kernel(LstmStep<T> s) {
  constexpr int units = Tile::across;
  static_assert(Tile::rows * units <= recurrent_threads);  // a point a thread
  const index_t down = (s.product.rows + Tile::rows - 1) / Tile::rows, across = (s.hidden + units - 1) / units;
  for (index_t tile = blockIdx.x; tile < down * across; tile += gridDim.x) {
    const index_t first_row = tile % down * Tile::rows, first_unit = tile / down * units;
    const int point = static_cast<int>(threadIdx.x);
    const index_t row = first_row + point / units, unit = first_unit + point % units;
    const bool mine = point < Tile::rows * units && row < s.product.rows && unit < s.hidden;
    LstmPoint<T> p = {};
    if (mine) p = load_point(s, row, unit);
    const T* sums = multiply_tile<Tile>(s.product, first_row, [&](int column) -> index_t {
      const index_t of = first_unit + column % units;
      return column / units * s.hidden + (of < s.hidden ? of : s.hidden - 1);
    });
    if (!mine) continue;
    T products[4];
    for (int j = 0; j < 4; ++j) products[j] = joined_sum<Tile>(sums, j * Tile::rows * units + point);
    finish_point(s, row, unit, p, products);
  }
}

/// Up to `rows` rows: a block has a unit.
template <int rows, class T>
__global__ void __launch_bounds__(recurrent_threads) lstm_step_few_kernel(LstmStep<T> s) {
  const int row = static_cast<int>(threadIdx.x);
  const bool mine = row < rows && row < s.product.rows;
  for (index_t unit = blockIdx.x; unit < s.hidden; unit += gridDim.x) {
    LstmPoint<T> p = {};
    if (mine) p = load_point(s, row, unit);
    T products[4];
    multiply_few<rows>(
        s.product, [&](int gate) { return gate * s.hidden + unit; }, products);
    if (mine) finish_point(s, row, unit, p, products);
  }
}

template <class T>
void lstm_step(const LstmStep<T>& s) {
  const index_t rows = s.product.rows;
  if (rows <= recurrent_few_rows)
    return launch("lstm_forward", rows == 1 ? lstm_step_few_kernel<1, T> : lstm_step_few_kernel<recurrent_few_rows, T>,
                  blocks_for(s.hidden, 1), recurrent_threads, s);
  with_recurrent_tile<T>(rows, 4 * s.hidden, [&](auto tile) {
    using Tile = decltype(tile);
    launch("lstm_forward", lstm_step_kernel<Tile, T>, recurrent_blocks<Tile>(rows, 4 * s.hidden), recurrent_threads, s);
  });
}

/// Masked rows of a projected state copy the one before (null = zeros).
template <class T>
__global__ void copy_masked_kernel(index_t rows, index_t state, const std::uint8_t* mask, const T* h_before, T* h) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < rows * state; i += step)
    if (mask[i / state] == 0) h[i] = h_before ? h_before[i] : T(0);
}

template <class T>
void lstm_forward(const RecurrentShape& s, const LstmInputs<T>& in, const LstmStates<T>& out) {
  const index_t batch = s.batch, hidden = s.hidden, state = s.state(), width = 4 * hidden;
  if (s.time == 0 || batch == 0) return;
  const bool projected = s.projection > 0;
  const Scratch<T> own_sums(out.gates ? 0 : s.time * batch * width);
  const Scratch<T> unprojected(projected ? batch * hidden : 0);
  T* const sums = out.gates ? out.gates : own_sums.data();
  gemm<T>({.m = s.time * batch, .n = width, .k = s.input, .transpose_b = true}, T(1), in.x, in.w_ih, T(0), sums);
  const T *h = in.h0, *c = in.c0;
  for (index_t i = 0; i < s.time; ++i) {
    const index_t row = s.at(i) * batch;
    const std::uint8_t* mask = in.mask ? in.mask + row : nullptr;
    T* const h_now = out.h + row * state;
    const LstmStep<T> step{recurrent_product(batch, state, h, in.w_hh),
                           hidden,
                           mask,
                           projected ? nullptr : h,
                           c,
                           in.b_ih,
                           in.b_hh,
                           sums + row * width,
                           out.gates ? out.gates + row * width : nullptr,
                           out.gates ? out.c + row * hidden : out.c,
                           projected ? unprojected.data() : h_now};
    lstm_step(step);
    if (projected) {
      gemm<T>({.m = batch, .n = state, .k = hidden, .transpose_b = true}, T(1), step.h, in.w_hr, T(0), h_now);
      if (mask)
        launch("lstm_forward", copy_masked_kernel<T>, blocks_for(batch * state, recurrent_threads), recurrent_threads,
               batch, state, mask, h, h_now);
    }
    h = h_now;
    c = step.c;
  }
}

template void lstm_forward<float>(const RecurrentShape&, const LstmInputs<float>&, const LstmStates<float>&);
template void lstm_forward<double>(const RecurrentShape&, const LstmInputs<double>&, const LstmStates<double>&);

}  // namespace limn::inline LIMN_ABI::kernels::cuda
