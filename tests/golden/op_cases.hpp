#pragma once
// The frame of the ops-* kinds: cases of one operation each, with inputs, cotangents, outputs and gradients.

#include <functional>
#include <utility>

#include <limn/autograd/backward.hpp>

#include "fixture.hpp"

namespace limn::golden {

/// The inputs of one case, under their names without the case's. Those with an expected gradient are leaves.
class CaseInputs {
 public:
  CaseInputs(const Fixture& fixture, const Report& report, std::string name)
      : fixture_(fixture), report_(report), name_(std::move(name)) {}

  [[nodiscard]] bool has(const std::string& argument) const { return fixture_.has(name_ + "." + argument); }
  /// A float input; the same leaf each time it is asked for.
  [[nodiscard]] Tensor<float> operator()(const std::string& argument) {
    const auto found = floats_.find(argument);
    if (found != floats_.end()) return found->second;
    Tensor<float> x = plain<float>(argument);
    if (report_.expects(name_ + ".grad." + argument)) x.requires_grad_();
    return floats_[argument] = x;
  }
  /// The same, or an undefined tensor when the case has no such input.
  [[nodiscard]] Tensor<float> optional(const std::string& argument) {
    return has(argument) ? (*this)(argument) : Tensor<float>();
  }
  template <class T>
  [[nodiscard]] Tensor<T> plain(const std::string& argument) {
    used_.insert(argument);
    return fixture_.tensor<T>(name_ + "." + argument);
  }
  [[nodiscard]] io::DType dtype(const std::string& argument) const { return fixture_.dtype(name_ + "." + argument); }
  /// Names of inputs that begin with `prefix`.
  [[nodiscard]] std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> result;
    for (const std::string& full : fixture_.names(name_ + "." + prefix))
      result.push_back(full.substr(name_.size() + 1));
    return result;
  }

  [[nodiscard]] const std::map<std::string, Tensor<float>>& floats() const { return floats_; }
  /// Throws when an input was never asked for: then an option has been overlooked.
  void done() const {
    for (const std::string& argument : names(""))
      if (argument.rfind("cot.", 0) != 0 && !used_.count(argument))
        fail(name_, "the input ", argument, " was not used");
  }

 private:
  const Fixture& fixture_;
  const Report& report_;
  std::string name_;
  std::map<std::string, Tensor<float>> floats_;
  std::set<std::string> used_;
};

/// What an operation returns: outputs that gradients flow from, and others (indices, running statistics), which a
/// fixture may leave out.
struct CaseOutputs {
  std::vector<std::pair<std::string, Tensor<float>>> outputs;
  std::vector<std::pair<std::string, Tensor<float>>> others = {};
  std::vector<std::pair<std::string, Tensor<std::int64_t>>> indices = {};
};

using OpFunction = std::function<CaseOutputs(Options& options, CaseInputs& inputs)>;

/// Runs every case of the folder through `ops` (by the name in "op"), compares outputs and gradients.
inline void check_op_cases(const std::filesystem::path& folder, Report& report,
                           const std::map<std::string, OpFunction>& ops) {
  const Fixture fixture(folder);
  for (const auto& entry : fixture.cases().items()) {
    const std::string& name = entry.key();
    report.guard(name, [&] {
      Options description(entry.value(), name);
      description.ignore("desc");
      const auto op = ops.find(description.get<std::string>("op"));
      if (op == ops.end()) fail(name, "unknown op ", description.get<std::string>("op"));
      Options kwargs(description.has("kwargs") ? description.at("kwargs") : io::Json::object(), name);
      description.done();

      CaseInputs inputs(fixture, report, name);
      const CaseOutputs result = op->second(kwargs, inputs);
      kwargs.done();
      inputs.done();

      std::vector<Tensor<float>> ys, cotangents, xs;
      for (const auto& [output, y] : result.outputs) {
        report.tensor(name + "." + output, y);
        const std::string cotangent = name + ".cot." + output;
        if (!y.requires_grad() || !(fixture.has(cotangent) || y.rank() == 0)) continue;
        ys.push_back(y);
        cotangents.push_back(fixture.has(cotangent) ? fixture.tensor(cotangent) : Tensor<float>());
      }
      for (const auto& [output, y] : result.others)
        if (report.expects(name + "." + output)) report.tensor(name + "." + output, y);
      for (const auto& [output, y] : result.indices)
        if (report.expects(name + "." + output)) report.tensor(name + "." + output, y);

      std::vector<std::string> names;
      for (const auto& [argument, x] : inputs.floats())
        if (x.requires_grad()) {
          names.push_back(argument);
          xs.push_back(x);
        }
      if (xs.empty()) return;
      const std::vector<Tensor<float>> gradients = grad(ys, xs, {.dy = cotangents, .allow_unused = true});
      for (std::size_t i = 0; i < xs.size(); ++i)
        report.tensor(name + ".grad." + names[i], gradients[i].defined() ? gradients[i] : zeros_like(xs[i]));
    });
  }
}

}  // namespace limn::golden
