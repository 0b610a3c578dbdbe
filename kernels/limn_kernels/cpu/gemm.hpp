#pragma once
// The CPU body of gemm.hpp: blocks for the caches, threads, and the choice of the way.
//
// The plan is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): a block of B
// that stays in the third-level cache and a block of A that stays in the second are packed so that the register tile
// reads both in order. Every block size depends on the shape alone, so that the sums do not depend on the number of
// threads.

#include <algorithm>
#include <vector>

#include <limn_kernels/gemm.hpp>
#include <limn_kernels/half.hpp>
#include <limn_kernels/memory.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/simd.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {
/// The register tile of an instruction set.
struct GemmGeometry {
  index_t rows, columns;
};
}  // namespace limn::inline LIMN_ABI::kernels::cpu

#if defined(__clang__)
#define LIMN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LIMN_UNROLL _Pragma("GCC unroll 16")
#endif
#define LIMN_ISA_BODY <limn_kernels/cpu/gemm.inl>
#include <limn_kernels/for_each_isa.hpp>
#undef LIMN_UNROLL

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

/// Memory of a kernel call, given back (to the thread's cache) at the end of the scope.
template <class T>
class Scratch {
 public:
  explicit Scratch(index_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)), data_(static_cast<T*>(allocate(bytes_))) {}
  ~Scratch() { release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

inline constexpr index_t gemm_depth = 512;  // k of one block: a tile's panels of A and B fill the first-level cache
inline constexpr index_t gemm_block_rows = 168;  // rows of one packed block of A: 344 KB of the second-level cache
inline constexpr index_t gemm_block_columns = 4096;
inline constexpr index_t gemm_dot_rows = 32;  // up to so many rows, products of rows with rows are not packed

template <class T>
inline constexpr bool gemm_is_tiled = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// C = beta C.
template <class T>
void gemm_scale(const GemmShape& s, T beta, T* c) {
  for (index_t i = 0; i < s.m; ++i)
    for (index_t j = 0; j < s.n; ++j) c[i * s.ldc + j] = beta == T(0) ? T(0) : static_cast<T>(beta * c[i * s.ldc + j]);
}

/// float and double: packed blocks and register tiles.
template <class T>
void gemm_tiled(const GemmShape& s, T alpha, const T* a, const T* b, T beta, T* c) {
  const index_t a_row = s.transpose_a ? 1 : s.lda, a_step = s.transpose_a ? s.lda : 1;
  const index_t b_step = s.transpose_b ? 1 : s.ldb, b_column = s.transpose_b ? s.ldb : 1;

  if (s.transpose_b && !s.transpose_a && std::min(s.m, s.n) <= gemm_dot_rows &&
      s.k >= 64) {                // too few rows to pay for packing
    const bool tall = s.m > s.n;  // threads share out the longer side
    const index_t few = tall ? s.n : s.m, many = tall ? s.m : s.n;
    const T *narrow = tall ? b : a, *wide = tall ? a : b;
    const index_t ld_narrow = tall ? s.ldb : s.lda, ld_wide = tall ? s.lda : s.ldb, step = tall ? s.ldc : 1;
    parallel_for(many, (4 + 65536 / (few * s.k)) / 4 * 4, [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(gemm_dot<T>, few, end - begin, s.k, alpha, narrow, ld_narrow, wide + begin * ld_wide, ld_wide, beta,
                    c + begin * step, tall ? 1 : s.ldc, step);
    });
    return;
  }

  const GemmGeometry tile = LIMN_CALL_ISA(gemm_geometry<T>, );
  const index_t row_blocks = (s.m + gemm_block_rows - 1) / gemm_block_rows;
  // Where the rows alone give too few tasks, columns are divided too; the sums are the same either way.
  const index_t block_rows = row_blocks > 1 ? gemm_block_rows : s.m > 4 * tile.rows ? (s.m + 1) / 2 : s.m;
  const index_t task_columns = 16 * tile.columns;
  const bool in_place = b_column == 1 && s.m <= tile.rows && s.n % tile.columns == 0;  // B is read once: as it lies
  const Scratch<T> panels(in_place
                              ? 0
                              : std::min(gemm_depth, s.k) * ((std::min(gemm_block_columns, s.n) + tile.columns - 1) /
                                                             tile.columns * tile.columns));

  for (index_t first_column = 0; first_column < s.n; first_column += gemm_block_columns) {
    const index_t n = std::min(gemm_block_columns, s.n - first_column),
                  panel_count = (n + tile.columns - 1) / tile.columns;
    for (index_t first_k = 0; first_k < s.k; first_k += gemm_depth) {
      const index_t k = std::min(gemm_depth, s.k - first_k);
      const T* b_block = b + first_k * b_step + first_column * b_column;
      if (!in_place)
        parallel_for(panel_count, 1 + 32768 / (k * tile.columns), [&](index_t begin, index_t end) {
          for (index_t q = begin; q < end; ++q)
            LIMN_CALL_ISA(gemm_pack_b<T>, k, std::min(tile.columns, n - q * tile.columns),
                          b_block + q * tile.columns * b_column, b_step, b_column,
                          panels.data() + q * k * tile.columns);
        });
      const T* b_panels = in_place ? b_block : panels.data();
      const index_t b_panel = in_place ? tile.columns : k * tile.columns, b_row = in_place ? s.ldb : tile.columns;
      const index_t row_tasks = (s.m + block_rows - 1) / block_rows,
                    column_tasks = (n + task_columns - 1) / task_columns;
      const bool split_columns = row_tasks < 4;
      const bool small = s.m * n * k < 32 * 32 * 32;  // a thread costs more than the work
      const index_t tasks = split_columns ? row_tasks * column_tasks : row_tasks;
      parallel_for(tasks, small ? tasks : 1, [&](index_t begin, index_t end) {
        const Scratch<T> packed((std::min(block_rows, s.m) + 2 * tile.rows) * k);
        for (index_t task = begin; task < end; ++task) {
          const index_t row = (split_columns ? task / column_tasks : task) * block_rows,
                        column = split_columns ? task % column_tasks * task_columns : 0;
          const index_t rows = std::min(block_rows, s.m - row),
                        columns = split_columns ? std::min(task_columns, n - column) : n;
          LIMN_CALL_ISA(gemm_pack_block<T>, rows, k, a + row * a_row + first_k * a_step, a_row, a_step, packed.data());
          LIMN_CALL_ISA(gemm_block<T>, rows, columns, k, alpha, packed.data(),
                        b_panels + column / tile.columns * b_panel, b_panel, b_row, first_k == 0 ? beta : T(1),
                        c + row * s.ldc + first_column + column, s.ldc);
        }
      });
    }
  }
}

/// The integer types: rows of B added up.
template <class T>
void gemm_simple(const GemmShape& s, T alpha, const T* a, const T* b, T beta, T* c) {
  parallel_for(s.m, 1 + 65536 / (s.n * s.k), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i)
      for (index_t j = 0; j < s.n; ++j) {
        T sum{};
        for (index_t p = 0; p < s.k; ++p)
          sum = static_cast<T>(sum + a[s.transpose_a ? p * s.lda + i : i * s.lda + p] *
                                         b[s.transpose_b ? j * s.ldb + p : p * s.ldb + j]);
        T& y = c[i * s.ldc + j];
        y = static_cast<T>(beta == T(0) ? alpha * sum : alpha * sum + beta * y);
      }
  });
}

/// The two-byte floats: widened, multiplied in float, rounded once.
template <class T>
void gemm_widened(const GemmShape& s, T alpha, const T* a, const T* b, T beta, T* c) {
  GemmShape wide = s;
  wide.lda = s.transpose_a ? s.m : s.k;
  wide.ldb = s.transpose_b ? s.k : s.n;
  wide.ldc = s.n;
  const auto widen = [](index_t rows, index_t columns, index_t ld, const T* x, float* y) {
    parallel_for(rows, 1 + 16384 / (columns + 1), [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i)
        for (index_t j = 0; j < columns; ++j) y[i * columns + j] = static_cast<float>(x[i * ld + j]);
    });
  };
  const Scratch<float> wa(s.m * s.k), wb(s.n * s.k), wc(s.m * s.n);
  widen(s.transpose_a ? s.k : s.m, wide.lda, s.lda, a, wa.data());
  widen(s.transpose_b ? s.n : s.k, wide.ldb, s.ldb, b, wb.data());
  if (static_cast<float>(beta) != 0) widen(s.m, s.n, s.ldc, c, wc.data());
  gemm_tiled<float>(wide, static_cast<float>(alpha), wa.data(), wb.data(), static_cast<float>(beta), wc.data());
  for (index_t i = 0; i < s.m; ++i)
    for (index_t j = 0; j < s.n; ++j) c[i * s.ldc + j] = static_cast<T>(wc.data()[i * s.n + j]);
}

template <class T>
void gemm(GemmShape s, T alpha, const T* a, const T* b, T beta, T* c) {
  if (s.lda == 0) s.lda = s.transpose_a ? s.m : s.k;
  if (s.ldb == 0) s.ldb = s.transpose_b ? s.k : s.n;
  if (s.ldc == 0) s.ldc = s.n;
  if (s.m == 0 || s.n == 0) return;
  if (s.k == 0) return gemm_scale(s, beta, c);
  if constexpr (gemm_is_tiled<T>)
    gemm_tiled(s, alpha, a, b, beta, c);
  else if constexpr (is_half<T>)
    gemm_widened(s, alpha, a, b, beta, c);
  else
    gemm_simple(s, alpha, a, b, beta, c);
}

}  // namespace cpu
}  // namespace limn::inline LIMN_ABI::kernels
