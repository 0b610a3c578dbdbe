#pragma once
// RMSprop, Adagrad, Adadelta: step sizes from running squares of the gradient, in PyTorch's forms.

#include <limn/optim/optimizer.hpp>

namespace limn::inline LIMN_ABI::optim {

struct RMSpropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;  ///< divide by the deviation instead of the root mean square (Graves 2013)
};

/// Tieleman and Hinton 2012; epsilon outside the root.
template <class T = float>
class RMSprop : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  RMSprop(std::vector<Tensor<T>> parameters, RMSpropOptions options = {})
      : RMSprop(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options) {}
  RMSprop(std::vector<ParameterGroup<T>> groups, RMSpropOptions options = {})
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const kernels::RmspropRule<T> rule{T(group.lr),           T(options_.alpha),    T(options_.eps),
                                       T(group.weight_decay), T(options_.momentum), options_.centered,
                                       options_.momentum > 0};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter),
              this->state_array(slot.b, slot.parameter, options_.centered),
              this->state_array(slot.c, slot.parameter, options_.momentum > 0));
  }

 private:
  RMSpropOptions options_;
};

struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
};

/// Duchi, Hazan, Singer 2011; the learning rate of step t is lr / (1 + (t - 1) lr_decay).
template <class T = float>
class Adagrad : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  Adagrad(std::vector<Tensor<T>> parameters, AdagradOptions options = {})
      : Adagrad(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options) {}
  Adagrad(std::vector<ParameterGroup<T>> groups, AdagradOptions options = {})
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const double lr = group.lr / (1 + static_cast<double>(slot.steps - 1) * options_.lr_decay);
    const kernels::AdagradRule<T> rule{T(lr), T(options_.eps), T(group.weight_decay)};
    this->run(rule, slot, gradient,
              this->state_array(slot.a, slot.parameter, true, options_.initial_accumulator_value));
  }

 private:
  AdagradOptions options_;
};

struct AdadeltaOptions {
  double lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0;
};

/// Zeiler 2012.
template <class T = float>
class Adadelta : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  Adadelta(std::vector<Tensor<T>> parameters, AdadeltaOptions options = {})
      : Adadelta(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options) {}
  Adadelta(std::vector<ParameterGroup<T>> groups, AdadeltaOptions options = {})
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options) {}

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const kernels::AdadeltaRule<T> rule{T(group.lr), T(options_.rho), T(options_.eps), T(group.weight_decay)};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter),
              this->state_array(slot.b, slot.parameter));
  }

 private:
  AdadeltaOptions options_;
};

}  // namespace limn::inline LIMN_ABI::optim
