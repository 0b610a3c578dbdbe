#pragma once
// The gradients on the gates of a recurrent layer, and what follows from them when the walk backward is over.

#include <limn_kernels/cpu/recurrent.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// C = A B in one part of rows a thread, each a product of its own: gemm's own parts, three a thread and more, would
/// pack B as often. An element's sum has the same order in any of them.
template <class T>
void product_by_rows(const GemmShape& shape, const T* a, const T* b, T* c) {
  const index_t threads = thread_count();
  if (shape.m < 64 * threads || shape.k < 64) return kernels::gemm<T>(cpu_device, shape, T{1}, a, b, T{0}, c);
  parallel_for(shape.m, round_up((shape.m + threads - 1) / threads, 16), [&](index_t first, index_t last) {
    GemmShape own = shape;
    own.m = last - first;
    kernels::gemm<T>(cpu_device, own, T{1}, a + first * shape.lda, b, T{0}, c + first * shape.n);
  });
}

/// The gradients on the gates of all steps, [time * batch, width], which the walk backward leaves for the products over
/// all steps. Rows are `row` apart: never a multiple of 4096 bytes, at which they would share a few lines of the cache.
template <class T>
class GateGradients {
 public:
  GateGradients(const RecurrentShape& s, index_t width)
      : rows_(s.time * s.batch),
        width_(width),
        row_(width + 64 / static_cast<index_t>(sizeof(T))),
        data_(rows_ * row_) {}
  [[nodiscard]] index_t row() const { return row_; }
  [[nodiscard]] T* at(index_t row) const { return data_.data() + row * row_; }

  /// dx [rows, columns] = this * w [width, columns].
  void times(const T* w, index_t columns, T* dx) const {
    product_by_rows<T>({.m = rows_, .n = columns, .k = width_, .lda = row_}, data_.data(), w, dx);
  }

  /// dw_ih [width, input] = this^T x; dw_hh [width, state] = sum over the walk of this[step]^T * (state before that
  /// step): h0 (null = zeros), then h; db [width] = the sum of the rows. A null gradient is one that nobody wants.
  void weights(const RecurrentShape& s, const T* x, T* dw_ih, const T* h, const T* h0, T* dw_hh, T* db) const {
    const index_t state = s.state(), later = (s.time - 1) * s.batch;
    Factor factors[3] = {};
    index_t count = 0;
    if (dw_ih) factors[count++] = {0, rows_, x, s.input, true, dw_ih};
    if (dw_hh && s.reverse && later > 0) factors[count++] = {0, later, h + s.batch * state, state, true, dw_hh};
    if (dw_hh && h0) factors[count++] = {s.at(0) * s.batch, s.batch, h0, state, !s.reverse || later == 0, dw_hh};
    if (dw_hh && !s.reverse && later > 0) factors[count++] = {s.batch, later, h, state, !h0, dw_hh};
    if (dw_hh && !h0 && later == 0) std::fill_n(dw_hh, width_ * state, T{0});
    transposed_times(factors, count, db);
  }

 private:
  /// dw [width, columns] = (or +=, unless it begins) rows [first, first + rows) of this^T * x [rows, columns].
  struct Factor {
    index_t first, rows;
    const T* x;
    index_t columns;
    bool begins;
    T* dw;
  };

  static constexpr index_t most_rows = 512;  // of a block: what is turned over of it stays in the second-level cache

  /// All products at once, in order: a block of this is turned over once for them, and summed.
  void transposed_times(const Factor* factors, index_t count, T* db) const {
    const GemmGeometry tile = LIMN_CALL_ISA(gemm_geometry<T>, );
    const index_t blocks = (rows_ + most_rows - 1) / most_rows, depth = round_up((rows_ + blocks - 1) / blocks, 16);
    const auto padded = [&](const Factor& f) { return round_up(f.columns, tile.columns); };
    index_t size[4] = {};  // where the panels of factor i begin
    for (index_t i = 0; i < count; ++i) size[i + 1] = size[i] + factors[i].rows * padded(factors[i]);
    const Workspace<T> panels(size[count]);
    // Calls body(factor, its first row, rows, their panels) for what the factors have of one block of this.
    const auto for_factors = [&](index_t block, const auto& body) {
      for (index_t i = 0; i < count; ++i) {
        const Factor& f = factors[i];
        const index_t from = std::max(block, f.first), until = std::min(block + depth, f.first + f.rows);
        if (from < until) body(f, from - f.first, until - from, panels.data() + size[i] + (from - f.first) * padded(f));
      }
    };
    parallel_for(blocks, 1, [&](index_t begin, index_t end) {
      for (index_t block = begin * depth; block < end * depth; block += depth)
        for_factors(block, [&](const Factor& f, index_t from, index_t k, T* to) {
          LIMN_CALL_ISA(gemm_pack_b<T>, k, f.columns, f.x + from * f.columns, f.columns, index_t{1}, to);
        });
    });
    parallel_for(width_, round_up((width_ + thread_count() - 1) / thread_count(), 16), [&](index_t begin, index_t end) {
      const index_t turned_row = gemm_row_distance<T>(depth);
      const Workspace<T> turned((gemm_block_rows + 1) * turned_row);
      for (index_t column = begin; column < end; column += gemm_block_rows)
        for (index_t block = 0; block < rows_; block += depth) {
          const index_t columns = std::min(gemm_block_rows, end - column), rows = std::min(depth, rows_ - block);
          LIMN_CALL_ISA(gemm_pack_a<T>, columns, rows, at(block) + column, index_t{1}, row_, turned.data(), turned_row);
          if (db) LIMN_CALL_ISA(row_sums<T>, columns, rows, turned.data(), turned_row, block > 0, db + column);
          for_factors(block, [&](const Factor& f, index_t from, index_t k, const T* b) {
            const T beta = f.begins && from == 0 ? T{0} : T{1};
            T* const dw = f.dw + column * f.columns;
            const GemmProduct<T> product{
                columns,   f.columns, k,  T{1},      beta, turned.data() + (f.first + from - block), turned_row, 1, f.x,
                f.columns, 1,         dw, f.columns, 1};
            gemm_task(product, tile, GemmWay::panels, GemmPanels<T>{b, padded(f)}, 0, {});
          });
        }
    });
  }

  index_t rows_, width_, row_;
  Workspace<T> data_;
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu
