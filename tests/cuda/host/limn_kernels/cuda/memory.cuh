#pragma once
// Takes the place of limn_kernels/cuda/memory.cuh in tests: one GPU, whose memory is the arena's.

#include <cstring>

#include <limn_kernels/cuda/scratch.cuh>

#include <cuda/host/arena.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

int device_count() { return 1; }

void select(int device) {
  if (device != 0) fail("cuda", "there is one GPU here");
}

int selected() { return 0; }

void* allocate(std::size_t bytes, int device) {
  select(device);
  return host::Arena::instance().allocate(bytes);
}

void release(void* data, int /*device*/) noexcept { host::Arena::instance().release(data); }

void copy(void* to, Device /*to_device*/, const void* from, Device /*from_device*/, std::size_t bytes) {
  const host::Arena::Open memory_is_open;
  std::memcpy(to, from, bytes);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda
