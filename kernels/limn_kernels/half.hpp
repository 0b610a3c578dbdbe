#pragma once
// bf16 and f16: two-byte floating-point numbers for storage. Arithmetic happens in float.

#include <bit>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// float -> bfloat16 bits, round to nearest even; NaN stays a (quiet) NaN.
LIMN_HD inline std::uint16_t bf16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// float -> IEEE binary16 bits, round to nearest even; overflow gives infinity, subnormals are kept.
LIMN_HD inline std::uint16_t f16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65536
  if (magnitude < 0x33000000u) return static_cast<std::uint16_t>(sign);             // < half of the smallest subnormal
  std::uint32_t mantissa, shift;
  if (magnitude < 0x38800000u) {  // subnormal result: value = mantissa * 2^-24
    shift = 126 - (magnitude >> 23);
    mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  } else {
    shift = 13;
    mantissa = magnitude - 0x38000000u;  // rebias the exponent from 127 to 15; it rides along above the mantissa
  }
  const std::uint32_t rest = mantissa & ((1u << shift) - 1), half = 1u << (shift - 1);
  std::uint32_t result = mantissa >> shift;
  if (rest > half || (rest == half && (result & 1u))) ++result;  // a carry into the exponent is the right answer
  return static_cast<std::uint16_t>(sign | result);
}

/// IEEE binary16 bits -> float, exact.
LIMN_HD inline float f16_value(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu, mantissa = half & 0x3ffu;
  if (exponent == 0) {
    const float tiny = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24
    return sign ? -tiny : tiny;
  }
  const std::uint32_t widened = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | (widened << 23) | (mantissa << 13));
}

}  // namespace detail

/// bfloat16: float's exponent, 8 significant bits.
struct bf16 {
  std::uint16_t bits = 0;
  bf16() = default;
  LIMN_HD bf16(float value) : bits(detail::bf16_bits(value)) {}  // NOLINT: implicit, like every arithmetic conversion
  LIMN_HD operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

/// IEEE 754 binary16.
struct f16 {
  std::uint16_t bits = 0;
  f16() = default;
  LIMN_HD f16(float value) : bits(detail::f16_bits(value)) {}  // NOLINT: implicit, like every arithmetic conversion
  LIMN_HD operator float() const { return detail::f16_value(bits); }
};

static_assert(sizeof(bf16) == 2 && sizeof(f16) == 2);

/// The type in which arithmetic on T is done: float for the two-byte floats, T itself otherwise.
template <class T>
struct compute {
  using type = T;
};
template <>
struct compute<bf16> {
  using type = float;
};
template <>
struct compute<f16> {
  using type = float;
};
template <class T>
using compute_t = typename compute<T>::type;

template <class T>
inline constexpr bool is_half = false;
template <>
inline constexpr bool is_half<bf16> = true;
template <>
inline constexpr bool is_half<f16> = true;

}  // namespace limn::inline LIMN_ABI
