#pragma once
// Adam and its family: Adam, AdamW, KerasAdam, NAdam, RAdam, Adamax.

#include <limn/optim/optimizer.hpp>

namespace limn::inline LIMN_ABI::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;   ///< Reddi, Kale, Kumar 2018; the maximum is taken before bias correction
  bool maximize = false;  ///< ascend instead of descend
};

/// Where Adam's weight decay and epsilon go.
enum class AdamForm : std::uint8_t {
  adam,   ///< Kingma and Ba 2015: the decay is added to the gradient; epsilon behind the bias correction
  adamw,  ///< Loshchilov and Hutter 2019: the parameter itself shrinks by lr * weight_decay
  keras   ///< tf.keras: lr sqrt(1-beta2^t)/(1-beta1^t) m / (sqrt(v) + eps), epsilon not corrected
};

template <class T = float>
class Adam : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  Adam(std::vector<Tensor<T>> parameters, AdamOptions options = {}, AdamForm form = AdamForm::adam)
      : Adam(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options, form) {}
  Adam(std::vector<ParameterGroup<T>> groups, AdamOptions options = {}, AdamForm form = AdamForm::adam)
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options), form_(form) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const double t = static_cast<double>(slot.steps);
    const double correction1 = 1 - std::pow(options_.beta1, t),
                 correction2 = std::sqrt(1 - std::pow(options_.beta2, t));
    const bool keras = form_ == AdamForm::keras, decoupled = form_ == AdamForm::adamw;
    const kernels::AdamRule<T> rule{T(options_.beta1),
                                    T(options_.beta2),
                                    T(group.lr / correction1 * (keras ? correction2 : 1)),
                                    T(keras ? 1 : 1 / correction2),
                                    T(options_.eps),
                                    T(decoupled ? 0 : group.weight_decay),
                                    T(decoupled ? 1 - group.lr * group.weight_decay : 1),
                                    T(options_.maximize ? -1 : 1),
                                    options_.amsgrad};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter),
              this->state_array(slot.b, slot.parameter), this->state_array(slot.c, slot.parameter, options_.amsgrad));
  }

 private:
  AdamOptions options_;
  AdamForm form_;
};

/// AdamW: weight decay 0.01 unless given.
template <class T = float>
class AdamW : public Adam<T> {
 public:
  AdamW(std::vector<Tensor<T>> parameters, AdamOptions options = {.weight_decay = 1e-2})
      : Adam<T>(std::move(parameters), options, AdamForm::adamw) {}
  AdamW(std::vector<ParameterGroup<T>> groups, AdamOptions options = {.weight_decay = 1e-2})
      : Adam<T>(std::move(groups), options, AdamForm::adamw) {}
};

/// NAdam (Dozat 2016) in the form of PyTorch >= 2.0.
template <class T = float>
class NAdam : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  NAdam(std::vector<Tensor<T>> parameters, AdamOptions options = {.lr = 2e-3}, double momentum_decay = 4e-3)
      : NAdam(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options, momentum_decay) {}
  NAdam(std::vector<ParameterGroup<T>> groups, AdamOptions options = {.lr = 2e-3}, double momentum_decay = 4e-3)
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay),
        options_(options),
        momentum_decay_(momentum_decay) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const double t = static_cast<double>(slot.steps);
    const auto momentum = [&](double at) { return options_.beta1 * (1 - 0.5 * std::pow(0.96, at * momentum_decay_)); };
    const double now = momentum(t), next = momentum(t + 1);
    slot.product *= now;
    const kernels::NadamRule<T> rule{T(options_.beta1),
                                     T(options_.beta2),
                                     T(group.lr * next / (1 - slot.product * next)),
                                     T(group.lr * (1 - now) / (1 - slot.product)),
                                     T(1 / std::sqrt(1 - std::pow(options_.beta2, t))),
                                     T(options_.eps),
                                     T(group.weight_decay)};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter),
              this->state_array(slot.b, slot.parameter));
  }

 private:
  AdamOptions options_;
  double momentum_decay_;
};

/// RAdam (Liu et al. 2020) as torch.optim.RAdam: rectified when rho_t > 5, epsilon beside the uncorrected root.
template <class T = float>
class RAdam : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  RAdam(std::vector<Tensor<T>> parameters, AdamOptions options = {})
      : RAdam(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options) {}
  RAdam(std::vector<ParameterGroup<T>> groups, AdamOptions options = {})
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const double t = static_cast<double>(slot.steps), power = std::pow(options_.beta2, t);
    const double rho_end = 2 / (1 - options_.beta2) - 1, rho = rho_end - 2 * t * power / (1 - power);
    double step = group.lr / (1 - std::pow(options_.beta1, t));
    if (rho > 5)
      step *= std::sqrt((rho - 4) * (rho - 2) * rho_end / ((rho_end - 4) * (rho_end - 2) * rho)) * std::sqrt(1 - power);
    const kernels::RadamRule<T> rule{T(options_.beta1), T(options_.beta2),     T(step),
                                     T(options_.eps),   T(group.weight_decay), rho > 5};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter),
              this->state_array(slot.b, slot.parameter));
  }

 private:
  AdamOptions options_;
};

/// Adamax (Kingma and Ba 2015, section 7.1).
template <class T = float>
class Adamax : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  Adamax(std::vector<Tensor<T>> parameters, AdamOptions options = {.lr = 2e-3})
      : Adamax(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options) {}
  Adamax(std::vector<ParameterGroup<T>> groups, AdamOptions options = {.lr = 2e-3})
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const double correction = 1 - std::pow(options_.beta1, static_cast<double>(slot.steps));
    const kernels::AdamaxRule<T> rule{T(options_.beta1), T(options_.beta2), T(group.lr / correction), T(options_.eps),
                                      T(group.weight_decay)};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter),
              this->state_array(slot.b, slot.parameter));
  }

 private:
  AdamOptions options_;
};

}  // namespace limn::inline LIMN_ABI::optim
