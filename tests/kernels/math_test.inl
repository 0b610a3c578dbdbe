// Runs each vector function over an array, once per instruction set (see for_each_isa.hpp).
namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {
template <class V>
LIMN_INLINE V below_exp(V x) {
  return exp_below(-abs(x));
}
template <class V>
LIMN_INLINE V below_exp2(V x) {
  return exp2_below(-abs(x));
}
#define LIMN_TEST_RUN(name)                                                          \
  template <class T>                                                                 \
  void run_##name(const T* x, T* y, index_t n) {                                     \
    for (index_t i = 0; i < n; i += lanes<T>) store<T>(y + i, name(load<T>(x + i))); \
  }
LIMN_TEST_RUN(exp)
LIMN_TEST_RUN(exp2)
LIMN_TEST_RUN(expm1)
LIMN_TEST_RUN(log)
LIMN_TEST_RUN(log1p)
LIMN_TEST_RUN(tanh)
LIMN_TEST_RUN(sigmoid)
LIMN_TEST_RUN(erf)
LIMN_TEST_RUN(gelu)
LIMN_TEST_RUN(sqrt)
LIMN_TEST_RUN(below_exp)
LIMN_TEST_RUN(below_exp2)
#undef LIMN_TEST_RUN
}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
