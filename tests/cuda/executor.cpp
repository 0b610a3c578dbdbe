// The host executor itself: right kernels pass, wrong ones are caught.

#include <array>

#include <doctest/doctest.h>

#include <limn_kernels/cuda/launch.cuh>

namespace limn::inline LIMN_ABI::kernels::cuda {
namespace {

__global__ void sum_by_shuffle(const int* x, int* y) {
  int value = x[threadIdx.x];
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffU, value, lanes);
  y[threadIdx.x] = value;
}

__global__ void reverse(const int* x, int* y) {
  __shared__ int part[64];
  part[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = part[63 - threadIdx.x];
}

__global__ void reverse_without_barrier(const int* x, int* y) {
  __shared__ int part[64];
  part[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = part[63 - threadIdx.x];
}

__global__ void leaves_early(const int* x, int* y) {
  if (threadIdx.x == 3) return;
  __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
}

std::array<int, 64> count_up(int start) {
  std::array<int, 64> x{};
  for (int& v : x) v = start++;
  return x;
}

TEST_CASE("a shuffle reduction gives every lane the sum of its own warp") {
  const auto x = count_up(0);
  std::array<int, 64> y{};
  for (const auto order : {host::Order::forward, host::Order::backward, host::Order::warps_backward}) {
    host::order = order;
    launch("sum", sum_by_shuffle, 1, 64, x.data(), y.data());
    CHECK(y[0] == 31 * 32 / 2);
    CHECK(y[31] == y[0]);
    CHECK(y[32] == y[0] + 32 * 32);
  }
}

TEST_CASE("a barrier makes shared memory whole; without it some order shows") {
  std::array<int, 64> y{};
  bool all_right = true;
  int start = 100;
  for (const auto order : {host::Order::forward, host::Order::backward, host::Order::warps_backward}) {
    host::order = order;
    const auto x = count_up(start);
    start += 1000;
    launch("reverse", reverse, 2, 64, x.data(), y.data());
    for (std::size_t i = 0; i < 64; ++i) CHECK(y[i] == x[63 - i]);
    launch("reverse", reverse_without_barrier, 1, 64, x.data(), y.data());
    for (std::size_t i = 0; i < 64; ++i) all_right = all_right && y[i] == x[63 - i];
  }
  CHECK_FALSE(all_right);
}

TEST_CASE("a thread that leaves before a barrier is an error") {
  host::order = host::Order::forward;
  const auto x = count_up(0);
  std::array<int, 64> y{};
  CHECK_THROWS_WITH_AS(launch("early", leaves_early, 1, 64, x.data(), y.data()),
                       "cuda_host: some threads left the kernel before a barrier that others wait at", Error);
  CHECK_THROWS_WITH_AS(launch("early", leaves_early, 1, 40, x.data(), y.data()), "early: a block of 40 threads", Error);
}

}  // namespace
}  // namespace limn::inline LIMN_ABI::kernels::cuda
