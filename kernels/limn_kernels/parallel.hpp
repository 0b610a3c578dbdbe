#pragma once
// parallel_for: the library's only door to threads.

#include <exception>

#include <limn_kernels/config.hpp>
#ifdef LIMN_WITH_OPENMP
#include <omp.h>
#endif

namespace limn::inline LIMN_ABI::kernels {

/// The number of threads that parallel_for may use now (1 inside a parallel region, or without OpenMP).
[[nodiscard]] inline int thread_count() {
#ifdef LIMN_WITH_OPENMP
  return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets the number of threads for this process (torch.set_num_threads). No effect without OpenMP.
inline void set_thread_count([[maybe_unused]] int count) {
#ifdef LIMN_WITH_OPENMP
  omp_set_num_threads(count < 1 ? 1 : count);
#endif
}

/// Calls body(begin, end) for consecutive chunks of [0, count), each at most `grain` long, on all threads.
///
/// The chunks depend on `count` and `grain` alone, never on the number of threads. A body that writes only what its own
/// chunk owns, and a reduction that keeps one partial result per chunk (chunk index = begin / grain) and adds them in
/// order afterwards, therefore give the same bits for any number of threads. The first exception of a body is rethrown.
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
  if (chunks > 1 && thread_count() > 1) {
    std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1)
    for (index_t chunk = 0; chunk < chunks; ++chunk) {
      try {
        run(chunk);
      } catch (...) {
#pragma omp critical(limn_parallel_for)
        if (!failure) failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
    return;
  }
#endif
  for (index_t chunk = 0; chunk < chunks; ++chunk) run(chunk);
}

}  // namespace limn::inline LIMN_ABI::kernels
