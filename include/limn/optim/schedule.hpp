#pragma once
// Learning-rate schedules: functions from the step to the learning rate, and ReduceLROnPlateau. Names and forms as in
// torch.optim.lr_scheduler; the warm-up schedules as in transformers.get_scheduler.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include <limn/optim/optimizer.hpp>

namespace limn::inline LIMN_ABI::optim {

/// The learning rate at step 0, 1, 2, ... of an optimiser that was built with base_lr.
using Schedule = std::function<double(index_t step, double base_lr)>;

/// Sets the learning rate of every group at each step(): schedule(step, that group's first learning rate).
template <class T>
class Scheduler {
 public:
  Scheduler(Optimizer<T>& optimizer, Schedule schedule) : optimizer_(&optimizer), schedule_(std::move(schedule)) {
    for (std::size_t g = 0; g < optimizer.group_count(); ++g) base_.push_back(optimizer.lr(g));
    set_step(0);
  }
  void step() { set_step(step_ + 1); }
  [[nodiscard]] index_t current() const { return step_; }
  /// Jumps to a step: what resuming needs.
  void set_step(index_t step) {
    step_ = step;
    for (std::size_t g = 0; g < base_.size(); ++g) optimizer_->set_lr(g, schedule_(step, base_[g]));
  }

 private:
  Optimizer<T>* optimizer_;
  Schedule schedule_;
  std::vector<double> base_;
  index_t step_ = 0;
};

// Templates with one S: a program compiles only the schedules it names.

namespace detail {
/// From `start` at fraction 0 to `end` at fraction 1 along half a cosine.
[[nodiscard]] inline double cosine_between(double start, double end, double fraction) {
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * fraction));
}
[[nodiscard]] inline double real(index_t n) { return static_cast<double>(n); }
}  // namespace detail

template <class S = Schedule>
[[nodiscard]] S constant_lr(double factor = 1.0 / 3, index_t total_iters = 5) {
  return [=](index_t t, double base) { return t < total_iters ? base * factor : base; };
}

/// lr falls by `gamma` every `step_size` steps.
template <class S = Schedule>
[[nodiscard]] S step_lr(index_t step_size, double gamma = 0.1) {
  return [=](index_t t, double base) { return base * std::pow(gamma, detail::real(t / step_size)); };
}

/// lr falls by `gamma` at each milestone.
template <class S = Schedule>
[[nodiscard]] S multi_step_lr(std::vector<index_t> milestones, double gamma = 0.1) {
  return [=](index_t t, double base) {
    const auto passed = std::count_if(milestones.begin(), milestones.end(), [t](index_t m) { return m <= t; });
    return base * std::pow(gamma, static_cast<double>(passed));
  };
}

template <class S = Schedule>
[[nodiscard]] S exponential_lr(double gamma) {
  return [=](index_t t, double base) { return base * std::pow(gamma, detail::real(t)); };
}

/// From start_factor * lr to end_factor * lr over total_iters steps.
template <class S = Schedule>
[[nodiscard]] S linear_lr(double start_factor = 1.0 / 3, double end_factor = 1, index_t total_iters = 5) {
  return [=](index_t t, double base) {
    return base * (start_factor +
                   (end_factor - start_factor) * detail::real(std::min(t, total_iters)) / detail::real(total_iters));
  };
}

template <class S = Schedule>
[[nodiscard]] S polynomial_lr(index_t total_iters = 5, double power = 1) {
  return [=](index_t t, double base) {
    return base * std::pow(1 - detail::real(std::min(t, total_iters)) / detail::real(total_iters), power);
  };
}

/// Half a cosine from lr to eta_min in t_max steps; past that it swings back, as PyTorch's does.
template <class S = Schedule>
[[nodiscard]] S cosine_annealing_lr(index_t t_max, double eta_min = 0) {
  return [=](index_t t, double base) {
    return detail::cosine_between(base, eta_min, detail::real(t) / detail::real(t_max));
  };
}

/// SGDR (Loshchilov and Hutter 2017): restarts after t_0, t_0 t_mult, t_0 t_mult^2, ... steps.
template <class S = Schedule>
[[nodiscard]] S cosine_annealing_warm_restarts(index_t t_0, index_t t_mult = 1, double eta_min = 0) {
  if (t_0 < 1 || t_mult < 1)
    fail("cosine_annealing_warm_restarts", "t_0 ", t_0, " and t_mult ", t_mult, " must be at least 1");
  return [=](index_t t, double base) {
    index_t length = t_0;
    if (t_mult == 1)
      t %= t_0;
    else
      while (t >= length) {
        t -= length;
        length *= t_mult;
      }
    return detail::cosine_between(base, eta_min, detail::real(t) / detail::real(length));
  };
}

struct OneCycleOptions {
  double pct_start = 0.3;
  double div_factor = 25, final_div_factor = 1e4;
  bool cosine = true;  ///< false: straight lines
  bool three_phase = false;
};

/// Smith and Topin 2019: up to max_lr, then far down. The optimiser's own learning rate is not used.
template <class S = Schedule>
[[nodiscard]] S one_cycle_lr(double max_lr, index_t total_steps, OneCycleOptions options = {}) {
  return [=](index_t t, double) {
    const double initial = max_lr / options.div_factor, last = initial / options.final_div_factor,
                 step = detail::real(t), total = detail::real(total_steps), peak = options.pct_start * total - 1,
                 trough = options.three_phase ? 2 * options.pct_start * total - 2 : peak;
    struct Phase {
      double start, end, from, to;
    };
    const Phase phase = step <= peak     ? Phase{0, peak, initial, max_lr}
                        : step <= trough ? Phase{peak, trough, max_lr, initial}
                                         : Phase{trough, total - 1, options.three_phase ? initial : max_lr, last};
    const double fraction = (step - phase.start) / (phase.end - phase.start);
    return options.cosine ? detail::cosine_between(phase.from, phase.to, fraction)
                          : phase.from + (phase.to - phase.from) * fraction;
  };
}

enum class CyclicMode : std::uint8_t { triangular, triangular2, exp_range };

/// Smith 2017: up and down between base_lr and max_lr. The optimiser's own learning rate is not used. step_size_down <
/// 0: as up.
template <class S = Schedule>
[[nodiscard]] S cyclic_lr(double base_lr, double max_lr, index_t step_size_up = 2000, index_t step_size_down = -1,
                          CyclicMode mode = CyclicMode::triangular, double gamma = 1) {
  const double up = detail::real(step_size_up), total = up + (step_size_down < 0 ? up : detail::real(step_size_down));
  return [=](index_t t, double) {
    const double cycle = std::floor(1 + detail::real(t) / total), x = 1 + detail::real(t) / total - cycle,
                 ratio = up / total;
    const double height = (max_lr - base_lr) * (x <= ratio ? x / ratio : (x - 1) / (ratio - 1));
    const double scale = mode == CyclicMode::triangular2 ? 1 / std::pow(2, cycle - 1)
                         : mode == CyclicMode::exp_range ? std::pow(gamma, detail::real(t))
                                                         : 1;
    return base_lr + height * scale;
  };
}

/// schedules[k] runs from milestones[k-1] (its own step 0) on.
template <class S = Schedule>
[[nodiscard]] S sequential_lr(std::vector<Schedule> schedules, std::vector<index_t> milestones) {
  if (schedules.size() != milestones.size() + 1)
    fail("sequential_lr", schedules.size(), " schedules need ", schedules.size() - 1, " milestones but got ",
         milestones.size());
  return [=](index_t t, double base) {
    std::size_t k = 0;
    while (k < milestones.size() && t >= milestones[k]) ++k;
    return schedules[k](k == 0 ? t : t - milestones[k - 1], base);
  };
}

/// The product of the factors that several schedules apply (torch's ChainedScheduler for schedules proportional to lr).
template <class S = Schedule>
[[nodiscard]] S chained_lr(std::vector<Schedule> schedules) {
  return [=](index_t t, double base) {
    double lr = base;
    for (const Schedule& schedule : schedules) lr *= base != 0 ? schedule(t, base) / base : 1;
    return lr;
  };
}

/// Straight up from 0 over `warmup` steps, then `rest` from its step 0 on `fraction` of the way to `total`.
namespace detail {
template <class S, class Rest>
[[nodiscard]] S with_warmup(index_t warmup, Rest rest) {
  return [=](index_t t, double base) {
    return t < warmup ? base * real(t) / real(std::max<index_t>(1, warmup)) : rest(t, base);
  };
}
[[nodiscard]] inline double progress(index_t t, index_t warmup, index_t total) {
  return real(t - warmup) / real(std::max<index_t>(1, total - warmup));
}
}  // namespace detail

template <class S = Schedule>
[[nodiscard]] S warmup_constant(index_t warmup) {
  return detail::with_warmup<S>(warmup, [](index_t, double base) { return base; });
}
template <class S = Schedule>
[[nodiscard]] S warmup_linear(index_t warmup, index_t total) {
  return detail::with_warmup<S>(
      warmup, [=](index_t t, double base) { return base * std::max(0.0, 1 - detail::progress(t, warmup, total)); });
}
template <class S = Schedule>
[[nodiscard]] S warmup_cosine(index_t warmup, index_t total, double cycles = 0.5) {
  return detail::with_warmup<S>(warmup, [=](index_t t, double base) {
    return base *
           std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * 2 * cycles * detail::progress(t, warmup, total))));
  });
}
template <class S = Schedule>
[[nodiscard]] S warmup_cosine_with_restarts(index_t warmup, index_t total, double cycles = 1) {
  return detail::with_warmup<S>(warmup, [=](index_t t, double base) {
    const double fraction = detail::progress(t, warmup, total);
    return fraction >= 1
               ? 0.0
               : base * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * std::fmod(cycles * fraction, 1.0))));
  });
}
template <class S = Schedule>
[[nodiscard]] S warmup_polynomial(index_t warmup, index_t total, double lr_end = 1e-7, double power = 1) {
  return detail::with_warmup<S>(warmup, [=](index_t t, double base) {
    return t > total ? lr_end : (base - lr_end) * std::pow(1 - detail::progress(t, warmup, total), power) + lr_end;
  });
}
/// lr falls as 1 / sqrt(t); timescale < 0: the warm-up length, or 10000 without one.
template <class S = Schedule>
[[nodiscard]] S warmup_inverse_sqrt(index_t warmup, index_t timescale = -1) {
  const index_t scale = timescale >= 0 ? timescale : warmup > 0 ? warmup : 10000;
  return detail::with_warmup<S>(warmup, [=](index_t t, double base) {
    return base / std::sqrt(detail::real(t + scale - warmup) / detail::real(scale));
  });
}

struct PlateauOptions {
  bool maximize = false;  ///< the metric should rise
  double factor = 0.1;
  index_t patience = 10;
  double threshold = 1e-4;
  bool relative = true;  ///< the threshold is a fraction of the best value
  index_t cooldown = 0;
  double min_lr = 0, eps = 1e-8;
};

/// Lowers the learning rate when a metric has stopped improving (torch's ReduceLROnPlateau).
template <class T>
class ReduceLROnPlateau {
 public:
  struct State {
    double best;
    index_t bad_epochs = 0, cooldown = 0;
  };

  explicit ReduceLROnPlateau(Optimizer<T>& optimizer, PlateauOptions options = {})
      : optimizer_(&optimizer), options_(options), state_{options.maximize ? -HUGE_VAL : HUGE_VAL} {}

  void step(double metric) {
    if (improves(metric)) {
      state_.best = metric;
      state_.bad_epochs = 0;
    } else {
      ++state_.bad_epochs;
    }
    if (state_.cooldown > 0) {
      --state_.cooldown;
      state_.bad_epochs = 0;
    }
    if (state_.bad_epochs <= options_.patience) return;
    for (std::size_t g = 0; g < optimizer_->group_count(); ++g) {
      const double before = optimizer_->lr(g), after = std::max(before * options_.factor, options_.min_lr);
      if (before - after > options_.eps) optimizer_->set_lr(g, after);
    }
    state_.cooldown = options_.cooldown;
    state_.bad_epochs = 0;
  }
  [[nodiscard]] const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  [[nodiscard]] bool improves(double metric) const {
    const double sign = options_.maximize ? -1 : 1;
    const double bar =
        options_.relative ? state_.best * (1 - sign * options_.threshold) : state_.best - sign * options_.threshold;
    return std::isinf(state_.best) ? metric != state_.best : sign * metric < sign * bar;
  }
  Optimizer<T>* optimizer_;
  PlateauOptions options_;
  State state_;
};

}  // namespace limn::inline LIMN_ABI::optim
