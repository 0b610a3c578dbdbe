// measure --runs N [--max-seconds S] [--max-times R] --max-mib M -- COMMAND... [-- YARDSTICK...]: runs a command N
// times; fails when the best run's processor time or peak memory is over the budget: S seconds, or R times what the
// yardstick takes here, since seconds are of one machine.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

struct Cost {
  double seconds = 1e30, mib = 1e30;
};

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

/// The best of so many runs; leaves the program where one fails.
Cost best_of(int runs, char** command) {
  Cost best;
  for (int run = 0; run < runs; ++run) {
    const pid_t child = fork();
    if (child == 0) {
      execvp(command[0], command);
      _exit(127);
    }
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(2);
    best.seconds = std::min(best.seconds, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    best.mib = std::min(best.mib, static_cast<double>(usage.ru_maxrss) / 1024);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 3, first = 1;
  double max_seconds = 1e30, max_times = 0, max_mib = 350;
  for (; first + 1 < argc && std::string_view(argv[first]) != "--"; first += 2) {
    const std::string_view name = argv[first];
    if (name == "--runs") runs = std::atoi(argv[first + 1]);
    if (name == "--max-seconds") max_seconds = std::atof(argv[first + 1]);
    if (name == "--max-times") max_times = std::atof(argv[first + 1]);
    if (name == "--max-mib") max_mib = std::atof(argv[first + 1]);
  }
  char **command = argv + first + 1, **end = argv + argc,
       **between = std::find_if(std::min(command, end), end, [](const char*a) { return std::string_view(a) == "--"; });
  if (command >= end || (max_times > 0) != (between + 1 < end)) return 2;
  if (between < end) *between = nullptr;
  const Cost cost = best_of(runs, command);
  if (max_times > 0) {
    const double unit = best_of(runs, between + 1).seconds;
    std::printf("the yardstick: %.2f s; ", unit);
    max_seconds = std::min(max_seconds, max_times * unit);
  }
  std::printf("best of %d: %.2f s of %.2f s, %.0f MiB of %.0f MiB\n", runs, cost.seconds, max_seconds, cost.mib,
              max_mib);
  return cost.seconds <= max_seconds && cost.mib <= max_mib ? 0 : 1;
}
