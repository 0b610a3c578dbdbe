#pragma once
// CPU parts that lstm, gru and rnn share: packed recurrent weights, the input products, the weight gradients.

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <utility>

#include <limn_kernels/cpu/panel.hpp>
#include <limn_kernels/gemm.hpp>
#include <limn_kernels/memory.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/recurrent.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/recurrent.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Uninitialised scratch memory for one kernel call.
template <class T>
class Workspace {
 public:
  explicit Workspace(index_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)),
        data_(static_cast<T*>(kernels::allocate(bytes_, cpu_device))) {}
  ~Workspace() {
    if (data_) kernels::release(data_, bytes_, cpu_device);
  }
  Workspace(Workspace&& other) noexcept : bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
  [[nodiscard]] T* data() const { return data_; }
  void zero() { std::memset(static_cast<void*>(data_), 0, bytes_); }

 private:
  std::size_t bytes_;
  T* data_;
};

/// Splits `blocks` blocks of one step, `flops` in all, over the threads; small steps stay on one.
template <class Body>
void for_step_blocks(index_t blocks, index_t flops, Body&& body) {
  parallel_for(blocks, flops < 400000 ? blocks : (blocks + 7) / 8, body);
}

/// The same for single units; parts begin at multiples of 64.
template <class Body>
void for_units(index_t units, index_t flops, Body&& body) {
  parallel_for(units, flops < 400000 ? units : (units + 511) / 512 * 64, body);
}

/// Runs body(first, last) for parts of the batch. Rows do not depend on each other, so that each thread may walk
/// through the whole sequence with its own and wait for nobody; where rows are few, one part, and the steps are divided
/// instead. A row's sums are the same in every part.
template <class Body>
void for_batch_parts(index_t batch, Body&& body) {
  const index_t threads = thread_count(), rows = (batch + threads - 1) / threads;
  parallel_for(batch, rows >= 24 ? rows : batch, body);
}

/// Both directions of a layer at once, where there are no more threads than that, or where a step is too small to be
/// divided: then no thread waits for another, and each reads the weights of its own direction alone.
template <class Body>
void for_directions(const RecurrentShape& s, index_t directions, Body&& body) {
  const bool small = 2 * s.batch * 4 * s.hidden * (s.input + s.state()) < 400000;
  parallel_for(directions, small || thread_count() <= directions ? 1 : directions, [&](index_t begin, index_t end) {
    for (index_t d = begin; d < end; ++d) body(d);
  });
}

/// Whether weights are packed for a walk: with few rows a step takes as long as reading them, and in a short walk
/// packing takes longer than it saves.
[[nodiscard]] inline bool packs_weights(const RecurrentShape& s) { return s.batch >= 6 && s.time * s.batch >= 64; }

/// One weight matrix [gates * hidden, k], row-major.
template <class T>
struct PanelSource {
  const T* w;
  index_t k;
};

/// Weights laid out for multiply_panel: panels [block][k][vector][lane], padded with zeros. Two layouts:
/// gates(): block b holds units b * lanes ... of every gate (vector = gate); the matrices follow each other along k.
/// plain(): w as [k, n] by its two strides, one of them 1; block b holds columns b * 4 * lanes ...
template <class T>
class Panels {
 public:
  static Panels gates(index_t gate_count, index_t hidden, std::initializer_list<PanelSource<T>> sources) {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>), step = gate_count * lanes;
    index_t depth = 0;
    for (const PanelSource<T>& source : sources) depth += source.k;
    Panels panels(depth, (hidden + lanes - 1) / lanes, step);
    panels.for_blocks([&](index_t block, T* to) {
      const index_t unit = block * lanes, count = std::min(lanes, hidden - unit);
      for (const PanelSource<T>& source : sources) {
        for (index_t gate = 0; gate < gate_count; ++gate)
          LIMN_CALL_ISA(pack_transposed<T>, source.k, count, source.w + (gate * hidden + unit) * source.k, source.k,
                        to + gate * lanes, step);
        to += source.k * step;
      }
    });
    return panels;
  }
  static Panels plain(index_t k, index_t n, const T* w, index_t stride_k, index_t stride_n) {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>), width = 4 * lanes;
    Panels panels(k, (n + width - 1) / width, width);
    panels.for_blocks([&](index_t block, T* to) {
      const index_t column = block * width;
      if (stride_n == 1) return LIMN_CALL_ISA(pack_rows<T>, k, std::min(width, n - column), w + column, stride_k, to);
      for (index_t vector = 0; vector < 4; ++vector) {
        const index_t first = std::min(n, column + vector * lanes);
        LIMN_CALL_ISA(pack_transposed<T>, k, std::min(lanes, n - first), w + first * stride_n, stride_n,
                      to + vector * lanes, width);
      }
    });
    panels.columns_ = n;
    return panels;
  }
  [[nodiscard]] const T* data() const { return data_.data(); }
  [[nodiscard]] index_t blocks() const { return blocks_; }

  /// The layout of dstate += dgates w_hh, w [width, state] as it is stored, for walks that pack it; otherwise empty.
  static Panels backward(const RecurrentShape& s, index_t width, const T* w) {
    return plain(packs_weights(s) ? width : 0, s.state(), w, s.state(), 1);
  }

  /// y [rows, n] += a [rows, k] * w [k, n]; for the plain layout.
  void accumulate(index_t rows, const T* a, T* y) const {
    if (rows == 0) return;
    for_step_blocks(blocks_, 2 * rows * k_ * columns_, [&](index_t first, index_t last) {
      LIMN_CALL_ISA(accumulate_panels<T>, rows, columns_, k_, a, data_.data(), y, first, last);
    });
  }

 private:
  Panels(index_t k, index_t blocks, index_t step) : k_(k), blocks_(blocks), step_(step), data_(k * blocks * step) {}

  template <class Pack>
  void for_blocks(const Pack& pack) {
    parallel_for(blocks_, blocks_ * k_ * step_ < 65536 ? blocks_ : 1, [&](index_t first, index_t last) {
      for (index_t block = first; block < last; ++block) pack(block, data_.data() + block * k_ * step_);
    });
  }

  index_t k_, blocks_, step_, columns_ = 0;
  Workspace<T> data_;
};

/// y [time * batch, width] = x [time * batch, input] * w^T, w [width, input]: the input products of all steps at once.
template <class T>
void input_products(const RecurrentShape& s, index_t width, const T* x, const T* w, T* y) {
  const GemmShape shape{.m = s.time * s.batch, .n = width, .k = s.input, .transpose_b = true};
  kernels::gemm<T>(cpu_device, shape, T{1}, x, w, T{0}, y);
}

/// dstate [rows, state] += dgates [rows, width] * w [width, state]; `panels` is Panels::backward of w.
template <class T>
void state_gradient(const RecurrentShape& s, const Panels<T>& panels, index_t rows, index_t width, const T* dgates,
                    const T* w, T* dstate) {
  if (packs_weights(s)) return panels.accumulate(rows, dgates, dstate);
  const GemmShape shape{.m = rows, .n = s.state(), .k = width};
  kernels::gemm<T>(cpu_device, shape, T{1}, dgates, w, T{1}, dstate);
}

/// dx [time * batch, input] = dgates [time * batch, width] * w [width, input].
template <class T>
void input_gradient(const RecurrentShape& s, index_t width, const T* dgates, const T* w, T* dx) {
  const GemmShape shape{.m = s.time * s.batch, .n = s.input, .k = width};
  kernels::gemm<T>(cpu_device, shape, T{1}, dgates, w, T{0}, dx);
}

/// dw [width, columns] = beta * dw + dgates^T * x over `rows` rows.
template <class T>
void weight_gradient(index_t rows, index_t width, index_t columns, const T* dgates, const T* x, T beta, T* dw) {
  const GemmShape shape{.m = width, .n = columns, .k = rows, .transpose_a = true};
  kernels::gemm<T>(cpu_device, shape, T{1}, dgates, x, beta, dw);
}

/// dw_hh [width, state] = sum over the walk of dgates[step]^T * (state before that step): h0 (null = zeros), then h.
template <class T>
void recurrent_weight_gradient(const RecurrentShape& s, index_t width, const T* dgates, const T* h, const T* h0,
                               T* dw) {
  const index_t state = s.state(), later = (s.time - 1) * s.batch;
  const T* first_gates = dgates + s.at(0) * s.batch * width;
  if (later == 0) std::fill_n(dw, width * state, T{0});
  if (later > 0 && s.reverse) weight_gradient(later, width, state, dgates, h + s.batch * state, T{0}, dw);
  if (later > 0 && !s.reverse) weight_gradient(later, width, state, dgates + s.batch * width, h, T{0}, dw);
  if (h0) weight_gradient(s.batch, width, state, first_gates, h0, T{1}, dw);
}

/// db [width] = the sum of the rows of dgates [time * batch, width].
template <class T>
void bias_gradient(const RecurrentShape& s, index_t width, const T* dgates, T* db) {
  const index_t rows = s.time * s.batch;
  parallel_for(width, rows * width < 65536 ? width : 128, [&](index_t first, index_t last) {
    LIMN_CALL_ISA(column_sums<T>, rows, width, dgates, db, first, last);
  });
}

/// bias [width] = b_ih + b_hh, either may be null.
template <class T>
void add_biases(index_t width, const T* b_ih, const T* b_hh, T* bias) {
  for (index_t i = 0; i < width; ++i) bias[i] = (b_ih ? b_ih[i] : T{0}) + (b_hh ? b_hh[i] : T{0});
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
