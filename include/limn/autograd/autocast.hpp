#pragma once
// Whether matrix products are done in bf16: set for this thread and a scope.

#include <limn_kernels/reduced_precision.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// The products that stand in for those of float. Called through pointers, so that only programs that construct an
/// AutocastGuard compile them.
struct AutocastProducts {
  void (*gemm)(Device, const kernels::GemmShape&, const float* a, const float* b, float* c,
               const kernels::Epilogue<float>&);
  void (*matmul)(Device, const kernels::MatmulShape&, const float* a, const index_t* a_offsets, const float* b,
                 const index_t* b_offsets, float* c);
};
template <class T>
inline constexpr AutocastProducts autocast_products{&kernels::gemm_bf16<T>, &kernels::matmul_bf16<T>};

/// Null where products are those of float.
inline const AutocastProducts*& autocast_mode() {
  static thread_local const AutocastProducts* products = nullptr;
  return products;
}

/// Sets the mode until the end of the scope.
class AutocastMode {
 public:
  explicit AutocastMode(const AutocastProducts* products) : before_(autocast_mode()) { autocast_mode() = products; }
  ~AutocastMode() { autocast_mode() = before_; }
  AutocastMode(const AutocastMode&) = delete;
  AutocastMode& operator=(const AutocastMode&) = delete;

 private:
  const AutocastProducts* before_;
};

}  // namespace detail

[[nodiscard]] inline bool autocast_enabled() { return detail::autocast_mode() != nullptr; }

/// { AutocastGuard autocast; loss = model(x); }: inside, matmul and linear of float tensors on the CPU round both
/// operands to bf16 and add in float, and so do the gradients of what was recorded inside, wherever backward() runs.
/// torch.autocast("cpu"), but that results stay float; parameters are float anyway. AutocastGuard(false) switches it
/// off for a scope within. What it costs in accuracy: docs/kernels/reduced_precision.md.
template <class E = bf16, class T = float>
class AutocastGuard : detail::AutocastMode {
  static_assert(std::is_same_v<E, bf16> && std::is_same_v<T, float>, "products of float are done in bf16 or in float");

 public:
  explicit AutocastGuard(bool enabled = true) : AutocastMode(enabled ? &detail::autocast_products<T> : nullptr) {}
};

}  // namespace limn::inline LIMN_ABI
