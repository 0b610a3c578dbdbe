#pragma once
// Takes the place of limn_kernels/cuda/launch.cuh in tests: runs the kernels' own sources on the CPU, one fibre a CUDA
// thread.
//
// Blocks run one after the other; the threads of a block take turns, changing at barriers and shuffles only, in the
// order that `order` says. Found: wrong arithmetic, missing barriers that an order shows, threads that leave before a
// barrier, deadlocks, and (with -fsanitize=address) reads outside memory. Not found: the GPU's own rounding and memory
// order.

#include <ucontext.h>

#include <cmath>
#include <csetjmp>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include <limn_kernels/device.hpp>
#include <limn_kernels/error.hpp>

#include <cuda/host/arena.hpp>
#include <cuda/host/order.hpp>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ static  // one block at a time, one operating-system thread

namespace limn::inline LIMN_ABI::kernels::cuda {

struct Dim {
  unsigned x = 1;
};
inline Dim threadIdx, blockIdx, blockDim, gridDim;

namespace host {

/// The CUDA threads of a block as fibres. They are kept over blocks and launches: making one costs system calls, and a
/// switch by setjmp and longjmp none.
class Executor {
 public:
  static Executor& instance() {
    static Executor executor;
    return executor;
  }

  void run_block(unsigned threads, const std::function<void()>& body) {
    while (fibres_.size() < threads) fibres_.push_back(std::make_unique<Fibre>());
    threads_ = threads;
    body_ = &body;
    failure_ = nullptr;
    for (unsigned i = 0; i < threads; ++i) fibres_[i]->state = State::ready;
    while (step()) {}
    bool all_left = true;
    for (unsigned i = 0; i < threads; ++i)
      if (fibres_[i]->state != State::done) {
        fibres_[i]->begun = false;  // what it was doing is forgotten
        all_left = false;
      }
    if (failure_) std::rethrow_exception(failure_);
    if (!all_left) fail("cuda_host", "some threads left the kernel before a barrier that others wait at");
  }

  void block_barrier() { wait(State::at_block); }
  void warp_barrier() { wait(State::at_warp); }

  /// Gives `value` to the other threads of the warp, who may read it until the next barrier of the warp.
  template <class T>
  void share(const T& value) {
    static_assert(sizeof(T) <= sizeof(Fibre::slot) && std::is_trivially_copyable_v<T>);
    std::memcpy(fibres_[running_]->slot, &value, sizeof(T));
    warp_barrier();
  }
  template <class T>
  [[nodiscard]] T shared_by(unsigned lane) const {
    T value;
    std::memcpy(&value, fibres_[running_ / 32 * 32 + lane % 32]->slot, sizeof(T));
    return value;
  }
  template <class T>
  T exchange(T value, unsigned from_lane) {
    share(value);
    const T result = shared_by<T>(from_lane);
    warp_barrier();
    return result;
  }
  [[nodiscard]] unsigned lane() const { return running_ % 32; }

 private:
  static constexpr std::size_t stack_bytes = 64 << 10;
  enum class State { ready, at_warp, at_block, done };
  struct Fibre {
    std::unique_ptr<char[]> stack = std::make_unique_for_overwrite<char[]>(stack_bytes);
    std::jmp_buf place;
    bool begun = false;
    State state = State::done;
    char slot[32] = {};  // what it shares with its warp
  };

  /// What a fibre does: one kernel after the other.
  static void live() {
    Executor& self = instance();
    for (;;) {
      try {
        (*self.body_)();
      } catch (...) {
        self.failure_ = std::current_exception();
      }
      self.wait(State::done);
    }
  }

  void wait(State state) {
    Fibre& mine = *fibres_[running_];
    mine.state = state;
    if (_setjmp(mine.place) == 0) _longjmp(scheduler_, 1);
  }

  [[gnu::noinline]] void resume(Fibre& fibre) {
    if (_setjmp(scheduler_) != 0) return;
    if (fibre.begun) _longjmp(fibre.place, 1);
    fibre.begun = true;
    ucontext_t start;
    getcontext(&start);
    start.uc_stack.ss_sp = fibre.stack.get();
    start.uc_stack.ss_size = stack_bytes;
    start.uc_link = nullptr;
    makecontext(&start, &Executor::live, 0);
    setcontext(&start);
  }

  /// Runs each warp as far as it gets alone (a warp far ahead of the others shows a missing barrier), then opens the
  /// block's barrier when all wait there. False when nothing can move.
  bool step() {
    const unsigned warps = threads_ / 32;
    bool moved = false;
    for (unsigned i = 0; i < warps; ++i) {
      const unsigned warp = order == Order::forward ? i : warps - 1 - i;
      while (!failure_ && run_warp(warp * 32)) moved = true;
    }
    return !failure_ && (open(0, threads_, State::at_block) || moved);
  }

  /// Runs the ready threads of one warp until each waits, and opens the warp's barrier. False when none was ready.
  bool run_warp(unsigned first) {
    bool moved = false;
    for (unsigned i = 0; i < 32 && !failure_; ++i) {
      running_ = first + (order == Order::backward ? 31 - i : i);
      if (fibres_[running_]->state != State::ready) continue;
      threadIdx.x = running_;
      resume(*fibres_[running_]);
      moved = true;
    }
    open(first, first + 32, State::at_warp);
    return moved;
  }

  bool open(unsigned begin, unsigned end, State state) {
    for (unsigned i = begin; i < end; ++i)
      if (fibres_[i]->state != state) return false;
    for (unsigned i = begin; i < end; ++i) fibres_[i]->state = State::ready;
    return true;
  }

  const std::function<void()>* body_ = nullptr;
  std::vector<std::unique_ptr<Fibre>> fibres_;
  std::jmp_buf scheduler_;
  unsigned threads_ = 0, running_ = 0;
  std::exception_ptr failure_;
};

}  // namespace host

inline void __syncthreads() { host::Executor::instance().block_barrier(); }
template <class T>
T __shfl_xor_sync(unsigned /*mask*/, T value, int lanes) {
  host::Executor& executor = host::Executor::instance();
  return executor.exchange(value, executor.lane() ^ static_cast<unsigned>(lanes));
}

[[nodiscard]] inline unsigned blocks_for(index_t count, index_t per_block) {
  const index_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks > 3 ? 3 : blocks);  // few: so that the strides over the grid are exercised
}

/// Looks at every word of an argument of a kernel: structures hold pointers, too. (Not where the compiler cannot say
/// what is padding, in which old pointers may lie.)
template <class Arg>
void check_argument([[maybe_unused]] const char* name, [[maybe_unused]] Arg argument) {
  static_assert(std::is_trivially_copyable_v<Arg>);
#if __has_builtin(__builtin_clear_padding)
  __builtin_clear_padding(&argument);
  for (std::size_t at = 0; at + sizeof(std::uintptr_t) <= sizeof(Arg); at += sizeof(std::uintptr_t)) {
    std::uintptr_t word = 0;
    std::memcpy(&word, reinterpret_cast<const char*>(&argument) + at, sizeof word);
    if (host::Arena::instance().is_foreign(word)) fail(name, "a kernel was given a pointer to memory of the host");
  }
#endif
}

template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), unsigned blocks, unsigned threads, const Args&... args) {
  if (threads == 0 || threads % 32 != 0 || threads > 1024) fail(name, "a block of ", threads, " threads");
  (check_argument(name, args), ...);
  const std::function<void()> body = [&] { kernel(args...); };
  const host::Arena::Open memory_is_open;
  blockDim.x = threads;
  gridDim.x = blocks;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) host::Executor::instance().run_block(threads, body);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
