#pragma once
// Optimizer: parameter groups, steps, state that a checkpoint can hold. Derived classes add one update rule each.

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <limn/autograd/backward.hpp>
#include <limn_kernels/optim.hpp>

namespace limn::inline LIMN_ABI::optim {

/// Parameters that share a learning rate and a weight decay; NaN means the optimiser's own.
template <class T>
struct ParameterGroup {
  std::vector<Tensor<T>> parameters;
  double lr = std::numeric_limits<double>::quiet_NaN();
  double weight_decay = std::numeric_limits<double>::quiet_NaN();
};

template <class T>
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update of every parameter that has a gradient.
  void step() {
    for (Group& group : groups_)
      for (Slot& slot : group.slots) {
        const Tensor<T> gradient = slot.parameter.grad();
        if (!gradient.defined()) continue;
        if (!slot.parameter.is_contiguous())
          fail("optimizer", "a parameter of shape ", slot.parameter.shape(), " is not contiguous");
        ++slot.steps;
        update(slot, group, detail::packed(gradient));
      }
  }
  void zero_grad() {
    for (Group& group : groups_)
      for (Slot& slot : group.slots) slot.parameter.zero_grad();
  }

  [[nodiscard]] std::size_t group_count() const { return groups_.size(); }
  [[nodiscard]] double lr(std::size_t group = 0) const { return groups_.at(group).lr; }
  void set_lr(double lr) {
    for (Group& group : groups_) group.lr = lr;
  }
  void set_lr(std::size_t group, double lr) { groups_.at(group).lr = lr; }

  [[nodiscard]] std::vector<Tensor<T>> parameters() const {
    std::vector<Tensor<T>> all;
    for (const Group& group : groups_)
      for (const Slot& slot : group.slots) all.push_back(slot.parameter);
    return all;
  }

  /// Everything that the next steps depend on besides parameters and learning rates: name -> tensor. "3.step" counts
  /// the steps of parameter 3, "3.a" "3.b" "3.c" are its state arrays. Tensors share memory with the optimiser.
  [[nodiscard]] std::vector<std::pair<std::string, Tensor<T>>> state() const {
    std::vector<std::pair<std::string, Tensor<T>>> all;
    std::size_t i = 0;
    for (const Group& group : groups_)
      for (const Slot& slot : group.slots) {
        const std::string name = std::to_string(i++);
        all.emplace_back(name + ".step", full<T>({1}, static_cast<T>(slot.steps)));
        if (slot.a.defined()) all.emplace_back(name + ".a", slot.a);
        if (slot.b.defined()) all.emplace_back(name + ".b", slot.b);
        if (slot.c.defined()) all.emplace_back(name + ".c", slot.c);
        if (slot.product != 1) all.emplace_back(name + ".product", full<T>({1}, static_cast<T>(slot.product)));
      }
    return all;
  }
  /// Takes what state() gave, by copy. Throws when a name or shape does not fit this optimiser's parameters.
  void load_state(const std::vector<std::pair<std::string, Tensor<T>>>& state) {
    std::vector<Slot*> slots;
    for (Group& group : groups_)
      for (Slot& slot : group.slots) slots.push_back(&slot);
    for (Slot* slot : slots) *slot = Slot{slot->parameter};
    for (const auto& [name, tensor] : state) {
      const std::size_t dot = name.find('.');
      std::size_t index = slots.size();
      if (dot != std::string::npos && dot > 0 && dot < 9 && name.find_first_not_of("0123456789") == dot)
        index = std::stoul(name);
      if (index >= slots.size()) fail("optimizer state", "'", name, "' belongs to no parameter of this optimiser");
      const std::string field = name.substr(dot + 1);
      Slot& slot = *slots[index];
      if (field == "step")
        slot.steps = static_cast<index_t>(tensor.item());
      else if (field == "product")
        slot.product = static_cast<double>(tensor.item());
      else if (field == "a" || field == "b" || field == "c") {
        check_shape("optimizer state", name.c_str(), tensor.shape(), slot.parameter.shape());
        (field == "a" ? slot.a : field == "b" ? slot.b : slot.c) = detail::copy_as<T>(tensor);
      } else {
        fail("optimizer state", "'", name, "' is not a state of this optimiser");
      }
    }
  }

 protected:
  struct Slot {
    Tensor<T> parameter;
    Tensor<T> a{}, b{}, c{};
    index_t steps = 0;
    double product = 1;  // NAdam's running product of momenta
  };
  struct Group {
    std::vector<Slot> slots;
    double lr, weight_decay;
  };

  Optimizer(std::vector<ParameterGroup<T>> groups, double lr, double weight_decay) {
    if (!(lr >= 0)) fail("optimizer", "learning rate ", lr, " must be at least 0");
    for (auto& given : groups) {
      Group group{
          {}, std::isnan(given.lr) ? lr : given.lr, std::isnan(given.weight_decay) ? weight_decay : given.weight_decay};
      for (Tensor<T>& parameter : given.parameters) {
        if (!parameter.requires_grad())
          fail("optimizer", "a parameter of shape ", parameter.shape(), " does not require a gradient");
        group.slots.push_back({parameter});
      }
      groups_.push_back(std::move(group));
    }
  }

  /// Applies the rule to slot.parameter; slot.steps counts from 1.
  virtual void update(Slot& slot, const Group& group, const Tensor<T>& gradient) = 0;

  static T* state_array(Tensor<T>& state, const Tensor<T>& parameter, bool used = true, double initial = 0) {
    if (!used) return nullptr;
    if (!state.defined()) state = full<T>(parameter.shape(), static_cast<T>(initial), parameter.device());
    return state.data();
  }
  template <class Rule>
  static void run(const Rule& rule, Slot& slot, const Tensor<T>& gradient, T* a, T* b = nullptr, T* c = nullptr) {
    kernels::optimizer_update(slot.parameter.device(), rule, slot.parameter.numel(), slot.parameter.data(),
                              gradient.data(), a, b, c);
    slot.parameter.mark_written();
  }

 private:
  std::vector<Group> groups_;
};

}  // namespace limn::inline LIMN_ABI::optim
