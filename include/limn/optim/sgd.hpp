#pragma once
// SGD: stochastic gradient descent with momentum, as torch.optim.SGD.

#include <limn/optim/optimizer.hpp>

namespace limn::inline LIMN_ABI::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;  ///< Nesterov 1983, in the form of Sutskever et al. 2013
  bool maximize = false;  ///< ascend instead of descend
};

template <class T = float>
class SGD : public Optimizer<T> {
 public:
  using typename Optimizer<T>::Slot;
  using typename Optimizer<T>::Group;

  SGD(std::vector<Tensor<T>> parameters, SGDOptions options = {})
      : SGD(std::vector<ParameterGroup<T>>{{std::move(parameters)}}, options) {}
  SGD(std::vector<ParameterGroup<T>> groups, SGDOptions options = {})
      : Optimizer<T>(std::move(groups), options.lr, options.weight_decay), options_(options) {
    if (options.nesterov && (options.momentum <= 0 || options.dampening != 0))
      fail("SGD", "nesterov needs a momentum above 0 and a dampening of 0");
  }

 protected:
  void update(Slot& slot, const Group& group, const Tensor<T>& gradient) override {
    const kernels::SgdRule<T> rule{T(group.lr),
                                   T(options_.momentum),
                                   T(1 - options_.dampening),
                                   T(group.weight_decay),
                                   T(options_.maximize ? -1 : 1),
                                   options_.momentum != 0,
                                   options_.nesterov,
                                   slot.steps == 1};
    this->run(rule, slot, gradient, this->state_array(slot.a, slot.parameter, options_.momentum != 0));
  }

 private:
  SGDOptions options_;
};

}  // namespace limn::inline LIMN_ABI::optim
