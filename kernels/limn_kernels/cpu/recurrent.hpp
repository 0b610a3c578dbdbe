#pragma once
// CPU parts that lstm, gru and rnn share: packed recurrent weights, the input products, the weight gradients.

#include <algorithm>
#include <cstring>
#include <utility>

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

/// A weight matrix laid out for multiply_panel: panels [block][k][vector][lane], padded with zeros. Two layouts:
/// gates(): w [gates * hidden, k] row-major; block b holds units b * lanes ... of every gate (vector = gate).
/// plain(): w as [k, n] by its two strides; block b holds columns b * 4 * lanes ...
template <class T>
class Panels {
 public:
  static Panels gates(index_t gate_count, index_t hidden, index_t k, const T* w) {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>);
    Panels panels(k, (hidden + lanes - 1) / lanes, gate_count, lanes);
    panels.pack([&](index_t block, index_t gate, index_t lane, index_t p, index_t count, T* to, index_t step) {
      const index_t unit = block * lanes + lane;
      const T* from = w + (gate * hidden + unit) * k + p;
      for (index_t i = 0; i < count; ++i) to[i * step] = unit < hidden ? from[i] : T{0};
    });
    return panels;
  }
  static Panels plain(index_t k, index_t n, const T* w, index_t stride_k, index_t stride_n) {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>);
    Panels panels(k, (n + 4 * lanes - 1) / (4 * lanes), 4, lanes);
    panels.pack([&](index_t block, index_t vector, index_t lane, index_t p, index_t count, T* to, index_t step) {
      const index_t column = (block * 4 + vector) * lanes + lane;
      const T* from = w + column * stride_n + p * stride_k;
      for (index_t i = 0; i < count; ++i) to[i * step] = column < n ? from[i * stride_k] : T{0};
    });
    panels.columns_ = n;
    return panels;
  }
  [[nodiscard]] const T* data() const { return data_.data(); }
  [[nodiscard]] index_t blocks() const { return blocks_; }

  /// y [rows, n] += a [rows, k] * w [k, n]; for the plain layout.
  void accumulate(index_t rows, const T* a, T* y) const {
    if (rows == 0) return;
    for_step_blocks(blocks_, 2 * rows * k_ * columns_, [&](index_t first, index_t last) {
      LIMN_CALL_ISA(accumulate_panels<T>, rows, columns_, k_, a, data_.data(), y, first, last);
    });
  }

 private:
  Panels(index_t k, index_t blocks, index_t vectors, index_t lanes)
      : k_(k), blocks_(blocks), vectors_(vectors), lanes_(lanes), data_(k * blocks * vectors * lanes) {}

  template <class Copy>
  void pack(Copy&& copy) {
    const index_t step = vectors_ * lanes_;  // between neighbours along k
    parallel_for(blocks_, blocks_ * k_ * step < 65536 ? blocks_ : 1, [&](index_t first, index_t last) {
      for (index_t block = first; block < last; ++block)
        for (index_t p = 0; p < k_; p += 16)  // sixteen target lines at a time stay in L1
          for (index_t vector = 0; vector < vectors_; ++vector)
            for (index_t lane = 0; lane < lanes_; ++lane)
              copy(block, vector, lane, p, std::min<index_t>(16, k_ - p),
                   data_.data() + (block * k_ + p) * step + vector * lanes_ + lane, step);
    });
  }

  index_t k_, blocks_, vectors_, lanes_, columns_ = 0;
  Workspace<T> data_;
};

/// y [time * batch, width] = x [time * batch, input] * w^T, w [width, input]: the input products of all steps at once.
template <class T>
void input_products(const RecurrentShape& s, index_t width, const T* x, const T* w, T* y) {
  const GemmShape shape{.m = s.time * s.batch, .n = width, .k = s.input, .transpose_b = true};
  kernels::gemm<T>(cpu_device, shape, T{1}, x, w, T{0}, y);
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
