#include <doctest/doctest.h>

#include <limn_kernels/error.hpp>
#include <limn_kernels/parallel.hpp>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

// Sanitizers follow no fork of a process with threads, and look for leaks where a test wants to leave at once.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

using namespace limn;

namespace {

/// The sum of 0 .. count - 1 by chunks.
index_t sum_in_parallel(index_t count) {
  std::vector<index_t> partial(static_cast<std::size_t>((count + 6) / 7));
  kernels::parallel_for(count, 7, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) partial[static_cast<std::size_t>(begin / 7)] += i;
  });
  return std::accumulate(partial.begin(), partial.end(), index_t{0});
}

#ifdef __linux__
long threads_of_this_process() { return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}); }
#endif

/// What a child process that does `work` ends with; -1 when it is killed.
template <class Work>
int exit_code_of_child(Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a deadlock is a failure, not a wait
    work();
    _exit(9);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Made before the threads and therefore destroyed after them: computes when they are gone.
struct Late {
  bool armed = false;
  ~Late() {
    if (armed) _exit(sum_in_parallel(1000) == 499500 ? 3 : 4);
  }
} late;

}  // namespace

TEST_CASE("parallel_for visits every index once, in the same chunks for 1, 2 and 7 threads") {
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<int> visits(1000), wrong(1000);
    kernels::parallel_for(1000, 64, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        ++visits[static_cast<std::size_t>(i)];
        wrong[static_cast<std::size_t>(i)] += begin % 64 != 0;
      }
    });
    for (const int count : visits) REQUIRE(count == 1);
    for (const int count : wrong) REQUIRE(count == 0);
  }
}

TEST_CASE("an exception in a parallel body reaches the caller, whichever thread it was on, and the next region works") {
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    for (const index_t culprit : {0, 57, 99}) {
      CHECK_THROWS_AS(kernels::parallel_for(100, 1,
                                            [&](index_t begin, index_t) {
                                              if (begin == culprit) fail("body", "culprit");
                                            }),
                      Error);
      CHECK(sum_in_parallel(1000) == 499500);
    }
    CHECK_THROWS_AS(kernels::parallel_for(100, 1, [&](index_t, index_t) { fail("body", "all of them"); }), Error);
    CHECK(sum_in_parallel(1000) == 499500);
  }
}

TEST_CASE("a region inside a region runs on the thread that opens it") {
  kernels::set_thread_count(3);
  std::atomic<int> elsewhere{0}, more_than_one{0};
  kernels::parallel_for(20, 1, [&](index_t, index_t) {
    const std::thread::id mine = std::this_thread::get_id();
    if (kernels::thread_count() != 1) ++more_than_one;
    kernels::parallel_for(20, 1, [&](index_t, index_t) {
      if (std::this_thread::get_id() != mine) ++elsewhere;
    });
  });
  CHECK(elsewhere == 0);
  CHECK(more_than_one == 0);
  CHECK(kernels::thread_count() != 0);
}

TEST_CASE("threads that open regions at once all get their sums") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      kernels::set_thread_count(3);
      for (int i = 0; i < 300; ++i) wrong += sum_in_parallel(2000) != 1999000;
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("short regions in a row: nobody is lost and nobody comes twice") {
  for (const int threads : {2, 7}) {
    kernels::set_thread_count(threads);
    for (int i = 0; i < 3000; ++i) REQUIRE(sum_in_parallel(30) == 435);
  }
}

#ifdef __linux__
TEST_CASE("no thread is made per call") {
  kernels::set_thread_count(3);
  (void)sum_in_parallel(1000);
  const long before = threads_of_this_process();
  for (int i = 0; i < 500; ++i) (void)sum_in_parallel(1000);
  CHECK(threads_of_this_process() == before);
  kernels::set_thread_count(1);
  (void)sum_in_parallel(1000);
  CHECK(threads_of_this_process() == before);
}

#ifdef LIMN_WITH_OPENMP
TEST_CASE("threads may run on every core of the process, also where OpenMP ties its own (the test runs with both)") {
  kernels::set_thread_count(2);
  cpu_set_t whole;
  CPU_ZERO(&whole);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> cores(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, cores.data());
    for (const int core : cores) CPU_SET(static_cast<std::size_t>(core), &whole);
  }
  if (omp_get_proc_bind() == omp_proc_bind_false) sched_getaffinity(0, sizeof whole, &whole);
  std::mutex mutex;
  std::set<int> others;
  const std::thread::id caller = std::this_thread::get_id();
  for (int attempt = 0; attempt < 1000 && others.empty(); ++attempt)
    kernels::parallel_for(8, 1, [&](index_t, index_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (std::this_thread::get_id() == caller) return;
      cpu_set_t mine;
      sched_getaffinity(0, sizeof mine, &mine);
      const std::lock_guard<std::mutex> lock(mutex);
      others.insert(CPU_COUNT(&mine));
    });
  REQUIRE(others.size() == 1);
  CHECK(*others.begin() == CPU_COUNT(&whole));
}
#endif
#endif

#if !defined(SANITIZED)
TEST_CASE("the child of a fork has threads of its own, and exit ends them") {
  kernels::set_thread_count(3);
  CHECK(sum_in_parallel(1000) == 499500);
  CHECK(exit_code_of_child([] { _exit(sum_in_parallel(1000) == 499500 ? 5 : 6); }) == 5);
  CHECK(exit_code_of_child([] {
          CHECK(sum_in_parallel(1000) == 499500);
          late.armed = true;
          std::exit(0);
        }) == 3);
  CHECK(sum_in_parallel(1000) == 499500);
}

#ifdef LIMN_WITH_OPENMP
TEST_CASE("exit on a helper, in the midst of a region, ends the process") {
  kernels::set_thread_count(3);
  CHECK(exit_code_of_child([] {
          const std::thread::id caller = std::this_thread::get_id();
          for (;;)
            kernels::parallel_for(100, 1, [&](index_t, index_t) {
              if (std::this_thread::get_id() != caller) std::exit(7);
            });
        }) == 7);
}
#endif
#endif
