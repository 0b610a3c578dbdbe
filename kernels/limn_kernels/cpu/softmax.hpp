#pragma once
// The CPU body of softmax.hpp: threads, two-byte floats, the choice of instruction set; the loops are in softmax.inl.

#include <memory>

#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/parallel.hpp>
#include <limn_kernels/softmax.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/softmax.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

inline constexpr index_t softmax_columns = 64;  // neighbouring columns (inner > 1) that one work item takes

/// Calls body(offset of the item's first element, its columns) for every item: a row, or a strip of columns.
template <class Body>
void for_each_strip(const SoftmaxShape& s, Body&& body) {
  const index_t width = s.inner < softmax_columns ? s.inner : softmax_columns;
  if (s.outer == 0 || s.axis == 0 || s.inner == 0) return;
  const index_t strips = (s.inner + width - 1) / width;
  parallel_for(s.outer * strips, 1 + 8192 / (s.axis * width), [&](index_t begin, index_t end) {
    for (index_t item = begin; item < end; ++item) {
      const index_t column = item % strips * width;
      body(item / strips * s.axis * s.inner + column, s.inner - column < width ? s.inner - column : width);
    }
  });
}

/// float copies of a strip of two-byte floats, [axis, columns].
template <class T>
std::unique_ptr<float[]> widen_strip(const SoftmaxShape& s, index_t columns, const T* x) {
  std::unique_ptr<float[]> wide(new float[static_cast<std::size_t>(s.axis * columns)]);
  for (index_t k = 0; k < s.axis; ++k)
    for (index_t i = 0; i < columns; ++i) wide.get()[k * columns + i] = static_cast<float>(x[k * s.inner + i]);
  return wide;
}
template <class T>
void narrow_strip(const SoftmaxShape& s, index_t columns, const float* wide, T* y) {
  for (index_t k = 0; k < s.axis; ++k)
    for (index_t i = 0; i < columns; ++i) y[k * s.inner + i] = static_cast<T>(wide[k * columns + i]);
}

#define LIMN_SOFTMAX_BODIES(name)                                                                          \
  template <class T>                                                                                       \
  void name##_forward(const SoftmaxShape& s, const T* x, T* y) {                                           \
    if constexpr (!is_half<T>)                                                                             \
      if (s.inner == 1 && s.axis > 0)                                                                      \
        return parallel_for(s.outer, 1 + 8192 / s.axis, [&](index_t begin, index_t end) {                  \
          const index_t at = begin * s.axis;                                                               \
          LIMN_CALL_ISA(name##_rows<T>, end - begin, s.axis, x + at, y + at);                              \
        });                                                                                                \
    for_each_strip(s, [&](index_t at, index_t columns) {                                                   \
      if constexpr (is_half<T>) {                                                                          \
        const auto wide = widen_strip(s, columns, x + at);                                                 \
        LIMN_CALL_ISA(name##_strip<float>, s.axis, columns, columns, wide.get(), wide.get());              \
        narrow_strip(s, columns, wide.get(), y + at);                                                      \
      } else {                                                                                             \
        LIMN_CALL_ISA(name##_strip<T>, s.axis, s.inner, columns, x + at, y + at);                          \
      }                                                                                                    \
    });                                                                                                    \
  }                                                                                                        \
  template <class T>                                                                                       \
  void name##_backward(const SoftmaxShape& s, const T* y, const T* dy, T* dx) {                            \
    for_each_strip(s, [&](index_t at, index_t columns) {                                                   \
      if constexpr (is_half<T>) {                                                                          \
        const auto wide_y = widen_strip(s, columns, y + at), wide_dy = widen_strip(s, columns, dy + at);   \
        LIMN_CALL_ISA(name##_strip_gradient<float>, s.axis, columns, columns, wide_y.get(), wide_dy.get(), \
                      wide_dy.get());                                                                      \
        narrow_strip(s, columns, wide_dy.get(), dx + at);                                                  \
      } else {                                                                                             \
        LIMN_CALL_ISA(name##_strip_gradient<T>, s.axis, s.inner, columns, y + at, dy + at, dx + at);       \
      }                                                                                                    \
    });                                                                                                    \
  }
LIMN_SOFTMAX_BODIES(softmax)
LIMN_SOFTMAX_BODIES(log_softmax)
#undef LIMN_SOFTMAX_BODIES

}  // namespace limn::inline LIMN_ABI::kernels::cpu
