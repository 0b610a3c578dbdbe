#pragma once
// Whether operations record gradients: a flag of this thread, set for a scope.

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {
inline bool& grad_mode() {
  static thread_local bool enabled = true;
  return enabled;
}
}  // namespace detail

[[nodiscard]] inline bool grad_enabled() { return detail::grad_mode(); }

/// Switches recording on or off until the end of the scope.
class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(detail::grad_mode()) { detail::grad_mode() = enabled; }
  ~GradMode() { detail::grad_mode() = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

/// { NoGradGuard no_grad; ... }: nothing inside is recorded (torch.no_grad).
class NoGradGuard : public GradMode {
 public:
  NoGradGuard() : GradMode(false) {}
};

}  // namespace limn::inline LIMN_ABI
