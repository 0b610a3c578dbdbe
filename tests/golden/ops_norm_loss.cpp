// Kind ops-norm-loss: normalisation, embedding, linear, matmul, losses, similarities.

#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/distance.hpp>
#include <limn/ops/gather.hpp>
#include <limn/ops/loss.hpp>
#include <limn/ops/matmul.hpp>
#include <limn/ops/norm.hpp>

#include "kinds.hpp"
#include "op_cases.hpp"

namespace limn::golden {

namespace {

/// Running statistics to be updated: a copy, so that the fixture's stay as they are.
Tensor<float> copy_of(CaseInputs& in, const std::string& name) {
  return in.has(name) ? clone(in.plain<float>(name)) : Tensor<float>();
}

CaseOutputs with_running(const Tensor<float>& y, const Tensor<float>& mean, const Tensor<float>& var) {
  CaseOutputs outputs{{{"y", y}}};
  if (mean.defined()) outputs.others = {{"running_mean_after", mean}, {"running_var_after", var}};
  return outputs;
}

/// null means a cumulative average, whose first step takes the batch alone.
double momentum_of(Options& o) { return o.has("momentum") ? o.get<double>("momentum") : 1.0; }

CaseOutputs run_batch_norm(Options& o, CaseInputs& in) {
  const bool affine = o.get("affine", in.has("weight")), track = o.get("track_running_stats", in.has("running_mean"));
  if (affine != in.has("weight")) fail(o.where(), "affine = ", affine, " does not fit the inputs");
  const Tensor<float> mean = track ? copy_of(in, "running_mean") : Tensor<float>();
  const Tensor<float> var = track ? copy_of(in, "running_var") : Tensor<float>();
  const Tensor<float> y =
      batch_norm(in("x"), in.optional("weight"), in.optional("bias"), mean, var,
                 {.training = o.get("training", true), .momentum = momentum_of(o), .eps = o.get("eps", 1e-5)});
  return with_running(y, mean, var);
}

CaseOutputs run_instance_norm(Options& o, CaseInputs& in) {
  for (const char* key : {"affine", "track_running_stats"}) o.ignore(key);
  const Tensor<float> mean = copy_of(in, "running_mean"), var = copy_of(in, "running_var");
  const Tensor<float> y = instance_norm(in("x"), in.optional("weight"), in.optional("bias"), mean, var,
                                        {.use_input_stats = o.get("use_input_stats", true),
                                         .momentum = o.get("momentum", 0.1),
                                         .eps = o.get("eps", 1e-5)});
  return with_running(y, mean, var);
}

CaseOutputs run_layer_norm(Options& o, CaseInputs& in) {
  o.ignore("elementwise_affine");
  const Dims shape = o.at("normalized_shape").is_array() ? Dims(o.get<std::vector<index_t>>("normalized_shape"))
                                                         : Dims{o.get<index_t>("normalized_shape")};
  return {{{"y", layer_norm(in("x"), shape, in.optional("weight"), in.optional("bias"), {.eps = o.get("eps", 1e-5)})}}};
}

CaseOutputs run_group_norm(Options& o, CaseInputs& in) {
  o.ignore("affine");
  return {{{"y", group_norm(in("x"), o.get<index_t>("num_groups"), in.optional("weight"), in.optional("bias"),
                            {.eps = o.get("eps", 1e-5)})}}};
}

CaseOutputs run_embedding(Options& o, CaseInputs& in) {
  EmbeddingOptions options;
  if (o.has("padding_idx")) options.padding_index = o.get<index_t>("padding_idx");
  return {{{"y", embedding(in.plain<std::int64_t>("ids"), in("weight"), options)}}};
}

Reduction reduction_of(Options& o) {
  const std::string name = o.get<std::string>("reduction", "mean");
  if (name == "mean") return Reduction::mean;
  if (name == "sum") return Reduction::sum;
  if (name == "none") return Reduction::none;
  fail(o.where(), "unknown reduction ", name);
}

void check_class_dim(Options& o) {
  if (o.get<index_t>("class_dim", 1) != 1) fail(o.where(), "class_dim is not 1");
}

CaseOutputs run_cross_entropy(Options& o, CaseInputs& in) {
  check_class_dim(o);
  const bool weighted = o.get("weighted", in.has("weight"));
  const CrossEntropyOptions<float> options{.weight = weighted ? in("weight") : Tensor<float>(),
                                           .ignore_index = o.get<std::int64_t>("ignore_index", -100),
                                           .label_smoothing = o.get("label_smoothing", 0.0),
                                           .reduction = reduction_of(o)};
  const std::string target =
      o.get<std::string>("target", io::is_float(in.dtype("target")) ? "class probabilities" : "class indices");
  if (target == "class indices")
    return {{{"y", cross_entropy(in("logits"), in.plain<std::int64_t>("target"), options)}}};
  if (target != "class probabilities") fail(o.where(), "unknown target ", target);
  return {{{"y", cross_entropy(in("logits"), in("target"), options)}}};
}

CaseOutputs run_nll_loss(Options& o, CaseInputs& in) {
  check_class_dim(o);
  const bool weighted = o.get("weighted", in.has("weight"));
  return {{{"y", nll_loss(log_softmax(in("logits"), 1), in.plain<std::int64_t>("target"),
                          NllOptions<float>{.weight = weighted ? in("weight") : Tensor<float>(),
                                            .ignore_index = o.get<std::int64_t>("ignore_index", -100),
                                            .reduction = reduction_of(o)})}}};
}

CaseOutputs run_bce_with_logits(Options& o, CaseInputs& in) {
  return {{{"y", binary_cross_entropy_with_logits(in("x"), in("y"),
                                                  LogitsOptions<float>{.weight = in.optional("weight"),
                                                                       .pos_weight = in.optional("pos_weight"),
                                                                       .reduction = reduction_of(o)})}}};
}

CaseOutputs run_bce(Options& o, CaseInputs& in) {
  return {{{"y", binary_cross_entropy(
                     in("p"), in("y"),
                     BinaryOptions<float>{.weight = in.optional("weight"), .reduction = reduction_of(o)})}}};
}

CaseOutputs run_kl_div(Options& o, CaseInputs& in) {
  const bool log_target = o.get("log_target", false);
  const std::string name = o.get<std::string>("reduction", "mean");
  const KlReduction reduction = name == "batchmean" ? KlReduction::batchmean
                                : name == "sum"     ? KlReduction::sum
                                : name == "none"    ? KlReduction::none
                                                    : KlReduction::mean;
  if (name != "mean" && reduction == KlReduction::mean) fail(o.where(), "unknown reduction ", name);
  return {{{"y", kl_div(log_softmax(in("a"), 1), in("t"), {.log_target = log_target, .reduction = reduction})}}};
}

}  // namespace

void check_ops_norm_loss(const std::filesystem::path& folder, Report& report) {
  const auto y_of = [](Tensor<float> y) -> CaseOutputs { return {{{"y", std::move(y)}}}; };
  check_op_cases(
      folder, report,
      {{"batch_norm", run_batch_norm},
       {"batch_norm1d", run_batch_norm},
       {"batch_norm2d", run_batch_norm},
       {"batch_norm3d", run_batch_norm},
       {"instance_norm", run_instance_norm},
       {"layer_norm", run_layer_norm},
       {"group_norm", run_group_norm},
       {"rms_norm",
        [=](Options& o, CaseInputs& in) {
          return y_of(rms_norm(in("x"), in.optional("weight"), {.eps = o.get("eps", 1e-6)}));
        }},
       {"embedding", run_embedding},
       {"linear", [=](Options&, CaseInputs& in) { return y_of(linear(in("x"), in("weight"), in.optional("bias"))); }},
       {"matmul", [=](Options&, CaseInputs& in) { return y_of(matmul(in("a"), in("b"))); }},
       {"bmm", [=](Options&, CaseInputs& in) { return y_of(matmul(in("a"), in("b"))); }},
       {"cross_entropy", run_cross_entropy},
       {"nll_loss", run_nll_loss},
       {"bce_with_logits", run_bce_with_logits},
       {"binary_cross_entropy", run_bce},
       {"mse", [=](Options& o, CaseInputs& in) { return y_of(mse_loss(in("a"), in("b"), {reduction_of(o)})); }},
       {"l1", [=](Options& o, CaseInputs& in) { return y_of(l1_loss(in("a"), in("b"), {reduction_of(o)})); }},
       {"smooth_l1",
        [=](Options& o, CaseInputs& in) {
          return y_of(smooth_l1_loss(in("a"), in("b"), {.beta = o.get("beta", 1.0), .reduction = reduction_of(o)}));
        }},
       {"huber",
        [=](Options& o, CaseInputs& in) {
          return y_of(huber_loss(in("a"), in("b"), {.delta = o.get("delta", 1.0), .reduction = reduction_of(o)}));
        }},
       {"kl_div", run_kl_div},
       {"cosine_similarity",
        [=](Options& o, CaseInputs& in) {
          return y_of(
              cosine_similarity(in("a"), in("b"), {.axis = o.get<index_t>("dim", 1), .eps = o.get("eps", 1e-8)}));
        }},
       {"pairwise_distance",
        [=](Options& o, CaseInputs& in) {
          return y_of(pairwise_distance(
              in("a"), in("b"), {.p = o.get("p", 2.0), .eps = o.get("eps", 1e-6), .keepdim = o.get("keepdim", false)}));
        }},
       {"normalize", [=](Options& o, CaseInputs& in) {
          return y_of(normalize(in(in.has("a") ? "a" : "x"),
                                {.p = o.get("p", 2.0), .axis = o.get<index_t>("dim", 1), .eps = o.get("eps", 1e-12)}));
        }}});
}

}  // namespace limn::golden
