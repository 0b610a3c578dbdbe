// The limits that the report measures against: multiply-add peak, clock, memory bandwidth. Prints one line of JSON.
//   bench.machine THREADS

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "multiply_adds.hpp"

namespace {

using bench::Vector16, bench::Vector8;

/// Reads `numbers` floats, a multiple of 128, once.
template <class V>
[[gnu::always_inline]] inline void read_once(const float* data, std::size_t numbers) {
  constexpr std::size_t width = sizeof(V) / 4;
  V a = {}, b = {}, c = {}, d = {};
  for (std::size_t i = 0; i < numbers; i += 4 * width) {
    const V* at = reinterpret_cast<const V*>(data + i);
    a += at[0], b += at[1], c += at[2], d += at[3];
    asm volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d));
  }
  const V total = a + b + c + d;
  volatile float sink = total[0];
  (void)sink;
}
[[gnu::target("avx512f"), gnu::noinline]] void read_avx512(const float* data, std::size_t numbers) {
  read_once<Vector16>(data, numbers);
}
[[gnu::target("avx2,fma"), gnu::noinline]] void read_avx2(const float* data, std::size_t numbers) {
  read_once<Vector8>(data, numbers);
}

/// Time that this thread had on a core.
double own_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Additions that wait for each other: one a clock, on every processor that limn is tuned for.
double clock_ghz() {
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    long x = attempt;
    const long steps = 20'000'000;
    const double start = own_time();
    for (long i = 0; i < steps; ++i) {
      x += 3;
      asm volatile("" : "+r"(x));
    }
    best = std::max(best, static_cast<double>(steps) / (own_time() - start) * 1e-9);
  }
  return best;
}

/// The best of `attempts` rates of work(thread) done by all threads at once, in units a second, added up.
double best_rate(int threads, int attempts, const std::function<double(int)>& work) {
  double best = 0;
  for (int a = 0; a < attempts; ++a) {
    std::vector<double> rates(static_cast<std::size_t>(threads));
    const auto timed = [&](int t) {
      const double start = own_time(), done = work(t);
      rates[static_cast<std::size_t>(t)] = done / (own_time() - start);
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(timed, t);
    timed(0);
    for (std::thread& other : others) other.join();
    best = std::max(best, std::accumulate(rates.begin(), rates.end(), 0.0));
  }
  return best;
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : 1;
  const bool wide = __builtin_cpu_supports("avx512f") != 0;
  const double flops = best_rate(threads, 10, [&](int) { return bench::multiply_adds_at_peak(4'000'000); });
  const double narrow = best_rate(threads, 5, [&](int) { return bench::fma_avx2(8'000'000); });

  const std::size_t numbers = std::size_t{64} << 20, huge = std::size_t{2} << 20;  // 256 MiB: no cache holds it
  std::vector<float*> data(static_cast<std::size_t>(threads));
  for (float*& block : data) {
    block = static_cast<float*>(std::aligned_alloc(huge, numbers * 4));
    madvise(block, numbers * 4, MADV_HUGEPAGE);
    std::fill_n(block, numbers, 1.0F);
  }
  const double bytes = best_rate(threads, 8, [&](int t) {
    (wide ? read_avx512 : read_avx2)(data[static_cast<std::size_t>(t)], numbers);
    return static_cast<double>(numbers) * 4;
  });
  for (float* block : data) std::free(block);
  std::printf("{\"threads\": %d, \"gflops\": %.1f, \"gflops_avx2\": %.1f, \"read_gbs\": %.1f, \"ghz\": %.2f}\n",
              threads, flops * 1e-9, narrow * 1e-9, bytes * 1e-9, clock_ghz());
}
