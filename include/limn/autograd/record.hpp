#pragma once
// record: the only way to make a node of the gradient graph.

#include <initializer_list>
#include <utility>

#include <limn/autograd/no_grad.hpp>
#include <limn/autograd/node.hpp>

namespace limn::inline LIMN_ABI {

namespace detail {

/// Hands one gradient of the running backward to the engine; defined in backward.hpp.
template <class T>
void send_gradient(Engine& engine, const std::shared_ptr<NodeBase>& to, const Tensor<T>& gradient);

// The parts of record that are the same for every operation, compiled once.

template <class T>
void send_gradients(const char* op, const Grads<T>& gradients, const std::vector<std::shared_ptr<NodeBase>>& to,
                    Engine& engine) {
  if (gradients.size() != to.size())
    fail(op, "its backward returned ", gradients.size(), " gradients for ", to.size(), " inputs");
  for (std::size_t i = 0; i < to.size(); ++i) send_gradient(engine, to[i], gradients[i]);
}

template <class T>
[[nodiscard]] bool records(const std::vector<Tensor<T>>& inputs) {
  if (!grad_enabled()) return false;
  for (const Tensor<T>& x : inputs)
    if (x.requires_grad()) return true;
  return false;
}

template <class T>
[[nodiscard]] Tensor<T> with_new_node(const char* op, const Tensor<T>& y, const std::vector<Tensor<T>>& inputs,
                                      typename Node<T>::Backward backward) {
  std::vector<std::shared_ptr<NodeBase>> nodes;
  nodes.reserve(inputs.size());
  for (const Tensor<T>& x : inputs) nodes.push_back(x.node());
  auto node = make_node<T>(op, y.shape());
  node->set_backward(std::move(nodes), std::move(backward));
  return y.with_node(std::move(node));
}

}  // namespace detail

/// Returns y as the output of `op` on `inputs`; when recording is on and an input requires a gradient, y gets a node
/// that runs `backward(dy)` -> Grads<T>.
///
/// The node goes on the returned copy: a y captured by `backward` has none, so no cycle can arise. `backward` runs with
/// recording on when a graph of the gradient is asked for (create_graph): then it must use differentiable operations on
/// its captured inputs, or composite_backward (backward.hpp); a captured y would break the chain.
template <class T, class Backward>
[[nodiscard]] Tensor<T> record(const char* op, const Tensor<T>& y, const std::vector<Tensor<T>>& inputs,
                               Backward backward) {
  if (!detail::records(inputs)) return y;
  return detail::with_new_node<T>(
      op, y, inputs, [op, backward = std::move(backward)](const Tensor<T>& dy, const auto& to, Engine& engine) {
        detail::send_gradients<T>(op, backward(dy), to, engine);
      });
}

/// The same for an operation whose one input has another element type (a cast): backward(dy) returns a Tensor<U>.
template <class U, class T, class Backward>
[[nodiscard]] Tensor<T> record_cast(const char* op, const Tensor<T>& y, const Tensor<U>& x, Backward backward) {
  if (!grad_enabled() || !x.requires_grad()) return y;
  auto node = detail::make_node<T>(op, y.shape());
  node->set_backward({x.node()}, [backward = std::move(backward)](const Tensor<T>& dy, const auto& to, Engine& engine) {
    detail::send_gradient<U>(engine, to[0], backward(dy));
  });
  return y.with_node(std::move(node));
}

}  // namespace limn::inline LIMN_ABI
