#pragma once
// The pointwise functions: one type each here, one body each in functors.inl, valid for numbers (host and GPU) and
// vectors.
//
// evaluate(f, x...) computes. A functor of your own may be any type with `T operator()(T x...) const`: it runs number
// by number, through the overload below.

#include <limn_kernels/half.hpp>
#include <limn_kernels/math.hpp>

namespace limn::inline LIMN_ABI::kernels {

// One argument.
struct Neg {};
struct Abs {};
struct Sign {};
struct Square {};
struct Reciprocal {};
struct Sqrt {};
struct Rsqrt {};
struct Exp {};
struct Expm1 {};
struct Log {};
struct Log1p {};
struct Sin {};
struct Cos {};
struct Tanh {};
struct Sigmoid {};
struct Erf {};
struct Floor {};
struct Ceil {};
struct Round {};  // to nearest, ties to even
struct Relu {};
struct Gelu {};      // x/2 (1 + erf(x / sqrt 2))
struct GeluTanh {};  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
struct Silu {};      // x sigmoid(x)
struct LeakyRelu {
  double slope = 0.01;
};
/// x > 0: scale x; otherwise scale alpha (exp(input_scale x) - 1). ELU, SELU and CELU are this with different
/// constants.
struct Elu {
  double alpha = 1, scale = 1, input_scale = 1;
};
/// log(1 + exp(beta x)) / beta; x itself where beta x > threshold.
struct Softplus {
  double beta = 1, threshold = 20;
};
/// min(max(x, low), high); a NaN stays.
template <class T>
struct Clamp {
  T low, high;
};

// Two arguments.
struct Add {};
struct Sub {};
struct Mul {};
struct Div {};
struct Pow {};
struct Minimum {};  // a NaN on either side gives NaN
struct Maximum {};
struct Equal {};  // these give bool
struct NotEqual {};
struct Less {};
struct LessEqual {};
struct Greater {};
struct GreaterEqual {};
struct And {};
struct Or {};

// f with one argument fixed: a function of the other.
template <class F, class T>
struct WithLeft {
  F f;
  T value;
};  // f(value, x)
template <class F, class T>
struct WithRight {
  F f;
  T value;
};  // f(x, value)

/// evaluate(Gradient<F>{f}, x, dy) = f'(x) dy. At a kink: PyTorch's choice.
template <class F>
struct Gradient {
  F f{};
};
/// The same from the result: evaluate(GradientFromResult<F>{f}, y, dy), y = f(x).
template <class F>
struct GradientFromResult {
  F f{};
};

namespace scalar {
template <class F, class... V>
requires requires(const F& f, V... x) { f(x...); }
LIMN_HD inline auto apply(const F& f, V... x) { return f(x...); }
}  // namespace scalar

}  // namespace limn::inline LIMN_ABI::kernels

#define LIMN_FUNCTOR_NAMESPACE scalar
#define LIMN_FUNCTOR LIMN_HD inline
#include <limn_kernels/functors.inl>
#undef LIMN_FUNCTOR_NAMESPACE
#undef LIMN_FUNCTOR

namespace limn::inline LIMN_ABI::kernels {
/// The value of a functor for numbers, on the host and on the GPU. (Not named apply: argument-dependent lookup would
/// find it.)
template <class F, class... V>
LIMN_HD inline auto evaluate(const F& f, V... x) {
  return scalar::apply(f, x...);
}
}  // namespace limn::inline LIMN_ABI::kernels
