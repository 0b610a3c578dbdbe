// The vector functions against <cmath> in double, over a dense sample of all 2^32 floats, for every instruction set
// here.
#include <bit>
#include <limits>
#include <string>

#include <doctest/doctest.h>
#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/math.hpp>

#define LIMN_ISA_BODY <kernels/math_test.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace {
using namespace limn;
using kernels::Isa;

/// The distance between neighbouring floats at |x|, also among the subnormal numbers.
double ulp(double x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return std::ldexp(1.0, exponent - 24 < -149 ? -149 : exponent - 24);
}

double exp_of_minus(double x) { return std::exp(-std::fabs(x)); }
double exp2_of_minus(double x) { return std::exp2(-std::fabs(x)); }
double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

struct Worst {
  double ulps = 0;
  float at = 0;
  long wrong = 0;  // NaN, infinity or zero where it should not be, or the wrong sign
  float wrong_at = 0;
};

template <class Run, class Reference>
Worst measure(Run run, Reference reference) {
  constexpr index_t block = 1024;
  constexpr std::uint64_t step = 4999;  // a prime: every exponent, all patterns of low bits; 860,000 floats
  alignas(64) static float x[block], y[block];
  Worst worst;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32);) {
    for (index_t i = 0; i < block; ++i, bits += step) x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    run(static_cast<const float*>(x), y, block);
    for (index_t i = 0; i < block; ++i) {
      const double wanted = reference(static_cast<double>(x[i]));
      const float rounded = static_cast<float>(wanted);
      bool fine = true;
      if (std::isnan(wanted)) {
        fine = std::isnan(y[i]);
      } else if (std::isinf(rounded)) {  // a finite value just above the largest float may also come as that float
        fine = y[i] == rounded || (std::isfinite(wanted) && std::fabs(y[i]) == std::numeric_limits<float>::max());
      } else if (std::isinf(y[i])) {
        fine = std::fabs(wanted) > 3.40282e38;
      } else {
        const double error = std::fabs(static_cast<double>(y[i]) - wanted) / ulp(wanted);
        fine = !(wanted == 0 && std::signbit(y[i]) != std::signbit(wanted)) && !std::isnan(y[i]);
        if (error > worst.ulps) worst.ulps = error, worst.at = x[i];
      }
      if (!fine) ++worst.wrong, worst.wrong_at = x[i];
    }
  }
  return worst;
}

bool available(Isa isa) { return isa <= kernels::isa(); }

#if defined(LIMN_X86_BODIES)
#define CHECK_ISA(name, T, isa, x, y, n)           \
  if (isa == Isa::generic)                         \
    kernels::cpu::generic::run_##name<T>(x, y, n); \
  else if (isa == Isa::avx2)                       \
    kernels::cpu::avx2::run_##name<T>(x, y, n);    \
  else                                             \
    kernels::cpu::avx512::run_##name<T>(x, y, n)
#else
#define CHECK_ISA(name, T, isa, x, y, n) kernels::cpu::generic::run_##name<T>(x, y, n)
#endif

#define CHECK_ULP(name, reference, limit)                                                                           \
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512}) {                                                    \
    if (!available(isa)) continue;                                                                                  \
    const Worst worst = measure([&](const float* x, float* y, index_t n) { CHECK_ISA(name, float, isa, x, y, n); }, \
                                [](double x) { return reference(x); });                                             \
    CAPTURE(static_cast<int>(isa));                                                                                 \
    CAPTURE(worst.at);                                                                                              \
    CAPTURE(worst.wrong_at);                                                                                        \
    CHECK(worst.wrong == 0);                                                                                        \
    CHECK(worst.ulps <= limit);                                                                                     \
  }
}  // namespace

TEST_CASE("exp is within 1 ulp for every float, subnormal results included"){
    CHECK_ULP(exp, std::exp, 1.0)} TEST_CASE("exp2 is within 1.5 ulp for every float, subnormal results included"){
    CHECK_ULP(exp2, std::exp2, 1.5)} TEST_CASE("exp_below and exp2_below are within 1 and 1.5 ulp"){
    CHECK_ULP(below_exp, exp_of_minus, 1.0)
        CHECK_ULP(below_exp2, exp2_of_minus, 1.5)} TEST_CASE("expm1 is within 1.5 ulp"){
    CHECK_ULP(expm1, std::expm1, 1.5)} TEST_CASE("log is within 1.5 ulp, also for subnormal numbers"){
    CHECK_ULP(log, std::log, 1.5)} TEST_CASE("log1p is within 2.5 ulp"){
    CHECK_ULP(log1p, std::log1p, 2.5)} TEST_CASE("tanh is within 2.5 ulp, with vectors of 64 bytes within 1"){
    CHECK_ULP(tanh, std::tanh,
              (isa == Isa::avx512 ? 1.0 : 2.5))} TEST_CASE("sigmoid is within 2.5 ulp, also where it is tiny"){
    CHECK_ULP(sigmoid, sigmoid, 2.5)} TEST_CASE("erf is within 1.5 ulp"){
    CHECK_ULP(erf, std::erf, 1.5)} TEST_CASE("sqrt is rounded correctly"){CHECK_ULP(sqrt, std::sqrt, 0.5)}

TEST_CASE("gelu of negative numbers keeps its precision down to 2e-8, and is 0 beyond") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512}) {
    if (!available(isa)) continue;
    CAPTURE(static_cast<int>(isa));
    alignas(64) float x[16], y[16];
    for (float first = -5.8f; first < 12; first += 0.0016f) {
      for (int i = 0; i < 16; ++i) x[i] = first + 0.0001f * static_cast<float>(i);
      CHECK_ISA(gelu, float, isa, x, y, 16);
      for (int i = 0; i < 16; ++i) {
        const double exact = x[i] / 2.0 * std::erfc(-x[i] / std::sqrt(2.0));
        // The exponent of a tail, about x^2 / 2, is rounded some times (6e-8 of it) before its power is taken.
        const double limit = std::abs(exact) * (x[i] < 0 ? 2e-7 + 1.2e-7 * x[i] * x[i] : 1.5e-7);
        if (!(std::abs(y[i] - exact) <= limit)) FAIL_CHECK("x " << x[i] << ": " << y[i] << ", not " << exact);
      }
    }
    alignas(64) float special[16] = {inf, -inf, nan, 0.f, -6.f, -1e30f, 1e30f, 1e-40f};
    CHECK_ISA(gelu, float, isa, special, y, 16);
    CHECK(y[0] == inf);
    CHECK(y[1] == 0.f);
    CHECK(std::isnan(y[2]));
    CHECK(y[3] == 0.f);
    CHECK(y[4] == 0.f);
    CHECK(y[5] == 0.f);
    CHECK(y[6] == 1e30f);
    CHECK(y[7] == doctest::Approx(0.5e-40f));
  }
}

TEST_CASE("the functions keep the special values that IEEE 754 gives them") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  alignas(64) float x[16] = {inf,      -inf,   nan,   0.f,    -0.f,   88.72283f, 88.72284f,
                             -103.97f, -104.f, 1e38f, -1e38f, 1e-45f, -1.f,      -2.f};
  alignas(64) float y[16];
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512}) {
    if (!available(isa)) continue;
    CHECK_ISA(exp, float, isa, x, y, 16);
    CHECK(y[0] == inf);
    CHECK(y[1] == 0.f);
    CHECK(std::isnan(y[2]));
    CHECK(y[3] == 1.f);
    CHECK(std::isfinite(y[5]));
    CHECK(y[7] > 0.f);
    CHECK(y[8] == 0.f);
    CHECK(y[9] == inf);
    CHECK(y[10] == 0.f);
    CHECK_ISA(log, float, isa, x, y, 16);
    CHECK(y[0] == inf);
    CHECK(std::isnan(y[1]));
    CHECK(std::isnan(y[2]));
    CHECK(y[3] == -inf);
    CHECK(y[4] == -inf);
    CHECK_ISA(log1p, float, isa, x, y, 16);
    CHECK(y[0] == inf);
    CHECK(y[12] == -inf);
    CHECK(std::isnan(y[13]));
    CHECK_ISA(tanh, float, isa, x, y, 16);
    CHECK(y[0] == 1.f);
    CHECK(y[1] == -1.f);
    CHECK(std::isnan(y[2]));
    CHECK(std::signbit(y[4]));
    CHECK_ISA(erf, float, isa, x, y, 16);
    CHECK(y[1] == -1.f);
    CHECK(std::isnan(y[2]));
    CHECK_ISA(sigmoid, float, isa, x, y, 16);
    CHECK(y[0] == 1.f);
    CHECK(y[1] == 0.f);
    CHECK(std::isnan(y[2]));
  }
}

TEST_CASE("double functions are those of <cmath>") {
  alignas(64) double x[8] = {0.1, -3.5, 700, 1e-300, 0, 5, -0.25, 2}, y[8];
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512}) {
    if (!available(isa)) continue;
    CHECK_ISA(tanh, double, isa, x, y, 8);
    for (int i = 0; i < 8; ++i) CHECK(y[i] == std::tanh(x[i]));
    CHECK_ISA(exp, double, isa, x, y, 8);
    for (int i = 0; i < 8; ++i) CHECK(y[i] == std::exp(x[i]));
  }
}
