#pragma once
// Strided copies: the way from a view to contiguous memory and back.

#include <cstdint>
#include <type_traits>

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// A walk over `rank` <= 8 dimensions (row-major order) of one strided and one contiguous side.
struct StridedShape {
  index_t rank = 0;
  index_t extents[8] = {};
  index_t strides[8] = {};  // in elements; 0 and negative allowed

  [[nodiscard]] index_t numel() const {
    index_t product = 1;
    for (index_t i = 0; i < rank; ++i) product *= extents[i];
    return product;
  }
};

/// The same walk with neighbouring dimensions merged where one stride can walk both, without those of extent 1; of rank
/// 1 or more.
inline StridedShape collapse(const StridedShape& s) {
  StridedShape merged;
  for (index_t i = 0; i < s.rank; ++i) {
    if (s.extents[i] == 1) continue;
    const index_t last = merged.rank - 1;
    if (merged.rank > 0 && merged.strides[last] == s.strides[i] * s.extents[i]) {
      merged.extents[last] *= s.extents[i];
      merged.strides[last] = s.strides[i];
    } else {
      merged.extents[merged.rank] = s.extents[i];
      merged.strides[merged.rank] = s.strides[i];
      ++merged.rank;
    }
  }
  if (merged.rank == 0) {
    merged.rank = 1;
    merged.extents[0] = 1;
    merged.strides[0] = 1;
  }
  return merged;
}

/// The dimension along which the strided side's elements are neighbours where those of the contiguous side are far
/// apart in it, both long enough to be copied in squares; or -1. s is collapsed.
inline index_t turned_dimension(const StridedShape& s) {
  const index_t last = s.rank - 1, step = s.strides[last];
  if (s.extents[last] < 4 || (step >= -3 && step <= 3)) return -1;
  for (index_t d = 0; d < last; ++d)
    if (s.strides[d] == 1 && s.extents[d] >= 4) return d;
  return -1;
}

namespace cuda {
// T = U: std::uint8_t, 16, 32 or 64. Otherwise float and double, or std::uint8_t to float.
template <class T, class U>
void gather_strided(const StridedShape& s, const T* x, U* y);
template <class T, class U>
void scatter_strided(const StridedShape& s, const T* x, U* y);
}  // namespace cuda

namespace detail {
/// A GPU moves elements as words of their size, whatever their type; beyond that it converts between float and double,
/// and bytes, as pictures have them, to float.
template <class T, class U>
inline constexpr bool copies_on_gpu = false;
template <class T>
inline constexpr bool copies_on_gpu<T, T> = std::is_trivially_copyable_v<T> &&
                                            (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8);
template <>
inline constexpr bool copies_on_gpu<float, double> = true;
template <>
inline constexpr bool copies_on_gpu<double, float> = true;
template <>
inline constexpr bool copies_on_gpu<std::uint8_t, float> = true;
template <class T>
using wide_word_t = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
template <class T>
using word_t =
    std::conditional_t<sizeof(T) == 1, std::uint8_t, std::conditional_t<sizeof(T) == 2, std::uint16_t, wide_word_t<T>>>;
/// As what a GPU copies a T to or from a U.
template <class T, class U>
using copied_t = std::conditional_t<std::is_same_v<T, U>, word_t<T>, T>;
}  // namespace detail

/// y[i] = U(x[walk(i)]): y contiguous, x strided.
template <class T, class U>
void gather_strided(Device device, const StridedShape& s, const T* x, U* y);
/// y[walk(i)] = U(x[i]): x contiguous, y strided. Strides of y must not make elements coincide.
template <class T, class U>
void scatter_strided(Device device, const StridedShape& s, const T* x, U* y);

}  // namespace limn::inline LIMN_ABI::kernels

#include <limn_kernels/cpu/copy.hpp>
