#pragma once
// What the GPU bodies of recurrent layers share: the product of a step's states with the recurrent weights, in tiles or
// by warps, which the kernel of a step calls before its pointwise part.

#include <limn_kernels/cuda/launch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

inline constexpr int recurrent_threads = 256;
inline constexpr int recurrent_few_rows = 4;            // up to these, a block has one unit
inline constexpr index_t recurrent_enough_blocks = 96;  // for the 132 multiprocessors of an H100 (108 of an A100)

/// What a thread loads or stores at once.
template <class T>
struct alignas(16) Pack {
  static constexpr int size = static_cast<int>(16 / sizeof(T));
  T of[size];
};

/// The sums over k of a[row][k] weights[column][k]: both are read along k.
template <class T>
struct RecurrentProduct {
  index_t rows = 0, depth = 0;  // depth 0: the sums are zero
  const T* a = nullptr;         // [rows, depth]
  const T* weights = nullptr;   // [columns, depth]
  bool aligned = false;         // every row begins at a multiple of 16 bytes
};

template <class T>
RecurrentProduct<T> recurrent_product(index_t rows, index_t depth, const T* a, const T* weights) {
  const auto address = reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(weights);
  return {rows, a ? depth : 0, a, weights, depth % Pack<T>::size == 0 && address % sizeof(Pack<T>) == 0};
}

template <class T>
__device__ Pack<T> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T>*>(from);
}

/// How a block of recurrent_threads computes rows x columns sums. A group of threads has them all, share x 4 a thread;
/// the groups divide each slice of k among them, and add up in order at the end.
template <int tile_rows, int tile_columns, int thread_rows>
struct RecurrentTile {
  static constexpr int rows = tile_rows, columns = tile_columns, share = thread_rows;
  static constexpr int down = rows / share, across = columns / 4;  // threads of a group
  static constexpr int group = down * across, groups = recurrent_threads / group;
  static constexpr int packs = 2048 / (rows + columns);   // along k, of a slice: 32 KB of a and weights
  static constexpr int pitch = packs + (32 / group) % 8;  // the threads of a warp meet different banks
  static constexpr int points = rows * columns;           // in the order [4][rows][across]
  static constexpr int parts = (recurrent_threads + points - 1) / points;  // of the groups, each added by a thread
};

/// Leaves the sums of the tile's points in shared memory: joined_sum() reads them. weight_row(column) is the row of the
/// weights behind a column of the tile. Slices of k pass through shared memory, the next one in registers while
/// one is multiplied; bound by the reading of a and weights from the second-level cache.
template <class Tile, class T, class WeightRow>
__device__ const T* multiply_tile(const RecurrentProduct<T>& p, index_t first_row, const WeightRow& weight_row) {
  __shared__ Pack<T> tile[(Tile::rows + Tile::columns) * Tile::pitch];
  constexpr int loads = (Tile::rows + Tile::columns) * Tile::packs / recurrent_threads;
  constexpr int load_rows = recurrent_threads / Tile::packs;
  constexpr index_t slice = Tile::packs * Pack<T>::size;
  const int thread = static_cast<int>(threadIdx.x);
  const int load_row = thread / Tile::packs, load_at = thread % Tile::packs;
  const int group = thread / Tile::group, row = thread % Tile::group / Tile::across, column = thread % Tile::across;

  static_assert(Tile::rows % load_rows == 0 && Tile::parts * Tile::points % recurrent_threads == 0);
  const T* from[loads] = {};  // rows and columns outside have the last one's sums, which nobody reads
  if (p.depth > 0)
    for (int n = 0; n < loads; ++n) {
      const int at = load_row + n * load_rows;
      const index_t row_of_a = first_row + at < p.rows ? first_row + at : p.rows - 1;
      const bool of_a = n * load_rows < Tile::rows;
      from[n] = of_a ? p.a + row_of_a * p.depth : p.weights + weight_row(at - Tile::rows) * p.depth;
      from[n] += load_at * Pack<T>::size;
    }
  Pack<T> next[loads] = {};
  const auto load = [&](index_t k) {
    const index_t left = p.depth - k - load_at * Pack<T>::size;
    if (p.aligned) {
      for (int n = 0; n < loads; ++n) next[n] = left > 0 ? load_pack(from[n] + k) : Pack<T>{};
    } else {
      for (int n = 0; n < loads; ++n)
        for (int e = 0; e < Pack<T>::size; ++e) next[n].of[e] = e < left ? from[n][k + e] : T(0);
    }
  };
  T sums[Tile::share][4] = {};
  if (p.depth > 0) load(0);
  for (index_t k = 0; k < p.depth; k += slice) {
    __syncthreads();  // before this slice overwrites the last
    for (int n = 0; n < loads; ++n) tile[(load_row + n * load_rows) * Tile::pitch + load_at] = next[n];
    __syncthreads();
    if (k + slice < p.depth) load(k + slice);
    for (int n = 0; n < Tile::packs / Tile::groups; ++n) {
      const Pack<T>* const at = tile + group + n * Tile::groups;
      Pack<T> a[Tile::share], weights[4];
      for (int j = 0; j < 4; ++j) weights[j] = at[(Tile::rows + column + j * Tile::across) * Tile::pitch];
      for (int i = 0; i < Tile::share; ++i) a[i] = at[(row + i * Tile::down) * Tile::pitch];
      for (int e = 0; e < Pack<T>::size; ++e)
        for (int i = 0; i < Tile::share; ++i)
          for (int j = 0; j < 4; ++j) sums[i][j] += a[i].of[e] * weights[j].of[e];
    }
  }
  __syncthreads();
  T* const partial = reinterpret_cast<T*>(tile);  // [groups][points], then [parts][points]
  static_assert(sizeof(T) * Tile::groups * Tile::points <= sizeof(tile));
  for (int i = 0; i < Tile::share; ++i)
    for (int j = 0; j < 4; ++j)
      partial[group * Tile::points + (j * Tile::rows + row + i * Tile::down) * Tile::across + column] = sums[i][j];
  __syncthreads();
  for (int n = 0; n < Tile::parts * Tile::points / recurrent_threads; ++n) {
    T* const to = partial + thread + n * recurrent_threads;  // of the first group that it adds
    T sum = *to;
    for (int g = 1; g < Tile::groups / Tile::parts; ++g) sum += to[g * Tile::parts * Tile::points];
    *to = sum;
  }
  __syncthreads();
  return partial;
}

template <class Tile, class T>
__device__ T joined_sum(const T* partial, int point) {
  T sum = T(0);
  for (int i = 0; i < Tile::parts; ++i) sum += partial[i * Tile::points + point];
  return sum;
}

/// The sums of up to `rows` rows with weight_row(0) .. weight_row(columns - 1): thread r of the block has those of row
/// r. Each warp multiplies a part of k of one row of the weights: bound by their reading, of which this way all is on
/// its way at once.
template <int rows, int columns, class T, class WeightRow>
__device__ void multiply_few(const RecurrentProduct<T>& p, const WeightRow& weight_row, T (&sums)[columns]) {
  constexpr int warps = recurrent_threads / 32, parts = warps / columns;
  __shared__ T of_warp[warps][rows];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int first = warp % parts * 32 + lane;
  const T* const weights = p.weights + weight_row(warp / parts) * p.depth;
  T mine[rows] = {};
  if (p.aligned) {
    for (index_t k = first * Pack<T>::size; k < p.depth; k += parts * 32 * Pack<T>::size) {
      const Pack<T> weight = load_pack(weights + k);
      for (int r = 0; r < rows; ++r) {
        const Pack<T> a = load_pack(p.a + (r < p.rows ? r : 0) * p.depth + k);
        for (int e = 0; e < Pack<T>::size; ++e) mine[r] += a.of[e] * weight.of[e];
      }
    }
  } else {
    for (index_t k = first; k < p.depth; k += parts * 32)
      for (int r = 0; r < rows; ++r) mine[r] += p.a[(r < p.rows ? r : 0) * p.depth + k] * weights[k];
  }
  for (int r = 0; r < rows; ++r)
    for (int lanes = 16; lanes > 0; lanes /= 2) mine[r] += __shfl_xor_sync(0xffffffffU, mine[r], lanes);
  __syncthreads();  // the readers of the sums before are done
  if (lane == 0)
    for (int r = 0; r < rows; ++r) of_warp[warp][r] = mine[r];
  __syncthreads();
  for (int j = 0; j < columns; ++j) {
    sums[j] = T(0);
    for (int part = 0; part < parts; ++part) sums[j] += of_warp[j * parts + part][thread < rows ? thread : 0];
  }
}

/// Blocks of a step of rows x columns sums.
template <class Tile>
unsigned recurrent_blocks(index_t rows, index_t columns) {
  return blocks_for((rows + Tile::rows - 1) / Tile::rows * ((columns + Tile::columns - 1) / Tile::columns), 1);
}

/// Calls body(tile) with the largest tile of which rows x columns has enough to occupy the GPU: a larger one reads less
/// for each sum.
template <class T, class Body>
void with_recurrent_tile(index_t rows, index_t columns, const Body& body) {
  const unsigned enough = blocks_for(recurrent_enough_blocks, 1);
  if constexpr (sizeof(T) == 4) {
    using Large = RecurrentTile<32, 32, 8>;
    if (recurrent_blocks<Large>(rows, columns) >= enough) return body(Large{});
  }
  using Middle = RecurrentTile<16, 16, sizeof(T) == 4 ? 8 : 4>;
  if (recurrent_blocks<Middle>(rows, columns) >= enough) return body(Middle{});
  body(RecurrentTile<8, 8, 4>{});
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
