// Kind ops-attention: torch.nn.MultiheadAttention and the transformer layers, with their parameters' names.

#include <limn/nn/transformer.hpp>

#include "kinds.hpp"
#include "op_cases.hpp"

namespace limn::golden {

namespace {

/// Replaces the tensors of a module by the case's inputs "param.<name>".
template <class M>
void fill_module(M& module, CaseInputs& in) {
  nn::for_each_tensor(module, [&in](const std::string& name, Tensor<float>& tensor) {
    const Tensor<float> given = in("param." + name);
    check_shape("golden_check", name.c_str(), given.shape(), tensor.shape());
    tensor = given;
  });
}

/// The masks among the inputs: boolean or numbers, whichever type they have.
nn::MultiheadAttentionCall<float> masks_of(CaseInputs& in, const std::string& mask, const std::string& padding) {
  nn::MultiheadAttentionCall<float> call;
  const auto is_boolean = [&](const std::string& name) { return !io::is_float(in.dtype(name)); };
  if (in.has(mask) && is_boolean(mask))
    call.attn_mask = in.plain<bool>(mask);
  else if (in.has(mask))
    call.attn_added = in.plain<float>(mask);
  if (in.has(padding)) {
    const bool batched = in.plain<float>(padding).rank() == 2;
    const auto rows = [&](auto x) { return batched ? x : unsqueeze(x, 0); };
    if (is_boolean(padding))
      call.key_padding_mask = rows(in.plain<bool>(padding));
    else
      call.key_padding_added = rows(in.plain<float>(padding));
  }
  return call;
}

CaseOutputs run_attention(Options& o, CaseInputs& in) {
  o.ignore("dropout");  // the fixtures run without
  Generator generator(0);
  const bool batch_first = o.get("batch_first", false);
  nn::MultiheadAttention<float> module(o.get<index_t>("embed_dim"), o.get<index_t>("num_heads"), generator,
                                       {.bias = o.get("bias", true),
                                        .batch_first = batch_first,
                                        .kdim = o.get<index_t>("kdim", 0),
                                        .vdim = o.get<index_t>("vdim", 0),
                                        .add_bias_kv = o.get("add_bias_kv", false),
                                        .add_zero_attn = o.get("add_zero_attn", false)});
  fill_module(module, in);
  auto call = masks_of(in, "attn_mask", "key_padding_mask");
  call.average_weights = o.get("average_attn_weights", true);
  call.causal = o.get("is_causal", false) && !call.attn_mask.defined() && !call.attn_added.defined();
  const bool wants_weights = o.get("need_weights", true);

  const Tensor<float> query = in("query");
  const bool self = o.get("self_attention", !in.has("key")), batched = query.rank() == 3;
  const Tensor<float> key = self ? query : in("key"), value = self ? query : in("value");
  const index_t axis = batch_first ? 0 : 1;
  const auto batch_of = [&](const Tensor<float>& x) { return batched ? x : unsqueeze(x, axis); };
  const auto result = module(batch_of(query), batch_of(key), batch_of(value), call);
  CaseOutputs outputs{{{"y", batched ? result.output : squeeze(result.output, axis)}}};
  if (wants_weights)
    outputs.outputs.emplace_back("attn_weights", batched ? result.weights : squeeze(result.weights, 0));
  return outputs;
}

nn::TransformerOptions layer_options(Options& o) {
  o.ignore("dropout");
  const std::string activation = o.get<std::string>("activation", "relu");
  if (activation != "relu" && activation != "gelu") fail(o.where(), "unknown activation ", activation);
  return {.feedforward = o.get<index_t>("dim_feedforward", 2048),
          .activation = activation == "relu" ? nn::TransformerActivation::relu : nn::TransformerActivation::gelu,
          .norm_first = o.get("norm_first", false),
          .layer_norm_eps = o.get("layer_norm_eps", 1e-5),
          .batch_first = o.get("batch_first", false),
          .dropout = 0};
}

CaseOutputs run_encoder_layer(Options& o, CaseInputs& in) {
  Generator generator(0);
  nn::TransformerEncoderLayer<float> layer(o.get<index_t>("d_model"), o.get<index_t>("nhead"), generator,
                                           layer_options(o));
  fill_module(layer, in);
  return {{{"y", layer(in(in.has("src") ? "src" : "x"), masks_of(in, "src_mask", "src_key_padding_mask"))}}};
}

CaseOutputs run_decoder_layer(Options& o, CaseInputs& in) {
  Generator generator(0);
  nn::TransformerDecoderLayer<float> layer(o.get<index_t>("d_model"), o.get<index_t>("nhead"), generator,
                                           layer_options(o));
  fill_module(layer, in);
  return {{{"y", layer(in("tgt"), in("memory"), masks_of(in, "tgt_mask", "tgt_key_padding_mask"),
                       masks_of(in, "memory_mask", "memory_key_padding_mask"))}}};
}

}  // namespace

void check_ops_attention(const std::filesystem::path& folder, Report& report) {
  check_op_cases(folder, report,
                 {{"MultiheadAttention", run_attention},
                  {"TransformerEncoderLayer", run_encoder_layer},
                  {"TransformerDecoderLayer", run_decoder_layer}});
}

}  // namespace limn::golden
