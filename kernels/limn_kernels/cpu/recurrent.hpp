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

/// Splits `count` units of one step, `flops` in all, over the threads, one part each: part i is the same in every step,
/// so that a core finds its weights again in its own cache. Parts begin at multiples of `group`; small steps stay on
/// one thread. A unit's sums are the same in every part.
template <class Body>
void for_step_parts(index_t count, index_t group, index_t flops, Body&& body) {
  const index_t groups = (count + group - 1) / group, threads = flops < 400000 ? 1 : thread_count();
  parallel_for(count, (groups + threads - 1) / threads * group, body);
}

/// Runs body(first, last) for parts of the batch. Rows do not depend on each other, so that each thread may walk
/// through the whole sequence with its own and wait for nobody; where rows are few, one part, and the steps are divided
/// instead. A row's sums are the same in every part.
template <class Body>
void for_batch_parts(index_t batch, Body&& body) {
  const index_t threads = thread_count(), rows = (batch + threads - 1) / threads;
  parallel_for(batch, rows >= 24 ? rows : batch, body);
}

/// Whether weights are packed for a walk: in a short one packing takes longer than it saves. One row reads them as they
/// are stored as fast; and so do, backward, fewer rows than a tile has.
inline constexpr index_t packed_rows = 6;
[[nodiscard]] inline bool packs_forward(const RecurrentShape& s) { return s.batch > 1 && s.time * s.batch >= 64; }
[[nodiscard]] inline bool packs_backward(const RecurrentShape& s) {
  return s.batch >= packed_rows && s.time * s.batch >= 64;
}

/// The weights of one direction as the walks forward read them: panels [block][k][gate][lane], block b with the units b
/// * lanes ... of every gate, k through w_ih's columns and then w_hh's.
template <class T>
struct GatePanels {
  index_t gates, hidden, input, state;

  [[nodiscard]] index_t size() const {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>);
    return (hidden + lanes - 1) / lanes * lanes * gates * (input + state);
  }
  void pack(const T* w_ih, const T* w_hh, T* panels) const {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>), step = gates * lanes, length = (input + state) * step;
    const index_t blocks = (hidden + lanes - 1) / lanes;
    parallel_for(blocks, blocks * length < 65536 ? blocks : 1, [&](index_t first, index_t last) {
      for (index_t block = first; block < last; ++block)
        for (index_t gate = 0; gate < gates; ++gate) {
          const index_t unit = block * lanes, row = gate * hidden + unit, count = std::min(lanes, hidden - unit);
          T* to = panels + block * length + gate * lanes;
          LIMN_CALL_ISA(pack_transposed<T>, input, count, w_ih + row * input, input, to, step);
          LIMN_CALL_ISA(pack_transposed<T>, state, count, w_hh + row * state, state, to + input * step, step);
        }
    });
  }
};

/// A weight matrix [k, n] laid out for multiply_panel: panels [block][k][vector][lane] of four vectors of columns,
/// padded with zeros.
template <class T>
class Panels {
 public:
  /// w by its two strides, one of them 1.
  static Panels plain(index_t k, index_t n, const T* w, index_t stride_k, index_t stride_n) {
    const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>), width = 4 * lanes;
    Panels panels(k, (n + width - 1) / width, width);
    panels.columns_ = n;
    if (k == 0) return panels;  // w may be null
    panels.for_blocks([&](index_t block, T* to) {
      const index_t column = block * width;
      if (stride_n == 1) return LIMN_CALL_ISA(pack_rows<T>, k, std::min(width, n - column), w + column, stride_k, to);
      for (index_t vector = 0; vector < 4; ++vector) {
        const index_t first = std::min(n, column + vector * lanes);
        LIMN_CALL_ISA(pack_transposed<T>, k, std::min(lanes, n - first), w + first * stride_n, stride_n,
                      to + vector * lanes, width);
      }
    });
    return panels;
  }

  /// The layout of dstate += dgates w_hh, w [width, state] as it is stored, for walks that pack it; otherwise empty.
  static Panels backward(const RecurrentShape& s, index_t width, const T* w) {
    return plain(packs_backward(s) ? width : 0, s.state(), w, s.state(), 1);
  }

  /// y [rows, n] += a [rows, k] * w [k, n], rows of a lda apart (0 = no gap); for the plain layout.
  void accumulate(index_t rows, const T* a, T* y, index_t lda = 0) const {
    if (rows == 0) return;
    for_step_parts(blocks_, 1, 2 * rows * k_ * columns_, [&](index_t first, index_t last) {
      LIMN_CALL_ISA(accumulate_panels<T>, rows, columns_, k_, a, lda == 0 ? k_ : lda, data_.data(), y, first, last);
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
/// Of few rows neither operand is packed: 32 rows of w at a time stay in the first-level cache.
template <class T>
void input_products(const RecurrentShape& s, index_t width, const T* x, const T* w, T* y) {
  const index_t rows = s.time * s.batch, k = s.input;
  const GemmShape shape{.m = rows, .n = width, .k = k, .transpose_b = true};
  if (rows > 40 || k < 64) return kernels::gemm<T>(cpu_device, shape, T{1}, x, w, T{0}, y);
  for_step_parts(width, 32, 2 * rows * width * k, [&](index_t first, index_t last) {
    for (index_t j = first; j < last; j += 32)
      for (index_t i = 0; i < rows; i += 4)
        LIMN_CALL_ISA(gemm_dot<T>, std::min(rows - i, index_t{4}), std::min(last - j, index_t{32}), k, T{1}, x + i * k,
                      k, w + j * k, k, width * k >= gemm_from_memory, T{0}, y + i * width + j, width, 1);
  });
}

/// In the i-th step of a walk back: dstate [rows, state] += dgates [rows, width] * w [width, state], rows of dgates
/// `row` apart; `panels` is Panels::backward of w.
template <class T>
void state_gradient(const RecurrentShape& s, const Panels<T>& panels, index_t i, index_t rows, index_t width,
                    const T* dgates, index_t row, const T* w, T* dstate) {
  if (packs_backward(s)) return panels.accumulate(rows, dgates, dstate, row);
  const index_t state = s.state();
  if (rows < packed_rows)  // every second step reads the weights backwards: it begins with what is still in the cache
    return for_step_parts(state, 64, 2 * rows * width * state, [&](index_t first, index_t last) {
      LIMN_CALL_ISA(stream_columns<T>, rows,
                    {width, row, last - first, state, state, dgates, w + first, dstate + first, i % 2 == 1});
    });
  const GemmShape shape{.m = rows, .n = state, .k = width, .lda = row};
  kernels::gemm<T>(cpu_device, shape, T{1}, dgates, w, T{1}, dstate);
}

/// bias [width] = b_ih + b_hh, either may be null.
template <class T>
void add_biases(index_t width, const T* b_ih, const T* b_hh, T* bias) {
  for (index_t i = 0; i < width; ++i) bias[i] = (b_ih ? b_ih[i] : T{0}) + (b_hh ? b_hh[i] : T{0});
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

namespace limn::inline LIMN_ABI::kernels {

template <class T>
PackedRecurrent<T>::PackedRecurrent(index_t gates, index_t hidden, index_t input, index_t state, const T* w_ih,
                                    const T* w_hh) {
  const cpu::GatePanels<T> panels{gates, hidden, input, state};
  bytes_ = static_cast<std::size_t>(panels.size()) * sizeof(T);
  data_ = static_cast<T*>(cpu::allocate_long_lived(bytes_));
  panels.pack(w_ih, w_hh, data_);
}

template <class T>
PackedRecurrent<T>::~PackedRecurrent() {
  cpu::release_long_lived(data_, bytes_);
}

}  // namespace limn::inline LIMN_ABI::kernels
