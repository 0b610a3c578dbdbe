#pragma once
// Multiply-adds and nothing else: what a core can do at most.

namespace bench {

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
[[gnu::target("avx512f"), gnu::noinline]] inline double fma_avx512(long rounds) {
  return multiply_adds<Vector16>(rounds);
}
[[gnu::target("avx2,fma"), gnu::noinline]] inline double fma_avx2(long rounds) {
  return multiply_adds<Vector8>(rounds);
}

/// By the widest units that this processor has. Returns the operations done, 384 a round.
[[nodiscard]] inline double multiply_adds_at_peak(long rounds) {
  return __builtin_cpu_supports("avx512f") ? fma_avx512(rounds) : fma_avx2(2 * rounds);
}

}  // namespace bench
