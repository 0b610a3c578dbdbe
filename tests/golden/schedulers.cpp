// Kind schedulers: the learning rate after construction and after each step.

#include <limn/optim/schedule.hpp>
#include <limn/optim/sgd.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

optim::Schedule build_schedule(const std::string& name, Options& o) {
  for (const char* key : {"last_epoch", "verbose"}) o.ignore(key);
  const auto warmup = [&] { return o.get<index_t>("num_warmup_steps"); };
  const auto total = [&] { return o.get<index_t>("num_training_steps"); };

  if (name == "StepLR") return optim::step_lr(o.get<index_t>("step_size"), o.get("gamma", 0.1));
  if (name == "MultiStepLR")
    return optim::multi_step_lr(o.get<std::vector<index_t>>("milestones"), o.get("gamma", 0.1));
  if (name == "ConstantLR") return optim::constant_lr(o.get("factor", 1.0 / 3), o.get<index_t>("total_iters", 5));
  if (name == "ExponentialLR") return optim::exponential_lr(o.get<double>("gamma"));
  if (name == "LinearLR")
    return optim::linear_lr(o.get("start_factor", 1.0 / 3), o.get("end_factor", 1.0), o.get<index_t>("total_iters", 5));
  if (name == "PolynomialLR") return optim::polynomial_lr(o.get<index_t>("total_iters", 5), o.get("power", 1.0));
  if (name == "CosineAnnealingLR") return optim::cosine_annealing_lr(o.get<index_t>("T_max"), o.get("eta_min", 0.0));
  if (name == "CosineAnnealingWarmRestarts")
    return optim::cosine_annealing_warm_restarts(o.get<index_t>("T_0"), o.get<index_t>("T_mult", 1),
                                                 o.get("eta_min", 0.0));
  if (name == "OneCycleLR") {
    for (const char* key : {"cycle_momentum", "base_momentum", "max_momentum"}) o.ignore(key);
    const index_t steps = o.has("total_steps") ? o.get<index_t>("total_steps")
                                               : o.get<index_t>("epochs") * o.get<index_t>("steps_per_epoch");
    const std::string anneal = o.get<std::string>("anneal_strategy", "cos");
    if (anneal != "cos" && anneal != "linear") fail(o.where(), "unknown anneal_strategy ", anneal);
    return optim::one_cycle_lr(o.get<double>("max_lr"), steps,
                               {.pct_start = o.get("pct_start", 0.3),
                                .div_factor = o.get("div_factor", 25.0),
                                .final_div_factor = o.get("final_div_factor", 1e4),
                                .cosine = anneal == "cos",
                                .three_phase = o.get("three_phase", false)});
  }
  if (name == "CyclicLR") {
    for (const char* key : {"cycle_momentum", "base_momentum", "max_momentum"}) o.ignore(key);
    const std::string mode = o.get<std::string>("mode", "triangular");
    if (mode != "triangular" && mode != "triangular2" && mode != "exp_range") fail(o.where(), "unknown mode ", mode);
    return optim::cyclic_lr(o.get<double>("base_lr"), o.get<double>("max_lr"), o.get<index_t>("step_size_up", 2000),
                            o.get<index_t>("step_size_down", -1),
                            mode == "triangular"    ? optim::CyclicMode::triangular
                            : mode == "triangular2" ? optim::CyclicMode::triangular2
                                                    : optim::CyclicMode::exp_range,
                            o.get("gamma", 1.0));
  }
  if (name == "SequentialLR" || name == "ChainedScheduler") {
    std::vector<optim::Schedule> children;
    for (const io::Json& json : o.at("schedulers")) {
      Options child(json, o.where());
      Options kwargs(child.at("kwargs"), o.where());
      children.push_back(build_schedule(child.get<std::string>("scheduler"), kwargs));
      kwargs.done();
      child.done();
    }
    if (name == "ChainedScheduler") return optim::chained_lr(children);
    return optim::sequential_lr(children, o.get<std::vector<index_t>>("milestones"));
  }
  if (name == "hf_constant") return [](index_t, double base) { return base; };
  if (name == "hf_constant_with_warmup") return optim::warmup_constant(warmup());
  if (name == "hf_linear") return optim::warmup_linear(warmup(), total());
  if (name == "hf_cosine") return optim::warmup_cosine(warmup(), total(), o.get("num_cycles", 0.5));
  if (name == "hf_cosine_with_restarts")
    return optim::warmup_cosine_with_restarts(warmup(), total(), o.get("num_cycles", 1.0));
  if (name == "hf_polynomial")
    return optim::warmup_polynomial(warmup(), total(), o.get("lr_end", 1e-7), o.get("power", 1.0));
  if (name == "hf_inverse_sqrt") return optim::warmup_inverse_sqrt(warmup(), o.get<index_t>("timescale", -1));
  fail(o.where(), "unknown scheduler ", name);
}

optim::PlateauOptions plateau_options(Options& o) {
  for (const char* key : {"last_epoch", "verbose"}) o.ignore(key);
  const std::string mode = o.get<std::string>("mode", "min"),
                    threshold_mode = o.get<std::string>("threshold_mode", "rel");
  if (mode != "min" && mode != "max") fail(o.where(), "unknown mode ", mode);
  if (threshold_mode != "rel" && threshold_mode != "abs") fail(o.where(), "unknown threshold_mode ", threshold_mode);
  return {.maximize = mode == "max",
          .factor = o.get("factor", 0.1),
          .patience = o.get<index_t>("patience", 10),
          .threshold = o.get("threshold", 1e-4),
          .relative = threshold_mode == "rel",
          .cooldown = o.get<index_t>("cooldown", 0),
          .min_lr = o.get("min_lr", 0.0),
          .eps = o.get("eps", 1e-8)};
}

void check_case(const Fixture& fixture, const std::string& name, Report& report) {
  Options o(fixture.cases().at(name), name);
  o.ignore("desc");
  const std::string scheduler_name = o.get<std::string>("scheduler");
  const auto steps = o.get<index_t>("steps");
  optim::SGD<float> optimizer(std::vector<Tensor<float>>{zeros({1}).requires_grad_()},
                              {.lr = o.get<double>("base_lr")});
  Options kwargs(o.has("kwargs") ? o.at("kwargs") : io::Json::object(), name);

  std::vector<double> rates;
  if (scheduler_name == "ReduceLROnPlateau") {
    const auto metrics = o.get<std::vector<double>>("metrics");
    optim::ReduceLROnPlateau<float> plateau(optimizer, plateau_options(kwargs));
    rates.push_back(optimizer.lr());
    for (index_t t = 0; t < steps; ++t) {
      plateau.step(metrics.at(static_cast<std::size_t>(t)));
      rates.push_back(optimizer.lr());
    }
  } else {
    optim::Scheduler<float> scheduler(optimizer, build_schedule(scheduler_name, kwargs));
    rates.push_back(optimizer.lr());
    for (index_t t = 0; t < steps; ++t) {
      scheduler.step();
      rates.push_back(optimizer.lr());
    }
  }
  kwargs.done();
  o.done();
  report.tensor(name, rates, {steps + 1});
}

}  // namespace

void check_schedulers(const std::filesystem::path& folder, Report& report) {
  const Fixture fixture(folder);
  for (const auto& entry : fixture.cases().items())
    report.guard(entry.key(), [&] { check_case(fixture, entry.key(), report); });
}

}  // namespace limn::golden
