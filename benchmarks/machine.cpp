// The limits that the report measures against: multiply-add peak, clock, memory bandwidth. Prints one line of JSON.
//   bench.machine THREADS

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

namespace {

using Vector16 = float __attribute__((vector_size(64)));
using Vector8 = float __attribute__((vector_size(32)));

// Twelve chains hide the latency of a multiply-add (4 clocks, two a clock). Named variables: an array would live in
// memory.
template <class V>
[[gnu::always_inline]] inline double multiply_adds(long rounds) {
  V f = {};
  for (int i = 0; i < static_cast<int>(sizeof(V) / 4); ++i) f[i] = 0.999F;
  V a = f, b = f, c = f, d = f, e = f, g = f, h = f, i = f, j = f, k = f, l = f, m = f;
  for (long r = 0; r < rounds; ++r) {
    a = a * f + f, b = b * f + f, c = c * f + f, d = d * f + f, e = e * f + f, g = g * f + f;
    h = h * f + f, i = i * f + f, j = j * f + f, k = k * f + f, l = l * f + f, m = m * f + f;
    asm volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(g));
    asm volatile("" : "+v"(h), "+v"(i), "+v"(j), "+v"(k), "+v"(l), "+v"(m));
  }
  const V total = a + b + c + d + e + g + h + i + j + k + l + m;
  volatile float sink = total[0];
  (void)sink;
  return 2.0 * 12 * static_cast<double>(sizeof(V) / 4) * static_cast<double>(rounds);
}
[[gnu::target("avx512f"), gnu::noinline]] double fma_avx512(long rounds) { return multiply_adds<Vector16>(rounds); }
[[gnu::target("avx2,fma"), gnu::noinline]] double fma_avx2(long rounds) { return multiply_adds<Vector8>(rounds); }

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
  const double flops = best_rate(threads, 10, [&](int) { return wide ? fma_avx512(4'000'000) : fma_avx2(8'000'000); });
  const double narrow = best_rate(threads, 5, [&](int) { return fma_avx2(8'000'000); });

  const std::size_t numbers = std::size_t{64} << 20;  // 256 MiB a thread: no cache holds it
  std::vector<std::vector<float>> data(static_cast<std::size_t>(threads));
  for (auto& block : data) block.assign(numbers, 1.0F);
  const double bytes = best_rate(threads, 8, [&](int t) {
    const float* block = data[static_cast<std::size_t>(t)].data();
    Vector16 sums[8] = {};
    for (std::size_t i = 0; i < numbers; i += 128)
      for (std::size_t k = 0; k < 8; ++k) {
        Vector16 v;
        __builtin_memcpy(&v, block + i + 16 * k, sizeof v);
        sums[k] += v;
      }
    for (std::size_t k = 1; k < 8; ++k) sums[0] += sums[k];
    volatile float sink = sums[0][0];
    (void)sink;
    return static_cast<double>(numbers) * 4;
  });
  std::printf("{\"threads\": %d, \"gflops\": %.1f, \"gflops_avx2\": %.1f, \"read_gbs\": %.1f, \"ghz\": %.2f}\n",
              threads, flops * 1e-9, narrow * 1e-9, bytes * 1e-9, clock_ghz());
}
