#pragma once
// The memory of the GPU that tests make of the host. As on a real one, the host's own code may not touch it: its pages
// can be read and written during a kernel or a copy alone, and a stray access ends the test with a segmentation fault.

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda::host {

class Arena {
 public:
  static Arena& instance() {
    static Arena arena;
    return arena;
  }

  /// While one lives, the memory can be used.
  class Open {
   public:
    Open() { instance().protect(PROT_READ | PROT_WRITE); }
    ~Open() { instance().protect(PROT_NONE); }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
  };

  /// Whether a number is the address of memory of the host's, which a kernel must not be given.
  [[nodiscard]] bool is_foreign(std::uintptr_t number) const {
    const auto base = reinterpret_cast<std::uintptr_t>(base_);
    unsigned char resident = 0;
    void* const page = reinterpret_cast<void*>(number & ~std::uintptr_t{4095});
    return (number < base || number >= base + capacity) && mincore(page, 1, &resident) == 0;
  }

  /// A block of NaN (bytes 0xff), aligned as cudaMalloc does, with a guard behind it.
  void* allocate(std::size_t bytes) {
    const std::size_t whole = (bytes + guard + alignment - 1) / alignment * alignment;
    const auto kept = free_.find(whole);
    char* data = nullptr;
    if (kept != free_.end()) {
      data = kept->second;
      free_.erase(kept);
    } else {
      if (used_ + whole > capacity) throw std::bad_alloc();
      data = base_ + used_;
      used_ += whole;
    }
    const Open open;
    std::memset(data, 0xff, bytes);
    std::memset(data + bytes, guard_byte, whole - bytes);
    blocks_[data] = {bytes, whole};
    return data;
  }

  /// Ends the program where a kernel has written behind the block.
  void release(void* block) {
    char* const data = static_cast<char*>(block);
    const auto [bytes, whole] = blocks_.at(data);
    check_guard(data, bytes, whole);
    blocks_.erase(data);
    free_.emplace(whole, data);
    if (!blocks_.empty()) return;
    free_.clear();  // opening and closing takes its time by the page
    used_ = 0;
  }

 private:
  static constexpr std::size_t capacity = std::size_t{1} << 32, guard = 64, alignment = 256;
  static constexpr char guard_byte = 0x5a;
  struct Block {
    std::size_t bytes, whole;
  };

  Arena() {
    void* const memory = mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<char*>(memory);
  }

  static void check_guard(const char* data, std::size_t bytes, std::size_t whole) {
    const Open open;
    for (std::size_t i = bytes; i < whole; ++i)
      if (data[i] != guard_byte) {
        std::fprintf(stderr, "a kernel wrote %zu bytes behind a block of %zu bytes\n", i - bytes + 1, bytes);
        std::abort();
      }
  }

  void protect(int access) {
    opened_ += access == PROT_NONE ? -1 : 1;
    const std::size_t page = 4096, length = (used_ + page - 1) / page * page;
    if (length > 0 && mprotect(base_, length, opened_ > 0 ? PROT_READ | PROT_WRITE : PROT_NONE) != 0) std::abort();
  }

  char* base_ = nullptr;
  std::size_t used_ = 0;
  int opened_ = 0;
  std::map<char*, Block> blocks_;
  std::multimap<std::size_t, char*> free_;
};

}  // namespace limn::inline LIMN_ABI::kernels::cuda::host
