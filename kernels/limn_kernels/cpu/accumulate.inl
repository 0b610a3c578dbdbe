// The inner loops of accumulate.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

template <class T>
void add_row(index_t n, const T* a, const T* b, T* y) {
  index_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store<T>(y + i, load<T>(a + i) + load<T>(b + i));
  for (; i < n; ++i) y[i] = a[i] + b[i];
}

/// The sum of n elements in four vectors of partial sums: always the same order.
template <class T>
T sum_row(index_t n, const T* x) {
  Vec<T> s0{}, s1{}, s2{}, s3{};
  constexpr index_t step = 4 * lanes<T>;
  index_t i = 0;
  for (; i + step <= n; i += step) {
    s0 += load<T>(x + i);
    s1 += load<T>(x + i + lanes<T>);
    s2 += load<T>(x + i + 2 * lanes<T>);
    s3 += load<T>(x + i + 3 * lanes<T>);
  }
  for (; i + lanes<T> <= n; i += lanes<T>) s0 += load<T>(x + i);
  T sum = reduce_add<T>((s0 + s1) + (s2 + s3));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
