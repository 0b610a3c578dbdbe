#pragma once
// The matrix product that gemm, linear and the convolutions of the GPU share: C [m, n] = A [m, k] B [k, n], where A and
// B are whatever a reader reads and C is whatever a writer does with the sums.
//
// A block computes a tile of C from slices of k that lie in shared memory twice: while it multiplies one, its threads
// have loaded their four numbers of the next. A thread keeps 8 x 8 sums (or 4 x 4, of small tiles) in registers.
// Where tiles are too few for a GPU, k is divided between blocks, and their sums are added in the order of k: bits
// depend on the shape alone.
//
// A reader has:  static constexpr bool along_k;   // whether neighbours in memory are neighbours in k
//                cursor = reader.at(group, line); // a row of A or column of B
//                cursor.load(k, end, to);         // to[q] = its element k + q, or 0 from `end` on; k is a multiple of
//                4
// A writer has:  writer.put(group, row, column, values, count);  // `count` <= 4 sums from `column` on

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/scratch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Four numbers that are moved by one instruction.
template <class T>
struct alignas(4 * sizeof(T) <= 16 ? 4 * sizeof(T) : 16) Four {
  T of[4];
};

/// A tile of rows x columns sums by 256 threads, slice by slice of k.
template <int rows_, int columns_, int slice_>
struct ProductTile {
  static constexpr int rows = rows_, columns = columns_, slice = slice_, threads = 256;
  static constexpr int row_groups = rows / 64, column_groups = columns / 64;  // a thread has 4 x 4 sums of each pair
  static_assert(rows * slice == 4 * threads && columns * slice == 4 * threads);
};
using LargeTile = ProductTile<128, 128, 8>;
using SmallTile = ProductTile<64, 64, 16>;

/// `groups` products of one shape, each with k divided into `parts` of `part` (a multiple of 16).
struct ProductShape {
  index_t groups, m, n, k, parts, part;
};

template <int lines, int slice, class Reader, class T>
__device__ void keep_slice(const T (&loaded)[4], int thread, T (*tile)[lines + 4]) {
  const int line = Reader::along_k ? thread / (slice / 4) : thread % lines;
  const int first = (Reader::along_k ? thread % (slice / 4) : thread / lines) * 4;
#pragma unroll
  for (int q = 0; q < 4; ++q) tile[first + q][line] = loaded[q];
}

template <class Tile, class T, class A, class B, class Writer>
__global__ void __launch_bounds__(Tile::threads, 2) product_kernel(ProductShape s, A a, B b, Writer c) {
  constexpr int row_groups = Tile::row_groups, column_groups = Tile::column_groups, slice = Tile::slice;
  alignas(16) __shared__ T tile_a[2][slice][Tile::rows + 4];  // + 4: threads that keep a line of k meet other banks
  alignas(16) __shared__ T tile_b[2][slice][Tile::columns + 4];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int my_row = warp / 2 * (Tile::rows / 4) + lane / 8 * 4;        // a warp has a quarter of the rows
  const int my_column = warp % 2 * (Tile::columns / 2) + lane % 8 * 4;  // and half of the columns
  const int line_a = A::along_k ? thread / (slice / 4) : thread % Tile::rows;
  const int line_b = B::along_k ? thread / (slice / 4) : thread % Tile::columns;
  const index_t k_a = (A::along_k ? thread % (slice / 4) : thread / Tile::rows) * 4;
  const index_t k_b = (B::along_k ? thread % (slice / 4) : thread / Tile::columns) * 4;
  const index_t down = (s.m + Tile::rows - 1) / Tile::rows, across = (s.n + Tile::columns - 1) / Tile::columns;

  for (index_t tile = blockIdx.x; tile < s.groups * s.parts * down * across; tile += gridDim.x) {
    const index_t first_row = tile % down * Tile::rows, first_column = tile / down % across * Tile::columns;
    const index_t part = tile / (down * across) % s.parts, group = tile / (down * across * s.parts);
    const index_t begin = part * s.part, end = begin + s.part < s.k ? begin + s.part : s.k;
    auto from_a = a.at(group, first_row + line_a);
    auto from_b = b.at(group, first_column + line_b);
    T sums[row_groups][4][column_groups][4] = {};
    T next_a[4], next_b[4];
    from_a.load(begin + k_a, end, next_a);
    from_b.load(begin + k_b, end, next_b);
    int now = 0;
    for (index_t k = begin; k < end; k += slice, now ^= 1) {
      keep_slice<Tile::rows, slice, A>(next_a, thread, tile_a[now]);
      keep_slice<Tile::columns, slice, B>(next_b, thread, tile_b[now]);
      __syncthreads();  // and every thread is done with the slice before the last one
      if (k + slice < end) {
        from_a.load(k + slice + k_a, end, next_a);
        from_b.load(k + slice + k_b, end, next_b);
      }
#pragma unroll
      for (int i = 0; i < slice; ++i) {
        Four<T> of_a[row_groups], of_b[column_groups];
#pragma unroll
        for (int g = 0; g < row_groups; ++g)
          of_a[g] = *reinterpret_cast<const Four<T>*>(&tile_a[now][i][my_row + g * 16]);
#pragma unroll
        for (int g = 0; g < column_groups; ++g)
          of_b[g] = *reinterpret_cast<const Four<T>*>(&tile_b[now][i][my_column + g * 32]);
#pragma unroll
        for (int g = 0; g < row_groups; ++g)
#pragma unroll
          for (int p = 0; p < 4; ++p)
#pragma unroll
            for (int h = 0; h < column_groups; ++h)
#pragma unroll
              for (int q = 0; q < 4; ++q) sums[g][p][h][q] += of_a[g].of[p] * of_b[h].of[q];
      }
    }
    __syncthreads();  // before the next tile's slices overwrite these
#pragma unroll
    for (int g = 0; g < row_groups; ++g)
#pragma unroll
      for (int p = 0; p < 4; ++p)
#pragma unroll
        for (int h = 0; h < column_groups; ++h) {
          const index_t row = first_row + my_row + g * 16 + p, column = first_column + my_column + h * 32;
          if (row < s.m && column < s.n)
            c.put(group * s.parts + part, row, column, sums[g][p][h], s.n - column < 4 ? s.n - column : 4);
        }
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

/// So many blocks keep a large GPU busy; a part of k is at least this long.
inline constexpr index_t product_blocks = 256, product_least_part = 128;

template <class Tile, class T, class A, class B, class Writer>
void product_in_tiles(const char* name, ProductShape s, const A& a, const B& b, const Writer& c) {
  const index_t tiles = s.groups * ((s.m + Tile::rows - 1) / Tile::rows) * ((s.n + Tile::columns - 1) / Tile::columns);
  const index_t wanted = product_blocks / tiles, most = s.k / product_least_part;
  s.parts = wanted < most ? wanted : most;
  if (s.parts < 2) {
    s.parts = 1;
    s.part = s.k;
    return launch(name, product_kernel<Tile, T, A, B, Writer>, blocks_for(tiles, 1), Tile::threads, s, a, b, c);
  }
  s.part = (s.k + s.parts * 16 - 1) / (s.parts * 16) * 16;
  s.parts = (s.k + s.part - 1) / s.part;
  const index_t stored_n = (s.n + 3) / 4 * 4;
  const Scratch<T> sums(s.groups * s.parts * s.m * stored_n);
  launch(name, product_kernel<Tile, T, A, B, PartWriter<T>>, blocks_for(tiles * s.parts, 1), Tile::threads, s, a, b,
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
  const index_t large = groups * ((m + 127) / 128) * ((n + 127) / 128);
  if constexpr (sizeof(T) == 4)
    if (m > 64 && large * (k / product_least_part + 1) >= product_blocks / 2)
      return product_in_tiles<LargeTile, T>(name, s, a, b, c);
  product_in_tiles<SmallTile, T>(name, s, a, b, c);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
