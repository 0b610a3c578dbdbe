#pragma once
// The CPU body of gemm.hpp: tasks for threads, blocks for the caches, and the choice of the way.
//
// The plan follows Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): a register tile
// of C reads rows of A number by number and panels of B vector by vector; a block of A stays in the second-level cache
// while panels of B pass by. Either matrix can play either part, since C^T = B^T A^T. What an element of C is the sum
// of, and in which order, depends on the shape alone: not on the task that computes it.

#include <algorithm>
#include <vector>

#include <limn_kernels/cpu/gemm_packing.hpp>
#include <limn_kernels/gemm.hpp>
#include <limn_kernels/half.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {
inline constexpr index_t gemm_dot_depth = 1024;  // k of one block for 4 rows that meet many: they stay in the L1 cache
}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/gemm_dot.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/gemm_few.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

inline constexpr index_t gemm_block_rows = 112;  // rows of one block of A: whole tiles, and whole blocks to transpose
inline constexpr index_t gemm_stripe = index_t{1} << 22;       // elements of B packed at a time by one task
inline constexpr index_t gemm_chunk = 512;                     // columns of C computed for all rows at a time, at most
inline constexpr index_t gemm_chunk_bytes = index_t{1} << 19;  // of B's panels of those columns and one block of k
inline constexpr index_t gemm_shared = index_t{1} << 24;       // elements of an operand copied once for all threads
inline constexpr index_t gemm_added_chunk = 2048;              // columns that rows of B are added to at a time
inline constexpr index_t gemm_few_chunk = 384;                 // columns computed at a time where B is read as it lies

template <class T>
inline constexpr bool gemm_is_tiled = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// C = beta C.
template <class T>
void gemm_scale(const GemmShape& s, T beta, T* c) {
  for (index_t i = 0; i < s.m; ++i)
    for (index_t j = 0; j < s.n; ++j) c[i * s.ldc + j] = beta == T(0) ? T(0) : static_cast<T>(beta * c[i * s.ldc + j]);
}

/// Columns of C whose panels, of `deep` steps of k, stay in the second-level cache while rows of A pass by.
template <class T>
index_t gemm_chunk_columns(index_t deep, index_t width) {
  const index_t most = gemm_chunk_bytes / static_cast<index_t>(sizeof(T)) / deep;
  return std::clamp(most / width * width, 4 * width, gemm_chunk);
}

/// One task, on one thread: the columns [first_column, ...) of op(B) that s describes, from `packed` where that is
/// given. finish(row, rows, column, columns) is called for each part of C, in s's own numbering, when its sums are
/// complete.
template <class T>
void gemm_task(const GemmProduct<T>& s, GemmGeometry tile, GemmWay way, const GemmPanels<T>& packed,
               index_t first_column, const GemmFinish& finish) {
  // A is read row by row where it lies, or copied: when rows collide, when it lies the other way. C is written tile by
  // tile, where it lies, or beside when it is computed transposed.
  const bool a_in_place = s.a_step == 1 && !gemm_rows_collide<T>(s.a_row, s.m);
  const bool turned = s.c_column != 1;
  // B is read as panels of `width` columns: as they lie, or packed, a stripe of columns and some blocks of k at a time.
  const bool few = way != GemmWay::panels, far = way == GemmWay::far;
  const bool b_in_place = few || (!packed.data && gemm_reads_b_in_place(s, tile)), pack_b = !packed.data && !b_in_place;

  // What is copied is used at once, from the second-level cache: the panels of a chunk of columns, by all rows; or,
  // where A is copied, a block of its rows, by a stripe of columns.
  const index_t width = tile.columns, padded = round_up(s.n, width), deep = std::min(s.k, gemm_depth(s.k));
  const index_t chunk = packed.data && s.m <= tile.rows ? padded
                        : way == GemmWay::added         ? std::min(padded, gemm_added_chunk)
                        : few                           ? std::min(padded, far ? 8 * gemm_few_chunk : gemm_few_chunk)
                                                        : std::min(padded, gemm_chunk_columns<T>(deep, width));
  const index_t stripe = a_in_place ? chunk : std::clamp(gemm_stripe / deep / width * width, chunk, padded);
  const index_t most_rows = std::min(s.m, gemm_block_rows);
  const index_t copied_row = gemm_row_distance<T>(deep), sums_row = gemm_row_distance<T>(chunk);
  const Scratch<T> panels(pack_b ? stripe * deep : 0), copied(a_in_place ? 0 : (most_rows + 1) * copied_row),
      sums(turned ? round_up(most_rows, 16) * sums_row : 0), edge(few && s.n % (width / 2) != 0 ? deep * width : 0);

  for (index_t from = 0; from < s.k; from += deep)
    for (index_t first = 0; first < s.n; first += stripe) {
      const index_t last = std::min(first + stripe, s.n), k = std::min(deep, s.k - from);
      const T beta = from == 0 ? s.beta : T(1);
      if (pack_b)
        LIMN_CALL_ISA(gemm_pack_b<T>, k, last - first, s.b + from * s.b_step + first * s.b_column, s.b_step, s.b_column,
                      panels.data());
      for (index_t row = 0; row < s.m; row += gemm_block_rows) {
        const index_t rows = std::min(gemm_block_rows, s.m - row);
        const T* a = s.a + row * s.a_row + from * s.a_step;
        if (!a_in_place) {
          LIMN_CALL_ISA(gemm_pack_a<T>, rows, k, a, s.a_row, s.a_step, copied.data(), copied_row);
          a = copied.data();
        }
        for (index_t j = first; j < last; j += chunk) {
          const index_t columns = std::min(chunk, last - j);
          const T* b = b_in_place    ? s.b + from * s.b_step + j
                       : packed.data ? packed.data + from * packed.padded + (first_column + j) * k
                                     : panels.data() + (j - first) * k;
          T* c = s.c + row * s.c_row + j * s.c_column;
          const index_t a_distance = a_in_place ? s.a_row : copied_row;
          T* to = turned ? sums.data() : c;
          const index_t to_row = turned ? sums_row : s.c_row;
          const T factor = turned ? T(0) : beta;
          if (way == GemmWay::added) {
            LIMN_CALL_ISA(gemm_add<T>, rows, columns, k, s.alpha, a, a_distance, b, s.b_step, factor, to, to_row);
          } else if (few) {
            const index_t long_ones = far ? columns / (width / 2) * (width / 2) : 0;
            if (far) LIMN_CALL_ISA(gemm_ranks<T>, rows, long_ones, k, a, a_distance, b, s.b_step, factor, to, to_row);
            LIMN_CALL_ISA(gemm_few<T>, rows, columns - long_ones, k, s.alpha, a, a_distance, b + long_ones, s.b_step,
                          factor, to + long_ones, to_row, edge.data());
          } else {
            LIMN_CALL_ISA(gemm_block<T>, rows, turned ? round_up(columns, width / 2) : columns, k, s.alpha, a,
                          a_distance, b, b_in_place ? width : k * width, b_in_place ? s.b_step : width, factor, to,
                          to_row);
          }
          if (turned)
            LIMN_CALL_ISA(gemm_store_transposed<T>, rows, columns, sums.data(), sums_row, beta, c, s.c_column);
          if (from + k == s.k) finish(row, rows, j, columns);
        }
      }
    }
}

/// Cycles of an AVX-512 core that one task would take, roughly: for the choice between A B and B^T A^T.
template <class T>
double gemm_cost(const GemmProduct<T>& s, GemmGeometry tile) {
  const auto m = static_cast<double>(s.m), n = static_cast<double>(s.n), k = static_cast<double>(s.k);
  const double multiply = m * static_cast<double>(round_up(s.n, 16)) * k / 32;
  const double pack_b = s.b_column == 1 ? (s.m <= 14 || gemm_way(s, tile) != GemmWay::panels ? 0.05 : 0.1) : 0.25,
               pack_a = s.a_step == 1 ? 0.0 : 0.15;
  return multiply + pack_b * n * k + pack_a * m * k + (s.c_column == 1 ? 0 : 0.3 * m * n);
}

/// Whether rows times rows is best not packed: few rows of one operand, whose copies would cost more than the sums
/// along k and, of each sum, its lanes. Packed, the few are whole vectors.
template <class T>
bool gemm_dot_pays(const GemmProduct<T>& s, GemmGeometry tile) {
  const index_t few = std::min(s.m, s.n), distance = s.m > s.n ? s.a_row : s.b_column;
  if (s.a_step != 1 || s.b_step != 1) return false;
  if (few <= 4) return s.k >= 64;
  if (tile.rows <= 8) return s.k >= 192 && few <= 12;
  const double sums = static_cast<double>(few) * (1.13 + 60 / static_cast<double>(s.k)),
               packed = static_cast<double>(round_up(few, 16)) +
                        (gemm_rows_collide<T>(distance, 8) ? 8 + static_cast<double>(few) / 16 : 0.0);
  return s.k >= 128 && sums <= packed;
}

/// float and double: packed blocks and register tiles.
template <class T>
void gemm_tiled(GemmProduct<T> s, GemmPanels<T> packed, const GemmFinish& finish) {
  const int threads = thread_count();
  const GemmGeometry tile = LIMN_CALL_ISA(gemm_geometry<T>, );
  if (!packed.data && gemm_dot_pays(s, tile)) {
    const bool tall = s.m > s.n;
    if (tall) s = s.turned();
    const index_t chunk =
        std::max<index_t>(round_up(s.n / (threads == 1 ? 1 : 4 * threads) + 1, 16), round_up(65536 / (s.m * s.k), 16));
    // Copied where the few rows would share a few sets of the caches: they are read again and again.
    const bool apart = gemm_rows_collide<T>(s.a_row, s.m);
    const index_t distance = gemm_row_distance<T>(s.k);
    const Scratch<T> copied(apart ? s.m * distance : 0);
    if (apart) {
      LIMN_CALL_ISA(gemm_pack_a<T>, s.m, s.k, s.a, s.a_row, 1, copied.data(), distance);
      s.a = copied.data();
      s.a_row = distance;
    }
    parallel_for(s.n, chunk, [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(gemm_dot<T>, s.m, end - begin, s.k, s.alpha, s.a, s.a_row, s.b + begin * s.b_column, s.b_column,
                    s.n * s.k >= gemm_from_memory, s.beta, s.c + begin * s.c_column, s.c_row, s.c_column);
      tall ? finish(begin, end - begin, index_t{0}, s.m) : finish(index_t{0}, s.m, begin, end - begin);
    });
    return;
  }
  const bool turned = !packed.data && gemm_cost(s.turned(), tile) < gemm_cost(s, tile);
  if (turned) s = s.turned();
  const GemmWay way = packed.data ? GemmWay::panels : gemm_way(s, tile);

  const auto finish_part = [&](index_t i, index_t high, index_t j, index_t wide) {
    turned ? finish(j, wide, i, high) : finish(i, high, j, wide);
  };
  constexpr index_t least_shared = index_t{1} << 20;
  if (threads == 1 || s.m * s.n * s.k <= least_shared) return gemm_task(s, tile, way, packed, 0, finish_part);

  // Tasks: parts of C, for threads small enough to share out. Columns first: then each packs panels of its own; and of
  // so many to twice as many parts those that leave the busiest thread least.
  index_t down = 1, across = 1, rows = s.m, columns = s.n;
  const auto columns_of = [&](index_t parts) { return round_up((s.n + parts - 1) / parts, tile.columns); };
  while (down * across < 3 * threads && rows * columns * s.k > least_shared) {
    if (columns > 4 * tile.columns && (s.m <= 2 * s.n || rows <= 8 * tile.rows))
      across *= 2;
    else if (rows > 2 * tile.rows)
      down *= 2;
    else if (columns > 2 * tile.columns)
      across *= 2;
    else
      break;
    rows = (s.m + down - 1) / down;
    columns = columns_of(across);
  }
  const auto busiest = [&](index_t parts) { return round_up(down * parts, threads) * columns_of(parts); };
  for (index_t parts = across; parts < 2 * across; ++parts)
    if (busiest(parts) < busiest((s.n + columns - 1) / columns)) columns = columns_of(parts);
  down = (s.m + rows - 1) / rows;
  across = (s.n + columns - 1) / columns;
  // What would be copied again and again is copied once, by all threads.
  const bool share_b = !packed.data && way == GemmWay::panels && down > 1 && s.n * s.k <= gemm_shared &&
                       !gemm_reads_b_in_place(s.part(0, s.m, 0, columns), tile);
  const bool share_a = across > 1 && s.m * s.k <= gemm_shared && (s.a_step != 1 || gemm_rows_collide<T>(s.a_row, rows));
  const index_t a_row = gemm_row_distance<T>(s.k);
  const Scratch<T> panels(share_b ? round_up(s.n, tile.columns) * s.k : 0), copied(share_a ? (s.m + 1) * a_row : 0);
  if (share_b) {
    gemm_pack_all(s.k, s.n, s.b, s.b_step, s.b_column, panels.data(), tile.columns);
    packed = {panels.data(), round_up(s.n, tile.columns)};
  }
  if (share_a) {
    parallel_for(s.m, round_up(1 + 65536 / s.k, 16), [&](index_t begin, index_t end) {
      LIMN_CALL_ISA(gemm_pack_a<T>, end - begin, s.k, s.a + begin * s.a_row, s.a_row, s.a_step,
                    copied.data() + begin * a_row, a_row);
    });
    s.a = copied.data();
    s.a_row = a_row;
    s.a_step = 1;
  }
  parallel_for(down * across, 1, [&](index_t begin, index_t end) {
    for (index_t task = begin; task < end; ++task) {
      const index_t row = task / across * rows, column = task % across * columns;
      gemm_task(
          s.part(row, std::min(rows, s.m - row), column, std::min(columns, s.n - column)), tile, way, packed, column,
          [&](index_t i, index_t high, index_t j, index_t wide) { finish_part(row + i, high, column + j, wide); });
    }
  });
}

template <class T>
void gemm_tiled(const GemmShape& g, T alpha, const T* a, const T* b, T beta, T* c, const GemmFinish& finish = {}) {
  gemm_tiled<T>({g.m, g.n, g.k, alpha, beta, a, g.transpose_a ? 1 : g.lda, g.transpose_a ? g.lda : 1, b,
                 g.transpose_b ? 1 : g.ldb, g.transpose_b ? g.ldb : 1, c, g.ldc, 1},
                {}, finish);
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

}  // namespace limn::inline LIMN_ABI::kernels::cpu

namespace limn::inline LIMN_ABI::kernels {

template <class T>
PackedMatrix<T>::PackedMatrix(index_t k, index_t n, bool transposed, const T* b, index_t ldb) : k_(k), n_(n) {
  const index_t width = LIMN_CALL_ISA(gemm_geometry<T>, ).columns;
  padded_n_ = cpu::round_up(n, width);
  data_ = static_cast<T*>(cpu::allocate_long_lived(bytes()));
  if (ldb == 0) ldb = transposed ? k : n;
  cpu::gemm_pack_all(k, n, b, transposed ? 1 : ldb, transposed ? ldb : 1, data_, width);
}

template <class T>
PackedMatrix<T>::~PackedMatrix() {
  cpu::release_long_lived(data_, bytes());
}

}  // namespace limn::inline LIMN_ABI::kernels
