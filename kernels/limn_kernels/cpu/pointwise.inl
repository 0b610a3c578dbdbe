// The loops of pointwise.hpp for one instruction set. Every element, also at the end of a row and of a strided operand,
// goes through the same vector code (one out-of-line function), so that equal inputs give equal bits wherever they lie.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#ifndef LIMN_NOINLINE
#define LIMN_NOINLINE __attribute__((noinline))
#endif

#define LIMN_FUNCTOR_NAMESPACE cpu::LIMN_ISA
#define LIMN_FUNCTOR LIMN_INLINE
#include <limn_kernels/functors.inl>
#undef LIMN_FUNCTOR_NAMESPACE
#undef LIMN_FUNCTOR

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

inline constexpr index_t buffer_length = 256;  // elements of a strided or converted operand gathered at a time

/// Whether f has a body for vectors of T that gives vectors of T.
template <class F, class T>
inline constexpr bool vectorised_unary = requires(const F& f, Vec<T> v) {
  v = apply(f, v);
};
template <class F, class T>
inline constexpr bool vectorised_binary = requires(const F& f, Vec<T> v) {
  v = apply(f, v, v);
};

template <class F, class C>
LIMN_NOINLINE void unary_vectors(const F& f, index_t vectors, const C* x, C* y) {
  for (index_t i = 0; i < vectors; ++i) store<C>(y + i * lanes<C>, apply(f, load<C>(x + i * lanes<C>)));
}

/// step_a and step_b are lanes (a contiguous operand) or 0 (one vector for all).
template <class F, class C>
LIMN_NOINLINE void binary_vectors(const F& f, index_t vectors, const C* a, index_t step_a, const C* b, index_t step_b,
                                  C* y) {
  for (index_t i = 0; i < vectors; ++i)
    store<C>(y + i * lanes<C>, apply(f, load<C>(a + i * step_a), load<C>(b + i * step_b)));
}

template <class F, class T, class R>
void unary_block(const F& f, index_t n, const T* x, R* y) {
  using C = compute_t<T>;
  if constexpr (!std::is_same_v<T, R> || !std::is_floating_point_v<C>) {
    for (index_t i = 0; i < n; ++i)
      y[i] = convert_to<decltype(scalar::apply(f, C{})), R>(scalar::apply(f, static_cast<C>(x[i])));
  } else if constexpr (!vectorised_unary<F, C>) {
    for (index_t i = 0; i < n; ++i) y[i] = static_cast<R>(static_cast<C>(scalar::apply(f, static_cast<C>(x[i]))));
  } else {
    index_t done = 0;
    if constexpr (std::is_same_v<T, C>) {
      unary_vectors(f, n / lanes<C>, x, y);
      done = n / lanes<C> * lanes<C>;
    }
    alignas(LIMN_VECTOR_BYTES) C buffer[buffer_length];
    while (done < n) {
      const index_t count = n - done < buffer_length ? n - done : buffer_length;
      for (index_t i = 0; i < count; ++i) buffer[i] = static_cast<C>(x[done + i]);
      for (index_t i = count; i % lanes<C> != 0; ++i) buffer[i] = buffer[count - 1];
      unary_vectors(f, (count + lanes<C> - 1) / lanes<C>, buffer, buffer);
      for (index_t i = 0; i < count; ++i) y[done + i] = static_cast<R>(buffer[i]);
      done += count;
    }
  }
}

/// Where the vector loop finds `count` elements of an operand: in place, or gathered into the buffer.
template <class T, class C>
const C* operand(const T* p, index_t step, index_t count, C* buffer) {
  if constexpr (std::is_same_v<T, C>)
    if (step == 1 && count % lanes<C> == 0) return p;
  const index_t filled = (count + lanes<C> - 1) / lanes<C> * lanes<C>;
  for (index_t i = 0; i < filled; ++i) buffer[i] = static_cast<C>(p[(i < count ? i : count - 1) * step]);
  return buffer;
}

/// Results of another type than the operands', element by element; steps that are known leave the loop to the
/// compiler's vectors.
template <index_t StepA, index_t StepB, class F, class T, class R>
LIMN_INLINE void convert_row(const F& f, index_t n, const T* a, index_t step_a, const T* b, index_t step_b, R* y) {
  using C = compute_t<T>;
  for (index_t i = 0; i < n; ++i) {
    const C p = static_cast<C>(a[i * (StepA < 0 ? step_a : StepA)]),
            q = static_cast<C>(b[i * (StepB < 0 ? step_b : StepB)]);
    y[i] = convert_to<decltype(scalar::apply(f, p, q)), R>(scalar::apply(f, p, q));
  }
}

template <class F, class T, class R>
void binary_row(const F& f, index_t n, const T* a, index_t step_a, const T* b, index_t step_b, R* y) {
  using C = compute_t<T>;
  if constexpr (!std::is_same_v<T, R> || !std::is_floating_point_v<C>) {
    if (step_a == 1 && step_b == 1)
      convert_row<1, 1>(f, n, a, step_a, b, step_b, y);
    else if (step_a == 1 && step_b == 0)
      convert_row<1, 0>(f, n, a, step_a, b, step_b, y);
    else
      convert_row<-1, -1>(f, n, a, step_a, b, step_b, y);
  } else if constexpr (!vectorised_binary<F, C>) {
    for (index_t i = 0; i < n; ++i)
      y[i] = static_cast<R>(
          static_cast<C>(scalar::apply(f, static_cast<C>(a[i * step_a]), static_cast<C>(b[i * step_b]))));
  } else {
    alignas(LIMN_VECTOR_BYTES) C a_buffer[buffer_length], b_buffer[buffer_length], y_buffer[buffer_length];
    if (step_a == 0) operand<T, C>(a, 0, lanes<C>, a_buffer);
    if (step_b == 0) operand<T, C>(b, 0, lanes<C>, b_buffer);
    const bool in_place = std::is_same_v<T, C> && (step_a == 0 || step_a == 1) && (step_b == 0 || step_b == 1);
    index_t done = 0;
    while (done < n) {
      index_t count = n - done;
      if (in_place && count >= lanes<C>)
        count = count / lanes<C> * lanes<C>;
      else if (count > buffer_length)
        count = buffer_length;
      const C* p = step_a == 0 ? a_buffer : operand<T, C>(a + done * step_a, step_a, count, a_buffer);
      const C* q = step_b == 0 ? b_buffer : operand<T, C>(b + done * step_b, step_b, count, b_buffer);
      const index_t vectors = (count + lanes<C> - 1) / lanes<C>;
      C* to = y_buffer;
      if constexpr (std::is_same_v<R, C>)
        if (count % lanes<C> == 0) to = y + done;
      binary_vectors(f, vectors, p, step_a == 0 ? 0 : lanes<C>, q, step_b == 0 ? 0 : lanes<C>, to);
      if (static_cast<const void*>(to) == static_cast<const void*>(y_buffer))
        for (index_t i = 0; i < count; ++i) y[done + i] = static_cast<R>(y_buffer[i]);
      done += count;
    }
  }
}

template <class F, class T, class R>
void binary_rows(const F& f, const Walk<2>& walk, index_t begin, index_t end, const T* a, const T* b, R* y) {
  const index_t length = walk.row_length(), step_a = walk.row_step(0), step_b = walk.row_step(1);
  RowCursor<2> cursor(walk, begin);
  for (index_t row = begin; row < end; ++row, cursor.next())
    binary_row(f, length, a + cursor.offset[0], step_a, b + cursor.offset[1], step_b, y + row * length);
}

/// As many conditions as a vector of T has lanes.
template <class T>
struct ConditionsOf {
  typedef signed char type __attribute__((vector_size(lanes<T>)));
};
template <index_t StepA, index_t StepB, class T>
LIMN_INLINE void select_steps(index_t n, const bool* condition, const T* a, const T* b, T* y) {
  index_t i = 0;
  if constexpr (std::is_floating_point_v<T>)
    for (; i + lanes<T> <= n; i += lanes<T>) {
      typename ConditionsOf<T>::type bytes;
      std::memcpy(&bytes, condition + i, sizeof bytes);
      typedef std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> Lane;
      const auto chosen = __builtin_convertvector(bytes, Vec<Lane>) != 0;
      const Vec<T> p = StepA == 1 ? load<T>(a + i) : broadcast<T>(*a),
                   q = StepB == 1 ? load<T>(b + i) : broadcast<T>(*b);
      store<T>(y + i, chosen ? p : q);
    }
  for (; i < n; ++i) y[i] = condition[i] ? a[i * StepA] : b[i * StepB];
}
/// y[i] = condition[i * step_c] ? a[i * step_a] : b[i * step_b]
template <class T>
void select_row(index_t n, const bool* condition, index_t step_c, const T* a, index_t step_a, const T* b,
                index_t step_b, T* y) {
  if (step_c == 1 && step_a == 1 && step_b == 1) return select_steps<1, 1>(n, condition, a, b, y);
  if (step_c == 1 && step_a == 1 && step_b == 0) return select_steps<1, 0>(n, condition, a, b, y);
  if (step_c == 1 && step_a == 0 && step_b == 1) return select_steps<0, 1>(n, condition, a, b, y);
  for (index_t i = 0; i < n; ++i) y[i] = condition[i * step_c] ? a[i * step_a] : b[i * step_b];
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
