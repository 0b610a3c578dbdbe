// The loops of optim.hpp for one instruction set; the rules themselves are in optim.inl of the folder above.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

#define LIMN_FUNCTOR_NAMESPACE cpu::LIMN_ISA
#define LIMN_FUNCTOR LIMN_INLINE
#include <limn_kernels/optim.inl>
#undef LIMN_FUNCTOR_NAMESPACE
#undef LIMN_FUNCTOR

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

template <class T>
double sum_of_squares(index_t n, const T* x) {
  constexpr index_t block = 64 * lanes<T>;  // so many terms in T, then on in double
  double total = 0;
  index_t i = 0;
  for (; i + block <= n; i += block) {
    Vec<T> sum[4] = {};
    for (index_t j = 0; j < block; j += 4 * lanes<T>)
#pragma GCC unroll 4
      for (index_t g = 0; g < 4; ++g) {
        const Vec<T> v = load<T>(x + i + j + g * lanes<T>);
        sum[g] += v * v;
      }
    total += static_cast<double>(reduce_add<T>((sum[0] + sum[1]) + (sum[2] + sum[3])));
  }
  for (; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

template <class T, class Rule>
void optimizer_update(const Rule& rule, index_t n, T* w, const T* g, T* a, T* b, T* c) {
  for (index_t i = 0; i < n; i += lanes<T>) {
    const index_t count = n - i < lanes<T> ? n - i : lanes<T>;
    const bool whole = count == lanes<T>;
    Vec<T> vw = whole ? load<T>(w + i) : load_first<T>(w + i, count);
    const Vec<T> vg = whole ? load<T>(g + i) : load_first<T>(g + i, count);
    Vec<T> va{}, vb{}, vc{};
    if (a) va = whole ? load<T>(a + i) : load_first<T>(a + i, count);
    if (b) vb = whole ? load<T>(b + i) : load_first<T>(b + i, count);
    if (c) vc = whole ? load<T>(c + i) : load_first<T>(c + i, count);
    update(rule, vw, vg, va, vb, vc);
    if (whole) {
      store<T>(w + i, vw);
      if (a) store<T>(a + i, va);
      if (b) store<T>(b + i, vb);
      if (c) store<T>(c + i, vc);
    } else {
      store_first<T>(w + i, vw, count);
      if (a) store_first<T>(a + i, va, count);
      if (b) store_first<T>(b + i, vb, count);
      if (c) store_first<T>(c + i, vc, count);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop
