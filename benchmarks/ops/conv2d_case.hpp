#pragma once
// One convolution as a case: limn beside its opponents.

#include <cmath>
#include <memory>

#include <limn/core/random.hpp>
#include <limn_kernels/conv2d.hpp>

#include "../opponents/opponent.hpp"

namespace bench {

using limn::index_t;

/// A square image, a square kernel; same padding, or none where the stride is the kernel's size.
struct ConvSize {
  index_t c, oc, size, kernel, stride, groups = 1;

  [[nodiscard]] index_t padding() const { return stride == kernel ? 0 : kernel / 2; }
  [[nodiscard]] limn::kernels::Conv2dShape shape(index_t batch) const {
    const index_t out = (size + 2 * padding() - kernel) / stride + 1;
    limn::kernels::Conv2dShape s{
        .n = batch, .c = c, .h = size, .w = size, .oc = oc, .kh = kernel, .kw = kernel, .oh = out, .ow = out};
    s.stride_h = s.stride_w = stride;
    s.pad_top = s.pad_left = padding();
    s.groups = groups;
    return s;
  }
};

/// Operands of all three passes; each pass overwrites the tensor that it is the gradient of, which it does not read.
struct ConvTensors {
  limn::kernels::Conv2dShape s;
  limn::Tensor<float> x, w, bias, y;

  explicit ConvTensors(const limn::kernels::Conv2dShape& shape) : s(shape) {
    limn::Generator generator(1);
    const double scale = 1 / std::sqrt(static_cast<double>(s.field()));
    x = limn::uniform({s.n, s.c, s.h, s.w}, generator, -1, 1);
    w = limn::uniform({s.oc, s.channels(), s.kh, s.kw}, generator, -scale, scale);
    bias = limn::uniform({s.oc}, generator, -1, 1);
    y = limn::uniform({s.n, s.oc, s.oh, s.ow}, generator, -1, 1);
  }
  [[nodiscard]] ConvOperands operands() { return {x.data(), w.data(), bias.data(), y.data()}; }

  /// The index of x that y(oy) reads with the kernel's element i, or -1 outside x.
  [[nodiscard]] static index_t source(index_t oy, index_t i, index_t stride, index_t pad, index_t extent) {
    const index_t at = oy * stride - pad + i;
    return at >= 0 && at < extent ? at : -1;
  }
  [[nodiscard]] double w_at(index_t oc, index_t c, index_t i, index_t j) const {
    return w.data()[((oc * s.channels() + c) * s.kh + i) * s.kw + j];
  }
  [[nodiscard]] double forward_error() const {
    return relative_error(y.data(), y.numel(), [this](long at) {
      const index_t ox = at % s.ow, oy = at / s.ow % s.oh, oc = at / (s.ow * s.oh) % s.oc,
                    n = at / (s.ow * s.oh * s.oc);
      const index_t first = oc / s.outputs() * s.channels();
      double sum = bias.data()[oc];
      for (index_t c = 0; c < s.channels(); ++c)
        for (index_t i = 0; i < s.kh; ++i)
          for (index_t j = 0; j < s.kw; ++j) {
            const index_t iy = source(oy, i, s.stride_h, s.pad_top, s.h),
                          ix = source(ox, j, s.stride_w, s.pad_left, s.w);
            if (iy >= 0 && ix >= 0) sum += w_at(oc, c, i, j) * x.data()[((n * s.c + first + c) * s.h + iy) * s.w + ix];
          }
      return sum;
    });
  }
  [[nodiscard]] double data_error() const {
    return relative_error(x.data(), x.numel(), [this](long at) {
      const index_t ix = at % s.w, iy = at / s.w % s.h, c = at / (s.w * s.h) % s.c, n = at / (s.w * s.h * s.c);
      const index_t group = c / s.channels();
      double sum = 0;
      for (index_t i = 0; i < s.kh; ++i)
        for (index_t j = 0; j < s.kw; ++j) {
          const index_t oy = (iy + s.pad_top - i) / s.stride_h, ox = (ix + s.pad_left - j) / s.stride_w;
          if (oy < 0 || ox < 0 || oy >= s.oh || ox >= s.ow || source(oy, i, s.stride_h, s.pad_top, s.h) != iy ||
              source(ox, j, s.stride_w, s.pad_left, s.w) != ix)
            continue;
          for (index_t oc = group * s.outputs(); oc < (group + 1) * s.outputs(); ++oc)
            sum += w_at(oc, c % s.channels(), i, j) * y.data()[((n * s.oc + oc) * s.oh + oy) * s.ow + ox];
        }
      return sum;
    });
  }
  [[nodiscard]] double weight_error() const {
    return relative_error(
        w.data(), w.numel(),
        [this](long at) {
          const index_t j = at % s.kw, i = at / s.kw % s.kh, c = at / (s.kw * s.kh) % s.channels(), oc = at / s.field();
          const index_t channel = oc / s.outputs() * s.channels() + c;
          double sum = 0;
          for (index_t n = 0; n < s.n; ++n)
            for (index_t oy = 0; oy < s.oh; ++oy)
              for (index_t ox = 0; ox < s.ow; ++ox) {
                const index_t iy = source(oy, i, s.stride_h, s.pad_top, s.h),
                              ix = source(ox, j, s.stride_w, s.pad_left, s.w);
                if (iy >= 0 && ix >= 0)
                  sum += static_cast<double>(x.data()[((n * s.c + channel) * s.h + iy) * s.w + ix]) *
                         y.data()[((n * s.oc + oc) * s.oh + oy) * s.ow + ox];
              }
          return sum;
        },
        100);
  }
};

inline Contenders convolution(const limn::kernels::Conv2dShape& s, Pass pass) {
  const auto t = std::make_shared<ConvTensors>(s);
  const auto error = [t, pass] {
    return pass == Pass::forward         ? t->forward_error()
           : pass == Pass::data_gradient ? t->data_error()
                                         : t->weight_error();
  };
  Contenders all;
  const ConvOperands o = t->operands();
  const limn::Device cpu = limn::cpu_device;
  if (pass == Pass::forward)
    all.push_back(here(
        "limn", [=] { limn::kernels::conv2d_forward(cpu, s, o.x, o.w, o.bias, o.y); }, error));
  else if (pass == Pass::data_gradient)
    all.push_back(here(
        "limn", [=] { limn::kernels::conv2d_data_gradient(cpu, s, o.y, o.w, o.x); }, error));
  else
    all.push_back(here(
        "limn", [=] { limn::kernels::conv2d_weight_gradient(cpu, s, o.x, o.y, o.w); }, error));
  // Weights brought into the layout of the algorithm beforehand, as oneDNN's are, and as nn::prepack does for
  // inference.
  const auto prepared = [&](const char* name, limn::kernels::Winograd tiles) {
    limn::kernels::Conv2dShape of_tiles = s;
    of_tiles.winograd = tiles;
    const auto packed = std::make_shared<limn::kernels::PackedConv2d<float>>(of_tiles, o.w);
    all.push_back(here(
        name, [=] { limn::kernels::conv2d_forward(cpu, of_tiles, o.x, o.w, o.bias, o.y, {}, packed.get()); }, error));
  };
  if (pass == Pass::forward && s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.groups == 1) {
    prepared("limn.packed", limn::kernels::Winograd::f4);
    prepared("limn.packed_f6", limn::kernels::Winograd::f6);
  }
  // oneDNN writes its own layouts; only the variants that come back to ours can be looked at.
  for (const auto& opponent : opponents())
    for (Variant& v : opponent->conv2d({s.n, s.c, s.h, s.w, s.oc, s.kh, s.kw, s.oh, s.ow, s.stride_h, s.stride_w,
                                        s.pad_top, s.pad_left, s.groups},
                                       pass, o)) {
      const bool plain = v.name.find("+nchw") != std::string::npos;
      all.push_back(here(opponent->name() + "." + v.name, v.run, plain ? std::function<double()>(error) : nullptr));
    }
  const auto number = [](const char* name, limn::index_t value) {
    return std::string(" ") + name + std::to_string(value);
  };
  const std::string line = "conv2d" + number("n=", s.n) + number("c=", s.c) + number("h=", s.h) + number("w=", s.w) +
                           number("oc=", s.oc) + number("kh=", s.kh) + number("kw=", s.kw) +
                           number("stride=", s.stride_h) + number("pad=", s.pad_top) + number("groups=", s.groups) +
                           " what=" +
                           (pass == Pass::forward         ? "forward"
                            : pass == Pass::data_gradient ? "data"
                                                          : "weight");
  for (const char* variant : {"nchw", "nhwc"})
    for (Contender& other : torch(line, variant)) all.push_back(other);
  return all;
}

/// Adds conv2d/<group>/<pass>/<shape>.
inline void add_convolution(const std::string& group, const ConvSize& size, index_t batch, Pass pass,
                            bool quick = false) {
  const limn::kernels::Conv2dShape s = size.shape(batch);
  const std::string name = std::to_string(size.c) + "-" + std::to_string(size.oc) + "@" + std::to_string(size.size) +
                           (size.stride > 1 ? "s" + std::to_string(size.stride) : "");
  const double multiplies = static_cast<double>(s.n * s.oc * s.oh * s.ow) * static_cast<double>(s.field());
  add(
      "conv2d/" + group +
          (pass == Pass::forward         ? "/forward/"
           : pass == Pass::data_gradient ? "/data_gradient/"
                                         : "/weight_gradient/") +
          "b" + std::to_string(batch) + "/" + name,
      {.flops = 2 * multiplies}, [s, pass] { return convolution(s, pass); }, quick);
}

}  // namespace bench
