// The host executor itself: right kernels pass, wrong ones are caught.

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

/// 64 numbers where kernels may read them.
class Numbers {
 public:
  explicit Numbers(int start = 0) : data_(static_cast<int*>(host::Arena::instance().allocate(64 * sizeof(int)))) {
    const host::Arena::Open memory_is_open;
    for (int i = 0; i < 64; ++i) data_[i] = start + i;
  }
  ~Numbers() { host::Arena::instance().release(data_); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  [[nodiscard]] int* data() const { return data_; }
  [[nodiscard]] int operator[](std::size_t i) const {
    const host::Arena::Open memory_is_open;
    return data_[i];
  }

 private:
  int* data_;
};

TEST_CASE("a shuffle reduction gives every lane the sum of its own warp") {
  const Numbers x;
  const Numbers y;
  for (const auto order : {host::Order::forward, host::Order::backward, host::Order::warps_backward}) {
    host::order = order;
    launch("sum", sum_by_shuffle, 1, 64, x.data(), y.data());
    CHECK(y[0] == 31 * 32 / 2);
    CHECK(y[31] == y[0]);
    CHECK(y[32] == y[0] + 32 * 32);
  }
}

TEST_CASE("a barrier makes shared memory whole; without it some order shows") {
  const Numbers y;
  bool all_right = true;
  int start = 100;
  for (const auto order : {host::Order::forward, host::Order::backward, host::Order::warps_backward}) {
    host::order = order;
    const Numbers x(start);
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
  const Numbers x;
  const Numbers y;
  CHECK_THROWS_WITH_AS(launch("early", leaves_early, 1, 64, x.data(), y.data()),
                       "cuda_host: some threads left the kernel before a barrier that others wait at", Error);
  CHECK_THROWS_WITH_AS(launch("early", leaves_early, 1, 40, x.data(), y.data()), "early: a block of 40 threads", Error);
}

#if __has_builtin(__builtin_clear_padding)  // else arguments are not looked at
TEST_CASE("a pointer to memory of the host is an error, in a structure too") {
  const Numbers x;
  int y[64] = {};
  CHECK_THROWS_WITH_AS(launch("sum", sum_by_shuffle, 1, 64, x.data(), &y[0]),
                       "sum: a kernel was given a pointer to memory of the host", Error);
}
#endif

}  // namespace
}  // namespace limn::inline LIMN_ABI::kernels::cuda
