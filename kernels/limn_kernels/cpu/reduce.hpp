#pragma once
// The CPU body of reduce.hpp: how the work is cut, independent of the number of threads; the loops are in reduce.inl.

#include <memory>

#include <limn_kernels/pointwise.hpp>
#include <limn_kernels/reduce.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

inline constexpr index_t reduce_tile = 64;      // neighbouring results computed together where inner > 1
inline constexpr index_t reduce_chunk = 65536;  // elements of one result accumulated by one thread

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/reduce.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels {
namespace cpu {

template <class A, class T>
T from_accumulator(A value) {
  if constexpr (is_half<T>)
    return static_cast<T>(static_cast<float>(value));
  else
    return static_cast<T>(value);
}

/// Reduces axis positions [first, last) of the results [column, column + width) of one outer index into out.
template <class Op, class T>
void reduce_part(const ReduceShape& s, const T* x, index_t first, index_t last, index_t column, index_t width,
                 accumulator_t<Op, T>* out) {
  if (s.inner == 1) {
    out[0] = LIMN_CALL_ISA(reduce_row<Op>, last - first, x + first);
    return;
  }
  LIMN_CALL_ISA(reduce_columns<Op>, last - first, s.inner, width, x + first * s.inner + column, out);
}

template <class Op, class T>
void reduce(const ReduceShape& s, const T* x, T* y) {
  using A = accumulator_t<Op, T>;
  if (s.outer == 0 || s.inner == 0) return;
  const index_t tile = s.inner == 1 ? 1 : reduce_tile, tiles = (s.inner + tile - 1) / tile;
  const index_t chunk = reduce_chunk / (s.inner < tile ? s.inner : tile);
  const index_t chunks = s.axis <= 2 * chunk ? 1 : (s.axis + chunk - 1) / chunk;
  const index_t work = (s.axis < chunk ? s.axis : chunk) * tile, items = s.outer * tiles * chunks;

  const std::unique_ptr<A[]> partial(chunks > 1 ? new A[static_cast<std::size_t>(s.outer * s.inner * chunks)]
                                                : nullptr);
  parallel_for(items, 1 + 16384 / (work + 1), [&](index_t begin, index_t end) {
    for (index_t item = begin; item < end; ++item) {
      const index_t part = item % chunks, t = item / chunks % tiles, o = item / chunks / tiles;
      const index_t column = t * tile, width = s.inner - column < tile ? s.inner - column : tile;
      const index_t first = part * chunk, last = part + 1 == chunks ? s.axis : first + chunk;
      A out[reduce_tile];
      reduce_part<Op>(s, x + o * s.axis * s.inner, first, last, column, width, out);
      for (index_t i = 0; i < width; ++i) {
        const index_t result = o * s.inner + column + i;
        if (chunks == 1)
          y[result] = from_accumulator<A, T>(out[i]);
        else
          partial.get()[result * chunks + part] = out[i];
      }
    }
  });
  if (chunks == 1) return;
  for (index_t i = 0; i < s.outer * s.inner; ++i) {
    A total = partial.get()[i * chunks];
    for (index_t part = 1; part < chunks; ++part) total = evaluate(Op{}, total, partial.get()[i * chunks + part]);
    y[i] = from_accumulator<A, T>(total);
  }
}

template <class Op, class T>
void arg_reduce(const ReduceShape& s, const T* x, std::int64_t* y) {
  using C = compute_t<T>;
  const auto better = [](C a, C b) {
    if (a != a) return false;  // the first NaN stays
    if (b != b) return true;
    return std::is_same_v<Op, Maximum> ? b > a : b < a;
  };
  parallel_for(s.outer, 1 + 16384 / (s.axis * s.inner + 1), [&](index_t begin, index_t end) {
    if constexpr (std::is_floating_point_v<T>)
      if (s.inner == 1) {  // the best of a row, by vectors, and then its place
        for (index_t o = begin; o < end; ++o) {
          const T *row = x + o * s.axis, best = LIMN_CALL_ISA(reduce_row<Op>, s.axis, row);
          index_t place = 0;
          if (best == best)
            while (row[place] != best) ++place;
          else
            while (row[place] == row[place]) ++place;
          y[o] = place;
        }
        return;
      }
    for (index_t o = begin; o < end; ++o)
      for (index_t i = 0; i < s.inner; ++i) {
        const T* from = x + o * s.axis * s.inner + i;
        C best = static_cast<C>(from[0]);
        index_t place = 0;
        for (index_t k = 1; k < s.axis; ++k) {
          const C value = static_cast<C>(from[k * s.inner]);
          if (better(best, value)) best = value, place = k;
        }
        y[o * s.inner + i] = place;
      }
  });
}

template <class T>
void running_sum(const ReduceShape& s, const T* x, T* y) {
  using A = accumulator_t<Add, T>;
  parallel_for(s.outer * s.inner, 1 + 16384 / (s.axis + 1), [&](index_t begin, index_t end) {
    for (index_t r = begin; r < end; ++r) {
      const index_t start = r / s.inner * s.axis * s.inner + r % s.inner;
      A sum{};
      for (index_t k = 0; k < s.axis; ++k) {
        const index_t at = start + k * s.inner;
        sum = static_cast<A>(sum + static_cast<A>(static_cast<compute_t<T>>(x[at])));
        y[at] = from_accumulator<A, T>(sum);
      }
    }
  });
}

}  // namespace cpu

template <class Op, class T>
void reduce(Device device, const ReduceShape& s, const T* x, T* y) {
  const auto on_cpu = [&] { cpu::reduce<Op>(s, x, y); };
  if constexpr (detail::reduces_on_gpu<Op, T>)
    dispatch("reduce", device, on_cpu, [&](auto) { cuda::reduce<Op>(s, x, y); });
  else
    dispatch_cpu("reduce", device, on_cpu);
}
template <class Op, class T>
void arg_reduce(Device device, const ReduceShape& s, const T* x, std::int64_t* y) {
  dispatch_floating<T>(
      "arg_reduce", device, [&] { cpu::arg_reduce<Op>(s, x, y); }, [&](auto) { cuda::arg_reduce<Op>(s, x, y); });
}
template <class T>
void running_sum(Device device, const ReduceShape& s, const T* x, T* y) {
  dispatch_floating<T>(
      "running_sum", device, [&] { cpu::running_sum(s, x, y); }, [&](auto) { cuda::running_sum(s, x, y); });
}

}  // namespace limn::inline LIMN_ABI::kernels
