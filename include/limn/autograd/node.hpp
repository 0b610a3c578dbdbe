#pragma once
// Node: one recorded operation, or a leaf that keeps its gradient.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include <limn/core/tensor.hpp>

namespace limn::inline LIMN_ABI {

/// The gradients that an operation's backward returns, one for each input, in order. Undefined stands for zero; a shape
/// that the input was broadcast to is summed back by the engine. A list of one may be written {dx}.
template <class T>
using Grads = std::vector<Tensor<T>>;

/// The part of a node that does not depend on the element type.
class NodeBase {
 public:
  NodeBase(const char* op, const Shape& shape) : op_(op), shape_(shape), id_(next_id()) {}
  virtual ~NodeBase() = default;
  NodeBase(const NodeBase&) = delete;
  NodeBase& operator=(const NodeBase&) = delete;

  [[nodiscard]] const char* op() const { return op_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  /// Grows with every node made: an operation's inputs always have smaller ids than its output. The engine relies on
  /// that.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] bool is_leaf() const { return leaf_; }

 protected:
  friend class Engine;
  /// Adds `gradient` (a Tensor<T> of this node's type) to the leaf's gradient.
  virtual void keep(const std::shared_ptr<void>& gradient) = 0;
  /// Runs backward on `gradient` and hands the results to the engine.
  virtual void propagate(const std::shared_ptr<void>& gradient, class Engine& engine) = 0;
  virtual void release() = 0;

  std::vector<std::shared_ptr<NodeBase>> inputs_;  // null: that input needs no gradient
  bool leaf_ = false;

 private:
  static std::uint64_t next_id() {
    static std::atomic<std::uint64_t> count{0};
    return count.fetch_add(1, std::memory_order_relaxed);
  }
  const char* op_;
  Shape shape_;
  std::uint64_t id_;
};

template <class T>
class Node final : public NodeBase {
 public:
  using Backward =
      std::function<void(const Tensor<T>& dy, const std::vector<std::shared_ptr<NodeBase>>& inputs, Engine& engine)>;

  using NodeBase::NodeBase;
  void become_leaf() { leaf_ = true; }
  void set_backward(std::vector<std::shared_ptr<NodeBase>> inputs, Backward backward) {
    inputs_ = std::move(inputs);
    backward_ = std::move(backward);
  }
  [[nodiscard]] Tensor<T>& gradient() { return gradient_; }

 protected:
  void keep(const std::shared_ptr<void>& gradient) override;
  void propagate(const std::shared_ptr<void>& gradient, Engine& engine) override {
    if (!backward_)
      fail("backward", "the graph of '", op(), "' was freed by an earlier backward; pass .retain_graph = true there");
    backward_(*static_cast<Tensor<T>*>(gradient.get()), inputs_, engine);
  }
  void release() override {
    if (leaf_) return;
    backward_ = nullptr;
    inputs_.clear();
  }

 private:
  Backward backward_;
  Tensor<T> gradient_;
};

namespace detail {

/// Deletes nodes one after the other: a node whose destruction frees the next one only puts it on the list, so that a
/// chain of a million nodes needs no deep recursion.
inline void delete_node(NodeBase* node) {
  static thread_local std::vector<NodeBase*>* pending = nullptr;
  if (pending) {
    pending->push_back(node);
    return;
  }
  std::vector<NodeBase*> list{node};
  pending = &list;
  while (!list.empty()) {
    NodeBase* next = list.back();
    list.pop_back();
    delete next;
  }
  pending = nullptr;
}

template <class T>
[[nodiscard]] std::shared_ptr<Node<T>> make_node(const char* op, const Shape& shape) {
  return std::shared_ptr<Node<T>>(new Node<T>(op, shape), delete_node);
}

}  // namespace detail

template <class T>
Tensor<T>& Tensor<T>::requires_grad_(bool required) {
  static_assert(is_floating<T>, "only floating-point tensors carry gradients");
  if (!required) {
    node_.reset();
  } else if (!node_) {
    auto node = detail::make_node<T>("leaf", shape_);
    node->become_leaf();
    node_ = std::move(node);
  }
  return *this;
}

template <class T>
Tensor<T> Tensor<T>::grad() const {
  return node_ ? static_cast<Node<T>&>(*node_).gradient() : Tensor<T>();
}

template <class T>
void Tensor<T>::set_grad(const Tensor<T>& gradient) const {
  if (!node_) fail("set_grad", "the tensor does not require a gradient");
  if (gradient.defined()) check_shape("set_grad", "the gradient", gradient.shape(), shape_);
  static_cast<Node<T>&>(*node_).gradient() = gradient;
}

template <class T>
void Tensor<T>::zero_grad() const {
  if (node_) static_cast<Node<T>&>(*node_).gradient() = Tensor<T>();
}

}  // namespace limn::inline LIMN_ABI
