#pragma once
// What makes a struct a module: it lists its members once, and everything else walks that list.

#include <concepts>
#include <string>
#include <utility>
#include <vector>

#include <limn/autograd/node.hpp>
#include <limn/core/copy.hpp>

namespace limn::inline LIMN_ABI::nn {

namespace detail {
struct AnyVisitor {
  void operator()(const std::string&, auto&) const {}
};
template <class>
inline constexpr bool is_tensor = false;
template <class T>
inline constexpr bool is_tensor<Tensor<T>> = true;
}  // namespace detail

/// A module has `template <class V> void members(V&& visit) { visit("weight", weight); visit("conv1", conv1); }`,
/// naming its tensors and its inner modules (or vectors of them) with PyTorch's names. Tensors that require a gradient
/// are parameters, the others are buffers (running statistics).
template <class M>
concept Module = requires(M& module, detail::AnyVisitor visitor) {
  module.members(visitor);
};

/// Calls f(name, tensor) for every defined tensor in the module, names joined with dots, in the order they are listed.
template <class M, class F>
void for_each_tensor(M& module, F&& f, const std::string& prefix = "") {
  if constexpr (detail::is_tensor<M>) {
    if (module.defined()) f(prefix, module);
  } else if constexpr (Module<M>) {
    const std::string before = prefix.empty() ? "" : prefix + ".";
    module.members([&](const std::string& name, auto& member) {
      for_each_tensor(member, f, name.empty() ? prefix : before + name);
    });
  } else {  // a vector of modules: their positions are their names
    for (std::size_t i = 0; i < module.size(); ++i)
      for_each_tensor(module[i], f, (prefix.empty() ? "" : prefix + ".") + std::to_string(i));
  }
}

/// Calls f(module) for the module and every module inside it, outermost first.
template <class M, class F>
void for_each_module(M& module, F&& f) {
  if constexpr (detail::is_tensor<M>) {
  } else if constexpr (Module<M>) {
    f(module);
    module.members([&](const std::string&, auto& member) { for_each_module(member, f); });
  } else {
    for (auto& inner : module) for_each_module(inner, f);
  }
}

/// The tensors that an optimiser updates.
template <class T = float, class M>
[[nodiscard]] std::vector<Tensor<T>> parameters(M& module) {
  std::vector<Tensor<T>> all;
  for_each_tensor(module, [&](const std::string&, auto& tensor) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(tensor)>, Tensor<T>>)
      if (tensor.requires_grad()) all.push_back(tensor);
  });
  return all;
}

/// Name and tensor of every parameter and floating-point buffer (torch's state_dict, but for integer counters).
template <class T = float, class M>
[[nodiscard]] std::vector<std::pair<std::string, Tensor<T>>> named_tensors(M& module) {
  std::vector<std::pair<std::string, Tensor<T>>> all;
  for_each_tensor(module, [&](const std::string& name, auto& tensor) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(tensor)>, Tensor<T>>) all.emplace_back(name, tensor);
  });
  return all;
}

/// Training mode (dropout drops, batch norm uses and updates batch statistics) or evaluation mode.
template <class M>
void train(M& module, bool training = true) {
  for_each_module(module, [training](auto& inner) {
    if constexpr (requires { inner.training = training; }) inner.training = training;
  });
}
template <class M>
void eval(M& module) {
  train(module, false);
}

/// What prepack() prepares. A layer drops what is not wanted.
struct PrepackOptions {
  bool linear = true;     ///< weights of linear layers, in the kernels' order: as many bytes again
  bool winograd = true;   ///< 3 x 3 kernels, transformed: four times as many bytes again
  bool recurrent = true;  ///< weights of LSTM and GRU, in the kernels' order: as many bytes again
};

/// Prepares the weights of all layers once for many calls under NoGradGuard. Nothing else changes: calls that record
/// read the weights themselves, and so does every call after a weight has changed, until the next prepack()
/// (docs/decisions/0009-packed-weights.md).
template <class M>
void prepack(M& module, const PrepackOptions& options = {}) {
  for_each_module(module, [&options](auto& inner) {
    if constexpr (requires { inner.prepack(options); }) inner.prepack(options);
  });
}

/// The same with the weights of nn::Linear kept in E: prepack<bf16>(model), prepack<std::int8_t>(model). Other layers
/// do as above.
template <class E, class M>
void prepack(M& module, const PrepackOptions& options = {}) {
  for_each_module(module, [&options](auto& inner) {
    if constexpr (requires { inner.template prepack<E>(options); })
      inner.template prepack<E>(options);
    else if constexpr (requires { inner.prepack(options); })
      inner.prepack(options);
  });
}

/// Parameters stop (or start again) requiring gradients: a frozen encoder.
template <class M>
void requires_grad_(M& module, bool required) {
  for_each_tensor(module, [required](const std::string& name, auto& tensor) {
    using Value = typename std::remove_cvref_t<decltype(tensor)>::value_type;
    const bool buffer = name.ends_with("running_mean") || name.ends_with("running_var");
    if constexpr (is_floating<Value>)
      if (!buffer) tensor.requires_grad_(required);
  });
}

template <class M>
void zero_grad(M& module) {
  for_each_tensor(module, [](const std::string&, auto& tensor) {
    if constexpr (is_floating<typename std::remove_cvref_t<decltype(tensor)>::value_type>) tensor.zero_grad();
  });
}

/// The number of elements in parameters (buffers are not counted).
template <class M>
[[nodiscard]] index_t parameter_count(M& module) {
  index_t count = 0;
  for_each_tensor(module, [&](const std::string&, auto& tensor) {
    if (tensor.requires_grad()) count += tensor.numel();
  });
  return count;
}

/// Moves every tensor to a device. Gradients and optimiser state stay behind: move first, then build the optimiser.
template <class M>
void to(M& module, Device device) {
  for_each_tensor(module, [device](const std::string&, auto& tensor) {
    using T = typename std::remove_cvref_t<decltype(tensor)>::value_type;
    if (tensor.device() == device) return;
    const Tensor<T> source = limn::detail::packed(tensor);
    Tensor<T> moved(tensor.shape(), device);
    kernels::copy_bytes(moved.data(), device, source.data(), source.device(),
                        static_cast<std::size_t>(source.numel()) * sizeof(T));
    if constexpr (is_floating<T>)
      if (tensor.requires_grad()) moved.requires_grad_();
    tensor = moved;
  });
}

}  // namespace limn::inline LIMN_ABI::nn
