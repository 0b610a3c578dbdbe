// The loops of reduce.hpp for one instruction set: short blocks in vectors of T, blocks joined in the accumulator type.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Whether blocks are computed in vectors of T itself.
template <class T>
inline constexpr bool reduces_in_vectors = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// x[0] (op) ... (op) x[n - 1]: each lane by itself in blocks, which are added up in the accumulator type; then halves
/// of the lanes with one another.
template <class Op, class T>
accumulator_t<Op, T> reduce_row(index_t n, const T* x) {
  using A = accumulator_t<Op, T>;
  A total = neutral<Op, A>();
  index_t done = 0;
  if constexpr (reduces_in_vectors<T>) {
    constexpr index_t step = 4 * lanes<T>;
    const Vec<T> start = broadcast<T>(neutral<Op, T>());
    A part[lanes<T>];
    for (index_t i = 0; i < lanes<T>; ++i) part[i] = total;
    while (n - done >= lanes<T>) {
      const index_t end = n - done > 64 * step ? done + 64 * step : done + (n - done) / step * step;
      Vec<T> a0 = start, a1 = start, a2 = start, a3 = start;
      for (; done < end; done += step) {
        a0 = apply(Op{}, a0, load<T>(x + done));
        a1 = apply(Op{}, a1, load<T>(x + done + lanes<T>));
        a2 = apply(Op{}, a2, load<T>(x + done + 2 * lanes<T>));
        a3 = apply(Op{}, a3, load<T>(x + done + 3 * lanes<T>));
      }
      for (; n - done < step && n - done >= lanes<T>; done += lanes<T>) a0 = apply(Op{}, a0, load<T>(x + done));
      alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
      store<T>(lane, apply(Op{}, apply(Op{}, a0, a1), apply(Op{}, a2, a3)));
      for (index_t i = 0; i < lanes<T>; ++i) part[i] = scalar::apply(Op{}, part[i], static_cast<A>(lane[i]));
    }
    for (index_t i = 0; done < n; ++i, ++done) part[i] = scalar::apply(Op{}, part[i], static_cast<A>(x[done]));
    for (index_t half = lanes<T> / 2; half > 0; half /= 2)
      for (index_t i = 0; i < half; ++i) part[i] = scalar::apply(Op{}, part[i], part[i + half]);
    return part[0];
  }
  for (; done < n; ++done) total = scalar::apply(Op{}, total, static_cast<A>(static_cast<compute_t<T>>(x[done])));
  return total;
}

/// out[i] = x[i] (op) x[i + stride] (op) ... , n terms, for i < width <= reduce_tile.
template <class Op, class T>
void reduce_columns(index_t n, index_t stride, index_t width, const T* x, accumulator_t<Op, T>* out) {
  using A = accumulator_t<Op, T>;
  for (index_t i = 0; i < width; ++i) out[i] = neutral<Op, A>();
  index_t column = 0;
  if constexpr (reduces_in_vectors<T>) {
    const Vec<T> start = broadcast<T>(neutral<Op, T>());
    for (; column + lanes<T> <= width; column += lanes<T>)
      for (index_t first = 0; first < n; first += 64) {
        const index_t last = n - first < 64 ? n : first + 64;
        Vec<T> sum = start;
        for (index_t k = first; k < last; ++k) sum = apply(Op{}, sum, load<T>(x + k * stride + column));
        alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
        store<T>(lane, sum);
        for (index_t i = 0; i < lanes<T>; ++i)
          out[column + i] = scalar::apply(Op{}, out[column + i], static_cast<A>(lane[i]));
      }
  }
  for (index_t k = 0; k < n && column < width; ++k)
    for (index_t i = column; i < width; ++i)
      out[i] = scalar::apply(Op{}, out[i], static_cast<A>(static_cast<compute_t<T>>(x[k * stride + i])));
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
