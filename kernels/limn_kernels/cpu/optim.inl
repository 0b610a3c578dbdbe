// The rules of optim.hpp on vectors of one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

template <class T>
LIMN_INLINE Vec<T> blend(T beta, Vec<T> old, Vec<T> fresh) {
  return broadcast<T>(beta) * old + broadcast<T>(T(1) - beta) * fresh;
}

template <class T>
LIMN_INLINE void apply(const SgdRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>&, Vec<T>&) {
  g = broadcast<T>(r.sign) * g + broadcast<T>(r.decay) * w;
  if (r.use_momentum) {
    a = r.first ? g : broadcast<T>(r.momentum) * a + broadcast<T>(r.keep) * g;
    g = r.nesterov ? g + broadcast<T>(r.momentum) * a : a;
  }
  w -= broadcast<T>(r.lr) * g;
}

template <class T>
LIMN_INLINE void apply(const AdamRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>& b, Vec<T>& c) {
  w *= broadcast<T>(r.shrink);
  g = broadcast<T>(r.sign) * g + broadcast<T>(r.decay) * w;
  a = blend<T>(r.beta1, a, g);
  b = blend<T>(r.beta2, b, g * g);
  Vec<T> second = b;
  if (r.amsgrad) second = c = vmax(c, b);
  w -= broadcast<T>(r.step) * a / (sqrt(second) * broadcast<T>(r.scale) + broadcast<T>(r.epsilon));
}

template <class T>
LIMN_INLINE void apply(const NadamRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>& b, Vec<T>&) {
  g += broadcast<T>(r.decay) * w;
  a = blend<T>(r.beta1, a, g);
  b = blend<T>(r.beta2, b, g * g);
  const Vec<T> d = sqrt(b) * broadcast<T>(r.scale) + broadcast<T>(r.epsilon);
  w -= (broadcast<T>(r.gradient_step) * g + broadcast<T>(r.step) * a) / d;
}

template <class T>
LIMN_INLINE void apply(const RadamRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>& b, Vec<T>&) {
  g += broadcast<T>(r.decay) * w;
  a = blend<T>(r.beta1, a, g);
  b = blend<T>(r.beta2, b, g * g);
  const Vec<T> move = broadcast<T>(r.step) * a;
  w -= r.adaptive ? move / (sqrt(b) + broadcast<T>(r.epsilon)) : move;
}

template <class T>
LIMN_INLINE void apply(const AdamaxRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>& b, Vec<T>&) {
  g += broadcast<T>(r.decay) * w;
  a = blend<T>(r.beta1, a, g);
  b = vmax(broadcast<T>(r.beta2) * b, vmax(g, -g) + broadcast<T>(r.epsilon));
  w -= broadcast<T>(r.step) * a / b;
}

template <class T>
LIMN_INLINE void apply(const RmspropRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>& b, Vec<T>& c) {
  g += broadcast<T>(r.decay) * w;
  a = blend<T>(r.alpha, a, g * g);
  Vec<T> variance = a;
  if (r.centered) {
    b = blend<T>(r.alpha, b, g);
    variance = a - b * b;
  }
  Vec<T> move = g / (sqrt(variance) + broadcast<T>(r.epsilon));
  if (r.use_momentum) move = c = broadcast<T>(r.momentum) * c + move;
  w -= broadcast<T>(r.lr) * move;
}

template <class T>
LIMN_INLINE void apply(const AdagradRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>&, Vec<T>&) {
  g += broadcast<T>(r.decay) * w;
  a += g * g;
  w -= broadcast<T>(r.lr) * g / (sqrt(a) + broadcast<T>(r.epsilon));
}

template <class T>
LIMN_INLINE void apply(const AdadeltaRule<T>& r, Vec<T>& w, Vec<T> g, Vec<T>& a, Vec<T>& b, Vec<T>&) {
  g += broadcast<T>(r.decay) * w;
  a = blend<T>(r.rho, a, g * g);
  const Vec<T> move = sqrt(b + broadcast<T>(r.epsilon)) / sqrt(a + broadcast<T>(r.epsilon)) * g;
  b = blend<T>(r.rho, b, move * move);
  w -= broadcast<T>(r.lr) * move;
}

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
    apply(rule, vw, vg, va, vb, vc);
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
