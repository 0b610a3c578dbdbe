#pragma once
// Shape and Strides: the extents of a tensor and how to walk it. At most 8 dimensions, stored in place.

#include <array>
#include <initializer_list>
#include <ostream>
#include <vector>

#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI {

inline constexpr index_t max_rank = 8;

/// A short list of index_t without heap memory. Negative positions count from the end.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<index_t> values) : Dims(values.begin(), static_cast<index_t>(values.size())) {}
  explicit Dims(const std::vector<index_t>& values) : Dims(values.data(), static_cast<index_t>(values.size())) {}
  Dims(const index_t* values, index_t rank) {
    if (rank > max_rank) fail("shape", "rank ", rank, " is above the maximum of ", max_rank);
    for (index_t i = 0; i < rank; ++i) push_back(values[i]);
  }

  [[nodiscard]] index_t rank() const { return rank_; }
  [[nodiscard]] bool empty() const { return rank_ == 0; }
  [[nodiscard]] index_t operator[](index_t i) const { return values_[position(i)]; }
  [[nodiscard]] index_t& operator[](index_t i) { return values_[position(i)]; }
  [[nodiscard]] const index_t* begin() const { return values_.data(); }
  [[nodiscard]] const index_t* end() const { return values_.data() + rank_; }
  [[nodiscard]] const index_t* data() const { return values_.data(); }
  [[nodiscard]] std::vector<index_t> to_vector() const { return {begin(), end()}; }

  void push_back(index_t value) { insert(rank_, value); }
  /// Inserts before position i (0 <= i <= rank).
  void insert(index_t i, index_t value) {
    if (rank_ == max_rank) fail("shape", "rank ", rank_ + 1, " is above the maximum of ", max_rank);
    for (index_t j = rank_; j > i; --j) at(j) = at(j - 1);
    at(i) = value;
    ++rank_;
  }
  void erase(index_t i) {
    for (index_t j = position_of(i); j + 1 < rank_; ++j) at(j) = at(j + 1);
    --rank_;
  }

  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank_ != b.rank_) return false;
    for (index_t i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  [[nodiscard]] index_t& at(index_t i) { return values_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] index_t position_of(index_t i) const { return static_cast<index_t>(position(i)); }
  [[nodiscard]] std::size_t position(index_t i) const {
    const index_t from_start = i < 0 ? i + rank_ : i;
    if (from_start < 0 || from_start >= rank_) fail("shape", "position ", i, " is out of range for rank ", rank_);
    return static_cast<std::size_t>(from_start);
  }

  std::array<index_t, max_rank> values_{};
  index_t rank_ = 0;
};

/// [2, 3]
inline std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << '[';
  for (index_t i = 0; i < dims.rank(); ++i) out << (i ? ", " : "") << dims[i];
  return out << ']';
}

/// Steps, in elements, between neighbours along each dimension. May be 0 (expanded) or negative (flipped).
using Strides = Dims;

/// The extents of a tensor. Every extent is >= 0; the product fits in 63 bits.
class Shape : public Dims {
 public:
  Shape() = default;
  Shape(std::initializer_list<index_t> extents) : Dims(extents) { check(); }
  explicit Shape(const std::vector<index_t>& extents) : Dims(extents) { check(); }
  explicit Shape(const Dims& extents) : Dims(extents) { check(); }

  /// The number of elements: the product of the extents, 1 for rank 0.
  [[nodiscard]] index_t numel() const {
    index_t product = 1;
    for (const index_t extent : *this) product *= extent;
    return product;
  }

 private:
  void check() const {
    index_t product = 1;
    for (const index_t extent : *this) {
      if (extent < 0) fail("shape", "negative extent in ", static_cast<const Dims&>(*this));
      if (extent != 0 && __builtin_mul_overflow(product, extent, &product))
        fail("shape", static_cast<const Dims&>(*this), " has more elements than 64 bits can count");
    }
  }
};

/// Strides of a row-major tensor: the last dimension is adjacent in memory.
[[nodiscard]] inline Strides contiguous_strides(const Shape& shape) {
  Strides strides(shape.data(), shape.rank());
  index_t step = 1;
  for (index_t i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= shape[i] > 0 ? shape[i] : 1;
  }
  return strides;
}

/// The shape that NumPy broadcasting gives: aligned at the right, extents equal or one of them 1. Throws naming `op`.
[[nodiscard]] inline Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (index_t i = 1; i <= result.rank(); ++i) {
    const index_t in_a = i <= a.rank() ? a[-i] : 1, in_b = i <= b.rank() ? b[-i] : 1;
    if (in_a != in_b && in_a != 1 && in_b != 1) fail(op, "shapes ", a, " and ", b, " do not broadcast");
    result[-i] = in_a == 1 ? in_b : in_a;
  }
  return result;
}

/// The strides that read `shape` with `strides` as if it were `target` (0 along broadcast dimensions).
[[nodiscard]] inline Strides broadcast_strides(const Shape& shape, const Strides& strides, const Shape& target) {
  Strides result(target.data(), target.rank());
  for (index_t i = 1; i <= target.rank(); ++i) result[-i] = i <= shape.rank() && shape[-i] != 1 ? strides[-i] : 0;
  return result;
}

}  // namespace limn::inline LIMN_ABI
