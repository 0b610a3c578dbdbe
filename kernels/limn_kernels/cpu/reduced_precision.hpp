#pragma once
// The CPU body of reduced_precision.hpp: operands packed into words, blocks for the caches, tasks for threads.

#include <array>

#include <limn_kernels/cpu/gemm.hpp>
#include <limn_kernels/error.hpp>
#include <limn_kernels/reduced_precision.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// C [rows, columns] (+)= A B in words: A's rows a_row apart, B's panels b_panel apart. Of bytes, with w_scale: then C
/// is finished, c(i, j) = (c(i, j) - correction[j]) * (x_scale[i] * w_scale[j]).
struct ReducedBlock {
  index_t rows, columns, steps;
  const std::int32_t* a;
  index_t a_row;
  const std::int32_t* b;
  index_t b_panel;
  bool add;
  float* c;
  index_t ldc;
  const float* x_scale = nullptr;
  const float* w_scale = nullptr;
  const std::int32_t* correction = nullptr;
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/reduced_words.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/reduced_precision.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

inline constexpr index_t reduced_depth = 512;  // steps of one block
inline constexpr index_t reduced_rows = 168;   // rows of one block of A
inline constexpr std::int32_t reduced_byte_offset =
    128;  // added to the bytes of A, which are unsigned to the processor

template <class E>
index_t reduced_steps(index_t k) {
  constexpr index_t numbers = 4 / static_cast<index_t>(sizeof(E));
  return (k + numbers - 1) / numbers;
}
template <class E>
bool reduced_dots() {
  return std::is_same_v<E, bf16> ? dot_instructions().bf16 : dot_instructions().bytes;
}

/// The scale of bytes for numbers of at most this magnitude, and its inverse; see PackedMatrix.
struct ByteScale {
  float scale, inverse;

  explicit ByteScale(std::int32_t magnitude_bits) : scale(0), inverse(0) {
    const float most = std::bit_cast<float>(magnitude_bits);
    if (magnitude_bits > 0x7f7fffff)
      scale = std::bit_cast<float>(std::int32_t{0x7fc00000});
    else if (most >= 0x1p-120F)
      scale = most / 127.F, inverse = 127.F / most;
  }
};

/// One row of k numbers as words; of bytes, its scale.
template <class E>
float reduced_row(index_t k, const float* x, std::int32_t offset, std::int32_t* y) {
  if constexpr (std::is_same_v<E, bf16>) {
    LIMN_CALL_ISA(reduced_pack_row<E>, k, x, 0.F, offset, y);
    return 1;
  } else {
    const ByteScale s(LIMN_CALL_ISA(reduced_magnitude<float>, k, x));
    LIMN_CALL_ISA(reduced_pack_row<E>, k, x, s.inverse, offset, y);
    return s.scale;
  }
}

/// op(A) [m, k] as the tile reads it, and the scales of its rows.
template <class E>
class ReducedRows {
 public:
  /// a(i, p) = a[i * a_row + p * a_step], one of the strides 1.
  ReducedRows(index_t m, index_t k, const float* a, index_t a_row, index_t a_step)
      : parts_(reduced_dots<E>() ? 1 : 2),
        row_(gemm_row_distance<std::int32_t>(parts_ * round_up(reduced_steps<E>(k), 16))),
        words_((m + 1) * row_),
        scales_(m) {
    const index_t steps = reduced_steps<E>(k), group = a_step == 1 ? 1 : 16;
    parallel_for((m + group - 1) / group, 1 + 16384 / (group * k), [&](index_t begin, index_t end) {
      const Scratch<float> turned(a_step == 1 ? 0 : group * round_up(k, 16) + 16);
      for (index_t i = begin * group; i < std::min(end * group, m); i += group) {
        const index_t rows = std::min(group, m - i);
        const float* x = a + i * a_row;
        if (a_step != 1) LIMN_CALL_ISA(gemm_pack_a<float>, rows, k, x, a_row, a_step, turned.data(), k);
        for (index_t r = 0; r < rows; ++r) {
          std::int32_t* y = words_.data() + (i + r) * row_;
          scales_.data()[i + r] = reduced_row<E>(k, a_step == 1 ? x : turned.data() + r * k, reduced_byte_offset, y);
          if (parts_ == 2) LIMN_CALL_ISA(reduced_take_apart<E>, steps, y);
        }
      }
    });
    std::fill_n(words_.data() + m * row_, row_, 0);  // a tile of odd height reads one row more
  }
  [[nodiscard]] index_t row() const { return row_; }
  [[nodiscard]] index_t parts() const { return parts_; }
  [[nodiscard]] const std::int32_t* data() const { return words_.data(); }
  [[nodiscard]] const float* scales() const { return scales_.data(); }

 private:
  index_t parts_, row_;
  Scratch<std::int32_t> words_;
  Scratch<float> scales_;
};

/// Panel q of op(B) at y + q * steps * width, for bf16 and, of [n, k] only, for bytes; their scales and corrections.
template <class E>
void reduced_pack(index_t k, index_t n, bool transposed, const float* b, index_t ldb, std::int32_t* y, float* scales,
                  std::int32_t* corrections) {
  const index_t width = LIMN_CALL_ISA(reduced_panel_columns<float>, ), steps = reduced_steps<E>(k);
  parallel_for(round_up(n, width) / width, 1 + 65536 / (k * width + 1), [&](index_t begin, index_t end) {
    const index_t row = gemm_row_distance<std::int32_t>(round_up(steps, 16));
    const Scratch<std::int32_t> rows(transposed ? width * row : 0);
    for (index_t q = begin; q < end; ++q) {
      const index_t first = q * width, columns = std::min(width, n - first);
      std::int32_t* panel = y + q * steps * width;
      if (!transposed) {
        LIMN_CALL_ISA(reduced_pack_panel<float>, k, columns, b + first, ldb, panel);
        continue;
      }
      std::fill_n(rows.data() + columns * row, (width - columns) * row, 0);
      for (index_t j = 0; j < columns; ++j) {
        std::int32_t* words = rows.data() + j * row;
        const float scale = reduced_row<E>(k, b + (first + j) * ldb, 0, words);
        if (!scales) continue;
        scales[first + j] = scale;
        std::int32_t sum = 0;
        for (index_t s = 0; s < steps; ++s)
          for (const auto byte : std::bit_cast<std::array<std::int8_t, 4>>(words[s])) sum += byte;
        corrections[first + j] = reduced_byte_offset * sum;
      }
      LIMN_CALL_ISA(reduced_turn_panel<std::int32_t>, steps, rows.data(), row, panel);
    }
  });
}

/// op(B) as words, and, of bytes, what its columns' sums are corrected and multiplied by.
struct ReducedPanels {
  const std::int32_t* words;
  const float* scales = nullptr;
  const std::int32_t* corrections = nullptr;
};

/// C [m, n] = A B from words: blocks of a few rows that stay in the second-level cache while the panels of B pass by,
/// as gemm_task. finish(row, rows, column, columns) is called for each part of C when its sums are complete. A sum that
/// goes on in a further block of k begins with what is in C: its bits do not depend on the blocks.
template <class E>
void reduced_multiply(index_t m, index_t n, index_t k, const ReducedRows<E>& a, const ReducedPanels& b, float* c,
                      index_t ldc, const GemmFinish& finish) {
  const index_t width = LIMN_CALL_ISA(reduced_panel_columns<float>, ), steps = reduced_steps<E>(k),
                threads = thread_count();
  const bool dots = reduced_dots<E>();
  // One tile of rows reads all of a panel at once; else a block of it serves all rows.
  const index_t depth = m <= LIMN_CALL_ISA(gemm_geometry<float>, ).rows ? steps : reduced_depth;
  const index_t rows = std::min(m, reduced_rows);
  index_t columns = round_up(n, width);
  const auto tasks = [&] { return ((m + rows - 1) / rows) * ((n + columns - 1) / columns); };
  while (threads > 1 && tasks() < 3 * threads && columns > width && rows * columns * k > (index_t{1} << 18))
    columns = round_up((columns + 1) / 2, width);
  const index_t across = (n + columns - 1) / columns;
  parallel_for(tasks(), 1, [&](index_t begin, index_t end) {
    for (index_t task = begin; task < end; ++task) {
      const index_t row = task / across * rows, high = std::min(rows, m - row), left = task % across * columns,
                    right = std::min(n, left + columns);
      for (index_t j = left; j < right; j += gemm_chunk) {
        const index_t wide = std::min(gemm_chunk, right - j);
        for (index_t s = 0; s < steps; s += depth) {
          ReducedBlock block{high,
                             wide,
                             std::min(depth, steps - s),
                             a.data() + row * a.row() + s * a.parts(),
                             a.row(),
                             b.words + (j / width * steps + s) * width,
                             steps * width,
                             s > 0,
                             c + row * ldc + j,
                             ldc};
          if (b.scales && s + depth >= steps) {
            block.x_scale = a.scales() + row;
            block.w_scale = b.scales + j;
            block.correction = b.corrections + j;
          }
          LIMN_CALL_ISA(reduced_block<E>, dots, block);
        }
        finish(row, high, j, wide);
      }
    }
  });
}

template <class E>
void linear_reduced(index_t m, const float* x, const PackedMatrix<E>& w, const Epilogue<float>& epilogue, float* y) {
  const index_t n = w.n(), k = w.k();
  if (m == 0 || n == 0) return;
  const auto finish = [&](index_t row, index_t rows, index_t column, index_t columns) {
    finish_rows(rows, columns, epilogue.bias ? epilogue.bias + column : nullptr, epilogue.activation,
                y + row * n + column, n);
  };
  if (k == 0) {
    std::fill(y, y + m * n, 0.F);
    return finish(0, m, 0, n);
  }
  const ReducedRows<E> a(m, k, x, k, 1);
  const bool scaled = std::is_same_v<E, std::int8_t>;
  reduced_multiply<E>(m, n, k, a, {w.data(), scaled ? w.scales() : nullptr, w.corrections()}, y, n, finish);
}

template <class T>
void gemm_bf16(GemmShape s, const T* a, const T* b, const Epilogue<T>& epilogue, T* c) {
  if (s.lda == 0) s.lda = s.transpose_a ? s.m : s.k;
  if (s.ldb == 0) s.ldb = s.transpose_b ? s.k : s.n;
  if (s.ldc == 0) s.ldc = s.n;
  if (s.m == 0 || s.n == 0) return;
  const auto finish = [&](index_t row, index_t rows, index_t column, index_t columns) {
    finish_rows(rows, columns, epilogue.bias ? epilogue.bias + column : nullptr, epilogue.activation,
                c + row * s.ldc + column, s.ldc);
  };
  if (s.k == 0) {
    gemm_scale(s, T(0), c);
    return finish(0, s.m, 0, s.n);
  }
  const index_t width = LIMN_CALL_ISA(reduced_panel_columns<float>, );
  const Scratch<std::int32_t> panels(round_up(s.n, width) * reduced_steps<bf16>(s.k));
  reduced_pack<bf16>(s.k, s.n, s.transpose_b, b, s.ldb, panels.data(), nullptr, nullptr);
  const ReducedRows<bf16> rows(s.m, s.k, a, s.transpose_a ? 1 : s.lda, s.transpose_a ? s.lda : 1);
  reduced_multiply<bf16>(s.m, s.n, s.k, rows, {panels.data()}, c, s.ldc, finish);
}

}  // namespace cpu

template <class E>
ReducedMatrix<E>::ReducedMatrix(index_t k, index_t n, bool transposed, const float* b, index_t ldb)
    : k_(k), n_(n), padded_n_(cpu::round_up(n, LIMN_CALL_ISA(reduced_panel_columns<float>, ))) {
  constexpr bool of_bytes = std::is_same_v<E, std::int8_t>;
  if (of_bytes && k > 66311) fail("PackedMatrix", k, " numbers a column are too many for int8: at most 66311");
  if (of_bytes) {
    scales_.resize(static_cast<std::size_t>(padded_n_));
    corrections_.resize(static_cast<std::size_t>(padded_n_));
  }
  if (ldb == 0) ldb = transposed ? k : n;
  data_ = static_cast<std::int32_t*>(cpu::allocate_long_lived(bytes()));
  if (k == 0 || n == 0) return;
  const bool turn = of_bytes && !transposed;  // a column's scale wants all of it: turned over first
  const cpu::Scratch<float> turned(turn ? n * k + 64 : 0);
  if (turn) LIMN_CALL_ISA(gemm_pack_a<float>, n, k, b, 1, ldb, turned.data(), k);
  cpu::reduced_pack<E>(k, n, turn || transposed, turn ? turned.data() : b, turn ? k : ldb, data_, scales_.data(),
                       corrections_.data());
}

template <class E>
ReducedMatrix<E>::~ReducedMatrix() {
  cpu::release_long_lived(data_, bytes());
}

template <class E>
std::size_t ReducedMatrix<E>::bytes() const {
  return static_cast<std::size_t>(cpu::reduced_steps<E>(k_) * padded_n_) * sizeof(std::int32_t);
}

}  // namespace limn::inline LIMN_ABI::kernels
