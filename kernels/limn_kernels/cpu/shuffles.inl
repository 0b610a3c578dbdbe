// Lanes of two vectors brought into another order, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function here is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Lane i is lane i + first of a and b.
template <index_t first, class V, std::size_t... i>
LIMN_INLINE V lanes_from(V a, V b, std::index_sequence<i...>) {
  if constexpr (first == 0) return a;
  return shuffled(a, b, std::index_sequence<(i + static_cast<std::size_t>(first))...>());
}

/// Every second lane of a and of b, from the first or from the second on, in the order that costs one shuffle; and from
/// that order to the order in memory, or back. They differ for eight lanes in two halves: 0 1 4 5 2 3 6 7.
template <bool Odd, class V, std::size_t... i>
LIMN_INLINE V every_second_lane(V a, V b, std::index_sequence<i...>) {
  constexpr bool halves = sizeof(V) == 32 && sizeof...(i) == 8;
  return shuffled(a, b, std::index_sequence<(2 * (halves ? i / 4 * 2 + i % 2 + i / 2 % 2 * 4 : i) + Odd)...>());
}
template <class V, std::size_t... i>
LIMN_INLINE V lanes_in_order(V v, std::index_sequence<i...>) {
  if constexpr (sizeof(V) == 32 && sizeof...(i) == 8)
    return shuffled(v, v, std::index_sequence<(i / 4 * 2 + i % 2 + i / 2 % 2 * 4)...>());
  else
    return v;
}
/// The lanes of a and b with even (odd) numbers, b's counted on.
template <class V, class Lanes>
LIMN_INLINE V even_lanes(V a, V b, Lanes all) {
  return lanes_in_order(every_second_lane<false>(a, b, all), all);
}
template <class V, class Lanes>
LIMN_INLINE V odd_lanes(V a, V b, Lanes all) {
  return lanes_in_order(every_second_lane<true>(a, b, all), all);
}

/// Element by element from the lower (upper) halves of a and b in turn: a0 b0 a1 b1 ...
template <bool Upper, class T, std::size_t... I>
LIMN_INLINE Vec<T> interleave(Vec<T> a, Vec<T> b, std::index_sequence<I...>) {
  constexpr std::size_t count = static_cast<std::size_t>(lanes<T>);
  return shuffled(a, b, std::index_sequence<((Upper ? count / 2 : 0) + I / 2 + (I % 2 ? count : 0))...>());
}

/// Lane j of the result = the sum of r[j]'s lanes, always added in the same order.
template <class T>
LIMN_INLINE Vec<T> reduce_block(Vec<T> (&r)[lanes<T>]) {
  using Lanes = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>;
  LIMN_UNROLLED for (index_t half = lanes<T> / 2; half > 0; half /= 2)
      LIMN_UNROLLED for (index_t i = 0; i < lanes<T> / 2; ++i) if (i < half) r[i] =
          interleave<false, T>(r[i], r[i + half], Lanes{}) + interleave<true, T>(r[i], r[i + half], Lanes{});
  return r[0];
}

/// As interleave, of parts of `part` elements in each 16 bytes, where a shuffle takes half as long.
template <bool Upper, std::size_t part, class V, std::size_t... i>
LIMN_INLINE V interleave_within(V a, V b, std::index_sequence<i...>) {
  constexpr std::size_t count = sizeof...(i), lane = 16 * count / sizeof(V);
  return shuffled(a, b,
                  std::index_sequence<(i / lane * lane + (Upper ? lane / 2 : 0) + i % lane / (2 * part) * part +
                                       i % part + (i / part % 2 ? count : 0))...>());
}
/// Every second 16 bytes of a, then of b, from the first or from the second on.
template <bool Odd, class V, std::size_t... i>
LIMN_INLINE V every_second(V a, V b, std::index_sequence<i...>) {
  constexpr std::size_t lane = 16 * sizeof...(i) / sizeof(V);
  return shuffled(a, b, std::index_sequence<(i / lane * 2 * lane + (Odd ? lane : 0) + i % lane)...>());
}

/// Turns a square block over in registers: lane j of r[i] becomes lane i of r[j]. First squares of 16 bytes a side are
/// turned over, then they change places; none of these shuffles needs a register of indices.
template <class T>
LIMN_INLINE void transpose_block(Vec<T> (&r)[lanes<T>]) {
  constexpr std::make_index_sequence<static_cast<std::size_t>(lanes<T>)> all;
  constexpr index_t size = 16 / static_cast<index_t>(sizeof(T)), squares = lanes<T> / size;
  Vec<T> t[lanes<T>];
  LIMN_UNROLLED for (index_t i = 0; i < lanes<T>; i += 2) {
    t[i] = interleave_within<false, 1>(r[i], r[i + 1], all);
    t[i + 1] = interleave_within<true, 1>(r[i], r[i + 1], all);
  }
  if constexpr (size == 4) LIMN_UNROLLED for (index_t i = 0; i < lanes<T>; i += 4) {
      const Vec<T> a = t[i], b = t[i + 1], c = t[i + 2], d = t[i + 3];
      t[i] = interleave_within<false, 2>(a, c, all);
      t[i + 1] = interleave_within<true, 2>(a, c, all);
      t[i + 2] = interleave_within<false, 2>(b, d, all);
      t[i + 3] = interleave_within<true, 2>(b, d, all);
    }
  LIMN_UNROLLED for (index_t i = 0; i < size; ++i) {
    if constexpr (squares == 1) {
      r[i] = t[i];
    } else if constexpr (squares == 2) {
      r[i] = every_second<false>(t[i], t[size + i], all);
      r[size + i] = every_second<true>(t[i], t[size + i], all);
    } else {
      const Vec<T> a = every_second<false>(t[i], t[size + i], all), b = every_second<true>(t[i], t[size + i], all);
      const Vec<T> c = every_second<false>(t[2 * size + i], t[3 * size + i], all);
      const Vec<T> d = every_second<true>(t[2 * size + i], t[3 * size + i], all);
      r[i] = every_second<false>(a, c, all);
      r[size + i] = every_second<false>(b, d, all);
      r[2 * size + i] = every_second<true>(a, c, all);
      r[3 * size + i] = every_second<true>(b, d, all);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
