#include <doctest/doctest.h>

#include <limn_kernels/memory.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

using namespace limn;

TEST_CASE(
    "blocks are 64-byte aligned and at least as large as asked, for every size up to 3 MiB that is near a class") {
  for (std::size_t power = 0; power < 22; ++power)
    for (std::size_t quarter = 4; quarter < 8; ++quarter)
      for (const std::ptrdiff_t off : {-1, 0, 1}) {
        const auto bytes = static_cast<std::size_t>(static_cast<std::ptrdiff_t>((quarter << power) / 4) + off);
        void* data = kernels::allocate(bytes, cpu_device);
        REQUIRE(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
        if (bytes > 0) std::memset(data, 1, bytes);
        kernels::release(data, bytes, cpu_device);
        const auto size = kernels::cpu::SizeClass::of(bytes);
        REQUIRE(size.bytes >= bytes);
        REQUIRE(size.bytes <= std::max<std::size_t>(64 + bytes, bytes + bytes / 4 + 1));
      }
}

TEST_CASE("use and peak count what is handed out, and begin again") {
  const kernels::MemoryUse before = kernels::memory_use();
  kernels::reset_memory_peak();
  void* a = kernels::allocate(1000, cpu_device);
  void* b = kernels::allocate(1 << 20, cpu_device);
  CHECK(kernels::memory_use().now == before.now + 1000 + (1 << 20));
  kernels::release(b, 1 << 20, cpu_device);
  kernels::release(a, 1000, cpu_device);
  CHECK(kernels::memory_use().now == before.now);
  CHECK(kernels::memory_use().peak == before.now + 1000 + (1 << 20));
  kernels::reset_memory_peak();
  CHECK(kernels::memory_use().peak == before.now);
}

// The rest is about what is kept: nothing is where LIMN_MEMORY_CACHE_MB=0 hands every block to the system.
TEST_CASE("a freed block serves the next request of its class, and a large one also a request of half its size") {
  if (kernels::cpu::keep_limit() == 0) return;
  for (const std::size_t bytes : {std::size_t{100}, std::size_t{60000}, std::size_t{1} << 20, std::size_t{20} << 20}) {
    void* a = kernels::allocate(bytes, cpu_device);
    kernels::release(a, bytes, cpu_device);
    void* b = kernels::allocate(bytes - 1, cpu_device);
    CHECK(a == b);
    kernels::release(b, bytes - 1, cpu_device);
  }
  kernels::release_kept_memory();
  void* large = kernels::allocate(8 << 20, cpu_device);
  kernels::release(large, 8 << 20, cpu_device);
  void* quarter = kernels::allocate(2 << 20, cpu_device);
  CHECK(quarter != large);
  void* half = kernels::allocate(4 << 20, cpu_device);
  CHECK(half == large);
  kernels::release(half, 4 << 20, cpu_device);
  void* again = kernels::allocate(8 << 20, cpu_device);
  CHECK(again == large);  // it has not forgotten its size
  kernels::release(again, 8 << 20, cpu_device);
  kernels::release(quarter, 2 << 20, cpu_device);
}

TEST_CASE("blocks that one thread prepares and another frees come back") {
  if (kernels::cpu::keep_limit() == 0) return;
  kernels::release_kept_memory();
  void* first = nullptr;
  std::thread([&] { first = kernels::allocate(3 << 20, cpu_device); }).join();
  kernels::release(first, 3 << 20, cpu_device);
  void* second = nullptr;
  std::thread([&] { second = kernels::allocate(3 << 20, cpu_device); }).join();
  CHECK(second == first);
  kernels::release(second, 3 << 20, cpu_device);
}

TEST_CASE("all that was in use at once is kept for the next step, and can be given back") {
  const bool keeps = std::getenv("LIMN_MEMORY_CACHE_MB") == nullptr;
  kernels::release_kept_memory();
  for (const std::size_t bytes :
       {std::size_t{1} << 20, std::size_t{5} << 20}) {  // the second finds no use for the first
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < (std::size_t{1} << 30) / bytes; ++i)
      blocks.push_back(kernels::allocate(bytes, cpu_device));
    CHECK(kernels::memory_use().now + kernels::memory_use().kept <= index_t{1300} << 20);
    for (void* block : blocks) kernels::release(block, bytes, cpu_device);
    if (keeps) CHECK(kernels::memory_use().kept >= index_t{1000} << 20);
    CHECK(kernels::memory_use().kept <= kernels::cpu::keep_limit());
  }
  std::vector<void*> small;
  for (int i = 0; i < 10000; ++i) small.push_back(kernels::allocate(1024, cpu_device));
  for (void* block : small) kernels::release(block, 1024, cpu_device);
  kernels::release_kept_memory();
  CHECK(kernels::memory_use().kept <= 4 << 20);
}

TEST_CASE("threads that allocate and free at once") {
  std::vector<std::thread> threads;
  const index_t before = kernels::memory_use().now;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 300; ++i) {
        const std::size_t bytes = static_cast<std::size_t>(t * 50000 + i * 997 + 1);
        auto* data = static_cast<unsigned char*>(kernels::allocate(bytes, cpu_device));
        std::memset(data, t, bytes);
        for (std::size_t k = 0; k < bytes; k += 4096) REQUIRE(data[k] == t);
        kernels::release(data, bytes, cpu_device);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(kernels::memory_use().now == before);
}
