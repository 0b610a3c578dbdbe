#pragma once
// What a two-dimensional convolution is: the shapes and choices that its contract (conv2d.hpp) and the parts of its
// body speak of.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// Whether a 3 x 3 convolution of stride 1 may be computed by Winograd's algorithm: never, in tiles of 4 x 4 outputs,
/// or of 6 x 6. Float only; errors of docs/kernels/winograd.md. The cost model still decides whether it pays.
enum class Winograd : std::uint8_t { off, f4, f6 };

/// What options start with: f4, or what the environment says in LIMN_WINOGRAD=off|f4|f6, for a whole program.
[[nodiscard]] inline Winograd default_winograd() {
  static const Winograd chosen = [] {
    const char* wish = std::getenv("LIMN_WINOGRAD");
    const std::string_view name = wish ? wish : "";
    return name == "off" ? Winograd::off : name == "f6" ? Winograd::f6 : Winograd::f4;
  }();
  return chosen;
}

/// x [n, c, h, w], weight [oc, c / groups, kh, kw], y [n, oc, oh, ow], all contiguous.
/// y(oy, ox) reads x(oy stride_h - pad_top + i dilation_h, ox stride_w - pad_left + j dilation_w), zero outside x: what
/// is padded at the bottom and right follows from oh and ow.
struct Conv2dShape {
  index_t n, c, h, w;
  index_t oc, kh, kw;
  index_t oh, ow;
  index_t stride_h = 1, stride_w = 1;
  index_t pad_top = 0, pad_left = 0;
  index_t dilation_h = 1, dilation_w = 1;
  index_t groups = 1;
  Winograd winograd = Winograd::f4;

  [[nodiscard]] index_t channels() const { return c / groups; }         ///< of one group's input
  [[nodiscard]] index_t outputs() const { return oc / groups; }         ///< of one group
  [[nodiscard]] index_t field() const { return channels() * kh * kw; }  ///< weights of one output
};

/// What is done to the sums before they are stored: inference without passes over memory. max_pool keeps the largest of
/// each 2 x 2 (stride 2, an odd last row or column is dropped): y is [n, oc, oh / 2, ow / 2] then.
struct Conv2dFusion {
  bool relu = false, max_pool = false;
};

}  // namespace limn::inline LIMN_ABI::kernels
