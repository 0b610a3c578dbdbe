#pragma once
// The matrix product that gemm, linear and the convolutions of the GPU share: C [m, n] = A [m, k] B [k, n], where A and
// B are whatever a reader reads and C is whatever a writer does with the sums.
//
// A block computes a tile of C from slices of k that lie in shared memory twice: while it multiplies one, its threads
// have loaded their four numbers of the next. A thread keeps 8 x 8 sums (or 4 x 4, of small tiles) in registers.
// Where tiles are too few for a GPU, k is divided between blocks, and their sums are added in the order of k: bits
// depend on the shape alone. How slices lie in shared memory and are multiplied is for ThreadSums below to say, or for
// TensorCoreSums where TF32 is allowed.
//
// A reader has  static constexpr bool along_k: whether neighbours in memory are neighbours in k;
//               at(group, line): a cursor on a row of A or column of B, which has
//               load(int k, int end, to): to[q] = element k + q, or 0 from `end` on, k a multiple of 4.
// A writer has  put(group, row, column, values, count): `count` <= 4 sums from `column` on.

#include <utility>

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/product_few.cuh>
#include <limn_kernels/cuda/product_tensor_cores.cuh>
#include <limn_kernels/cuda/scratch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// A tile of rows x columns sums by 256 threads, slice by slice of k.
template <int rows_, int columns_, int slice_>
struct ProductTile {
  static constexpr int rows = rows_, columns = columns_, slice = slice_, threads = 256;
  static constexpr int row_groups = rows / 64, column_groups = columns / 64;  // a thread has 4 x 4 sums of each pair
};
using LargeTile = ProductTile<128, 128, 8>;
using FlatTile = ProductTile<64, 128, 16>;
using SmallTile = ProductTile<64, 64, 16>;

/// What one thread carries of an operand: fours of numbers, from the reader to registers and on to shared memory.
template <int lines, int slice, int threads, class Reader, class T>
struct SliceLoader {
  static constexpr int fours = lines * slice / (4 * threads);
  static_assert(fours >= 1 && fours * 4 * threads == lines * slice);
  static constexpr int line_step = Reader::along_k ? threads / (slice / 4) : 0;
  static constexpr int k_step = Reader::along_k ? 0 : threads / lines * 4;
  static constexpr int cursors = Reader::along_k ? fours : 1;

  __device__ static int line_of(int thread) { return Reader::along_k ? thread / (slice / 4) : thread % lines; }
  __device__ static int k_of(int thread) { return (Reader::along_k ? thread % (slice / 4) : thread / lines) * 4; }

  int line, first_k;
  typename Reader::Cursor from[cursors];
  T loaded[fours][4];

  __device__ SliceLoader(const Reader& reader, index_t group, index_t first_line, int thread)
      : SliceLoader(reader, group, first_line, thread, std::make_integer_sequence<int, cursors>{}) {}

  __device__ void load(int k, int end) {
#pragma unroll
    for (int f = 0; f < fours; ++f) from[f % cursors].load(k + first_k + f * k_step, end, loaded[f]);
  }
  template <class Slice>
  __device__ void keep(Slice& to) const {
#pragma unroll
    for (int f = 0; f < fours; ++f) to.keep(line + f * line_step, first_k + f * k_step, loaded[f]);
  }

 private:
  template <int... f>
  __device__ SliceLoader(const Reader& reader, index_t group, index_t first_line, int thread,
                         std::integer_sequence<int, f...> /*which*/)
      : line(line_of(thread)), first_k(k_of(thread)), from{reader.at(group, first_line + line + f * line_step)...} {}
};

/// What a thread has of a tile's sums: 4 x 4 of each pair of a row group and a column group, in full precision.
template <class Tile_, class T>
struct ThreadSums {
  using Tile = Tile_;
  /// What the sums of a part of k cost to write and to read again, in steps of k.
  static constexpr index_t part_cost = 80;
  static constexpr int row_groups = Tile::row_groups, column_groups = Tile::column_groups;

  template <int lines>
  struct Slice {
    alignas(16) T of[Tile::slice][lines + 4];  // + 4: threads that keep a line of k meet other banks

    __device__ void keep(int line, int k, const T (&numbers)[4]) {
#pragma unroll
      for (int q = 0; q < 4; ++q) of[k + q][line] = numbers[q];
    }
  };

  int row, column;  // of the first sum
  T of[row_groups][4][column_groups][4] = {};

  /// A warp has a quarter of the rows and half of the columns.
  __device__ explicit ThreadSums(int thread)
      : row(thread / 64 * (Tile::rows / 4) + thread % 32 / 8 * 4),
        column(thread / 32 % 2 * (Tile::columns / 2) + thread % 8 * 4) {}

  __device__ void multiply(const Slice<Tile::rows>& a, const Slice<Tile::columns>& b) {
#pragma unroll
    for (int i = 0; i < Tile::slice; ++i) {
      Four<T> of_a[row_groups], of_b[column_groups];
#pragma unroll
      for (int g = 0; g < row_groups; ++g) of_a[g] = *reinterpret_cast<const Four<T>*>(&a.of[i][row + g * 16]);
#pragma unroll
      for (int g = 0; g < column_groups; ++g) of_b[g] = *reinterpret_cast<const Four<T>*>(&b.of[i][column + g * 32]);
#pragma unroll
      for (int g = 0; g < row_groups; ++g)
#pragma unroll
        for (int p = 0; p < 4; ++p)
#pragma unroll
          for (int h = 0; h < column_groups; ++h)
#pragma unroll
            for (int q = 0; q < 4; ++q) of[g][p][h][q] += of_a[g].of[p] * of_b[h].of[q];
    }
  }

  template <class Writer>
  __device__ void put(const ProductShape& s, index_t stored_group, index_t first_row, index_t first_column,
                      const Writer& c) const {
#pragma unroll
    for (int g = 0; g < row_groups; ++g)
#pragma unroll
      for (int p = 0; p < 4; ++p)
#pragma unroll
        for (int h = 0; h < column_groups; ++h) {
          const index_t to_row = first_row + row + g * 16 + p, to_column = first_column + column + h * 32;
          if (to_row < s.m && to_column < s.n)
            c.put(stored_group, to_row, to_column, of[g][p][h], s.n - to_column < 4 ? s.n - to_column : 4);
        }
  }
};

template <class Sums, class T, class A, class B, class Writer>
__global__ void __launch_bounds__(Sums::Tile::threads, 2) product_kernel(ProductShape s, A a, B b, Writer c) {
  using Tile = typename Sums::Tile;
  constexpr int slice = Tile::slice;
  __shared__ typename Sums::template Slice<Tile::rows> slice_a[2];
  __shared__ typename Sums::template Slice<Tile::columns> slice_b[2];
  const int thread = static_cast<int>(threadIdx.x);
  // 32 bits, and few of them: registers are short.
  const auto down = static_cast<unsigned>((s.m + Tile::rows - 1) / Tile::rows);
  const auto across = static_cast<unsigned>((s.n + Tile::columns - 1) / Tile::columns);
  const auto parts = static_cast<unsigned>(s.parts), tiles = static_cast<unsigned>(s.groups) * parts * down * across;

  for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const index_t first_row = index_t{tile % down} * Tile::rows;
    const index_t first_column = index_t{tile / down % across} * Tile::columns;
    const unsigned stored_group = tile / (down * across), part = stored_group % parts, group = stored_group / parts;
    const int begin = static_cast<int>(index_t{part} * s.part);
    const int end = static_cast<int>(begin + s.part < s.k ? begin + s.part : s.k);
    SliceLoader<Tile::rows, slice, Tile::threads, A, T> next_a(a, group, first_row, thread);
    SliceLoader<Tile::columns, slice, Tile::threads, B, T> next_b(b, group, first_column, thread);
    Sums sums(thread);
    next_a.load(begin, end);
    next_b.load(begin, end);
    int now = 0;
    for (int k = begin; k < end; k += slice, now ^= 1) {
      next_a.keep(slice_a[now]);
      next_b.keep(slice_b[now]);
      __syncthreads();  // and every thread is done with the slice before the last one
      if (k + slice < end) {
        next_a.load(k + slice, end);
        next_b.load(k + slice, end);
      }
      sums.multiply(slice_a[now], slice_b[now]);
    }
    __syncthreads();  // before the next tile's slices overwrite these
    sums.put(s, stored_group, first_row, first_column, c);
  }
}

/// The sums of the parts of k, [groups, parts, m, n]; n is a multiple of 4.
template <class T>
struct PartWriter {
  T* sums;
  index_t m, n;
  __device__ void put(index_t group, index_t row, index_t column, const T (&values)[4], index_t /*count*/) const {
    Four<T> four;
#pragma unroll
    for (int q = 0; q < 4; ++q) four.of[q] = values[q];
    *reinterpret_cast<Four<T>*>(sums + (group * m + row) * n + column) = four;
  }
};

/// Adds the parts in order and gives the sums to the writer.
template <class T, class Writer>
__global__ void join_parts_kernel(ProductShape s, index_t stored_n, const T* sums, Writer c) {
  const index_t fours = stored_n / 4, count = s.groups * s.m * fours;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += static_cast<index_t>(gridDim.x) * blockDim.x) {
    const index_t column = i % fours * 4, row = i / fours % s.m, group = i / (fours * s.m);
    T total[4] = {};
    for (index_t part = 0; part < s.parts; ++part) {
      const Four<T> four =
          *reinterpret_cast<const Four<T>*>(sums + ((group * s.parts + part) * s.m + row) * stored_n + column);
#pragma unroll
      for (int q = 0; q < 4; ++q) total[q] += four.of[q];
    }
    c.put(group, row, column, total, s.n - column < 4 ? s.n - column : 4);
  }
}

/// The multiprocessors of an H100. A constant, so that the bits are those of every GPU.
inline constexpr index_t product_processors = 132, product_least_part = 128, product_most_parts = 512;

/// Below it loading slices takes longer than multiplying them, and tensor cores, whose slices are twice as deep, lose.
inline constexpr index_t tensor_core_least_k = 128;

/// In how many parts k is cut: so many that the last blocks to finish leave few multiprocessors idle. Two blocks at a
/// time use a multiprocessor fully, one alone seven tenths of it. A part costs `part_cost` steps of k more.
[[nodiscard]] inline index_t product_parts(index_t tiles, index_t k, index_t part_cost) {
  index_t best = 1;
  double least = 0;
  for (index_t parts = 1; parts <= product_most_parts && (parts == 1 || parts * product_least_part <= k); ++parts) {
    const index_t rounds = (tiles * parts + product_processors - 1) / product_processors;
    const index_t steps = (k + parts - 1) / parts + (parts > 1 ? part_cost : 0);
    const double time = (static_cast<double>(rounds) + (rounds % 2 == 1 ? 0.4 : 0)) * static_cast<double>(steps);
    if (parts == 1 || time < 0.97 * least) {
      best = parts;
      least = time;
    }
  }
  return best;
}

template <class Sums, class T, class A, class B, class Writer>
void product_in_tiles(const char* name, ProductShape s, const A& a, const B& b, const Writer& c) {
  using Tile = typename Sums::Tile;
  const index_t tiles = s.groups * ((s.m + Tile::rows - 1) / Tile::rows) * ((s.n + Tile::columns - 1) / Tile::columns);
  s.parts = product_parts(tiles, s.k, Sums::part_cost);
  if (s.parts == 1)
    return launch(name, product_kernel<Sums, T, A, B, Writer>, blocks_for(tiles, 1), Tile::threads, s, a, b, c);
  s.part = (s.k + s.parts * 16 - 1) / (s.parts * 16) * 16;
  s.parts = (s.k + s.part - 1) / s.part;
  const index_t stored_n = (s.n + 3) / 4 * 4;
  const Scratch<T> sums(s.groups * s.parts * s.m * stored_n);
  launch(name, product_kernel<Sums, T, A, B, PartWriter<T>>, blocks_for(tiles * s.parts, 1), Tile::threads, s, a, b,
         PartWriter<T>{sums.data(), s.m, stored_n});
  launch(name, join_parts_kernel<T, Writer>, blocks_for(s.groups * s.m * stored_n / 4, 256), 256, s, stored_n,
         static_cast<const T*>(sums.data()), c);
}

/// `groups` products, [m, k] times [k, n] each; with k = 0 the writer gets zeros.
template <class T, class A, class B, class Writer>
void product(const char* name, index_t groups, index_t m, index_t n, index_t k, const A& a, const B& b,
             const Writer& c) {
  if (groups == 0 || m == 0 || n == 0) return;
  const ProductShape s{groups, m, n, k, 1, k};
  if (m <= few_rows) {
    if constexpr (!B::along_k)
      if (groups * n >= product_processors * few_threads / 8) return product_of_few_rows<T>(name, s, a, b, c);
    if constexpr (A::along_k && B::along_k)
      if (m <= 4 && groups * n >= product_processors / 2) return product_by_dots<T>(name, s, a, b, c);
  }
  if constexpr (sizeof(T) == 4) {
    const index_t columns = groups * ((n + 127) / 128), worth = product_processors * product_least_part;
    const bool large = m > 64 && columns * ((m + 127) / 128) * k >= worth,
               flat = columns * ((m + 63) / 64) * k >= worth;
    if (cuda_allows_tf32() && k >= tensor_core_least_k && has_tensor_cores()) {
      if (large) return product_in_tiles<TensorCoreSums<ProductTile<128, 128, 16>>, T>(name, s, a, b, c);
      if (flat) return product_in_tiles<TensorCoreSums<FlatTile>, T>(name, s, a, b, c);
      return product_in_tiles<TensorCoreSums<SmallTile>, T>(name, s, a, b, c);
    }
    if (large) return product_in_tiles<ThreadSums<LargeTile, T>, T>(name, s, a, b, c);
    if (flat) return product_in_tiles<ThreadSums<FlatTile, T>, T>(name, s, a, b, c);
  }
  product_in_tiles<ThreadSums<SmallTile, T>, T>(name, s, a, b, c);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
