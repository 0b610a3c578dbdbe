#pragma once
// Takes the place of limn_kernels/cuda/launch.cuh in tests: runs the kernels' own sources on the CPU, one fibre a CUDA
// thread.
//
// Blocks run one after the other; the threads of a block take turns, changing at barriers and shuffles only, in the
// order that `order` says. Found: wrong arithmetic, missing barriers that an order shows, threads that leave before a
// barrier, deadlocks, and (with -fsanitize=address) reads outside memory. Not found: the GPU's own rounding and memory
// order.

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <tuple>
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

/// Runs one block; kept over the blocks of a launch, so that fibres reuse their stacks.
class Executor {
 public:
  static constexpr std::size_t stack_bytes = 64 << 10;
  static Executor*& current() {
    static Executor* running = nullptr;
    return running;
  }

  Executor(unsigned threads, const std::function<void()>& body) : body_(body), fibres_(threads) {
    static std::vector<std::unique_ptr<char[]>> stacks;  // kept over the launches, of which one runs at a time
    while (stacks.size() < threads) stacks.push_back(std::make_unique_for_overwrite<char[]>(stack_bytes));
    for (unsigned i = 0; i < threads; ++i) fibres_[i].stack = stacks[i].get();
  }

  void run_block() {
    for (Fibre& fibre : fibres_) prepare(fibre, &scheduler_);
    while (step()) {}
    if (failure_) std::rethrow_exception(failure_);
    for (const Fibre& fibre : fibres_)
      if (fibre.state != State::done)
        fail("cuda_host", "some threads left the kernel before a barrier that others wait at");
  }

  void block_barrier() { wait(State::at_block); }
  void warp_barrier() { wait(State::at_warp); }

  template <class T>
  T exchange(T value, unsigned from_lane) {
    static_assert(sizeof(T) <= sizeof(double));
    Fibre& mine = fibres_[running_];
    mine.slot = 0;
    std::memcpy(&mine.slot, &value, sizeof(T));
    warp_barrier();
    T result;
    const unsigned from = running_ / 32 * 32 + from_lane % 32;
    std::memcpy(&result, &fibres_[from].slot, sizeof(T));
    warp_barrier();
    return result;
  }
  [[nodiscard]] unsigned lane() const { return running_ % 32; }

 private:
  enum class State { ready, at_warp, at_block, done };
  struct Fibre {
    ucontext_t context;
    char* stack = nullptr;
    State state = State::done;
    double slot = 0;
  };

  static void prepare(Fibre& fibre, ucontext_t* scheduler) {
    fibre.state = State::ready;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack;
    fibre.context.uc_stack.ss_size = stack_bytes;
    fibre.context.uc_link = scheduler;
    makecontext(&fibre.context, &Executor::enter, 0);
  }

  static void enter() {
    Executor& self = *current();
    try {
      self.body_();
    } catch (...) {
      self.failure_ = std::current_exception();
    }
    self.fibres_[self.running_].state = State::done;
  }

  void wait(State state) {
    fibres_[running_].state = state;
    const unsigned me = running_;
    swapcontext(&fibres_[me].context, &scheduler_);
  }

  /// Runs each warp as far as it gets alone (a warp far ahead of the others shows a missing barrier), then opens the
  /// block's barrier when all wait there. False when nothing can move.
  bool step() {
    const auto warps = static_cast<unsigned>(fibres_.size() / 32);
    bool moved = false;
    for (unsigned i = 0; i < warps; ++i) {
      const unsigned warp = order == Order::forward ? i : warps - 1 - i;
      while (!failure_ && run_warp(warp * 32)) moved = true;
    }
    return !failure_ && (open(0, fibres_.size(), State::at_block) || moved);
  }

  /// Runs the ready threads of one warp until each waits, and opens the warp's barrier. False when none was ready.
  bool run_warp(unsigned first) {
    bool moved = false;
    for (unsigned i = 0; i < 32 && !failure_; ++i) {
      running_ = first + (order == Order::backward ? 31 - i : i);
      if (fibres_[running_].state != State::ready) continue;
      threadIdx.x = running_;
      swapcontext(&scheduler_, &fibres_[running_].context);
      moved = true;
    }
    open(first, first + 32, State::at_warp);
    return moved;
  }

  bool open(std::size_t begin, std::size_t end, State state) {
    for (std::size_t i = begin; i < end; ++i)
      if (fibres_[i].state != state) return false;
    for (std::size_t i = begin; i < end; ++i) fibres_[i].state = State::ready;
    return true;
  }

  std::function<void()> body_;
  std::vector<Fibre> fibres_;
  ucontext_t scheduler_;
  unsigned running_ = 0;
  std::exception_ptr failure_;
};

}  // namespace host

inline void __syncthreads() { host::Executor::current()->block_barrier(); }
template <class T>
T __shfl_xor_sync(unsigned /*mask*/, T value, int lanes) {
  host::Executor& executor = *host::Executor::current();
  return executor.exchange(value, executor.lane() ^ static_cast<unsigned>(lanes));
}

[[nodiscard]] inline unsigned blocks_for(index_t count, index_t per_block) {
  const index_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks > 3 ? 3 : blocks);  // few: so that the strides over the grid are exercised
}

template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), unsigned blocks, unsigned threads, const Args&... args) {
  if (threads == 0 || threads % 32 != 0 || threads > 1024) fail(name, "a block of ", threads, " threads");
  host::Executor executor(threads, [&] { kernel(args...); });
  host::Executor* const outer = host::Executor::current();
  host::Executor::current() = &executor;
  blockDim.x = threads;
  gridDim.x = blocks;
  const host::Arena::Open memory_is_open;
  try {
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) executor.run_block();
  } catch (...) {
    host::Executor::current() = outer;
    throw;
  }
  host::Executor::current() = outer;
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
