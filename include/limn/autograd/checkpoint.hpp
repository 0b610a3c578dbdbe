#pragma once
// checkpoint: forget what lies between x and f(x), and compute it again in the backward pass.

#include <limn/autograd/backward.hpp>

namespace limn::inline LIMN_ABI {

/// f(x), keeping only x for the backward pass, which runs f again (Chen, Xu, Zhang, Guestrin: "Training deep nets with
/// sublinear memory cost", 2016). f must give the same result each time: a random f must take its Generator by value.
/// Leaves used inside f (a layer's parameters) receive their gradients from backward(); grad() sees only x.
template <class T, class F>
[[nodiscard]] Tensor<T> checkpoint(F f, const Tensor<T>& x) {
  if (!grad_enabled()) return f(x);
  Tensor<T> y;
  {
    NoGradGuard no_grad;
    y = f(x);
  }
  // An x without gradient still needs the node: f's own parameters hang on it.
  const Tensor<T> boundary = x.requires_grad() ? x : x.detach().requires_grad_();
  return record("checkpoint", y.detach(), {boundary}, [f, boundary](const Tensor<T>& dy) -> Grads<T> {
    const bool create_graph = grad_enabled();
    const GradMode recording(true);
    const Tensor<T> inner = alias(boundary);  // the walk stops here, at the edge of what was forgotten
    const Tensor<T> again = f(inner);
    const GradMode mode(create_graph);
    Tensor<T> dx;
    Engine engine;
    engine.add(again.node(), dy);
    engine.run(create_graph, [&](NodeBase& node, const std::shared_ptr<void>& gradient) {
      if (node.is_leaf()) Engine::keep(node, gradient);
      if (&node != inner.node().get()) return true;
      dx = *static_cast<Tensor<T>*>(gradient.get());
      return false;
    });
    return {dx};
  });
}

}  // namespace limn::inline LIMN_ABI
