#pragma once
// The engine: walks the graph from outputs to leaves, adds up gradients. backward() fills leaves, grad() returns
// values.

#include <functional>
#include <map>

#include <limn/autograd/accumulate.hpp>

namespace limn::inline LIMN_ABI {

/// One walk. Nodes wait in a map ordered by falling id; since inputs have smaller ids than outputs, the largest id
/// waiting has received all its gradients. That is the whole topological order: no recursion, and the same sums in the
/// same order always.
class Engine {
 public:
  explicit Engine(std::uint64_t lowest_id = 0) : lowest_id_(lowest_id) {}

  /// Adds `gradient` to what waits for `node`, summed back to the node's shape.
  template <class T>
  void add(const std::shared_ptr<NodeBase>& node, const Tensor<T>& gradient) {
    if (!node || !gradient.defined() || node->id() < lowest_id_) return;
    Tensor<T> fitted = sum_to(gradient, node->shape());
    Waiting& waiting = waiting_[node->id()];
    if (!waiting.node) {
      waiting.node = node;
      waiting.gradient = std::make_shared<Tensor<T>>(std::move(fitted));
      return;
    }
    auto& sum = *static_cast<Tensor<T>*>(waiting.gradient.get());
    if (waiting.owned && !grad_enabled()) {
      kernels::add(sum.device(), sum.numel(), sum.data(), detail::packed(fitted).data(), sum.data());
      return;
    }
    sum = add_gradients(sum, fitted);
    waiting.owned = true;
  }

  /// Runs until nothing waits. visit(node, gradient) sees every node with its complete gradient and says whether to go
  /// past it.
  template <class Visit>
  void run(bool retain_graph, Visit&& visit) {
    while (!waiting_.empty()) {
      const auto first = waiting_.begin();
      const Waiting next = std::move(first->second);
      waiting_.erase(first);
      const bool past = visit(*next.node, next.gradient);
      if (!past || next.node->is_leaf() || next.node->id() == lowest_id_) continue;
      next.node->propagate(next.gradient, *this);
      if (!retain_graph) next.node->release();
    }
  }
  static void keep(NodeBase& leaf, const std::shared_ptr<void>& gradient) { leaf.keep(gradient); }

 private:
  struct Waiting {
    std::shared_ptr<NodeBase> node;
    std::shared_ptr<void> gradient;  // a Tensor<T>, T known to the node
    bool owned = false;              // the sum is nobody else's: it may be added to in place
  };
  std::map<std::uint64_t, Waiting, std::greater<>> waiting_;
  std::uint64_t lowest_id_;
};

template <class T>
void Node<T>::keep(const std::shared_ptr<void>& gradient) {
  const auto& arrived = *static_cast<Tensor<T>*>(gradient.get());
  gradient_ = gradient_.defined() ? add_gradients(gradient_, arrived) : arrived;
}

namespace detail {

template <class T>
void send_gradient(Engine& engine, const std::shared_ptr<NodeBase>& to, const Tensor<T>& gradient) {
  engine.add(to, gradient);
}

template <class T>
[[nodiscard]] Tensor<T> start_gradient(const char* where, const Tensor<T>& y, const Tensor<T>& dy) {
  if (!y.requires_grad()) fail(where, "y does not depend on anything that requires a gradient");
  if (dy.defined()) {
    check_shape(where, "dy", dy.shape(), y.shape());
    return dy;
  }
  if (y.numel() != 1) fail(where, "y has shape ", y.shape(), "; without a dy it must have one element");
  return ones<T>(y.shape(), y.device());
}

}  // namespace detail

struct BackwardOptions {
  bool retain_graph = false;  ///< keep the graph for another backward
  bool create_graph = false;  ///< make the gradients differentiable (keeps the graph as well)
};

/// Adds d(sum(y * dy)) / d(leaf) to the gradient of every leaf that y depends on. dy defaults to 1 for a y of one
/// element.
template <class T>
void backward(const Tensor<T>& y, const Tensor<T>& dy = {}, BackwardOptions options = {}) {
  const GradMode mode(options.create_graph);
  Engine engine;
  engine.add(y.node(), detail::start_gradient("backward", y, dy));
  engine.run(options.retain_graph || options.create_graph, [](NodeBase& node, const std::shared_ptr<void>& gradient) {
    if (node.is_leaf()) Engine::keep(node, gradient);
    return true;
  });
}

template <class T>
struct GradOptions {
  std::vector<Tensor<T>> dy = {};  ///< one for each y; missing or undefined means 1 (y of one element)
  bool create_graph = false;       ///< make the result differentiable
  bool retain_graph = false;       ///< keep the graph for another walk
  bool allow_unused = false;       ///< an x that no y depends on gives an undefined tensor instead of an error
};

/// d(sum_k(ys[k] * dy[k])) / d(xs[i]) for each i. Leaves' own gradients are not touched. xs may be any recorded
/// tensors.
template <class T>
[[nodiscard]] std::vector<Tensor<T>> grad(const std::vector<Tensor<T>>& ys, const std::vector<Tensor<T>>& xs,
                                          const GradOptions<T>& options = {}) {
  std::uint64_t lowest = ~std::uint64_t{0};
  for (const Tensor<T>& x : xs) {
    if (!x.requires_grad()) fail("grad", "an x of shape ", x.shape(), " does not require a gradient");
    lowest = x.node()->id() < lowest ? x.node()->id() : lowest;
  }
  if (xs.empty()) return {};

  const GradMode mode(options.create_graph);
  Engine engine(lowest);
  for (std::size_t k = 0; k < ys.size(); ++k)
    engine.add(ys[k].node(),
               detail::start_gradient("grad", ys[k], k < options.dy.size() ? options.dy[k] : Tensor<T>()));
  std::vector<Tensor<T>> result(xs.size());
  engine.run(options.retain_graph || options.create_graph, [&](NodeBase& node, const std::shared_ptr<void>& gradient) {
    for (std::size_t i = 0; i < xs.size(); ++i)
      if (xs[i].node().get() == &node) result[i] = *static_cast<Tensor<T>*>(gradient.get());
    return true;
  });
  for (std::size_t i = 0; i < xs.size(); ++i)
    if (!result[i].defined() && !options.allow_unused)
      fail("grad", "no y depends on x number ", i, " of shape ", xs[i].shape(),
           "; pass .allow_unused = true if that is meant");
  return result;
}

template <class T>
[[nodiscard]] std::vector<Tensor<T>> grad(const Tensor<T>& y, const std::vector<Tensor<T>>& xs,
                                          const GradOptions<T>& options = {}) {
  return grad(std::vector<Tensor<T>>{y}, xs, options);
}

/// x under a new node: a boundary in the graph.
template <class T>
[[nodiscard]] Tensor<T> alias(const Tensor<T>& x) {
  return record("alias", x.detach(), {x}, [](const Tensor<T>& dy) -> Grads<T> { return {dy}; });
}

/// The gradients of y = f(inputs) with cotangent dy, by computing y again with recorded operations and differentiating
/// that. A fused kernel's backward calls it when a graph of the gradient is asked for: f is its formula in ordinary
/// operations.
template <class T, class F>
[[nodiscard]] Grads<T> composite_backward(F&& f, const std::vector<Tensor<T>>& inputs, const Tensor<T>& dy) {
  const bool create_graph = grad_enabled();
  const GradMode recording(true);
  std::vector<Tensor<T>> aliases, wanted;
  for (const Tensor<T>& x : inputs) {
    aliases.push_back(x.requires_grad() ? alias(x) : x);
    if (x.requires_grad()) wanted.push_back(aliases.back());
  }
  const Tensor<T> y = f(aliases);
  const std::vector<Tensor<T>> found =
      y.requires_grad() ? grad(y, wanted, {.dy = {dy}, .create_graph = create_graph, .allow_unused = true})
                        : std::vector<Tensor<T>>(wanted.size());
  Grads<T> result(inputs.size());
  for (std::size_t i = 0, k = 0; i < inputs.size(); ++i)
    if (inputs[i].requires_grad()) result[i] = found[k++];
  return result;
}

}  // namespace limn::inline LIMN_ABI
