#pragma once
// DType: the element types of files, known at run time only, and conversion of their elements.

#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <limn_kernels/error.hpp>
#include <limn_kernels/half.hpp>

namespace limn::inline LIMN_ABI::io {

static_assert(std::endian::native == std::endian::little, "file formats are read and written as they lie in memory");

enum class DType { boolean, u8, i8, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64 };

inline constexpr std::string_view dtype_names[] = {"BOOL", "U8",  "I8",  "U16", "I16", "F16", "BF16",
                                                   "U32",  "I32", "F32", "U64", "I64", "F64"};
inline constexpr index_t dtype_sizes[] = {1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8};

/// The name in safetensors headers: "F32".
[[nodiscard]] inline std::string_view dtype_name(DType dtype) { return dtype_names[static_cast<std::size_t>(dtype)]; }
/// Bytes an element.
[[nodiscard]] inline index_t dtype_size(DType dtype) { return dtype_sizes[static_cast<std::size_t>(dtype)]; }
[[nodiscard]] inline std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(dtype_names); ++i)
    if (dtype_names[i] == name) return static_cast<DType>(i);
  return std::nullopt;
}
[[nodiscard]] inline bool is_float(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

/// The DType of a C++ type.
template <class T>
[[nodiscard]] constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, bf16>)
    return DType::bf16;
  else if constexpr (std::is_same_v<T, limn::f16>)
    return DType::f16;
  else if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else {
    static_assert(std::is_integral_v<T>, "no DType for this type");
    constexpr bool is_signed = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1)
      return is_signed ? DType::i8 : DType::u8;
    else if constexpr (sizeof(T) == 2)
      return is_signed ? DType::i16 : DType::u16;
    else if constexpr (sizeof(T) == 4)
      return is_signed ? DType::i32 : DType::u32;
    else
      return is_signed ? DType::i64 : DType::u64;
  }
}

/// Calls body(T{}) with the C++ type of `dtype`.
template <class Body>
void with_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::boolean:
      return body(bool{});
    case DType::u8:
      return body(std::uint8_t{});
    case DType::i8:
      return body(std::int8_t{});
    case DType::u16:
      return body(std::uint16_t{});
    case DType::i16:
      return body(std::int16_t{});
    case DType::f16:
      return body(limn::f16{});
    case DType::bf16:
      return body(limn::bf16{});
    case DType::u32:
      return body(std::uint32_t{});
    case DType::i32:
      return body(std::int32_t{});
    case DType::f32:
      return body(float{});
    case DType::u64:
      return body(std::uint64_t{});
    case DType::i64:
      return body(std::int64_t{});
    case DType::f64:
      return body(double{});
  }
}

/// Converts the elements in `bytes` (at any alignment) to To at `out`: floats round to nearest even, a boolean is any
/// byte but 0. The caller answers for integers fitting in To.
template <class To>
void convert_elements(DType dtype, std::span<const std::byte> bytes, To* out) {
  if (bytes.empty()) return;
  if (dtype == dtype_of<To>() && dtype != DType::boolean) {
    std::memcpy(static_cast<void*>(out), bytes.data(), bytes.size());
    return;
  }
  with_type(dtype, [&](auto zero) {
    using From = decltype(zero);
    const std::size_t count = bytes.size() / sizeof(From);
    for (std::size_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<From, bool>) {
        out[i] = static_cast<To>(static_cast<float>(bytes[i] != std::byte{0}));
      } else {
        From value;
        std::memcpy(static_cast<void*>(&value), bytes.data() + i * sizeof(From), sizeof(From));
        if constexpr (is_half<From> && is_half<To>)
          out[i] = To(static_cast<float>(value));
        else if constexpr (is_half<From>)
          out[i] = static_cast<To>(static_cast<float>(value));
        else if constexpr (is_half<To>)
          out[i] = To(static_cast<float>(value));
        else
          out[i] = static_cast<To>(value);
      }
    }
  });
}

}  // namespace limn::inline LIMN_ABI::io
