// Kind optim: every optimiser fed the same given gradients; the parameters before and after each step.

#include <memory>

#include <limn/optim/adam.hpp>
#include <limn/optim/clip.hpp>
#include <limn/optim/rmsprop.hpp>
#include <limn/optim/sgd.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

using Groups = std::vector<optim::ParameterGroup<float>>;

/// An optimiser as the fixture describes it, and whether the gradients are to be negated for it.
struct Built {
  std::unique_ptr<optim::Optimizer<float>> optimizer;
  bool negate = false;
};

Built build_optimizer(Options& o, Groups groups) {
  Built built;
  const std::string name = o.get<std::string>("optimizer");
  const auto adam_options = [&](double lr, double eps, double weight_decay) {
    optim::AdamOptions options{
        .lr = o.get("lr", lr), .eps = o.get("eps", eps), .weight_decay = o.get("weight_decay", weight_decay)};
    if (o.has("betas")) {
      const auto betas = o.get<std::vector<double>>("betas");
      if (betas.size() != 2) fail(o.where(), "betas has ", betas.size(), " values");
      options.beta1 = betas[0];
      options.beta2 = betas[1];
    }
    return options;
  };
  const auto negate_if_maximize = [&] { built.negate = o.get("maximize", false); };

  if (name == "SGD") {
    built.optimizer = std::make_unique<optim::SGD<float>>(std::move(groups),
                                                          optim::SGDOptions{.lr = o.get<double>("lr"),
                                                                            .momentum = o.get("momentum", 0.0),
                                                                            .dampening = o.get("dampening", 0.0),
                                                                            .weight_decay = o.get("weight_decay", 0.0),
                                                                            .nesterov = o.get("nesterov", false),
                                                                            .maximize = o.get("maximize", false)});
  } else if (name == "Adam" || name == "AdamW" || name == "KerasAdam") {
    const bool keras = name == "KerasAdam";
    optim::AdamOptions options = adam_options(1e-3, keras ? 1e-7 : 1e-8, name == "AdamW" ? 1e-2 : 0);
    options.amsgrad = o.get("amsgrad", false);
    options.maximize = o.get("maximize", false);
    const auto form = keras ? optim::AdamForm::keras : name == "Adam" ? optim::AdamForm::adam : optim::AdamForm::adamw;
    built.optimizer = std::make_unique<optim::Adam<float>>(std::move(groups), options, form);
  } else if (name == "NAdam") {
    negate_if_maximize();
    built.optimizer = std::make_unique<optim::NAdam<float>>(std::move(groups), adam_options(2e-3, 1e-8, 0),
                                                            o.get("momentum_decay", 4e-3));
  } else if (name == "RAdam") {
    negate_if_maximize();
    built.optimizer = std::make_unique<optim::RAdam<float>>(std::move(groups), adam_options(1e-3, 1e-8, 0));
  } else if (name == "Adamax") {
    negate_if_maximize();
    built.optimizer = std::make_unique<optim::Adamax<float>>(std::move(groups), adam_options(2e-3, 1e-8, 0));
  } else if (name == "RMSprop") {
    negate_if_maximize();
    built.optimizer = std::make_unique<optim::RMSprop<float>>(
        std::move(groups), optim::RMSpropOptions{.lr = o.get("lr", 1e-2),
                                                 .alpha = o.get("alpha", 0.99),
                                                 .eps = o.get("eps", 1e-8),
                                                 .weight_decay = o.get("weight_decay", 0.0),
                                                 .momentum = o.get("momentum", 0.0),
                                                 .centered = o.get("centered", false)});
  } else if (name == "Adagrad") {
    negate_if_maximize();
    built.optimizer = std::make_unique<optim::Adagrad<float>>(
        std::move(groups), optim::AdagradOptions{.lr = o.get("lr", 1e-2),
                                                 .lr_decay = o.get("lr_decay", 0.0),
                                                 .weight_decay = o.get("weight_decay", 0.0),
                                                 .initial_accumulator_value = o.get("initial_accumulator_value", 0.0),
                                                 .eps = o.get("eps", 1e-10)});
  } else if (name == "Adadelta") {
    negate_if_maximize();
    built.optimizer = std::make_unique<optim::Adadelta<float>>(
        std::move(groups), optim::AdadeltaOptions{.lr = o.get("lr", 1.0),
                                                  .rho = o.get("rho", 0.9),
                                                  .eps = o.get("eps", 1e-6),
                                                  .weight_decay = o.get("weight_decay", 0.0)});
  } else {
    fail(o.where(), "unknown optimizer ", name);
  }
  return built;
}

void check_case(const Fixture& fixture, const std::string& name, Report& report) {
  Options o(fixture.cases().at(name), name);
  for (const char* text : {"note", "formula", "desc"}) o.ignore(text);
  const auto steps = io::json_value<index_t>(fixture.config(), "steps", name);

  Tensor<float> w = fixture.tensor("w0").requires_grad_(), b = fixture.tensor("b0").requires_grad_();
  Groups groups{{{w, b}}};
  if (o.has("param_groups")) {
    groups.clear();
    for (const io::Json& json : o.at("param_groups")) {
      Options group_options(json, name + ".param_groups");
      optim::ParameterGroup<float> group;
      for (const std::string& parameter : group_options.get<std::vector<std::string>>("params")) {
        if (parameter != "w" && parameter != "b") fail(name, "unknown parameter ", parameter);
        group.parameters.push_back(parameter == "w" ? w : b);
      }
      if (group_options.has("lr")) group.lr = group_options.get<double>("lr");
      if (group_options.has("weight_decay")) group.weight_decay = group_options.get<double>("weight_decay");
      group_options.done();
      groups.push_back(group);
    }
  }
  const Built built = build_optimizer(o, groups);
  const double max_norm = o.get("clip_grad_norm", -1.0), max_value = o.get("clip_grad_value", -1.0);
  o.done();

  const Tensor<float> grad_w = fixture.tensor("grad_w"), grad_b = fixture.tensor("grad_b");
  std::vector<float> all_w = to_vector(w), all_b = to_vector(b);
  std::vector<double> norms;
  for (index_t t = 0; t < steps; ++t) {
    for (const auto& [parameter, gradients] : {std::pair(w, grad_w), std::pair(b, grad_b)}) {
      const index_t count = parameter.numel();
      Tensor<float> gradient(parameter.shape());
      for (index_t i = 0; i < count; ++i)
        gradient.data()[i] = gradients.data()[t * count + i] * (built.negate ? -1.0f : 1.0f);
      parameter.set_grad(gradient);
    }
    if (max_norm >= 0) norms.push_back(optim::clip_grad_norm(std::vector<Tensor<float>>{w, b}, max_norm));
    if (max_value >= 0) optim::clip_grad_value(std::vector<Tensor<float>>{w, b}, max_value);
    built.optimizer->step();
    for (const float value : to_vector(w)) all_w.push_back(value);
    for (const float value : to_vector(b)) all_b.push_back(value);
  }
  const auto stacked = [&](const Tensor<float>& x) {
    std::vector<index_t> shape = x.shape().to_vector();
    shape.insert(shape.begin(), steps + 1);
    return shape;
  };
  report.tensor(name + ".w", all_w, stacked(w));
  report.tensor(name + ".b", all_b, stacked(b));
  if (max_norm >= 0) report.tensor(name + ".total_norm", norms, {static_cast<index_t>(norms.size())});
}

}  // namespace

void check_optim(const std::filesystem::path& folder, Report& report) {
  const Fixture fixture(folder);
  for (const auto& entry : fixture.cases().items())
    report.guard(entry.key(), [&] { check_case(fixture, entry.key(), report); });
}

}  // namespace limn::golden
