#pragma once
// Elementary functions of one number, for functors.inl on the host and on the GPU. cpu/math.inl has the vector
// versions.

#include <cmath>
#include <type_traits>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels::scalar {

template <class V>
LIMN_HD inline V splat(double value) {
  return static_cast<V>(value);
}
template <class V, class T>
LIMN_HD inline V splat_exact(T value) {
  return static_cast<V>(value);
}
template <class V>
LIMN_HD inline V select(bool condition, V yes, V no) {
  return condition ? yes : no;
}
/// The larger; b where one is NaN.
template <class V>
LIMN_HD inline V vmax(V a, V b) {
  return a > b ? a : b;
}

template <class V>
LIMN_HD inline V exp(V x) {
  return std::exp(x);
}
template <class V>
LIMN_HD inline V expm1(V x) {
  return std::expm1(x);
}
template <class V>
LIMN_HD inline V log(V x) {
  return std::log(x);
}
template <class V>
LIMN_HD inline V log1p(V x) {
  return std::log1p(x);
}
template <class V>
LIMN_HD inline V tanh(V x) {
  return std::tanh(x);
}
template <class V>
LIMN_HD inline V erf(V x) {
  return std::erf(x);
}
template <class V>
LIMN_HD inline V sqrt(V x) {
  return std::sqrt(x);
}
template <class V>
LIMN_HD inline V sin(V x) {
  return std::sin(x);
}
template <class V>
LIMN_HD inline V cos(V x) {
  return std::cos(x);
}
template <class V>
LIMN_HD inline V floor(V x) {
  return std::floor(x);
}
template <class V>
LIMN_HD inline V ceil(V x) {
  return std::ceil(x);
}
template <class V>
LIMN_HD inline V round_even(V x) {
  return std::nearbyint(x);
}
template <class V>
LIMN_HD inline V abs(V x) {
  if constexpr (std::is_floating_point_v<V>)
    return std::fabs(x);
  else
    return x < V(0) ? static_cast<V>(-x) : x;
}
template <class V>
LIMN_HD inline V pow(V x, V y) {
  if constexpr (std::is_floating_point_v<V>) {
    return std::pow(x, y);
  } else {  // integers: exact by squaring; a negative exponent gives 0 except for bases 1 and -1
    if (y < V(0)) return x == V(1) ? V(1) : x == static_cast<V>(-1) ? static_cast<V>(y % 2 != 0 ? -1 : 1) : V(0);
    V result = V(1);
    for (; y > V(0); y = static_cast<V>(y / 2), x = static_cast<V>(x * x))
      if (y % 2 != 0) result = static_cast<V>(result * x);
    return result;
  }
}
/// 1 / (1 + exp(-x)) without overflow; a tiny result keeps its relative precision.
template <class V>
LIMN_HD inline V sigmoid(V x) {
  const V e = std::exp(x < V(0) ? x : -x);
  return (x < V(0) ? e : V(1)) / (V(1) + e);
}
/// x times the normal distribution: x / 2 erfc(-x / sqrt 2). A negative result keeps its precision.
template <class V>
LIMN_HD inline V gelu(V x) {
  return x * V(0.5) * std::erfc(x * V(-0.70710678118654752));
}

}  // namespace limn::inline LIMN_ABI::kernels::scalar
