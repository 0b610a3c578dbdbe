// The rules of optim.hpp for one element or a vector of them. Included once for numbers (LIMN_FUNCTOR_NAMESPACE is
// scalar) and once for the vectors of each instruction set; splat_exact, sqrt and vmax come from that namespace.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::LIMN_FUNCTOR_NAMESPACE {

template <class T, class V>
LIMN_FUNCTOR V blend(T beta, V old, V fresh) {
  return splat_exact<V>(beta) * old + splat_exact<V>(T(1) - beta) * fresh;
}

template <class T, class V>
LIMN_FUNCTOR void update(const SgdRule<T>& r, V& w, V g, V& a, V&, V&) {
  g = splat_exact<V>(r.sign) * g + splat_exact<V>(r.decay) * w;
  if (r.use_momentum) {
    a = r.first ? g : splat_exact<V>(r.momentum) * a + splat_exact<V>(r.keep) * g;
    g = r.nesterov ? g + splat_exact<V>(r.momentum) * a : a;
  }
  w -= splat_exact<V>(r.lr) * g;
}

template <class T, class V>
LIMN_FUNCTOR void update(const AdamRule<T>& r, V& w, V g, V& a, V& b, V& c) {
  w *= splat_exact<V>(r.shrink);
  g = splat_exact<V>(r.sign) * g + splat_exact<V>(r.decay) * w;
  a = blend(r.beta1, a, g);
  b = blend(r.beta2, b, g * g);
  V second = b;
  if (r.amsgrad) second = c = vmax(c, b);
  w -= splat_exact<V>(r.step) * a / (sqrt(second) * splat_exact<V>(r.scale) + splat_exact<V>(r.epsilon));
}

template <class T, class V>
LIMN_FUNCTOR void update(const NadamRule<T>& r, V& w, V g, V& a, V& b, V&) {
  g += splat_exact<V>(r.decay) * w;
  a = blend(r.beta1, a, g);
  b = blend(r.beta2, b, g * g);
  const V d = sqrt(b) * splat_exact<V>(r.scale) + splat_exact<V>(r.epsilon);
  w -= (splat_exact<V>(r.gradient_step) * g + splat_exact<V>(r.step) * a) / d;
}

template <class T, class V>
LIMN_FUNCTOR void update(const RadamRule<T>& r, V& w, V g, V& a, V& b, V&) {
  g += splat_exact<V>(r.decay) * w;
  a = blend(r.beta1, a, g);
  b = blend(r.beta2, b, g * g);
  const V move = splat_exact<V>(r.step) * a;
  w -= r.adaptive ? move / (sqrt(b) + splat_exact<V>(r.epsilon)) : move;
}

template <class T, class V>
LIMN_FUNCTOR void update(const AdamaxRule<T>& r, V& w, V g, V& a, V& b, V&) {
  g += splat_exact<V>(r.decay) * w;
  a = blend(r.beta1, a, g);
  b = vmax(splat_exact<V>(r.beta2) * b, vmax(g, -g) + splat_exact<V>(r.epsilon));
  w -= splat_exact<V>(r.step) * a / b;
}

template <class T, class V>
LIMN_FUNCTOR void update(const RmspropRule<T>& r, V& w, V g, V& a, V& b, V& c) {
  g += splat_exact<V>(r.decay) * w;
  a = blend(r.alpha, a, g * g);
  V variance = a;
  if (r.centered) {
    b = blend(r.alpha, b, g);
    variance = a - b * b;
  }
  V move = g / (sqrt(variance) + splat_exact<V>(r.epsilon));
  if (r.use_momentum) move = c = splat_exact<V>(r.momentum) * c + move;
  w -= splat_exact<V>(r.lr) * move;
}

template <class T, class V>
LIMN_FUNCTOR void update(const AdagradRule<T>& r, V& w, V g, V& a, V&, V&) {
  g += splat_exact<V>(r.decay) * w;
  a += g * g;
  w -= splat_exact<V>(r.lr) * g / (sqrt(a) + splat_exact<V>(r.epsilon));
}

template <class T, class V>
LIMN_FUNCTOR void update(const AdadeltaRule<T>& r, V& w, V g, V& a, V& b, V&) {
  g += splat_exact<V>(r.decay) * w;
  a = blend(r.rho, a, g * g);
  const V move = sqrt(b + splat_exact<V>(r.epsilon)) / sqrt(a + splat_exact<V>(r.epsilon)) * g;
  b = blend(r.rho, b, move * move);
  w -= splat_exact<V>(r.lr) * move;
}

}  // namespace limn::inline LIMN_ABI::kernels::LIMN_FUNCTOR_NAMESPACE
#pragma GCC diagnostic pop
