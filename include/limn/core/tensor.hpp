#pragma once
// Tensor<T>: a shape and strides over shared storage, and a handle to the gradient graph.

#include <memory>
#include <type_traits>
#include <utility>

#include <limn/core/check.hpp>
#include <limn/core/storage.hpp>
#include <limn/fwd.hpp>
#include <limn_kernels/half.hpp>

namespace limn::inline LIMN_ABI {

/// Types that carry gradients.
template <class T>
inline constexpr bool is_floating = std::is_floating_point_v<T> || is_half<T>;

/// An n-dimensional array. Copying a Tensor copies the handle: both share elements and gradient. clone() copies
/// elements. T is float, double, bf16, f16, std::int8_t, std::uint8_t, std::int32_t, std::int64_t or bool.
template <class T>
class Tensor {
 public:
  using value_type = T;

  /// Undefined: no shape, no elements. In gradients it stands for zero.
  Tensor() = default;
  /// Contiguous and uninitialised; see create.hpp for zeros(), ones(), full(), from().
  explicit Tensor(const Shape& shape, Device device = cpu_device)
      : shape_(shape),
        strides_(contiguous_strides(shape)),
        storage_(std::make_shared<Storage>(bytes_for(shape), device)) {}

  [[nodiscard]] bool defined() const { return storage_ != nullptr; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Strides& strides() const { return strides_; }
  [[nodiscard]] index_t rank() const { return shape_.rank(); }
  [[nodiscard]] index_t size(index_t axis) const { return shape_[axis]; }
  [[nodiscard]] index_t numel() const { return shape_.numel(); }
  [[nodiscard]] Device device() const { return storage_ ? storage_->device() : cpu_device; }
  [[nodiscard]] const std::shared_ptr<Storage>& storage() const { return storage_; }

  /// The first element. Element (i, j, ...) is at data()[i * strides()[0] + j * strides()[1] + ...].
  [[nodiscard]] T* data() const { return storage_ ? static_cast<T*>(storage_->data()) + offset_ : nullptr; }

  /// Says that the elements were written to through data(): what was computed from them is no longer used.
  void mark_written() const {
    if (storage_) storage_->mark_written();
  }

  /// True when the elements lie in row-major order without gaps.
  [[nodiscard]] bool is_contiguous() const {
    index_t step = 1;
    for (index_t i = shape_.rank() - 1; i >= 0; --i) {
      if (shape_[i] == 0) return true;
      if (shape_[i] != 1 && strides_[i] != step) return false;
      step *= shape_[i];
    }
    return true;
  }

  /// The element at these indices (on the host).
  [[nodiscard]] T& at(const Dims& indices) const {
    if (indices.rank() != rank()) fail("at", "got ", indices.rank(), " indices for shape ", shape_);
    index_t position = 0;
    for (index_t i = 0; i < rank(); ++i) {
      const index_t k = indices[i] < 0 ? indices[i] + shape_[i] : indices[i];
      if (k < 0 || k >= shape_[i]) fail("at", "index ", indices, " is out of range for shape ", shape_);
      position += k * strides_[i];
    }
    check_host("at");
    return data()[position];
  }
  /// The only element, fetched from where it is.
  [[nodiscard]] T item() const {
    if (!defined() || numel() != 1) fail("item", "needs exactly one element but the shape is ", shape_);
    if (device() == cpu_device) return *data();
    T element;
    kernels::copy_bytes(&element, cpu_device, data(), device(), sizeof(T));
    return element;
  }

  /// A view of the same storage: no copy, no gradient. The caller answers for the bounds; ops/view.hpp is the safe way.
  [[nodiscard]] Tensor as_view(const Shape& shape, const Strides& strides, index_t offset = 0) const {
    Tensor view;
    view.shape_ = shape;
    view.strides_ = strides;
    view.offset_ = offset_ + offset;
    view.storage_ = storage_;
    return view;
  }
  /// The same elements without gradient history.
  [[nodiscard]] Tensor detach() const { return as_view(shape_, strides_); }

  // Gradients; defined in autograd/node.hpp.
  /// Makes this tensor a leaf whose gradient backward() fills in (or, with false, forgets that). Returns *this.
  Tensor& requires_grad_(bool required = true);
  [[nodiscard]] bool requires_grad() const { return node_ != nullptr; }
  /// The gradient that backward() has accumulated; undefined before. Only leaves keep one.
  [[nodiscard]] Tensor grad() const;
  void set_grad(const Tensor& gradient) const;
  void zero_grad() const;

  [[nodiscard]] const std::shared_ptr<NodeBase>& node() const { return node_; }
  [[nodiscard]] Tensor with_node(std::shared_ptr<NodeBase> node) const {
    Tensor copy = *this;
    copy.node_ = std::move(node);
    return copy;
  }

 private:
  static std::size_t bytes_for(const Shape& shape) {
    index_t bytes = 0;
    if (__builtin_mul_overflow(shape.numel(), static_cast<index_t>(sizeof(T)), &bytes))
      fail("tensor", shape, " needs more bytes than 64 bits can count");
    return static_cast<std::size_t>(bytes);
  }
  void check_host(const char* op) const {
    if (device().kind != DeviceKind::cpu)
      fail(op, "the tensor is on ", device(), "; move it with to(x, cpu_device) first");
  }

  Shape shape_;
  Strides strides_;
  index_t offset_ = 0;
  std::shared_ptr<Storage> storage_;
  std::shared_ptr<NodeBase> node_;
};

}  // namespace limn::inline LIMN_ABI
