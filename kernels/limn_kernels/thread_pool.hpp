#pragma once
// The threads behind parallel_for: made once, they take chunks of the region that is open, spin briefly, then sleep.
// Why they are not OpenMP's: docs/decisions/0008-threads.md.

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// One region at a time is open, with places for as many helpers as it wants. A helper that finds a place takes chunks
/// until none is left; so does the caller, and then closes the region: helpers that come later are turned away, so
/// that nobody ever waits for a thread that another process keeps from running. Only chunks in work are waited for; and
/// where a helper was kept from running in the midst of one, the next regions are run alone for ten times what that
/// cost.
class ThreadPool {
 public:
  using Chunk = void (*)(const void* context, index_t chunk);

  /// Runs chunk(context, 0 .. chunks - 1), each once, on this thread and at most `helpers` others. False, and nothing
  /// has run: the threads are another caller's just now. Rethrows the first exception; chunks not begun are then left
  /// out.
  static bool run(int helpers, index_t chunks, Chunk chunk, const void* context) {
    return current()->open_region(helpers, chunks, chunk, context);
  }
  /// Is this thread inside a region? (What it calls then runs on it alone.)
  static bool& inside() {
    static thread_local bool value = false;
    return value;
  }

 private:
  [[nodiscard]] static std::int64_t clock(clockid_t which) {
    timespec now{};
    clock_gettime(which, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  /// Time in which this thread wanted to run and did not: time on the clock less time on a core.
  struct Lost {
    std::int64_t wall = 0, cpu = 0, wanted = 0, lost = 0;
    void begin() {
      wall = clock(CLOCK_MONOTONIC);
      cpu = clock(CLOCK_THREAD_CPUTIME_ID);
    }
    /// Once 20 ms were wanted and a quarter of them lost: what was lost, else 0. Asks the system once a millisecond at
    /// most.
    [[nodiscard]] std::int64_t look() {
      const std::int64_t passed = clock(CLOCK_MONOTONIC) - wall;
      if (passed < 1'000'000) return 0;
      wanted += passed;
      lost += passed - (clock(CLOCK_THREAD_CPUTIME_ID) - cpu);
      begin();
      if (wanted < 20'000'000) return 0;
      const std::int64_t all = 4 * lost > wanted ? lost : 0;
      wanted = lost = 0;
      return all;
    }
  };

  // The gate is one number, so that finding a place and taking it are one exchange: places left in the low bits, the
  // number of the region above. A number that comes round again does no harm: what is read after the exchange is true.
  using Gate = std::uint32_t;
  static constexpr Gate places = 0xFFF;

  std::atomic<Gate> gate_{0};
  std::atomic<Gate> left_{0};  ///< helpers that took a place and are done
  std::atomic<bool> taken_{false}, stopped_{false}, failed_{false};
  std::atomic<index_t> next_{0};
  std::atomic<std::int64_t> alone_until_{0};  ///< in ns of the steady clock
  std::atomic<int> core_{-1};                 ///< where the caller runs
  index_t chunks_ = 0;
  Chunk chunk_ = nullptr;
  const void* context_ = nullptr;
  std::exception_ptr failure_;
  Lost lost_;  ///< of callers
  bool long_regions_ = false;
  std::mutex growth_;  ///< of threads_
  std::vector<std::thread> threads_;

  /// The process's pool. At exit its threads are joined, and what runs after that runs alone; the pool itself stays.
  /// The child of a fork has no threads: it begins with a new pool.
  static ThreadPool*& current() {
    struct Owner {
      ThreadPool* pool = new ThreadPool;
      Owner() {
        pthread_atfork(nullptr, nullptr, [] { current() = new ThreadPool; });
      }
      ~Owner() { pool->stop(); }
    };
    static Owner owner;
    return owner.pool;
  }

  /// Waits until ready(): spins for 50 us, which bridges the gap between two regions of one network, then sleeps until
  /// `value` is no longer what it was and notified; calls woken() whenever it wakes. Returns whether it slept.
  template <class Ready, class Woken>
  static bool wait(const std::atomic<Gate>& value, Ready&& ready, Woken&& woken) {
    const std::int64_t start = clock(CLOCK_MONOTONIC);
    do {
      for (int i = 0; i < 64; ++i) {
        if (ready()) return false;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
      }
    } while (clock(CLOCK_MONOTONIC) - start < 50'000);
    for (;;) {
      const Gate seen = value.load(std::memory_order_acquire);
      if (ready()) return true;
      value.wait(seen, std::memory_order_acquire);
      woken();
    }
  }

  bool open_region(int helpers, index_t chunks, Chunk chunk, const void* context) {
    const std::int64_t alone = alone_until_.load(std::memory_order_relaxed);
    if (alone != 0 && clock(CLOCK_MONOTONIC) < alone) return false;
    if (taken_.exchange(true, std::memory_order_acquire)) return false;
    const Gate open = static_cast<Gate>(std::min<index_t>(grow(std::min(helpers, 1000)), chunks - 1));
    const std::int64_t start = clock(CLOCK_MONOTONIC);
    if (long_regions_) lost_.begin();
    core_.store(this_core(), std::memory_order_relaxed);
    chunks_ = chunks;
    chunk_ = chunk;
    context_ = context;
    next_.store(0, std::memory_order_relaxed);
    left_.store(0, std::memory_order_relaxed);
    gate_.store(((gate_.load(std::memory_order_relaxed) | places) + 1) | open, std::memory_order_release);
    for (Gate i = 0; i < open; ++i) gate_.notify_one();

    inside() = true;
    take_chunks();
    inside() = false;
    if (long_regions_) stay_alone(lost_.look());
    const Gate joined = open - (gate_.fetch_and(~places, std::memory_order_acquire) & places);
    wait(
        left_, [&] { return left_.load(std::memory_order_acquire) == joined; }, [] {});

    long_regions_ = clock(CLOCK_MONOTONIC) - start > 1'000'000;  // shorter ones are not worth the question

    std::exception_ptr failure;
    if (failed_.load(std::memory_order_relaxed)) {
      failure = std::exchange(failure_, nullptr);
      failed_.store(false, std::memory_order_relaxed);
    }
    taken_.store(false, std::memory_order_release);
    if (failure) std::rethrow_exception(failure);
    return true;
  }

  void stay_alone(std::int64_t lost) {
    if (lost > 0) alone_until_.store(clock(CLOCK_MONOTONIC) + 10 * lost, std::memory_order_relaxed);
  }

  void take_chunks() {
    for (;;) {
      const index_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= chunks_) return;
      try {
        chunk_(context_, chunk);
      } catch (...) {
        if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
        next_.store(chunks_, std::memory_order_relaxed);
      }
    }
  }

#ifdef __linux__
  [[nodiscard]] static int this_core() { return sched_getcpu(); }
  /// Moves this thread away where it woke on the core of the caller, which does not sleep: some schedulers leave it
  /// there, beside a free core, for good.
  static void leave_core(int core) {
    cpu_set_t allowed, others;
    if (sched_getcpu() != core || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    others = allowed;
    CPU_CLR(static_cast<std::size_t>(core), &others);
    if (CPU_COUNT(&others) == 0) return;
    sched_setaffinity(0, sizeof others, &others);  // moves it now
    sched_setaffinity(0, sizeof allowed, &allowed);
  }
  /// With OMP_PROC_BIND OpenMP ties the first thread to one core, and threads made by it would share that core: a
  /// helper may run wherever OpenMP's threads may.
  static void use_every_core() {
    if (omp_get_proc_bind() == omp_proc_bind_false) return;
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int place = 0; place < omp_get_num_places(); ++place) {
      std::vector<int> cores(static_cast<std::size_t>(omp_get_place_num_procs(place)));
      omp_get_place_proc_ids(place, cores.data());
      for (const int core : cores) CPU_SET(static_cast<std::size_t>(core), &all);
    }
    if (CPU_COUNT(&all) > 0) sched_setaffinity(0, sizeof all, &all);
  }
#else
  [[nodiscard]] static int this_core() { return -1; }
  static void leave_core(int) {}
  static void use_every_core() {}
#endif

  void help() {
    use_every_core();
    inside() = true;
    Lost lost;
    lost.begin();
    for (;;) {
      Gate gate = 0;
      const bool slept = wait(
          gate_,
          [&] {
            gate = gate_.load(std::memory_order_acquire);
            return (gate & places) != 0 || stopped_.load(std::memory_order_relaxed);
          },
          [this] { leave_core(core_.load(std::memory_order_relaxed)); });
      if (stopped_.load(std::memory_order_relaxed)) return;
      if (slept) lost.begin();
      if (!gate_.compare_exchange_weak(gate, gate - 1, std::memory_order_acq_rel)) continue;
      take_chunks();
      stay_alone(lost.look());
      left_.fetch_add(1, std::memory_order_release);
      left_.notify_one();
    }
  }

  /// Makes threads until there are `wanted`; returns how many there are for this region: fewer where the system has no
  /// more.
  index_t grow(int wanted) {
    const std::lock_guard<std::mutex> lock(growth_);
    if (stopped_.load(std::memory_order_relaxed)) return 0;
    try {
      while (static_cast<int>(threads_.size()) < wanted) threads_.emplace_back([this] { help(); });
    } catch (const std::system_error&) {}
    return std::min<index_t>(wanted, static_cast<index_t>(threads_.size()));
  }

  void stop() {
    const std::lock_guard<std::mutex> lock(growth_);
    stopped_.store(true, std::memory_order_relaxed);
    gate_.fetch_add(places + 1, std::memory_order_release);
    gate_.notify_all();
    for (std::thread& thread : threads_)
      if (thread.get_id() == std::this_thread::get_id())
        thread.detach();  // exit() was called in a chunk
      else
        thread.join();
    threads_.clear();
  }
};

}  // namespace limn::inline LIMN_ABI::kernels
