#pragma once
// Whether matrix products are done in bf16: a flag of this thread, set for a scope.

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {
inline bool& autocast_mode() {
  static thread_local bool enabled = false;
  return enabled;
}
}  // namespace detail

[[nodiscard]] inline bool autocast_enabled() { return detail::autocast_mode(); }

/// { AutocastGuard autocast; loss = model(x); }: inside, matmul and linear of float tensors on the CPU round both
/// operands to bf16 and add in float, and so do the gradients of what was recorded inside, wherever backward() runs.
/// torch.autocast("cpu"), but that results stay float; parameters are float anyway. AutocastGuard(false) switches it
/// off for a scope within. What it costs in accuracy: docs/kernels/reduced_precision.md.
class AutocastGuard {
 public:
  explicit AutocastGuard(bool enabled = true) : before_(detail::autocast_mode()) { detail::autocast_mode() = enabled; }
  ~AutocastGuard() { detail::autocast_mode() = before_; }
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  bool before_;
};

}  // namespace limn::inline LIMN_ABI
