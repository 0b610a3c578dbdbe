#pragma once
// Stamp: which elements something was computed from, to be compared when it is used.

#include <cstring>
#include <memory>

#include <limn/core/tensor.hpp>

namespace limn::inline LIMN_ABI {

/// Remembers a tensor's memory, how often the library had written to it (Storage::version) and some sixty of its
/// elements, without keeping it alive. Any write by the library breaks the stamp. A program that writes through data()
/// is noticed where it changes one of those elements, as filling and scaling do; otherwise it calls mark_written().
template <class T>
class Stamp {
 public:
  Stamp() = default;
  /// x is contiguous and on the CPU; else the stamp never holds.
  explicit Stamp(const Tensor<T>& x) {
    if (!readable(x)) return;
    storage_ = x.storage();
    first_ = x.data();
    version_ = x.storage()->version();
    sample_ = sample(x);
  }

  /// Whether x is still those elements.
  [[nodiscard]] bool holds(const Tensor<T>& x) const {
    // The weak pointer keeps the owner's block, so that no later storage is taken for this one.
    return first_ != nullptr && readable(x) && x.data() == first_ && !storage_.owner_before(x.storage()) &&
           !x.storage().owner_before(storage_) && x.storage()->version() == version_ && sample(x) == sample_;
  }

 private:
  static bool readable(const Tensor<T>& x) {
    return x.defined() && x.device() == cpu_device && x.is_contiguous() && x.numel() > 0;
  }
  static std::uint64_t sample(const Tensor<T>& x) {
    const index_t step = 1 + x.numel() / 64;
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a over whole elements
    for (index_t i = 0; i < x.numel(); i += step) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, x.data() + i, sizeof(T));
      hash = (hash ^ bits) * 1099511628211u;
    }
    return hash;
  }

  std::weak_ptr<Storage> storage_;
  const T* first_ = nullptr;
  std::uint64_t version_ = 0, sample_ = 0;
};

}  // namespace limn::inline LIMN_ABI
