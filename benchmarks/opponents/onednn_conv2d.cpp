// oneDNN's convolutions: direct and Winograd (where it has one for the shape), in the layouts that it likes best,
// brought there outside the timing; "+nchw" adds the ways from and to plain layouts, which a caller with plain tensors
// pays.

#include "onednn.hpp"

#include <cmath>

namespace bench::onednn {
namespace {

struct Problem {
  Dims x, w, y, bias, strides, dilates, before, after;
  bool grouped;
  dnnl::memory::desc plain_x, plain_w, plain_y, plain_bias;

  explicit Problem(const ConvCase& s)
      : x{s.n, s.c, s.h, s.w},
        w{s.oc, s.channels(), s.kh, s.kw},
        y{s.n, s.oc, s.oh, s.ow},
        bias{s.oc},
        strides{s.stride_h, s.stride_w},
        dilates{0, 0},
        before{s.pad_top, s.pad_left},
        after{(s.oh - 1) * s.stride_h + s.kh - s.h - s.pad_top, (s.ow - 1) * s.stride_w + s.kw - s.w - s.pad_left},
        grouped(s.groups > 1) {
    if (grouped) w = {s.groups, s.outputs(), s.channels(), s.kh, s.kw};
    plain_x = plain(x, Tag::nchw);
    plain_w = plain(w, grouped ? Tag::goihw : Tag::oihw);
    plain_y = plain(y, Tag::nchw);
    plain_bias = plain(bias, Tag::a);
  }
};

std::function<void()> runner(dnnl::primitive primitive, Arguments arguments) {
  return [=] {
    primitive.execute(stream(), arguments);
    stream().wait();
  };
}
/// Reorders around the primitive: each input from its plain memory, the output back.
std::function<void()> with_reorders(const std::function<void()>& run,
                                    std::vector<std::pair<dnnl::memory, dnnl::memory>> in, dnnl::memory out,
                                    dnnl::memory plain_out) {
  return [=]() mutable {
    for (auto& [from, to] : in) reorder(from, to);
    run();
    reorder(out, plain_out);
  };
}

void forward(Variants& variants, const Problem& p, const ConvOperands& o, dnnl::algorithm algorithm,
             const std::string& name) {
  using dnnl::convolution_forward;
  const convolution_forward::primitive_desc pd(
      convolution_forward::desc(dnnl::prop_kind::forward_inference, algorithm, any(p.x), any(p.w), any(p.bias),
                                any(p.y), p.strides, p.dilates, p.before, p.after),
      engine());
  const auto plain_x = view(p.plain_x, o.x), plain_y = view(p.plain_y, o.y);
  const auto x = brought_to(pd.src_desc(), plain_x), w = brought_to(pd.weights_desc(), view(p.plain_w, o.w));
  dnnl::memory y(pd.dst_desc(), engine());
  const auto run = runner(
      convolution_forward(pd),
      {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_BIAS, view(p.plain_bias, o.bias)}, {DNNL_ARG_DST, y}});
  variants.push_back({name, run});
  variants.push_back({name + "+nchw", with_reorders(run, {{plain_x, x}}, y, plain_y)});
}

void data_gradient(Variants& variants, const Problem& p, const ConvOperands& o, dnnl::algorithm algorithm,
                   const std::string& name) {
  using dnnl::convolution_backward_data;
  const dnnl::convolution_forward::primitive_desc hint(
      dnnl::convolution_forward::desc(dnnl::prop_kind::forward_training, algorithm, any(p.x), any(p.w), any(p.y),
                                      p.strides, p.dilates, p.before, p.after),
      engine());
  const convolution_backward_data::primitive_desc pd(
      convolution_backward_data::desc(algorithm, any(p.x), any(p.w), any(p.y), p.strides, p.dilates, p.before, p.after),
      engine(), hint);
  const auto plain_y = view(p.plain_y, o.y), plain_x = view(p.plain_x, o.x);
  const auto y = brought_to(pd.diff_dst_desc(), plain_y), w = brought_to(pd.weights_desc(), view(p.plain_w, o.w));
  dnnl::memory x(pd.diff_src_desc(), engine());
  const auto run =
      runner(convolution_backward_data(pd), {{DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_SRC, x}});
  variants.push_back({name, run});
  variants.push_back({name + "+nchw", with_reorders(run, {{plain_y, y}}, x, plain_x)});
}

void weight_gradient(Variants& variants, const Problem& p, const ConvOperands& o, dnnl::algorithm algorithm,
                     const std::string& name) {
  using dnnl::convolution_backward_weights;
  const dnnl::convolution_forward::primitive_desc hint(
      dnnl::convolution_forward::desc(dnnl::prop_kind::forward_training, algorithm, any(p.x), any(p.w), any(p.y),
                                      p.strides, p.dilates, p.before, p.after),
      engine());
  const convolution_backward_weights::primitive_desc pd(
      convolution_backward_weights::desc(algorithm, any(p.x), any(p.w), any(p.y), p.strides, p.dilates, p.before,
                                         p.after),
      engine(), hint);
  const auto plain_x = view(p.plain_x, o.x), plain_y = view(p.plain_y, o.y), plain_w = view(p.plain_w, o.w);
  const auto x = brought_to(pd.src_desc(), plain_x), y = brought_to(pd.diff_dst_desc(), plain_y);
  dnnl::memory w(pd.diff_weights_desc(), engine());
  const auto run =
      runner(convolution_backward_weights(pd), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, y}, {DNNL_ARG_DIFF_WEIGHTS, w}});
  variants.push_back({name, run});
  variants.push_back({name + "+nchw", with_reorders(run, {{plain_x, x}, {plain_y, y}}, w, plain_w)});
}

}  // namespace

Variants conv2d(const ConvCase& s, Pass pass, const ConvOperands& o) {
  const Problem p(s);
  Variants variants;
  const auto make = pass == Pass::forward ? forward : pass == Pass::data_gradient ? data_gradient : weight_gradient;
  make(variants, p, o, dnnl::algorithm::convolution_direct, "direct");
  if (s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.groups == 1) try {
      make(variants, p, o, dnnl::algorithm::convolution_winograd, "winograd");
    } catch (const dnnl::error&) {  // it has no Winograd for this shape
    }
  return variants;
}

/// Convolutions with fused ReLU, pools, inner products; every layout its own choice, weights brought there beforehand.
Variants vgg16(long batch) {
  struct Network {
    std::vector<std::pair<dnnl::primitive, Arguments>> steps;
    void run() const {
      for (const auto& [primitive, arguments] : steps) primitive.execute(stream(), arguments);
      stream().wait();
    }
  };
  const auto filled = [](const dnnl::memory::desc& desc, float scale) {
    dnnl::memory plain_memory(desc, engine());
    auto* data = static_cast<float*>(plain_memory.get_data_handle());
    unsigned seed = 1;
    for (std::size_t i = 0; i < desc.get_size() / 4; ++i) {
      seed = seed * 1664525U + 1013904223U;
      data[i] = scale * (static_cast<float>(seed >> 8) / 8388608.0F - 1.0F);
    }
    return plain_memory;
  };
  const auto make = [&](dnnl::algorithm algorithm) {
    auto network = std::make_shared<Network>();
    dnnl::primitive_attr relu;
    dnnl::post_ops after;
    after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0, 0);
    relu.set_post_ops(after);
    long size = 224, channels = 3;
    dnnl::memory x = filled(plain({batch, 3, 224, 224}, Tag::nchw), 1);
    const auto step = [&](const dnnl::primitive& primitive, Arguments arguments) {
      network->steps.emplace_back(primitive, std::move(arguments));
    };
    const auto in_layout = [&](const dnnl::memory& from, const dnnl::memory::desc& desc) {
      if (from.get_desc() == desc) return from;
      dnnl::memory to(desc, engine());
      step(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
      return to;
    };
    for (const long width : {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0}) {
      if (width == 0) {
        const dnnl::pooling_forward::primitive_desc pd(
            dnnl::pooling_forward::desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_max, x.get_desc(),
                                        any({batch, channels, size / 2, size / 2}), {2, 2}, {2, 2}, {0, 0}, {0, 0}),
            engine());
        dnnl::memory y(pd.dst_desc(), engine());
        step(dnnl::pooling_forward(pd), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
        x = y;
        size /= 2;
        continue;
      }
      const Dims ones{1, 1}, w_dims{width, channels, 3, 3}, x_dims{batch, channels, size, size},
          y_dims{batch, width, size, size};
      const auto describe = [&](dnnl::algorithm a) {
        return dnnl::convolution_forward::primitive_desc(
            dnnl::convolution_forward::desc(dnnl::prop_kind::forward_inference, a, any(x_dims), any(w_dims),
                                            any({width}), any(y_dims), ones, {0, 0}, ones, ones),
            relu, engine());
      };
      dnnl::convolution_forward::primitive_desc pd;
      try {
        pd = describe(channels == 3 ? dnnl::algorithm::convolution_direct : algorithm);
      } catch (const dnnl::error&) {
        pd = describe(dnnl::algorithm::convolution_direct);
      }
      const float scale = std::sqrt(6.0F / static_cast<float>(channels * 9));
      const auto w = brought_to(pd.weights_desc(), filled(plain(w_dims, Tag::oihw), scale));
      const auto bias = filled(plain({width}, Tag::a), 0.1F);
      x = in_layout(x, pd.src_desc());
      dnnl::memory y(pd.dst_desc(), engine());
      step(dnnl::convolution_forward(pd),
           {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, y}});
      x = y;
      channels = width;
    }
    Dims x_dims{batch, channels, size, size}, w_dims{4096, channels, size, size};
    for (const long width : {4096, 4096, 1000}) {
      w_dims[0] = width;
      const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, any(x_dims), any(w_dims),
                                                   any({width}), plain({batch, width}, Tag::ab));
      const auto pd = width == 1000 ? dnnl::inner_product_forward::primitive_desc(desc, engine())
                                    : dnnl::inner_product_forward::primitive_desc(desc, relu, engine());
      const float scale = std::sqrt(6.0F / static_cast<float>(w_dims[1] * (w_dims.size() > 2 ? size * size : 1)));
      const auto w =
          brought_to(pd.weights_desc(), filled(plain(w_dims, w_dims.size() > 2 ? Tag::oihw : Tag::ab), scale));
      x = in_layout(x, pd.src_desc());
      dnnl::memory y(pd.dst_desc(), engine());
      step(dnnl::inner_product_forward(pd), {{DNNL_ARG_SRC, x},
                                             {DNNL_ARG_WEIGHTS, w},
                                             {DNNL_ARG_BIAS, filled(plain({width}, Tag::a), 0.1F)},
                                             {DNNL_ARG_DST, y}});
      x = y;
      x_dims = {batch, width};
      w_dims = {0, width};
    }
    return [network] { network->run(); };
  };
  return {{"winograd", make(dnnl::algorithm::convolution_winograd)},
          {"direct", make(dnnl::algorithm::convolution_direct)}};
}

}  // namespace bench::onednn
