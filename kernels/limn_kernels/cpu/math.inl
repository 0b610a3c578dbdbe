// Elementary functions on one vector, for one instruction set. Largest errors in units in the last place of the float
// result, measured by tests/kernels/math_test.cpp: exp 1, exp2 1.5, expm1 1.5, log 1.5, log1p 2.5, tanh 2.5 (1 with
// vectors of 64 bytes), sigmoid 2.5, erf 1.5. Infinities, NaN, signed zeros and subnormal numbers are right. The
// polynomials are minimax fits (Remez) on the reduced interval. double is computed lane by lane with <cmath>.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function here is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

namespace lane_math {
typedef Vec<float> F;
typedef Vec<std::int32_t> I;
typedef Vec<std::uint32_t> U;
LIMN_INLINE U bits(F x) {
  U v;
  std::memcpy(&v, &x, sizeof v);
  return v;
}
LIMN_INLINE F value(U n) {
  F v;
  std::memcpy(&v, &n, sizeof v);
  return v;
}
LIMN_INLINE U u32(I n) {
  U v;
  std::memcpy(&v, &n, sizeof v);
  return v;
}
LIMN_INLINE I i32(U n) {
  I v;
  std::memcpy(&v, &n, sizeof v);
  return v;
}
LIMN_INLINE F f(float c) { return broadcast<float>(c); }
LIMN_INLINE I i(std::int32_t c) { return broadcast<std::int32_t>(c); }
LIMN_INLINE U u(std::uint32_t c) { return broadcast<std::uint32_t>(c); }
LIMN_INLINE F magnitude(F x) { return value(bits(x) & u(0x7fffffffu)); }
LIMN_INLINE F with_sign(F x, F sign) { return value(bits(x) | (bits(sign) & u(0x80000000u))); }

/// x = n ln 2 + r with |r| <= ln 2 / 2; returns exp(r) - 1 and n, a whole number. |x| must be below 2^20; a NaN stays
/// in the result.
LIMN_INLINE F reduced_expm1(F x, F& n) {
  n = (x * f(1.44269504f) + f(12582912.f)) - f(12582912.f);  // 1.5 * 2^23 leaves no bits behind the point
  F r = x - n * f(0.693359375f);  // ln 2 in two parts: 9 bits, so that the product is exact, and the rest
  r = r - n * f(-2.12194440e-4f);
  F p = f(1.996464866e-4f);
  p = p * r + f(1.394431352e-3f);
  p = p * r + f(8.333215305e-3f);
  p = p * r + f(4.166631304e-2f);
  p = p * r + f(1.666666692e-1f);
  p = p * r + f(0.5f);
  return (p * r) * r + r;
}
/// 2^(n + more) for whole numbers, -126 <= n + more <= 127.
LIMN_INLINE F power_of_two(F n, float more = 0) {
  return value(bits(n + f(12583039.f + more)) << u(23));
}  // 1.5 * 2^23 + 127
#if LIMN_VECTOR_BYTES == 64
/// What a float's bits say of x = n + r, n a multiple of 1/32 and |r| <= 1/64: the last five are 32 n's, those before
/// them n's whole part.
LIMN_INLINE F with_five_bits(F x) { return x + f(393216.f); }  // 1.5 * 2^18
LIMN_INLINE F without_five_bits(F shifted) { return shifted - f(393216.f); }
LIMN_INLINE F looked_up(const float* table, F shifted) {
  return picked(load<float>(table), load<float>(table + 16), i32(bits(shifted)));
}
/// x = n ln 2 + r with n a multiple of 1/32 and |r| <= ln 2 / 64 (Tang, "Table-driven implementation of the exponential
/// function", 1989); returns exp(r) - 1, put right for what the table of 2^(n mod 1) is rounded by. |x| <= 104.
LIMN_INLINE F tabled_expm1(F x, F& shifted) {
  shifted = with_five_bits(x * f(1.44269504f));
  const F n = without_five_bits(shifted);
  F r = x - n * f(0.693359375f);
  r = r - n * f(-2.12194440e-4f);
  return (f(1.66667446e-1f) * r + f(5.00003666e-1f)) * (r * r) + (r + looked_up(exp_table_rest, shifted));
}
/// exp(x) for |x| <= 104: three products fewer than reduced_expm1, half its latency.
LIMN_INLINE F bounded_exp(F x) {
  F shifted;
  const F p = tabled_expm1(x, shifted), power = looked_up(exp_table, shifted);
  return scale_exponent(power * p + power, without_five_bits(shifted));  // takes the whole part itself
}
LIMN_INLINE F bounded_exp_below(F x) { return bounded_exp(x); }
#else
/// x 2^n in two factors: n goes beyond the exponents of float on both sides.
LIMN_INLINE F scale_exponent(F x, F n) {
  const F half = (n * f(0.5f) + f(12582912.f)) - f(12582912.f);
  return (x * power_of_two(half)) * power_of_two(n - half);
}
/// exp(x) for |x| <= 104.
LIMN_INLINE F bounded_exp(F x) {
  F n;
  const F e = reduced_expm1(x, n) + f(1.f);
  return scale_exponent(e, n);
}
/// x 2^n for -151 <= n <= 0: exact as x 2^(n + 25), and rounded once where that is brought down below 2^-126.
LIMN_INLINE F scale_exponent_below(F x, F n) { return x * power_of_two(n, 25) * f(0x1p-25f); }
/// exp(x) for -104 <= x <= 0: five instructions fewer.
LIMN_INLINE F bounded_exp_below(F x) {
  F n;
  const F e = reduced_expm1(x, n) + f(1.f);
  return scale_exponent_below(e, n);
}
#endif
}  // namespace lane_math

LIMN_INLINE Vec<float> exp(Vec<float> x) {
  using namespace lane_math;
  return bounded_exp(vmin(f(104.f), vmax(f(-104.f), x)));  // beyond, it is infinity or 0 anyway; a NaN stays
}

/// For x <= 0, which takes less.
LIMN_INLINE Vec<float> exp_below(Vec<float> x) {
  using namespace lane_math;
  return bounded_exp_below(vmax(f(-104.f), x));
}

namespace lane_math {
/// x = n + r with |r| <= 1/2; returns 2^r and n, a whole number.
LIMN_INLINE F reduced_exp2(F x, F& n) {
  n = (x + f(12582912.f)) - f(12582912.f);
  const F r = x - n;
  F p = f(1.535336196e-4f);
  p = p * r + f(1.339887502e-3f);
  p = p * r + f(9.618436918e-3f);
  p = p * r + f(5.550332367e-2f);
  p = p * r + f(2.402264774e-1f);
  p = p * r + f(6.931471825e-1f);
  return p * r + f(1.f);
}
}  // namespace lane_math

LIMN_INLINE Vec<float> exp2(Vec<float> x) {
  using namespace lane_math;
  F n;
  const F y = reduced_exp2(vmin(f(130.f), vmax(f(-151.f), x)), n);
  return scale_exponent(y, n);
}
/// For x <= 0.
LIMN_INLINE Vec<float> exp2_below(Vec<float> x) {
#if LIMN_VECTOR_BYTES == 64
  using namespace lane_math;
  const F t = vmax(f(-151.f), x), shifted = with_five_bits(t), n = without_five_bits(shifted), r = t - n;
  const F p = (f(5.55041087e-2f) * r + f(2.40226507e-1f)) * (r * r) +
              (f(6.93147181e-1f) * r + looked_up(exp_table_rest, shifted));
  const F power = looked_up(exp_table, shifted);
  return scale_exponent(power * p + power, n);
#else
  using namespace lane_math;
  F n;
  const F y = reduced_exp2(vmax(f(-151.f), x), n);
  return scale_exponent_below(y, n);
#endif
}

LIMN_INLINE Vec<float> expm1(Vec<float> x) {
  using namespace lane_math;
  F n;
  const F q = reduced_expm1(vmin(f(89.f), vmax(f(-20.f), x)), n);
  const F scale = power_of_two(n - f(1.f));
  const F y = (scale * q + (scale - f(0.5f))) * f(2.f);
  return x == f(0.f) ? x : y;  // keeps the sign of zero
}

/// Positive, finite or not; a negative x gives NaN and 0 gives -infinity.
LIMN_INLINE Vec<float> log(Vec<float> x) {
  using namespace lane_math;
  const I subnormal = x < f(1.17549435e-38f);
  const F scaled = subnormal ? x * f(8388608.f) : x;
  const U raw = bits(scaled) - u(0x3f3504f3u);  // so that the mantissa below runs from sqrt(1/2) to sqrt(2)
  const I exponent = i32(raw) >> i(23);
  const F m = value((raw & u(0x007fffffu)) + u(0x3f3504f3u)) - f(1.f);
  const F e = __builtin_convertvector(exponent, F) - (subnormal ? f(23.f) : f(0.f));
  F p = f(6.746625544e-2f);
  p = p * m + f(-1.167563159e-1f);
  p = p * m + f(1.188815317e-1f);
  p = p * m + f(-1.240558984e-1f);
  p = p * m + f(1.421955402e-1f);
  p = p * m + f(-1.666799605e-1f);
  p = p * m + f(2.000211859e-1f);
  p = p * m + f(-2.500000959e-1f);
  p = p * m + f(3.333333126e-1f);
  const F square = m * m;
  F y = (m * square) * p;
  y = y + e * f(-2.12194440e-4f);
  y = y - square * f(0.5f);
  y = m + y;
  y = y + e * f(0.693359375f);
  y = x < f(__builtin_inff()) ? y : x;  // infinity and NaN
  y = x == f(0.f) ? f(-__builtin_inff()) : y;
  return x < f(0.f) ? f(__builtin_nanf("")) : y;
}

/// log(1 + x) with the rounding of 1 + x put right (Kahan).
LIMN_INLINE Vec<float> log1p(Vec<float> x) {
  using namespace lane_math;
  const F sum = f(1.f) + x;
  const F y = log(sum) * (x / (sum - f(1.f)));
  const F corrected = x < f(3e38f) ? y : log(sum);
  return sum == f(1.f) ? x : corrected;
}

#if LIMN_VECTOR_BYTES == 64
namespace lane_math {
/// What `row` of tanh_table says for |x|.
LIMN_INLINE F of_interval(int row, F a) {
  const I interval = i32(bits(vmax(f(0.0625f), a)) >> u(21));  // the bits above the last five are not looked at
  return picked(load<float>(tanh_table[row]), load<float>(tanh_table[row] + 16), interval);
}
}  // namespace lane_math
/// A seventh faster than by exp(2 x) and a division (Zen 4), and with half the error.
LIMN_INLINE Vec<float> tanh(Vec<float> x) {
  using namespace lane_math;
  const F a = vmin(f(9.2f), magnitude(x)), t = a - of_interval(0, a);  // tanh(9.2) rounds to 1; a NaN stays
  F p = of_interval(6, a);
  LIMN_UNROLLED for (int row = 5; row >= 1; --row) p = p * t + of_interval(row, a);
  return with_sign(p, x);
}
#else
LIMN_INLINE Vec<float> tanh(Vec<float> x) {
  using namespace lane_math;
  F n;
  const F a = vmin(f(20.f), magnitude(x + x));  // tanh(10) rounds to 1
  const F q = reduced_expm1(a, n), scale = power_of_two(n);
  const F e = scale * q + (scale - f(1.f));  // exp(2 |x|) - 1
  return with_sign(e / (e + f(2.f)), x);
}
#endif

/// 1 / (1 + exp(-x)); a tiny result keeps its relative precision.
LIMN_INLINE Vec<float> sigmoid(Vec<float> x) {
  using namespace lane_math;
  const F e = bounded_exp_below(vmax(f(-104.f), value(bits(x) | u(0x80000000u))));  // exp(-|x|)
  return (x < f(0.f) ? e : f(1.f)) / (f(1.f) + e);
}

LIMN_INLINE Vec<float> erf(Vec<float> x) {
  using namespace lane_math;
  const F a = magnitude(x), s = x * x;
  F p = f(8.29283226e-5f);  // |x| <= 0.93: x + x P(x^2)
  p = p * s + f(-8.124895167e-4f);
  p = p * s + f(5.199518141e-3f);
  p = p * s + f(-2.685881782e-2f);
  p = p * s + f(1.128368574e-1f);
  p = p * s + f(-3.761263316e-1f);
  p = p * s + f(1.283791666e-1f);
  const F small = p * x + x;
  const F t = a > f(4.f) ? f(4.f) : a;  // erf(4) rounds to 1
  F q = f(1.043344624e-5f);             // beyond: 1 - exp(-|x| Q(|x|))
  q = q * t + f(-3.148612289e-4f);
  q = q * t + f(3.610353777e-3f);
  q = q * t + f(-2.369458912e-2f);
  q = q * t + f(1.061590738e-1f);
  q = q * t + f(6.351980208e-1f);
  q = q * t + f(1.28637078e-1f);
  const F large = f(1.f) - bounded_exp_below(-(q * t + t));
  return a > f(0.93f) ? with_sign(large, x) : small;
}

/// x Phi(x), Phi the normal distribution: max(x, 0) - |x| / 2 erfc(|x| / sqrt 2), and that is |x| / 2 exp(-|x| S(|x|))
/// up to 5.8; beyond, it is less than 2e-8, and 0 here. Negative results keep their precision (2e-7 + 1.2e-7 x^2 of
/// them): nothing is taken from 1. S is a Chebyshev fit of -log(erfc(t / sqrt 2)) / t over [0, 5.8], to 2.2e-8.
LIMN_INLINE Vec<float> gelu(Vec<float> x) {
  using namespace lane_math;
  const F a = magnitude(x), t = a > f(5.8f) ? f(5.8f) : a;
  F s = f(-2.10085490e-9f);
  s = s * t + f(7.61664124e-8f);
  s = s * t + f(-1.22664629e-6f);
  s = s * t + f(1.14788789e-5f);
  s = s * t + f(-6.71689370e-5f);
  s = s * t + f(2.25399551e-4f);
  s = s * t + f(-4.21179677e-5f);
  s = s * t + f(-4.78318483e-3f);
  s = s * t + f(3.63370183e-2f);
  s = s * t + f(3.18309607e-1f);
  s = s * t + f(7.97884568e-1f);
  const F tail = f(0.5f) * t * bounded_exp_below(-(t * s));
  return (x < f(0.f) ? f(0.f) : x) - (a > f(5.8f) ? f(0.f) : tail);
}

LIMN_INLINE Vec<float> abs(Vec<float> x) { return lane_math::magnitude(x); }

// Lane by lane with <cmath>: every function for double, the rare ones for float.
#define LIMN_LANEWISE(T, name, call)         \
  LIMN_INLINE Vec<T> name(Vec<T> x) {        \
    Vec<T> y{};                              \
    for (index_t k = 0; k < lanes<T>; ++k) { \
      const T v = x[k];                      \
      y[k] = call;                           \
    }                                        \
    return y;                                \
  }
LIMN_LANEWISE(float, sin, std::sin(v))
LIMN_LANEWISE(float, cos, std::cos(v))
LIMN_LANEWISE(float, floor, std::floor(v))
LIMN_LANEWISE(float, ceil, std::ceil(v))
LIMN_LANEWISE(float, round_even, std::nearbyint(v))
LIMN_LANEWISE(double, exp, std::exp(v))
LIMN_LANEWISE(double, exp_below, std::exp(v))
LIMN_LANEWISE(double, exp2, std::exp2(v))
LIMN_LANEWISE(double, exp2_below, std::exp2(v))
LIMN_LANEWISE(double, expm1, std::expm1(v))
LIMN_LANEWISE(double, log, std::log(v))
LIMN_LANEWISE(double, log1p, std::log1p(v))
LIMN_LANEWISE(double, tanh, std::tanh(v))
LIMN_LANEWISE(double, sigmoid, scalar::sigmoid(v))
LIMN_LANEWISE(double, erf, std::erf(v))
LIMN_LANEWISE(double, gelu, scalar::gelu(v))
LIMN_LANEWISE(double, abs, std::fabs(v))
LIMN_LANEWISE(double, sqrt, std::sqrt(v))
LIMN_LANEWISE(double, sin, std::sin(v))
LIMN_LANEWISE(double, cos, std::cos(v))
LIMN_LANEWISE(double, floor, std::floor(v))
LIMN_LANEWISE(double, ceil, std::ceil(v))
LIMN_LANEWISE(double, round_even, std::nearbyint(v))
#undef LIMN_LANEWISE

template <class V>
LIMN_INLINE V pow(V x, V y) {
  V z{};
  for (index_t k = 0; k < static_cast<index_t>(sizeof(V) / sizeof(x[0])); ++k) z[k] = std::pow(x[k], y[k]);
  return z;
}

template <class V>
LIMN_INLINE V splat(double value) {
  using T = std::remove_cvref_t<decltype(V{}[0])>;
  return broadcast<T>(static_cast<T>(value));
}
template <class V, class T>
LIMN_INLINE V splat_exact(T value) {
  using U = std::remove_cvref_t<decltype(V{}[0])>;
  return broadcast<U>(static_cast<U>(value));
}
template <class M, class V>
LIMN_INLINE V select(M mask, V yes, V no) {
  return mask ? yes : no;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
