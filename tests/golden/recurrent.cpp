// Kinds lstm, gru, rnn: outputs, last states, loss and every gradient of torch.nn.LSTM, GRU and RNN.

#include <limn/ops/gru.hpp>
#include <limn/ops/lstm.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/ops/rnn.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

/// What the three operations return; c is lstm's.
struct Result {
  Tensor<float> output, h, c;
};

Result run(const std::string& kind, Options& options, const Tensor<float>& x, const Tensor<float>& h0,
           const Tensor<float>& c0, const std::vector<RecurrentWeights<float>>& weights, const RecurrentOptions& how) {
  if (kind == "lstm") {
    const LstmResult<float> result = lstm(x, h0, c0, weights, how);
    return {result.output, result.h, result.c};
  }
  if (kind == "gru") {
    const RecurrentResult<float> result = gru(x, h0, weights, how);
    return {result.output, result.h, {}};
  }
  const std::string name = options.get<std::string>("nonlinearity", "tanh");
  if (name != "tanh" && name != "relu") fail(options.where(), "unknown nonlinearity ", name);
  const RecurrentResult<float> result =
      rnn(x, h0, weights, name == "relu" ? RnnActivation::relu : RnnActivation::tanh, how);
  return {result.output, result.h, {}};
}

void check_case(const Fixture& fixture, Report& report, const std::string& kind, const std::string& name,
                const io::Json& values) {
  Options options(values, name);
  std::map<std::string, Tensor<float>> leaves;
  const auto leaf = [&](const std::string& part) {
    const Tensor<float> x = fixture.tensor(name + "." + part).requires_grad_();
    leaves.emplace(part, x);
    return x;
  };
  const auto optional_leaf = [&](const std::string& part) {
    return fixture.has(name + "." + part) ? leaf(part) : Tensor<float>();
  };

  RecurrentOptions how;
  how.batch_first = options.get<bool>("batch_first", false);
  how.bidirectional = options.get<bool>("bidirectional", false);
  if (options.has("packed_lengths")) how.lengths = options.get<std::vector<index_t>>("packed_lengths");
  if (options.get<double>("dropout", 0.0) != 0) fail(name, "dropout is random: no fixture can expect it");
  const bool bias = options.get<bool>("bias", true), projected = options.get<index_t>("proj_size", 0) > 0;
  std::vector<RecurrentWeights<float>> weights;
  for (index_t layer = 0; layer < options.get<index_t>("num_layers", 1); ++layer) {
    for (const char* direction : {"", "_reverse"}) {
      if (*direction && !how.bidirectional) continue;
      const std::string end = "_l" + std::to_string(layer) + direction;
      RecurrentWeights<float> w{leaf("weight_ih" + end), leaf("weight_hh" + end)};
      if (bias) w.b_ih = leaf("bias_ih" + end);
      if (bias) w.b_hh = leaf("bias_hh" + end);
      if (projected) w.w_hr = leaf("weight_hr" + end);
      weights.push_back(w);
    }
  }
  const bool given = options.get<bool>("initial_state_given", fixture.has(name + ".h0"));
  const Tensor<float> x = leaf("x"), h0 = given ? leaf("h0") : Tensor<float>(),
                      c0 = given ? optional_leaf("c0") : Tensor<float>();
  const bool batched = x.rank() == 3;  // torch takes [time, input] too
  const auto raised = [&](const Tensor<float>& v, index_t axis) {
    return batched || !v.defined() ? v : unsqueeze(v, axis);
  };
  const auto lowered = [&](const Tensor<float>& v, index_t axis) {
    return batched || !v.defined() ? v : squeeze(v, axis);
  };
  const index_t batch_axis = how.batch_first ? 0 : 1;
  Result result = run(kind, options, raised(x, batch_axis), raised(h0, 1), raised(c0, 1), weights, how);
  result = {lowered(result.output, batch_axis), lowered(result.h, 1), lowered(result.c, 1)};
  for (const char* known : {"input_size", "hidden_size", "batch", "time"}) options.ignore(known);
  options.done();

  Tensor<float> loss = limn::scalar(0.f);
  const auto output = [&](const std::string& part, const std::string& cotangent, const Tensor<float>& y) {
    report.tensor(name + "." + part, y);
    if (fixture.has(name + "." + cotangent)) loss = loss + sum(y * fixture.tensor(name + "." + cotangent));
  };
  output("output", "cot_out", result.output);
  output("hn", "cot_hn", result.h);
  if (result.c.defined()) output("cn", "cot_cn", result.c);
  if (report.expects(name + ".loss")) report.tensor(name + ".loss", loss);
  backward(loss);
  for (const auto& entry : leaves)
    if (report.expects(name + ".grad." + entry.first))
      report.tensor(name + ".grad." + entry.first, entry.second.grad());
}

}  // namespace

void check_recurrent(const std::filesystem::path& folder, Report& report) {
  const Fixture fixture(folder);
  for (const auto& entry : fixture.cases().items())
    report.guard(entry.key(), [&] { check_case(fixture, report, report.kind(), entry.key(), entry.value()); });
}

}  // namespace limn::golden
