#pragma once
// Division by a number that many threads divide by.

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// n / d for 0 <= n < 2^31 by a product and a shift, d >= 1 (Granlund and Montgomery 1994, "Division by invariant
/// integers using multiplication").
class Divisor {
 public:
  explicit Divisor(index_t d) : d_(static_cast<std::uint32_t>(d)) {
    while ((std::uint64_t{1} << shift_) < d_) ++shift_;
    factor_ = static_cast<std::uint32_t>(((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift_) - d_)) / d_ + 1);
  }

  LIMN_HD int divide(int n) const {
    const auto u = static_cast<std::uint32_t>(n);
    const auto high = static_cast<std::uint32_t>((static_cast<std::uint64_t>(u) * factor_) >> 32);
    return static_cast<int>((high + u) >> shift_);
  }
  LIMN_HD int value() const { return static_cast<int>(d_); }

 private:
  std::uint32_t d_, shift_ = 0, factor_ = 0;
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda
