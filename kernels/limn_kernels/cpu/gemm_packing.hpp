#pragma once
// What the ways of gemm.hpp share: a product by its strides, memory for it, and operands packed for the register tile.

#include <algorithm>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <limn_kernels/memory.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/simd.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {
/// The register tile of an instruction set.
struct GemmGeometry {
  index_t rows, columns;
};
}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/gemm.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/gemm_packing.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Memory of a kernel call, given back (to the thread's cache) at the end of the scope.
template <class T>
class Scratch {
 public:
  explicit Scratch(index_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)),
        data_(count > 0 ? static_cast<T*>(allocate(bytes_)) : nullptr) {}
  ~Scratch() {
    if (data_) release(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

/// k of one block: nearly equal ones of at most 1024.
inline index_t gemm_depth(index_t k) {
  const index_t blocks = std::max<index_t>(1, (k + 1023) / 1024);
  return ((k + blocks - 1) / blocks + 15) / 16 * 16;
}

/// A product by strides: a(i, p) = a[i * a_row + p * a_step], b(p, j) = b[p * b_step + j * b_column], c(i, j) = c[i *
/// c_row + j * c_column]. Of each pair one is 1.
template <class T>
struct GemmProduct {
  index_t m, n, k;
  T alpha, beta;
  const T* a;
  index_t a_row, a_step;
  const T* b;
  index_t b_step, b_column;
  T* c;
  index_t c_row, c_column;

  /// C^T = B^T A^T.
  [[nodiscard]] GemmProduct turned() const {
    return {n, m, k, alpha, beta, b, b_column, b_step, a, a_step, a_row, c, c_column, c_row};
  }
  /// Rows [row, row + rows) and columns [column, column + columns) of C.
  [[nodiscard]] GemmProduct part(index_t row, index_t rows, index_t column, index_t columns) const {
    GemmProduct q = *this;
    q.m = rows;
    q.n = columns;
    q.a += row * a_row;
    if (b) q.b += column * b_column;  // packed weights are elsewhere
    q.c += row * c_row + column * c_column;
    return q;
  }
};

/// Memory for weights that are read again and again: in pages of 2 MiB where it is large, since reading from small ones
/// is a quarter slower (their addresses are looked up one by one). Given back by release_long_lived.
inline void* allocate_long_lived(std::size_t bytes) {
  constexpr std::size_t page = std::size_t{2} << 20;
  void* data = ::operator new (bytes + 1, std::align_val_t{bytes < page ? alignment : page});
#if defined(__linux__)
  if (bytes >= page) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}
inline void release_long_lived(void* data, std::size_t bytes) {
  ::operator delete (data, std::align_val_t{bytes < (std::size_t{2} << 20) ? alignment : std::size_t{2} << 20});
}

inline index_t round_up(index_t x, index_t to) { return (x + to - 1) / to * to; }

/// op(B) packed for all of a product: block (first_k, k) at first_k * padded, in it panel q at q * k * tile.columns.
template <class T>
struct GemmPanels {
  const T* data = nullptr;
  index_t padded = 0;  // columns, rounded up to whole panels
};

/// The same for all k, on all threads: panels [k, n] as GemmPanels holds them.
template <class T>
void gemm_pack_all(index_t k, index_t n, const T* b, index_t b_step, index_t b_column, T* panels, index_t width) {
  const index_t padded = round_up(n, width), deep = gemm_depth(k);
  parallel_for(padded / width, 1 + 65536 / (k * width + 1), [&](index_t begin, index_t end) {
    const index_t first = begin * width, columns = std::min(end * width, n) - first;
    for (index_t p = 0; p < k; p += deep) {
      const index_t depth = std::min(deep, k - p);
      LIMN_CALL_ISA(gemm_pack_b<T>, depth, columns, b + p * b_step + first * b_column, b_step, b_column,
                    panels + p * padded + first * depth);
    }
  });
}

/// What to do with a part of C once its sums are complete, by default nothing: a callable (row, rows, column, columns)
/// that is referred to, not kept, so that one product serves all that follow it.
class GemmFinish {
 public:
  GemmFinish() = default;
  template <class F>
  GemmFinish(const F& finish)
      : finish_(&finish), call_([](const void* f, index_t row, index_t rows, index_t column, index_t columns) {
          (*static_cast<const F*>(f))(row, rows, column, columns);
        }) {}
  void operator()(index_t row, index_t rows, index_t column, index_t columns) const {
    if (call_) call_(finish_, row, rows, column, columns);
  }

 private:
  const void* finish_ = nullptr;
  void (*call_)(const void*, index_t, index_t, index_t, index_t) = nullptr;
};

/// Whether rows so far apart fall on the same few lines of a cache: a tile then does better beside them.
template <class T>
bool gemm_rows_collide(index_t distance, index_t rows) {
  return rows > 4 && distance * static_cast<index_t>(sizeof(T)) % 4096 == 0;
}
/// A distance of rows, at least `columns`, that does not collide.
template <class T>
index_t gemm_row_distance(index_t columns) {
  return round_up(columns, 16) + (gemm_rows_collide<T>(round_up(columns, 16), 8) ? 16 : 0);
}

/// So many elements of an operand no cache holds.
inline constexpr index_t gemm_from_memory = index_t{1} << 21;

/// Up to so many rows of A are held number by number while rows of B are added up.
inline constexpr index_t gemm_added_rows = 3;

/// How rows of A pass by B. Few of them pass by B as it lies, whatever its width, since copies would not pay; where B
/// comes from memory, in long pieces; the fewest are factors of B's rows (gemm_few.inl).
enum class GemmWay { panels, added, few, far };

/// Whether B's panels can be read as they lie, no element beside it: of the lowest tiles the last one may be half.
template <class T>
bool gemm_panels_are_whole(const GemmProduct<T>& s, GemmGeometry tile) {
  return s.n % (tile.rows > 8 ? tile.columns : tile.columns / 2) == 0;
}

template <class T>
GemmWay gemm_way(const GemmProduct<T>& s, GemmGeometry tile) {
  // With 16 registers a pass is of 4 rows: B is read more often, and half a panel as it lies costs less.
  const bool tall = tile.rows > 8, panels = gemm_panels_are_whole(s, tile),
             collide = gemm_rows_collide<T>(s.b_step, s.k);
  const index_t most = panels && !collide ? 16 : panels && !tall ? 8 : 80;
  if (s.b_column != 1 || s.m > most) return GemmWay::panels;
  if (s.m <= gemm_added_rows) return GemmWay::added;
  return s.m <= (tall ? 24 : 12) && s.n * s.k >= gemm_from_memory && s.alpha == T(1) ? GemmWay::far : GemmWay::few;
}

/// Whether B's panels are read as they lie: where one tile of rows reads all, where they stay in the second-level
/// cache, and where so few tiles of rows read them that copies would not pay.
template <class T>
bool gemm_reads_b_in_place(const GemmProduct<T>& s, GemmGeometry tile) {
  const bool thrash = tile.rows <= 8 && s.b_step * static_cast<index_t>(sizeof(T)) % 1024 == 0;
  return s.b_column == 1 && gemm_panels_are_whole(s, tile) &&
         (s.m <= tile.rows ||
          ((s.n * s.k <= 65536 || s.m <= (thrash ? 2 : 12) * tile.rows) && !gemm_rows_collide<T>(s.b_step, s.k)));
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu
