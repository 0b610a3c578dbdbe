#pragma once
// cast<U>(x), to(x, device): another element type, another device. Differentiable.

#include <limn/ops/view.hpp>

namespace limn::inline LIMN_ABI {

/// x with elements of type U: rounded to nearest where U is a floating type, truncated toward zero where it is an
/// integer.
template <class U, class T>
[[nodiscard]] Tensor<U> cast(const Tensor<T>& x) {
  if constexpr (std::is_same_v<T, U>) {
    return x;
  } else {
    const Tensor<U> y = detail::copy_as<U>(x);
    if constexpr (is_floating<T> && is_floating<U>)
      return record_cast("cast", y, x, [](const Tensor<U>& dy) { return cast<T>(dy); });
    else
      return y;
  }
}

/// x on another device; x itself when it is there already.
template <class T>
[[nodiscard]] Tensor<T> to(const Tensor<T>& x, Device device) {
  if (x.device() == device) return x;
  const Tensor<T> source = contiguous(x);
  Tensor<T> y(x.shape(), device);
  kernels::copy_bytes(y.data(), device, source.data(), x.device(), static_cast<std::size_t>(x.numel()) * sizeof(T));
  return record("to", y, {source}, [from = x.device()](const Tensor<T>& dy) -> Grads<T> { return {to(dy, from)}; });
}

}  // namespace limn::inline LIMN_ABI
