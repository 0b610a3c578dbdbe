// Kind ops-activation-interp: activations, softmax, interpolation.

#include <limn/ops/activation.hpp>
#include <limn/ops/interpolate.hpp>
#include <limn/ops/pool2d.hpp>
#include <limn/ops/softmax.hpp>

#include "kinds.hpp"
#include "op_cases.hpp"

namespace limn::golden {

namespace {

using Unary = std::function<Tensor<float>(const Tensor<float>& x, Options& o)>;

/// An operation with the one input x and the one output y.
OpFunction unary(Unary f) {
  return [f = std::move(f)](Options& o, CaseInputs& in) -> CaseOutputs {
    o.ignore("formula");
    return {{{"y", f(in("x"), o)}}};
  };
}

Interpolation mode_of(const std::string& name, index_t rank, const std::string& where) {
  if (name == "nearest") return Interpolation::nearest;
  if (name == "nearest-exact") return Interpolation::nearest_exact;
  if ((name == "linear" && rank == 3) || (name == "bilinear" && rank == 4) || (name == "trilinear" && rank == 5))
    return Interpolation::linear;
  if (name == "bicubic" && rank == 4) return Interpolation::cubic;
  fail(where, "unknown interpolation mode ", name, " for ", rank, " dimensions");
}

Tensor<float> interpolate_as_configured(const Tensor<float>& x, Options& o) {
  o.ignore("use");
  const auto axes = static_cast<std::size_t>(x.rank() - 2);
  if (o.get<std::string>("mode", "nearest") == "area" && x.rank() == 4 && o.has("size")) {
    for (const char* key : {"align_corners", "antialias", "recompute_scale_factor", "scale_factor"}) o.ignore(key);
    const std::vector<index_t> size = o.list("size", axes, 0);
    return adaptive_avg_pool2d(x, {size[0], size[1]});
  }
  InterpolateOptions options;
  options.mode = mode_of(o.get<std::string>("mode", "nearest"), x.rank(), o.where());
  options.align_corners = o.get("align_corners", false);
  options.antialias = o.get("antialias", false);
  options.recompute_scale_factor = o.get("recompute_scale_factor", false);
  if (o.has("size")) options.size = Dims(o.list("size", axes, 0));
  if (o.has("scale_factor"))
    options.scale_factor = o.at("scale_factor").is_array() ? o.get<std::vector<double>>("scale_factor")
                                                           : std::vector<double>{o.get<double>("scale_factor")};
  return interpolate(x, options);
}

std::map<std::string, OpFunction> activation_ops() {
  std::map<std::string, OpFunction> ops{
      {"relu", unary([](const auto& x, Options&) { return relu(x); })},
      {"gelu", unary([](const auto& x, Options& o) {
         const std::string approximate = o.get<std::string>("approximate", "none");
         if (approximate != "none" && approximate != "tanh") fail(o.where(), "unknown approximate ", approximate);
         return approximate == "tanh" ? gelu_tanh(x) : gelu(x);
       })},
      {"gelu_tanh", unary([](const auto& x, Options&) { return gelu_tanh(x); })},
      {"quick_gelu", unary([](const auto& x, Options&) { return quick_gelu(x); })},
      {"silu", unary([](const auto& x, Options&) { return silu(x); })},
      {"tanh", unary([](const auto& x, Options&) { return tanh(x); })},
      {"sigmoid", unary([](const auto& x, Options&) { return sigmoid(x); })},
      {"softplus", unary([](const auto& x, Options& o) {
         return softplus(x, {.beta = o.get("beta", 1.0), .threshold = o.get("threshold", 20.0)});
       })},
      {"elu", unary([](const auto& x, Options& o) { return elu(x, o.get("alpha", 1.0)); })},
      {"celu", unary([](const auto& x, Options& o) { return celu(x, o.get("alpha", 1.0)); })},
      {"selu", unary([](const auto& x, Options& o) {
         return selu(x, o.get("alpha", 1.6732632423543772), o.get("scale", 1.0507009873554805));
       })},
      {"leaky_relu", unary([](const auto& x, Options& o) { return leaky_relu(x, o.get("negative_slope", 0.01)); })},
      {"hardswish", unary([](const auto& x, Options&) { return hardswish(x); })},
      {"hardsigmoid", unary([](const auto& x, Options&) { return hardsigmoid(x); })},
      {"hardtanh", unary([](const auto& x, Options& o) {
         return hardtanh(x, o.get(o.has("min_val") ? "min_val" : "min", -1.0),
                         o.get(o.has("max_val") ? "max_val" : "max", 1.0));
       })},
      {"relu6", unary([](const auto& x, Options&) { return relu6(x); })},
      {"mish", unary([](const auto& x, Options&) { return mish(x); })},
      {"softsign", unary([](const auto& x, Options&) { return softsign(x); })},
      {"logsigmoid", unary([](const auto& x, Options&) { return logsigmoid(x); })},
      {"tanhshrink", unary([](const auto& x, Options&) { return tanhshrink(x); })},
      {"softshrink",
       unary([](const auto& x, Options& o) { return softshrink(x, o.get(o.has("lambd") ? "lambd" : "lambda", 0.5)); })},
      {"hardshrink",
       unary([](const auto& x, Options& o) { return hardshrink(x, o.get(o.has("lambd") ? "lambd" : "lambda", 0.5)); })},
      {"threshold", unary([](const auto& x, Options& o) {
         return threshold(x, o.get<double>("threshold"), o.get<double>("value"));
       })},
      {"glu", unary([](const auto& x, Options& o) { return glu(x, o.get<index_t>("dim", -1)); })},
      {"erf", unary([](const auto& x, Options&) { return erf(x); })},
      {"exp", unary([](const auto& x, Options&) { return exp(x); })},
      {"log", unary([](const auto& x, Options&) { return log(x); })},
      {"log1p", unary([](const auto& x, Options&) { return log1p(x); })},
      {"expm1", unary([](const auto& x, Options&) { return expm1(x); })},
      {"sqrt", unary([](const auto& x, Options&) { return sqrt(x); })},
      {"rsqrt", unary([](const auto& x, Options&) { return rsqrt(x); })},
      {"abs", unary([](const auto& x, Options&) { return abs(x); })},
      {"sin", unary([](const auto& x, Options&) { return sin(x); })},
      {"cos", unary([](const auto& x, Options&) { return cos(x); })},
      {"exp_clamped", unary([](const auto& x, Options& o) { return exp_clamped(x, o.get("max", 10.0)); })},
      {"log1p_abs", unary([](const auto& x, Options&) { return log1p_abs(x); })},
      {"softmax", unary([](const auto& x, Options& o) { return softmax(x, o.get<index_t>("dim", -1)); })},
      {"softmin", unary([](const auto& x, Options& o) { return softmin(x, o.get<index_t>("dim", -1)); })},
      {"log_softmax", unary([](const auto& x, Options& o) { return log_softmax(x, o.get<index_t>("dim", -1)); })},
  };
  ops["gelu_new"] = ops.at("gelu_tanh");
  ops["swish"] = ops.at("silu");
  ops["prelu"] = [](Options&, CaseInputs& in) -> CaseOutputs { return {{{"y", prelu(in("x"), in("weight"))}}}; };
  return ops;
}

}  // namespace

void check_ops_activation_interp(const std::filesystem::path& folder, Report& report) {
  std::map<std::string, OpFunction> ops = activation_ops();
  ops["interpolate"] = unary(interpolate_as_configured);
  check_op_cases(folder, report, ops);
}

}  // namespace limn::golden
