// Vector types and basic operations for one instruction set (see for_each_isa.hpp). GCC and Clang vector extensions
// only.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function here is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// As many T as one vector register holds.
template <class T>
inline constexpr index_t lanes = LIMN_VECTOR_BYTES / static_cast<index_t>(sizeof(T));

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(LIMN_VECTOR_BYTES)));
};
/// One vector register of T: float, double or an integer type. + - * / < ?: work lane by lane.
template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
LIMN_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
LIMN_INLINE void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

/// The first n < lanes elements; the other lanes are zero.
template <class T>
LIMN_INLINE Vec<T> load_first(const T* p, index_t n) {
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>] = {};
  for (index_t i = 0; i < n; ++i) lane[i] = p[i];
  return load<T>(lane);
}
template <class T>
LIMN_INLINE void store_first(T* p, Vec<T> v, index_t n) {
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
  store<T>(lane, v);
  for (index_t i = 0; i < n; ++i) p[i] = lane[i];
}

template <class T>
LIMN_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}  // x - 0 keeps the sign of zero

template <class V>
LIMN_INLINE V vmax(V a, V b) {
  return a > b ? a : b;
}
template <class V>
LIMN_INLINE V vmin(V a, V b) {
  return a < b ? a : b;
}

/// Sum of all lanes, always added in the same (pairwise) order.
template <class T>
LIMN_INLINE T reduce_add(Vec<T> v) {
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
  store<T>(lane, v);
  for (index_t half = lanes<T> / 2; half > 0; half /= 2)
    for (index_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}
template <class T>
LIMN_INLINE T reduce_max(Vec<T> v) {
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
  store<T>(lane, v);
  T top = lane[0];
  for (index_t i = 1; i < lanes<T>; ++i) top = lane[i] > top ? lane[i] : top;
  return top;
}

/// v, loaded once: GCC would rather load it again for each of several uses.
template <class T>
LIMN_INLINE Vec<T> in_register(Vec<T> v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

/// Element by element from the lower (upper) halves of a and b in turn: a0 b0 a1 b1 ...
template <bool Upper, class T, std::size_t... I>
LIMN_INLINE Vec<T> interleave(Vec<T> a, Vec<T> b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b,
                                 ((Upper ? lanes<T> / 2 : 0) + static_cast<int>(I / 2) + (I % 2 ? lanes<T> : 0))...);
}

/// Turns a square block over in registers: lane j of r[i] becomes lane i of r[j]. log2(lanes) rounds of interleaving.
template <class T>
LIMN_INLINE void transpose_block(Vec<T> (&r)[lanes<T>]) {
  using Lanes = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>;
  constexpr index_t half = lanes<T> / 2;
  LIMN_UNROLLED for (index_t round = 1; round < lanes<T>; round *= 2) {
    Vec<T> t[lanes<T>];
    LIMN_UNROLLED for (index_t i = 0; i < half; ++i) {
      t[2 * i] = interleave<false, T>(r[i], r[i + half], Lanes{});
      t[2 * i + 1] = interleave<true, T>(r[i], r[i + half], Lanes{});
    }
    LIMN_UNROLLED for (index_t i = 0; i < lanes<T>; ++i) r[i] = t[i];
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
