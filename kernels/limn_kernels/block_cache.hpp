#pragma once
// Freed blocks of CPU memory, kept for the next request of their size, and what there is in use. See
// docs/kernels/memory.md.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// Bytes on the CPU: in use now, the most there were since the start or reset_memory_peak(), and kept for reuse.
struct MemoryUse {
  index_t now = 0, peak = 0, kept = 0;
};

namespace cpu {

inline constexpr std::size_t alignment = 64;  // one cache line, one AVX-512 register

/// Four sizes to each power of two, so that at most a quarter of a block is unused: 64, 128, 192, 256, 320, 384, ...
struct SizeClass {
  int index;
  std::size_t bytes;

  static SizeClass of(std::size_t bytes) {
    if (bytes <= 256) {
      const std::size_t rounded = bytes == 0 ? 64 : (bytes + 63) / 64 * 64;
      return {static_cast<int>(rounded / 64) - 1, rounded};
    }
    const int log = 63 - __builtin_clzll(bytes - 1);  // 2^log <= bytes - 1
    const std::size_t step = std::size_t{1} << (log - 2);
    const std::size_t rounded = (bytes + step - 1) / step * step;
    const int quarter = static_cast<int>((rounded - (std::size_t{1} << log)) / step);  // 1..4
    return {4 + (log - 8) * 4 + quarter - 1, rounded};
  }
};

/// Counts what is in use; all threads add to it.
class MemoryCount {
 public:
  static void add(std::size_t bytes) {
    const index_t grown = static_cast<index_t>(bytes), now = now_.fetch_add(grown, std::memory_order_relaxed) + grown;
    raise(peak_, now);
    raise(most_, now);
  }
  static void take_away(std::size_t bytes) { now_.fetch_sub(static_cast<index_t>(bytes), std::memory_order_relaxed); }
  static void keep(index_t change) { kept_.fetch_add(change, std::memory_order_relaxed); }
  static void reset_peak() { peak_.store(now_.load(std::memory_order_relaxed), std::memory_order_relaxed); }
  /// As the peak, but begins again with release_kept_memory().
  static index_t most() { return most_.load(std::memory_order_relaxed); }
  static void reset_most() { most_.store(now_.load(std::memory_order_relaxed), std::memory_order_relaxed); }
  static MemoryUse use() {
    return {now_.load(std::memory_order_relaxed), peak_.load(std::memory_order_relaxed),
            kept_.load(std::memory_order_relaxed)};
  }

 private:
  static void raise(std::atomic<index_t>& most, index_t now) {
    index_t seen = most.load(std::memory_order_relaxed);
    while (now > seen && !most.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {}
  }
  static inline std::atomic<index_t> now_{0}, peak_{0}, most_{0}, kept_{0};
};

/// Bytes that may be kept now: as many as bring what is in use and kept to the most that was ever in use, and a quarter
/// of that or 256 MiB more, since sizes differ. So a training step finds all the memory that the step before had, and
/// a process is never much larger than it once had to be. Or LIMN_MEMORY_CACHE_MB (0: none, so that a sanitizer sees
/// every use after free).
[[nodiscard]] inline index_t keep_limit() {
  static const char* wish = std::getenv("LIMN_MEMORY_CACHE_MB");
  static const index_t limit = wish ? static_cast<index_t>(std::strtoul(wish, nullptr, 10)) << 20 : -1;
  const index_t most = MemoryCount::most();
  return limit >= 0 ? limit : most + std::max<index_t>(index_t{256} << 20, most / 4) - MemoryCount::use().now;
}

/// Blocks up to 64 KiB, a list a thread and size: no lock. One freed by another thread than it was made by joins that
/// thread's list, and goes back to the system where that list is full (4 MiB) or its thread ends.
class SmallBlocks {
 public:
  static constexpr std::size_t largest = std::size_t{64} << 10;

  ~SmallBlocks() {
    for (Block*& list : lists_)
      while (list) {
        Block* next = list->next;
        ::operator delete (static_cast<void*>(list), std::align_val_t{alignment});
        list = next;
      }
    MemoryCount::keep(-kept_);
    alive() = false;
  }
  void* take(SizeClass size) {
    Block*& list = lists_[size.index];
    if (!list) return ::operator new (size.bytes, std::align_val_t{alignment});
    Block* block = list;
    list = block->next;
    kept_ -= static_cast<index_t>(size.bytes);
    MemoryCount::keep(-static_cast<index_t>(size.bytes));
    return block;
  }
  void give(void* data, SizeClass size) {
    const index_t bytes = static_cast<index_t>(size.bytes);
    if (kept_ + bytes > std::min<index_t>(index_t{4} << 20, keep_limit()))
      return ::operator delete (data, std::align_val_t{alignment});
    lists_[size.index] = new (data) Block{lists_[size.index]};
    kept_ += bytes;
    MemoryCount::keep(bytes);
  }
  /// False once this thread's lists are gone: a static tensor may outlive them.
  static bool& alive() {
    static thread_local bool value = true;
    return value;
  }
  static SmallBlocks& mine() {
    static thread_local SmallBlocks blocks;
    return blocks;
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr int classes = 36;  // up to 64 KiB
  Block* lists_[classes] = {};
  index_t kept_ = 0;
};

/// Larger blocks, shared by all threads: beside what is done with one, a lock is nothing; and a batch that one thread
/// prepares and another frees comes back to the first. A request may be served by a block of up to twice its size, so
/// that a network's large activations make room for its small ones. In front of the data stands the block's own size.
class LargeBlocks {
 public:
  static void* take(std::size_t bytes) {
    const SizeClass wanted = SizeClass::of(bytes);
    const std::lock_guard<std::mutex> lock(mutex());
    for (int index = wanted.index; index <= wanted.index + 4 && index < classes; ++index) {
      std::vector<void*>& list = lists()[index];
      if (list.empty()) continue;
      void* data = list.back();
      list.pop_back();
      MemoryCount::keep(-static_cast<index_t>(size_of(data)));
      return data;
    }
    // Kept blocks of other sizes make room, the largest first.
    shrink(std::max<index_t>(0, keep_limit() - static_cast<index_t>(wanted.bytes)));
    return fresh(wanted.bytes);
  }
  static void give(void* data) {
    const std::size_t bytes = size_of(data);
    const std::lock_guard<std::mutex> lock(mutex());
    const SizeClass size = SizeClass::of(bytes);
    if (size.index >= classes || MemoryCount::use().kept + static_cast<index_t>(bytes) > keep_limit())
      return to_system(data);
    try {
      lists()[size.index].push_back(data);
    } catch (const std::bad_alloc&) {
      return to_system(data);
    }
    MemoryCount::keep(static_cast<index_t>(bytes));
  }
  static std::size_t size_of(const void* data) {
    return *reinterpret_cast<const std::size_t*>(static_cast<const char*>(data) - alignment);
  }
  /// Gives every kept block back to the system.
  static void clear() {
    const std::lock_guard<std::mutex> lock(mutex());
    shrink(0);
    MemoryCount::reset_most();
  }

 private:
  static constexpr int classes = 104;  // up to 2 GiB
  static constexpr std::size_t huge = std::size_t{2}
                                      << 20;  // a page of the second size, of which larger blocks are made

  // Neither is ever destroyed: static tensors are freed after everything else.
  static std::mutex& mutex() {
    static std::mutex& one = *new std::mutex;
    return one;
  }
  static std::vector<void*>* lists() {
    static std::vector<void*>* all = new std::vector<void*>[classes];
    return all;
  }
  /// Gives kept blocks back until at most `limit` bytes are kept, or no large block is left.
  static void shrink(index_t limit) {
    for (int index = classes - 1; index >= 0; --index) {
      std::vector<void*>& list = lists()[index];
      for (; !list.empty() && MemoryCount::use().kept > limit; list.pop_back()) {
        MemoryCount::keep(-static_cast<index_t>(size_of(list.back())));
        to_system(list.back());
      }
    }
  }
  static std::align_val_t alignment_of(std::size_t bytes) { return std::align_val_t{bytes >= huge ? huge : alignment}; }
  static void* fresh(std::size_t bytes) {
    char* base = static_cast<char*>(::operator new(bytes + alignment, alignment_of(bytes)));
#ifdef MADV_HUGEPAGE
    // Weights are read at 32 GB/s from huge pages and 24 from small ones, and a first touch costs a third.
    if (bytes >= huge) madvise(base, bytes + alignment, MADV_HUGEPAGE);
#endif
    new (base) std::size_t{bytes};
    return base + alignment;
  }
  static void to_system(void* data) {
    ::operator delete(static_cast<char*>(data) - alignment, alignment_of(size_of(data)));
  }
};

inline void* allocate(std::size_t bytes) {
  void* data =
      bytes <= SmallBlocks::largest ? SmallBlocks::mine().take(SizeClass::of(bytes)) : LargeBlocks::take(bytes);
  MemoryCount::add(bytes);
  return data;
}
inline void release(void* data, std::size_t bytes) noexcept {
  MemoryCount::take_away(bytes);
  if (bytes > SmallBlocks::largest) return LargeBlocks::give(data);
  if (SmallBlocks::alive()) return SmallBlocks::mine().give(data, SizeClass::of(bytes));
  ::operator delete (data, std::align_val_t{alignment});
}

}  // namespace cpu

/// Bytes of CPU tensors and kernels' scratch space in this process.
[[nodiscard]] inline MemoryUse memory_use() { return cpu::MemoryCount::use(); }
/// The peak begins again at what is in use now.
inline void reset_memory_peak() { cpu::MemoryCount::reset_peak(); }
/// Gives the kept blocks above 64 KiB back to the system, and forgets how much was once in use (torch.cuda.empty_cache,
/// for the CPU).
inline void release_kept_memory() { cpu::LargeBlocks::clear(); }

}  // namespace limn::inline LIMN_ABI::kernels
