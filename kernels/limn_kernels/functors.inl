// The bodies of functors.hpp. Included once for numbers (LIMN_FUNCTOR_NAMESPACE is scalar) and once for the vectors of
// each instruction set. V is a floating-point number or a vector of them; splat, select, exp, ... come from that
// namespace.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::LIMN_FUNCTOR_NAMESPACE {

#define LIMN_UNARY(name) \
  template <class V>     \
  LIMN_FUNCTOR V apply([[maybe_unused]] const name& f, V x)
#define LIMN_BINARY(name) \
  template <class V>      \
  LIMN_FUNCTOR auto apply([[maybe_unused]] const name& f, V a, V b)
#define LIMN_GRADIENT(name) \
  template <class V>        \
  LIMN_FUNCTOR V apply([[maybe_unused]] const Gradient<name>& g, V x, V dy)
#define LIMN_GRADIENT_FROM_RESULT(name) \
  template <class V>                    \
  LIMN_FUNCTOR V apply([[maybe_unused]] const GradientFromResult<name>& g, V y, V dy)

LIMN_UNARY(Neg) { return static_cast<V>(-x); }
LIMN_UNARY(Abs) { return abs(x); }
LIMN_UNARY(Sign) {
  const V zero = splat<V>(0), one = splat<V>(1);
  return select(x > zero, one, select(x < zero, splat<V>(-1), x));
}
LIMN_UNARY(Square) { return static_cast<V>(x * x); }
LIMN_UNARY(Reciprocal) { return splat<V>(1) / x; }
LIMN_UNARY(Sqrt) { return sqrt(x); }
LIMN_UNARY(Rsqrt) { return splat<V>(1) / sqrt(x); }
LIMN_UNARY(Exp) { return exp(x); }
LIMN_UNARY(Expm1) { return expm1(x); }
LIMN_UNARY(Log) { return log(x); }
LIMN_UNARY(Log1p) { return log1p(x); }
LIMN_UNARY(Sin) { return sin(x); }
LIMN_UNARY(Cos) { return cos(x); }
LIMN_UNARY(Tanh) { return tanh(x); }
LIMN_UNARY(Sigmoid) { return sigmoid(x); }
LIMN_UNARY(Erf) { return erf(x); }
LIMN_UNARY(Floor) { return floor(x); }
LIMN_UNARY(Ceil) { return ceil(x); }
LIMN_UNARY(Round) { return round_even(x); }
LIMN_UNARY(Relu) { return select(x <= splat<V>(0), splat<V>(0), x); }  // <=: a NaN stays
LIMN_UNARY(Gelu) { return gelu(x); }
LIMN_UNARY(GeluTanh) {
  const V inner = splat<V>(0.79788456080286536) * (x + splat<V>(0.044715) * x * x * x);
  return x * splat<V>(0.5) * (splat<V>(1) + tanh(inner));
}
LIMN_UNARY(Silu) { return x * sigmoid(x); }
LIMN_UNARY(LeakyRelu) { return select(x > splat<V>(0), x, x * splat<V>(f.slope)); }
LIMN_UNARY(Elu) {
  return select(x > splat<V>(0), x * splat<V>(f.scale),
                splat<V>(f.alpha * f.scale) * expm1(x * splat<V>(f.input_scale)));
}
LIMN_UNARY(Softplus) {
  const V z = x * splat<V>(f.beta), zero = splat<V>(0);
  const V soft = (select(z > zero, z, zero) + log1p(exp(select(z > zero, static_cast<V>(-z), z)))) / splat<V>(f.beta);
  return select(z > splat<V>(f.threshold), x, soft);
}
template <class T, class V>
LIMN_FUNCTOR V apply(const Clamp<T>& f, V x) {
  // Integers must not pass through double; `x < low` false for NaN.
  const V low = splat_exact<V>(f.low), high = splat_exact<V>(f.high);
  const V raised = select(x < low, low, x);
  return select(raised > high, high, raised);
}

LIMN_BINARY(Add) { return static_cast<V>(a + b); }
LIMN_BINARY(Sub) { return static_cast<V>(a - b); }
LIMN_BINARY(Mul) { return static_cast<V>(a * b); }
LIMN_BINARY(Div) { return static_cast<V>(a / b); }
LIMN_BINARY(Pow) { return pow(a, b); }
LIMN_BINARY(Minimum) { return select(a < b, a, select(a != a, a, b)); }
LIMN_BINARY(Maximum) { return select(a > b, a, select(a != a, a, b)); }
LIMN_BINARY(Equal) { return a == b; }
LIMN_BINARY(NotEqual) { return a != b; }
LIMN_BINARY(Less) { return a < b; }
LIMN_BINARY(LessEqual) { return a <= b; }
LIMN_BINARY(Greater) { return a > b; }
LIMN_BINARY(GreaterEqual) { return a >= b; }
LIMN_BINARY(And) { return static_cast<V>(a & b); }
LIMN_BINARY(Or) { return static_cast<V>(a | b); }

template <class F, class T, class V>
LIMN_FUNCTOR auto apply(const WithLeft<F, T>& f, V x) {
  return apply(f.f, splat_exact<V>(f.value), x);
}
template <class F, class T, class V>
LIMN_FUNCTOR auto apply(const WithRight<F, T>& f, V x) {
  return apply(f.f, x, splat_exact<V>(f.value));
}

LIMN_GRADIENT(Abs) { return select(x > splat<V>(0), dy, select(x < splat<V>(0), static_cast<V>(-dy), x * dy)); }
LIMN_GRADIENT(Relu) { return select(x <= splat<V>(0), splat<V>(0), dy); }
LIMN_GRADIENT(Gelu) {
  const V cdf = splat<V>(0.5) * (splat<V>(1) + erf(x * splat<V>(0.70710678118654752)));
  return dy * (cdf + x * splat<V>(0.3989422804014327) * exp(splat<V>(-0.5) * x * x));
}
LIMN_GRADIENT(GeluTanh) {
  const V square = x * x, one = splat<V>(1), half = splat<V>(0.5);
  const V t = tanh(splat<V>(0.79788456080286536) * x * (one + splat<V>(0.044715) * square));
  const V slope = splat<V>(0.79788456080286536) * (one + splat<V>(0.134145) * square);
  return dy * (half * (one + t) + half * x * (one - t * t) * slope);
}
LIMN_GRADIENT(Silu) {
  const V s = sigmoid(x);
  return dy * s * (splat<V>(1) + x * (splat<V>(1) - s));
}
LIMN_GRADIENT(LeakyRelu) { return select(x > splat<V>(0), dy, dy * splat<V>(g.f.slope)); }
LIMN_GRADIENT(Elu) {
  const V below = splat<V>(g.f.alpha * g.f.scale * g.f.input_scale) * exp(x * splat<V>(g.f.input_scale));
  return dy * select(x > splat<V>(0), splat<V>(g.f.scale), below);
}
LIMN_GRADIENT(Softplus) {
  const V z = x * splat<V>(g.f.beta);
  return select(z > splat<V>(g.f.threshold), dy, dy * sigmoid(z));
}
/// PyTorch's clamp: the gradient passes at the bounds themselves.
template <class T, class V>
LIMN_FUNCTOR V apply(const Gradient<Clamp<T>>& g, V x, V dy) {
  const V low = splat_exact<V>(g.f.low), high = splat_exact<V>(g.f.high), zero = splat<V>(0);
  return select(x < low, zero, select(x > high, zero, dy));
}
LIMN_GRADIENT_FROM_RESULT(Tanh) { return dy * (splat<V>(1) - y * y); }
LIMN_GRADIENT_FROM_RESULT(Sigmoid) { return dy * y * (splat<V>(1) - y); }

#undef LIMN_UNARY
#undef LIMN_BINARY
#undef LIMN_GRADIENT
#undef LIMN_GRADIENT_FROM_RESULT

}  // namespace limn::inline LIMN_ABI::kernels::LIMN_FUNCTOR_NAMESPACE
#pragma GCC diagnostic pop
