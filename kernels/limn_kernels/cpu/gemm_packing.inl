// Copies of a product's operands, and the transposed way out, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Four neighbouring elements.
template <class T>
struct QuadOf {
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};
template <class T>
using Quad = typename QuadOf<T>::type;

template <class T>
LIMN_INLINE Quad<T> load_quad(const T* p) {
  Quad<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
LIMN_INLINE void store_quad(T* p, Quad<T> v) {
  std::memcpy(p, &v, sizeof v);
}

/// y[j * y_row + i] = x[i * x_row + j] for i < rows, j < columns. Up to lanes - 1 elements behind a row of y change.
template <class T>
void gemm_transpose(index_t rows, index_t columns, const T* x, index_t x_row, T* y, index_t y_row) {
  constexpr index_t size = lanes<T>;
  // From the last block of rows to the first: what a block writes too far, the next one overwrites.
  for (index_t i = (rows - 1) / size * size; i >= 0; i -= size) {
    const T* from = x + i * x_row;
    T* to = y + i;
    index_t j = 0;
    for (; j + size <= columns; j += size) {
      Vec<T> r[size];
      LIMN_UNROLLED for (index_t q = 0; q < size; ++q) __builtin_prefetch(from + q * x_row + j + 4 * size);
      LIMN_UNROLLED for (index_t q = 0; q < size; ++q) r[q] = i + q < rows ? load<T>(from + q * x_row + j) : Vec<T>{};
      transpose_block<T>(r);
      LIMN_UNROLLED for (index_t q = 0; q < size; ++q) store<T>(to + (j + q) * y_row, r[q]);
    }
    for (; j < columns; ++j)
      for (index_t q = 0; q < size && i + q < rows; ++q) to[j * y_row + q] = from[q * x_row + j];
  }
}

/// Panels of B, one after another: y [k, gemm_columns] = columns 0..columns-1 of op(B), the rest of the last zeros;
/// b(p, j) = b[p * step + j * column], one of the strides 1.
template <class T>
void gemm_pack_b(index_t k, index_t columns, const T* b, index_t step, index_t column, T* y) {
  constexpr index_t width = gemm_columns<T>, together = 4;  // panels filled at a time: memory is read in longer pieces
  index_t j = 0;
  if (column == 1)
    for (; j + width <= columns;) {
      const index_t count = (columns - j) / width < together ? (columns - j) / width : together;
      for (index_t p = 0; p < k; ++p) {
        const T* from = b + p * step + j;
        T* to = y + j * k + p * width;
        for (index_t q = 0; q < count; ++q, from += width, to += k * width) {
          __builtin_prefetch(from + 16 * step);
          __builtin_prefetch(from + 16 * step + width - 1);
          const Vec<T> left = load<T>(from), right = load<T>(from + lanes<T>);
          store<T>(to, left);
          store<T>(to + lanes<T>, right);
        }
      }
      j += count * width;
    }
  for (; j < columns; j += width) {
    const index_t wide = columns - j < width ? columns - j : width;
    T* panel = y + j * k;
    if (column == 1) {
      const index_t left = wide < lanes<T> ? wide : lanes<T>, right = wide - left;
      const T* from = b + j;
      for (index_t p = 0; p < k; ++p, from += step, panel += width) {
        store<T>(panel, load_first<T>(from, left));
        store<T>(panel + lanes<T>, right > 0 ? load_first<T>(from + lanes<T>, right) : Vec<T>{});
      }
      continue;
    }
    if (wide < width) std::memset(panel, 0, static_cast<std::size_t>(k * width) * sizeof(T));
    gemm_transpose<T>(wide, k, b + j * column, column, panel, width);
  }
}

/// y[i * y_row + p] = a(i, p) = a[i * a_row + p * a_step], one of the strides 1, for i < rows, p < k.
template <class T>
void gemm_pack_a(index_t rows, index_t k, const T* a, index_t a_row, index_t a_step, T* y, index_t y_row) {
  if (a_step != 1) return gemm_transpose<T>(k, rows, a, a_step, y, y_row);
  for (index_t i = 0; i < rows; ++i) {
    const T* from = a + i * a_row;
    T* to = y + i * y_row;
    index_t p = 0;
    for (; p + lanes<T> <= k; p += lanes<T>) {
      __builtin_prefetch(from + 2 * a_row + p);
      store<T>(to + p, load<T>(from + p));
    }
    for (; p < k; ++p) to[p] = from[p];
  }
}

/// C = X^T + beta C: c[j * ldc + i] from x[i * x_row + j] for i < rows, j < columns. X is readable up to whole blocks
/// of lanes x lanes.
template <class T>
void gemm_store_transposed(index_t rows, index_t columns, const T* x, index_t x_row, T beta, T* c, index_t ldc) {
  constexpr index_t size = lanes<T>;
  const Vec<T> factor = broadcast<T>(beta);
  for (index_t j = 0; j < columns; j += size)
    for (index_t i = 0; i < rows; i += size) {
      Vec<T> r[size];
      LIMN_UNROLLED for (index_t q = 0; q < size; ++q) r[q] = load<T>(x + (i + q) * x_row + j);
      transpose_block<T>(r);
      const index_t wide = rows - i < size ? rows - i : size;
      LIMN_UNROLLED for (index_t q = 0; q < size; ++q) if (j + q < columns) {
        T* to = c + (j + q) * ldc + i;
        if (wide == size)
          store<T>(to, beta == T(0) ? r[q] : r[q] + factor * load<T>(to));
        else
          store_first<T>(to, beta == T(0) ? r[q] : r[q] + factor * load_first<T>(to, wide), wide);
      }
    }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
