// Kind ops-conv: convolutions, transposed convolutions, padding, pooling.

#include <limn/ops/conv1d.hpp>
#include <limn/ops/conv3d.hpp>
#include <limn/ops/pool2d.hpp>

#include "kinds.hpp"
#include "op_cases.hpp"

namespace limn::golden {

namespace {

Pair pair_of(Options& o, const std::string& key, index_t otherwise) {
  const std::vector<index_t> values = o.list(key, 2, otherwise);
  return {values[0], values[1]};
}
Triple triple_of(Options& o, const std::string& key, index_t otherwise) {
  const std::vector<index_t> values = o.list(key, 3, otherwise);
  return {values[0], values[1], values[2]};
}

/// "same", "valid" or numbers: whether it is "same"; the numbers are read by the caller when `numbers` comes back true.
struct PaddingKind {
  bool same = false, numbers = true;
};
PaddingKind padding_kind(Options& o) {
  if (!o.has("padding") || !o.at("padding").is_string()) return {};
  const std::string text = o.get<std::string>("padding");
  if (text != "same" && text != "valid") fail(o.where(), "unknown padding ", text);
  return {text == "same", false};
}

/// padding_mode of torch.nn.Conv*d: the border is added before an unpadded convolution.
PadMode pad_mode(const std::string& mode, const std::string& where) {
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "replicate") return PadMode::replicate;
  if (mode == "circular") return PadMode::circular;
  if (mode == "constant" || mode == "zeros") return PadMode::constant;
  fail(where, "unknown padding mode ", mode);
}

CaseOutputs run_conv1d(Options& o, CaseInputs& in) {
  const PaddingKind kind = padding_kind(o);
  return {{{"y", conv1d(in("x"), in("weight"), in.optional("bias"),
                        {.stride = o.list("stride", 1, 1)[0],
                         .padding = kind.numbers ? o.list("padding", 1, 0)[0] : 0,
                         .dilation = o.list("dilation", 1, 1)[0],
                         .groups = o.get<index_t>("groups", 1),
                         .same = kind.same})}}};
}

CaseOutputs run_conv2d(Options& o, CaseInputs& in) {
  const PaddingKind kind = padding_kind(o);
  const Pair padding = kind.numbers ? pair_of(o, "padding", 0) : Pair(0);
  const PadMode mode = pad_mode(o.get<std::string>("padding_mode", "zeros"), o.where());
  const bool bordered = mode != PadMode::constant;
  if (bordered && kind.same) fail(o.where(), "padding 'same' with a padding_mode is not understood");
  const Tensor<float> x = bordered ? pad(in("x"), {padding.w, padding.w, padding.h, padding.h}, mode) : in("x");
  return {{{"y", conv2d(x, in("weight"), in.optional("bias"),
                        {.stride = pair_of(o, "stride", 1),
                         .padding = bordered ? Pair(0) : padding,
                         .dilation = pair_of(o, "dilation", 1),
                         .groups = o.get<index_t>("groups", 1),
                         .same = kind.same})}}};
}

CaseOutputs run_conv3d(Options& o, CaseInputs& in) {
  const PaddingKind kind = padding_kind(o);
  return {{{"y", conv3d(in("x"), in("weight"), in.optional("bias"),
                        {.stride = triple_of(o, "stride", 1),
                         .padding = kind.numbers ? triple_of(o, "padding", 0) : Triple(0),
                         .dilation = triple_of(o, "dilation", 1),
                         .groups = o.get<index_t>("groups", 1),
                         .same = kind.same})}}};
}

CaseOutputs run_padded_conv2d(Options& o, CaseInputs& in) {
  const std::string order = o.get<std::string>("pad_order", "left,right,top,bottom");
  if (order != "left,right,top,bottom") fail(o.where(), "unknown pad_order ", order);
  const PadMode mode = pad_mode(o.get<std::string>("mode", "constant"), o.where());
  const Tensor<float> x = pad(in("x"), o.list("pad", 4, 0), mode, static_cast<float>(o.get("value", 0.0)));
  return {{{"y", conv2d(x, in("weight"), in.optional("bias"),
                        {.stride = pair_of(o, "stride", 1),
                         .padding = pair_of(o, "padding", 0),
                         .dilation = pair_of(o, "dilation", 1),
                         .groups = o.get<index_t>("groups", 1)})}}};
}

CaseOutputs run_pad(Options& o, CaseInputs& in) {
  o.ignore("pad_order");
  const auto amounts = o.get<std::vector<index_t>>("pad");
  return {{{"y", pad(in("x"), amounts, pad_mode(o.get<std::string>("mode", "constant"), o.where()),
                     static_cast<float>(o.get("value", 0.0)))}}};
}

CaseOutputs run_conv_transpose1d(Options& o, CaseInputs& in) {
  o.ignore("weight_layout");
  return {{{"y", conv_transpose1d(in("x"), in("weight"), in.optional("bias"),
                                  {.stride = o.list("stride", 1, 1)[0],
                                   .padding = o.list("padding", 1, 0)[0],
                                   .output_padding = o.list("output_padding", 1, 0)[0],
                                   .groups = o.get<index_t>("groups", 1),
                                   .dilation = o.list("dilation", 1, 1)[0]})}}};
}

CaseOutputs run_conv_transpose2d(Options& o, CaseInputs& in) {
  o.ignore("weight_layout");
  return {{{"y", conv_transpose2d(in("x"), in("weight"), in.optional("bias"),
                                  {.stride = pair_of(o, "stride", 1),
                                   .padding = pair_of(o, "padding", 0),
                                   .output_padding = pair_of(o, "output_padding", 0),
                                   .groups = o.get<index_t>("groups", 1),
                                   .dilation = pair_of(o, "dilation", 1)})}}};
}

CaseOutputs run_max_pool2d(Options& o, CaseInputs& in) {
  o.ignore("return_indices");
  const auto result = max_pool2d_with_indices(in("x"), pair_of(o, "kernel_size", 0),
                                              {.stride = pair_of(o, "stride", 0),
                                               .padding = pair_of(o, "padding", 0),
                                               .dilation = pair_of(o, "dilation", 1),
                                               .ceil_mode = o.get("ceil_mode", false)});
  return {{{"y", result.values}}, {}, {{"indices", result.indices}}};
}

CaseOutputs run_avg_pool2d(Options& o, CaseInputs& in) {
  return {{{"y", avg_pool2d(in("x"), pair_of(o, "kernel_size", 0),
                            {.stride = pair_of(o, "stride", 0),
                             .padding = pair_of(o, "padding", 0),
                             .ceil_mode = o.get("ceil_mode", false),
                             .count_include_pad = o.get("count_include_pad", true),
                             .divisor_override = o.get<index_t>("divisor_override", 0)})}}};
}

/// output_size: a number, or [h, w] where null keeps the input's extent.
Pair output_size(Options& o, const Tensor<float>& x) {
  const io::Json& size = o.at("output_size");
  if (!size.is_array()) return {o.get<index_t>("output_size")};
  if (size.size() != 2) fail(o.where(), "output_size has ", size.size(), " values");
  return {size[0].is_null() ? x.size(-2) : size[0].get<index_t>(),
          size[1].is_null() ? x.size(-1) : size[1].get<index_t>()};
}

}  // namespace

void check_ops_conv(const std::filesystem::path& folder, Report& report) {
  const OpFunction adaptive_avg = [](Options& o, CaseInputs& in) -> CaseOutputs {
    return {{{"y", adaptive_avg_pool2d(in("x"), output_size(o, in("x")))}}};
  };
  const OpFunction adaptive_max = [](Options& o, CaseInputs& in) -> CaseOutputs {
    o.ignore("return_indices");
    const auto result = adaptive_max_pool2d_with_indices(in("x"), output_size(o, in("x")));
    return {{{"y", result.values}}, {}, {{"indices", result.indices}}};
  };
  check_op_cases(folder, report,
                 {{"conv1d", run_conv1d},
                  {"conv2d", run_conv2d},
                  {"conv3d", run_conv3d},
                  {"pad+conv2d", run_padded_conv2d},
                  {"pad", run_pad},
                  {"conv_transpose1d", run_conv_transpose1d},
                  {"conv_transpose2d", run_conv_transpose2d},
                  {"max_pool2d", run_max_pool2d},
                  {"avg_pool2d", run_avg_pool2d},
                  {"adaptive_avg_pool2d", adaptive_avg},
                  {"adaptive_max_pool2d", adaptive_max}});
}

}  // namespace limn::golden
