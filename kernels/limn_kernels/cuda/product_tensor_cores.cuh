#pragma once
// How a block of product.cuh multiplies slices on tensor cores, in TF32.
// Each warp has a quarter of a tile's rows and half of its columns, in fragments of 16 x 8 sums.

#include <limn_kernels/cuda/four.cuh>
#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/mma.cuh>
#include <limn_kernels/cuda/product_few.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// What a thread has of a tile's sums: of each fragment two neighbours in row lane / 4, and two in the eighth below it.
template <class Tile_>
struct TensorCoreSums {
  using Tile = Tile_;
  static_assert(Tile::slice == 16);
  /// What the sums of a part of k cost to write and to read again, in steps of k.
  static constexpr index_t part_cost = 320;
  static constexpr int row_fragments = Tile::rows / 64, column_fragments = Tile::columns / 16;

  /// Numbers in TF32, a line of k after the other. Fours of eight lines that are read or kept together lie in other
  /// banks, because those of a line change places from line to line.
  template <int lines>
  struct Slice {
    Four<unsigned> fours[lines][4];

    __device__ static int place(int line, int four) { return four ^ (line / 2 % 4); }
    __device__ void keep(int line, int k, const float (&numbers)[4]) {
      Four<unsigned> four;
#pragma unroll
      for (int q = 0; q < 4; ++q) four.of[q] = to_tf32(numbers[q]);
      fours[line][place(line, k / 4)] = four;
    }
  };

  int row, column, lane;  // the warp's first sum
  float of[row_fragments][column_fragments][4] = {};

  __device__ explicit TensorCoreSums(int thread)
      : row(thread / 64 * (Tile::rows / 4)), column(thread / 32 % 2 * (Tile::columns / 2)), lane(thread % 32) {}

  __device__ void multiply(const Slice<Tile::rows>& a, const Slice<Tile::columns>& b) {
#pragma unroll
    for (int step = 0; step < 4; step += 2) {  // two fours, 8 of k
      // Of A the upper and the lower half of the first four, then of the second; of B both fours of two fragments.
      const Four<unsigned>* const from_a = &a.fours[row + lane % 16][a.place(lane % 8, step + lane / 16)];
      const Four<unsigned>* const from_b =
          &b.fours[column + lane / 16 * 8 + lane % 8][b.place(lane % 8, step + lane / 8 % 2)];
      unsigned of_a[row_fragments][4];
#pragma unroll
      for (int f = 0; f < row_fragments; ++f) load_matrices(from_a + f * 16 * 4, of_a[f]);
#pragma unroll
      for (int h = 0; h < column_fragments; h += 2) {
        unsigned of_b[4];
        load_matrices(from_b + h * 8 * 4, of_b);
#pragma unroll
        for (int f = 0; f < row_fragments; ++f) {
          mma_m16n8k8(of[f][h], of_a[f], {of_b[0], of_b[1]});
          mma_m16n8k8(of[f][h + 1], of_a[f], {of_b[2], of_b[3]});
        }
      }
    }
  }

  /// A thread has two neighbours of two rows; with the thread beside it, each gets four of one row.
  template <class Writer>
  __device__ void put(const ProductShape& s, index_t stored_group, index_t first_row, index_t first_column,
                      const Writer& c) const {
    const bool odd = lane % 2 == 1;
#pragma unroll
    for (int f = 0; f < row_fragments; ++f)
#pragma unroll
      for (int h = 0; h < column_fragments; ++h) {
        const float(&mine)[4] = of[f][h];
        const float x = __shfl_xor_sync(0xffffffffU, odd ? mine[0] : mine[2], 1);
        const float y = __shfl_xor_sync(0xffffffffU, odd ? mine[1] : mine[3], 1);
        const float four[4] = {odd ? x : mine[0], odd ? y : mine[1], odd ? mine[2] : x, odd ? mine[3] : y};
        const index_t to_row = first_row + row + f * 16 + lane / 4 + (odd ? 8 : 0);
        const index_t to_column = first_column + column + h * 8 + lane % 4 / 2 * 4;
        if (to_row < s.m && to_column < s.n)
          c.put(stored_group, to_row, to_column, four, s.n - to_column < 4 ? s.n - to_column : 4);
      }
  }
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
