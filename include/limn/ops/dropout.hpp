#pragma once
// dropout: random zeros while training.

#include <limn/core/random.hpp>
#include <limn/ops/arithmetic.hpp>

namespace limn::inline LIMN_ABI {

/// A mask of `shape`: 0 with probability p, else 1 / (1 - p). The same for any number of threads.
template <class T>
[[nodiscard]] Tensor<T> dropout_mask(const Shape& shape, double p, Generator& generator, Device device = cpu_device) {
  if (!(p >= 0 && p <= 1)) fail("dropout", "p = ", p, " is not a probability");
  const T kept = p < 1 ? static_cast<T>(static_cast<compute_t<T>>(1 / (1 - p))) : T(0.f);
  const auto limit = static_cast<std::uint64_t>(p * 0x1p32);  // a 32-bit word below it: dropped
  Tensor<T> mask(shape);
  T* data = mask.data();
  detail::for_random(mask.numel(), generator,
                     [&](index_t i, std::uint32_t word, std::uint32_t) { data[i] = word < limit ? T(0.f) : kept; });
  if (device == cpu_device) return mask;
  Tensor<T> moved(shape, device);
  kernels::copy_bytes(moved.data(), device, data, cpu_device, static_cast<std::size_t>(mask.numel()) * sizeof(T));
  return moved;
}

/// x with each element zeroed with probability p and the others multiplied by 1 / (1 - p) (Srivastava et al. 2014): for
/// training; leave it out when evaluating. Every call draws new zeros from the generator, unless p is 0.
template <class T>
[[nodiscard]] Tensor<T> dropout(const Tensor<T>& x, double p, Generator& generator) {
  if (p == 0) return x;
  return mul(x, dropout_mask<T>(x.shape(), p, generator, x.device()));
}

/// Whole channels: x is [N, C, ...], and each of the N C channels is kept or zeroed as one (Tompson et al. 2015).
template <class T>
[[nodiscard]] Tensor<T> dropout_channels(const Tensor<T>& x, double p, Generator& generator) {
  if (p == 0) return x;
  if (x.rank() < 2) fail("dropout_channels", "x has shape ", x.shape(), " but must be [N, C, ...]");
  Shape mask{x.size(0), x.size(1)};
  for (index_t i = 2; i < x.rank(); ++i) mask.push_back(1);
  return mul(x, dropout_mask<T>(mask, p, generator, x.device()));
}

}  // namespace limn::inline LIMN_ABI
