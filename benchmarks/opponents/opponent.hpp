#pragma once
// What a *_bench.cpp may ask of another library. One that does not have the work answers with no variant.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../duel.hpp"

namespace bench {

// The shapes of a case. They are limn's own structs in little: what another library does needs none of limn's headers.

/// c [m, n] = a [m, k] b [k, n], row-major; a transposed operand is stored the other way round.
struct GemmCase {
  long m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
};
/// As limn::kernels::Conv2dShape.
struct ConvCase {
  long n, c, h, w, oc, kh, kw, oh, ow, stride_h, stride_w, pad_top, pad_left, groups;

  [[nodiscard]] long channels() const { return c / groups; }
  [[nodiscard]] long outputs() const { return oc / groups; }
};
struct LstmCase {
  long time, batch, input, hidden;
};

/// One way in which a library does the work; called again and again on the same operands.
struct Variant {
  std::string name;  ///< "" for a library that has one way, else "direct", "winograd", ...
  std::function<void()> run;
};
using Variants = std::vector<Variant>;

enum class Pass { forward, data_gradient, weight_gradient };

struct ConvOperands {
  float *x, *w, *bias, *y;  ///< a gradient takes its tensor's place: dx in x, dw in w, dy in y; NCHW and OIHW
};
struct LstmOperands {
  const float *x, *w_ih, *w_hh, *bias;  ///< [T, B, I], [4H, I], [4H, H] in rows i f g o, [4H]
  float* h;                             ///< [T, B, H]
  const float* dh;                      ///< [T, B, H]
  float *dx, *dw_ih, *dw_hh, *db;
};
enum class LstmPass { inference, training, backward };

class Opponent {
 public:
  Opponent() = default;
  Opponent(const Opponent&) = delete;
  Opponent& operator=(const Opponent&) = delete;
  virtual ~Opponent() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual void use_threads(int count) = 0;

  /// c = a b, weights b as stored.
  virtual Variants gemm(const GemmCase&, const float*, const float*, float*) { return {}; }
  /// The same with b in the library's own layout, brought there once, outside the timing.
  virtual Variants gemm_prepacked(const GemmCase&, const float*, const float*, float*) { return {}; }
  /// c = a b in bf16 or int8, float in and out, b brought to that type and layout outside the timing.
  virtual Variants gemm_bf16(const GemmCase&, const float*, const float*, float*) { return {}; }
  virtual Variants gemm_int8(const GemmCase&, const float*, const float*, float*) { return {}; }
  virtual Variants conv2d(const ConvCase&, Pass, const ConvOperands&) { return {}; }
  virtual Variants lstm(const LstmCase&, LstmPass, const LstmOperands&) { return {}; }
  /// VGG16 with random weights, images [batch, 3, 224, 224] to 1000 logits.
  virtual Variants vgg16(long) { return {}; }
};

/// The libraries that CMake found.
[[nodiscard]] const std::vector<std::unique_ptr<Opponent>>& opponents();

/// PyTorch, a child process that is told `line` (see torch_bench.py) and takes its turns like the others; nothing where
/// it cannot be had. Its own error against double is what it reports.
[[nodiscard]] Contenders torch(const std::string& line, const std::string& variant = "");

/// Adds each opponent's variants as contenders, named library.variant; `ask` calls one of the functions above.
template <class Ask>
void challenge(Contenders& contenders, Ask&& ask, const std::function<double()>& error) {
  for (const auto& opponent : opponents())
    for (Variant& variant : ask(*opponent)) {
      const std::string name = opponent->name() + (variant.name.empty() ? "" : "." + variant.name);
      contenders.push_back(here(name, std::move(variant.run), error));
    }
}

}  // namespace bench
