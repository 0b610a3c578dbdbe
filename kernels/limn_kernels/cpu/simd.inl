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
  typedef T anywhere __attribute__((vector_size(LIMN_VECTOR_BYTES), aligned(alignof(T)), may_alias));
};
/// One vector register of T: float, double or an integer type. + - * / < ?: work lane by lane.
template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
LIMN_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::anywhere*>(p);
}
template <class T>
LIMN_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::anywhere*>(p) = v;
}

// What the compilers do not find by themselves in the plain form, by its name in GCC and Clang alike.
#if LIMN_VECTOR_BYTES == 64
/// x 2^n, n whole; rounded once where the result is subnormal (vscalefps).
LIMN_INLINE Vec<float> scale_exponent(Vec<float> x, Vec<float> n) {
  return __builtin_ia32_scalefps512_mask(x, n, x, std::uint16_t{0xffff}, 4);
}
#endif
/// The square root, rounded correctly.
LIMN_INLINE Vec<float> sqrt(Vec<float> x) {
#if LIMN_VECTOR_BYTES == 64 && defined(__clang__)
  return __builtin_ia32_sqrtps512(x, 4);
#elif LIMN_VECTOR_BYTES == 64
  return __builtin_ia32_sqrtps512_mask(x, x, std::uint16_t{0xffff}, 4);
#elif LIMN_VECTOR_BYTES == 32
  return __builtin_ia32_sqrtps256(x);
#elif defined(__x86_64__)
  return __builtin_ia32_sqrtps(x);
#else
  Vec<float> y{};
  for (index_t k = 0; k < lanes<float>; ++k) y[k] = std::sqrt(x[k]);
  return y;
#endif
}

/// The lanes [first, last) of a vector, with what a load of just these needs.
struct LaneRange {
  index_t first, last;
#if LIMN_VECTOR_BYTES == 64
  std::uint16_t bits;
#elif LIMN_VECTOR_BYTES == 32
  Vec<std::int32_t> bits;
#endif
};
/// 0 <= first <= last <= lanes. Before a loop: making it takes longer than a load.
LIMN_INLINE LaneRange lanes_between(index_t first, index_t last) {
#if LIMN_VECTOR_BYTES == 64
  return {first, last, static_cast<std::uint16_t>((1u << last) - (1u << first))};
#elif LIMN_VECTOR_BYTES == 32
  constexpr Vec<std::int32_t> lane{0, 1, 2, 3, 4, 5, 6, 7};
  return {first, last, (lane >= static_cast<std::int32_t>(first)) & (lane < static_cast<std::int32_t>(last))};
#else
  return {first, last};
#endif
}
/// The lanes of `range` from p + range.first on; the others are zero, and what lies there is not read.
template <class T>
LIMN_INLINE Vec<T> load_between(const T* p, const LaneRange& range) {
#if LIMN_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<T, float>) return __builtin_ia32_loadups512_mask(p, Vec<float>{}, range.bits);
#elif LIMN_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<T, float>)
    return __builtin_ia32_maskloadps256(reinterpret_cast<const Vec<float>*>(p), range.bits);
#endif
  if (range.last - range.first == lanes<T>) return load<T>(p);
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>] = {};
  for (index_t i = range.first; i < range.last; ++i) lane[i] = p[i];
  return load<T>(lane);
}
/// The first n lanes, in pieces of half a vector, a quarter and so on: AVX2's masked store takes 25 cycles on Zen 3,
/// these eight.
template <class T>
LIMN_INLINE void store_pieces(T* p, Vec<T> v, index_t n) {
  if (n == lanes<T>) return store<T>(p, v);
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
  store<T>(lane, v);
  const T* from = lane;
  LIMN_UNROLLED for (index_t size = lanes<T> / 2; size > 0; size /= 2) if ((n & size) != 0) {
    std::memcpy(p, from, static_cast<std::size_t>(size) * sizeof(T));
    p += size;
    from += size;
  }
}
/// The lanes of `range` to p + range.first and on.
template <class T>
LIMN_INLINE void store_between(T* p, Vec<T> v, const LaneRange& range) {
#if LIMN_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<T, float>) return __builtin_ia32_storeups512_mask(p, v, range.bits);
#endif
  if (range.first == 0) return store_pieces<T>(p, v, range.last);
#if LIMN_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<T, float>)
    return __builtin_ia32_maskstoreps256(reinterpret_cast<Vec<float>*>(p), range.bits, v);
#endif
  alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
  store<T>(lane, v);
  for (index_t i = range.first; i < range.last; ++i) p[i] = lane[i];
}
/// The first n <= lanes elements; the other lanes are zero. Nothing past them is read or written.
template <class T>
LIMN_INLINE Vec<T> load_first(const T* p, index_t n) {
  return load_between<T>(p, lanes_between(0, n));
}
template <class T>
LIMN_INLINE void store_first(T* p, Vec<T> v, index_t n) {
  if constexpr (LIMN_VECTOR_BYTES == 64 && std::is_same_v<T, float>)
    store_between<T>(p, v, lanes_between(0, n));
  else
    store_pieces<T>(p, v, n);
}

/// The same, where they are often all.
template <class T>
LIMN_INLINE Vec<T> load_n(const T* p, index_t n) {
  return n == lanes<T> ? load<T>(p) : load_first<T>(p, n);
}
template <class T>
LIMN_INLINE void store_n(T* p, Vec<T> v, index_t n) {
  if (n == lanes<T>) return store<T>(p, v);
  store_first<T>(p, v, n);
}

template <class T>
LIMN_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}  // x - 0 keeps the sign of zero

/// Stores to memory past the caches, which need not read the line first; p is aligned to the vector. order_stores()
/// before others may read it.
template <class T>
LIMN_INLINE void store_past_caches(T* p, Vec<T> v) {
#if defined(__clang__)
  __builtin_nontemporal_store(v, reinterpret_cast<Vec<T>*>(p));
#elif LIMN_VECTOR_BYTES == 64
  __builtin_ia32_movntps512(reinterpret_cast<float*>(p), (Vec<float>)v);
#elif LIMN_VECTOR_BYTES == 32
  __builtin_ia32_movntps256(reinterpret_cast<float*>(p), (Vec<float>)v);
#elif defined(__x86_64__)
  __builtin_ia32_movntps(reinterpret_cast<float*>(p), (Vec<float>)v);
#else
  store<T>(p, v);
#endif
}
inline void order_stores() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

/// The larger (smaller) lane by lane; b where one is NaN.
template <class V>
LIMN_INLINE V vmax(V a, V b) {
#if !defined(__clang__) && LIMN_VECTOR_BYTES == 64  // GCC makes a comparison and a blend of the plain form
  if constexpr (std::is_same_v<V, Vec<float>>) return __builtin_ia32_maxps512_mask(a, b, a, std::uint16_t{0xffff}, 4);
#elif !defined(__clang__) && LIMN_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<V, Vec<float>>) return __builtin_ia32_maxps256(a, b);
#endif
  return a > b ? a : b;
}
template <class V>
LIMN_INLINE V vmin(V a, V b) {
#if !defined(__clang__) && LIMN_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<V, Vec<float>>) return __builtin_ia32_minps512_mask(a, b, a, std::uint16_t{0xffff}, 4);
#elif !defined(__clang__) && LIMN_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<V, Vec<float>>) return __builtin_ia32_minps256(a, b);
#endif
  return a < b ? a : b;
}

/// Lanes of a and b (b's are counted on) in the order of `from`. Two spellings, since nvcc's parser of the host's code
/// takes no pack in __builtin_shufflevector, and Clang has no __builtin_shuffle.
template <class V, std::size_t... from>
LIMN_INLINE V shuffled(V a, V b, std::index_sequence<from...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, static_cast<int>(from)...);
#else
  using Index = std::conditional_t<sizeof(V) / sizeof...(from) == 8, std::int64_t, std::int32_t>;
  static_assert(sizeof(V) == sizeof...(from) * sizeof(Index));
  const Vec<Index> order{static_cast<Index>(from)...};
  return __builtin_shuffle(a, b, order);
#endif
}

#if LIMN_VECTOR_BYTES == 64
/// Lane i is lane index[i] of a and b (b's are counted on): known at run time only (vpermt2ps).
LIMN_INLINE Vec<float> picked(Vec<float> a, Vec<float> b, Vec<std::int32_t> index) {
#if defined(__clang__)
  return __builtin_ia32_vpermi2varps512(a, index, b);
#else
  return __builtin_shuffle(a, b, index);
#endif
}
#endif

/// Lane i becomes lane i ^ distance.
template <index_t distance, class V, std::size_t... i>
LIMN_INLINE V exchanged(V v, std::index_sequence<i...>) {
  return shuffled(v, v, std::index_sequence<(i ^ static_cast<std::size_t>(distance))...>());
}
/// join(join(join(lanes, lanes 8 further), 4 further), ...) in lane 0: always in the same (pairwise) order.
template <class T, index_t distance, class Join>
LIMN_INLINE T reduce_lanes(Vec<T> v, const Join& join) {
  v = join(v, exchanged<distance>(v, std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>()));
  if constexpr (distance > 1) return reduce_lanes<T, distance / 2>(v, join);
  return v[0];
}
struct JoinSum {
  template <class V>
  LIMN_INLINE V operator()(V a, V b) const {
    return a + b;
  }
};
struct JoinMaximum {
  template <class V>
  LIMN_INLINE V operator()(V a, V b) const {
    return vmax(a, b);
  }
};
/// Sum of all lanes, always added in the same (pairwise) order.
template <class T>
LIMN_INLINE T reduce_add(Vec<T> v) {
  return reduce_lanes<T, lanes<T> / 2>(v, JoinSum());
}
template <class T>
LIMN_INLINE T reduce_max(Vec<T> v) {
  return reduce_lanes<T, lanes<T> / 2>(v, JoinMaximum());
}

/// v, computed once and rounded as it is: GCC would rather load it again for each of several uses, or fuse a product
/// with a sum.
template <class T>
LIMN_INLINE Vec<T> in_register(Vec<T> v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
  return v;
}

/// The same bits as another vector.
template <class To, class From>
LIMN_INLINE To bits_as(From v) {
  To to;
  std::memcpy(&to, &v, sizeof to);
  return to;
}

/// Lane by lane the sum of two products of 16-bit integers (pmaddwd).
LIMN_INLINE Vec<std::int32_t> dot_pairs(Vec<std::int32_t> a, Vec<std::int32_t> b) {
#if defined(__x86_64__)
  const auto x = bits_as<Vec<std::int16_t>>(a), y = bits_as<Vec<std::int16_t>>(b);
#if LIMN_VECTOR_BYTES == 64 && defined(__clang__)
  return bits_as<Vec<std::int32_t>>(__builtin_ia32_pmaddwd512(x, y));
#elif LIMN_VECTOR_BYTES == 64
  return bits_as<Vec<std::int32_t>>(__builtin_ia32_pmaddwd512_mask(x, y, a, std::uint16_t{0xffff}));
#elif LIMN_VECTOR_BYTES == 32
  return bits_as<Vec<std::int32_t>>(__builtin_ia32_pmaddwd256(x, y));
#else
  return bits_as<Vec<std::int32_t>>(__builtin_ia32_pmaddwd128(x, y));
#endif
#else
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

// For processors that dot_instructions() says have them. In assembler: the compilers name them differently, from
// version to version, and only under one more target.
#if LIMN_VECTOR_BYTES == 64
/// Lane by lane sum + the sum of two products of bf16 (vdpbf16ps: subnormal numbers are zeros to it).
LIMN_INLINE Vec<float> dot_bf16(Vec<float> sum, Vec<std::int32_t> a, Vec<std::int32_t> b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}
/// Lane by lane sum + the sum of four products of a's bytes, unsigned, with b's, signed (vpdpbusd).
LIMN_INLINE Vec<std::int32_t> dot_bytes(Vec<std::int32_t> sum, Vec<std::int32_t> a, Vec<std::int32_t> b) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}
#elif LIMN_VECTOR_BYTES == 32
LIMN_INLINE Vec<std::int32_t> dot_bytes(Vec<std::int32_t> sum, Vec<std::int32_t> a, Vec<std::int32_t> b) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
  return sum;
}
#endif

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
