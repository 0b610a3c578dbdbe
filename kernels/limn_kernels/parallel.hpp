#pragma once
// parallel_for: the library's only door to threads.

#include <limn_kernels/config.hpp>
#ifdef LIMN_WITH_OPENMP
#include <omp.h>

#include <limn_kernels/thread_pool.hpp>
#endif

namespace limn::inline LIMN_ABI::kernels {

/// The number of threads that parallel_for may use now: OpenMP's (OMP_NUM_THREADS, else the cores of this process), 1
/// inside a region, limn's or OpenMP's, and without LIMN_OPENMP.
[[nodiscard]] inline int thread_count() {
#ifdef LIMN_WITH_OPENMP
  return ThreadPool::inside() || omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets the number of threads for regions that this thread opens (torch.set_num_threads). No effect without
/// LIMN_OPENMP.
inline void set_thread_count([[maybe_unused]] int count) {
#ifdef LIMN_WITH_OPENMP
  omp_set_num_threads(count < 1 ? 1 : count);
#endif
}

/// Calls body(begin, end) for consecutive chunks of [0, count), each at most `grain` long, on all threads.
///
/// The chunks depend on `count` and `grain` alone, never on the number of threads. A body that writes only what its own
/// chunk owns, and a reduction that keeps one partial result per chunk (chunk index = begin / grain) and adds them in
/// order afterwards, therefore give the same bits for any number of threads.
///
/// Chunks are taken in order, by whoever is free; a region inside a region, and one that finds another thread's region
/// open, runs on its own thread. The first exception of a body is rethrown, and chunks not yet begun are left out.
/// Opening a region costs about a microsecond: make chunks of ten and more.
template <class Body>
void parallel_for(index_t count, index_t grain, Body&& body) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  const index_t chunks = (count + grain - 1) / grain;
  const auto run = [&](index_t chunk) {
    const index_t begin = chunk * grain;
    body(begin, begin + grain < count ? begin + grain : count);
  };
#ifdef LIMN_WITH_OPENMP
  if (const int threads = chunks > 1 ? thread_count() : 1; threads > 1) {
    const auto call = [](const void* context, index_t chunk) { (*static_cast<decltype(&run)>(context))(chunk); };
    if (ThreadPool::run(threads - 1, chunks, call, &run)) return;
  }
#endif
  for (index_t chunk = 0; chunk < chunks; ++chunk) run(chunk);
}

}  // namespace limn::inline LIMN_ABI::kernels
