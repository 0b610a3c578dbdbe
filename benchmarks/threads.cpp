// Regions of a given length on two threads, with both cores free and with another process on core 1: OpenMP's own
// (OMP_WAIT_POLICY as the environment says) beside limn's. One line of JSON a row.
//   bench.threads [SECONDS A ROW]

#include <omp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <limn_kernels/parallel.hpp>

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Work that nobody can leave out.
void spin_for(long rounds) {
  for (long i = 0; i < rounds; ++i) asm volatile("" ::: "memory");
}

constexpr long chunks = 16;

void region_openmp(long rounds) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(2)
  for (long c = 0; c < chunks; ++c) spin_for(rounds);
}
void region_limn(long rounds) {
  limn::kernels::parallel_for(chunks, 1, [&](limn::index_t, limn::index_t) { spin_for(rounds); });
}

struct Row {
  double median, p99, worst, mean;
};
Row measure(const std::function<void()>& region, double seconds) {
  region();
  std::vector<double> times;
  const auto start = Clock::now();
  while (since(start) < seconds) {
    const auto begin = Clock::now();
    region();
    times.push_back(since(begin));
    spin_for(5000);  // what a network does between two kernels
  }
  double sum = 0;
  for (const double t : times) sum += t;
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  return {at(0.5), at(0.99), times.back(), sum / static_cast<double>(times.size())};
}

/// Another process that never leaves core 1.
pid_t busy_process() {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();  // as somebody else's would be, for a scheduler that shares by session
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(1, &one);
  sched_setaffinity(0, sizeof one, &one);
  for (;;) spin_for(1000);
}

}  // namespace

int main(int count, char** arguments) {
  const double seconds = count > 1 ? std::atof(arguments[1]) : 1;
  const int only = count > 2 ? std::atoi(arguments[2]) : -1;
  limn::kernels::set_thread_count(2);
  const auto start = Clock::now();
  spin_for(50'000'000);
  const double rounds_a_second = 50e6 / since(start);
  const auto region_of = [&](double microseconds) {  // of work, on one thread
    const long rounds = static_cast<long>(microseconds * 1e-6 * rounds_a_second / chunks);
    const auto begin = Clock::now();
    region_limn(rounds);
    return since(begin) * 1e6;
  };
  const double first = region_of(2000);
  std::vector<double> steady, woken;
  for (int i = 0; i < 200; ++i) steady.push_back(region_of(2000));
  for (int i = 0; i < 50; ++i) {
    usleep(5000);
    woken.push_back(region_of(200));
  }
  std::nth_element(steady.begin(), steady.begin() + 100, steady.end());
  std::nth_element(woken.begin(), woken.begin() + 25, woken.end());
  std::printf("{\"who\": \"limn\", \"work us\": 2000, \"first us\": %.1f, \"median us\": %.1f}\n", first, steady[100]);
  std::printf("{\"who\": \"limn\", \"work us\": 200, \"median us, threads asleep before\": %.1f}\n", woken[25]);
  for (const bool busy : {false, true}) {
    if (only >= 0 && only != int{busy}) continue;
    const pid_t other = busy ? busy_process() : 0;
    for (const double microseconds : {20.0, 200.0, 2000.0, 20000.0}) {  // of work, on one thread
      const long rounds = static_cast<long>(microseconds * 1e-6 * rounds_a_second / chunks);
      const auto print = [&](const char* who, const Row& r) {
        std::printf(
            "{\"who\": \"%s\", \"core 1 taken\": %s, \"work us\": %.0f, \"median us\": %.1f, \"p99 us\": %.1f, "
            "\"worst us\": %.1f, \"mean us\": %.1f}\n",
            who, busy ? "true" : "false", microseconds, r.median * 1e6, r.p99 * 1e6, r.worst * 1e6, r.mean * 1e6);
        std::fflush(stdout);
      };
      print("openmp", measure([&] { region_openmp(rounds); }, seconds));
      usleep(20000);
      print("limn", measure([&] { region_limn(rounds); }, seconds));
      usleep(20000);
    }
    if (busy) {
      kill(other, SIGKILL);
      waitpid(other, nullptr, 0);
    }
  }
}
