#pragma once
// The CPU body of cross_entropy.hpp: threads and the choice of instruction set; the loops are in cross_entropy.inl.

#include <limn_kernels/cross_entropy.hpp>
#include <limn_kernels/softmax.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Pointers to the first element of one row, or of one strip of columns.
template <class T>
struct CrossEntropyRow {
  const T* x;
  const std::int64_t* target;
  T* loss;
  T* normaliser;
};
template <class T>
struct CrossEntropyRowGradient {
  const T* x;
  const std::int64_t* target;
  const T* normaliser;
  const T* dloss;
  index_t dloss_step;  ///< between positions; 0: one number for all
  T* dx;
};

/// The sum of the classes' weights.
template <class T>
[[nodiscard]] double total_class_weight(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p) {
  if (!p.weight) return static_cast<double>(s.classes);
  double total = 0;
  for (index_t c = 0; c < s.classes; ++c) total += static_cast<double>(p.weight[c]);
  return total;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/cross_entropy.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {

template <class T>
void cross_entropy_forward(Device device, const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                           const std::int64_t* target, T* loss, T* normaliser) {
  dispatch_floating<T>(
      "cross_entropy_forward", device,
      [&] {
        cpu::for_each_strip({s.outer, s.classes, s.inner}, [&](index_t at, index_t columns) {
          const index_t position = at / (s.classes * s.inner) * s.inner + at % s.inner;
          const cpu::CrossEntropyRow<T> row{x + at, target + position, loss + position, normaliser + 2 * position};
          LIMN_CALL_ISA(cross_entropy_strip, s, p, row, columns);
        });
      },
      [&](auto) { cuda::cross_entropy_forward(s, p, x, target, loss, normaliser); });
}

template <class T>
void cross_entropy_backward(Device device, const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x,
                            const std::int64_t* target, const T* normaliser, const T* dloss, T* dx) {
  dispatch_floating<T>(
      "cross_entropy_backward", device,
      [&] {
        const double total_weight = cpu::total_class_weight(s, p);
        cpu::for_each_strip({s.outer, s.classes, s.inner}, [&](index_t at, index_t columns) {
          const index_t position = at / (s.classes * s.inner) * s.inner + at % s.inner;
          const cpu::CrossEntropyRowGradient<T> row{
              x + at, target + position, normaliser + 2 * position, dloss + position, 1, dx + at};
          LIMN_CALL_ISA(cross_entropy_strip_gradient, s, p, total_weight, row, columns);
        });
      },
      [&](auto) { cuda::cross_entropy_backward(s, p, x, target, normaliser, dloss, dx); });
}

template <class T>
void cross_entropy_with_gradient(Device device, const CrossEntropyShape& s, const CrossEntropyParameters<T>& p,
                                 const T* x, const std::int64_t* target, T dloss, T* loss, T* normaliser, T* dx) {
  dispatch_floating<T>(
      "cross_entropy_with_gradient", device,
      [&] {
        const double total_weight = cpu::total_class_weight(s, p);
        cpu::for_each_strip({s.outer, s.classes, s.inner}, [&](index_t at, index_t columns) {
          const index_t position = at / (s.classes * s.inner) * s.inner + at % s.inner;
          const cpu::CrossEntropyRow<T> row{x + at, target + position, loss + position, normaliser + 2 * position};
          const cpu::CrossEntropyRowGradient<T> gradient{
              x + at, target + position, normaliser + 2 * position, &dloss, 0, dx + at};
          LIMN_CALL_ISA(cross_entropy_strip_both, s, p, total_weight, row, gradient, columns);
        });
      },
      [&](auto) { cuda::cross_entropy_with_gradient(s, p, x, target, dloss, loss, normaliser, dx); });
}

}  // namespace limn::inline LIMN_ABI::kernels
