// measure --runs N [--max-seconds S] [--max-times R] --max-mib M -- COMMAND... [-- YARDSTICK...]: runs a command N
// times; fails when the best run's processor time or peak memory is over the budget: S seconds, or when the median of
// the runs is over R times what the yardstick takes just before and after it, since seconds are of one machine and of
// one minute.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

struct Cost {
  double seconds = 1e30, mib = 1e30;
};

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

/// One run; leaves the program where it fails.
Cost run(char** command) {
  const pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(2);
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), static_cast<double>(usage.ru_maxrss) / 1024};
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
  Cost cost;
  std::vector<double> times;  // what the yardstick takes, of each run
  double before = max_times > 0 ? run(between + 1).seconds : 0;
  for (int k = 0; k < runs; ++k) {
    const Cost one = run(command);
    cost = {std::min(cost.seconds, one.seconds), std::min(cost.mib, one.mib)};
    if (max_times <= 0) continue;
    const double after = run(between + 1).seconds;
    times.push_back(one.seconds / ((before + after) / 2));
    std::printf("%.2f s, %.2f times the yardstick's %.2f and %.2f s\n", one.seconds, times.back(), before, after);
    before = after;
  }
  std::sort(times.begin(), times.end());
  const double median = times.empty() ? 0 : times[times.size() / 2];
  if (max_times > 0) std::printf("median %.2f times of %.2f; ", median, max_times);
  if (max_seconds < 1e30) std::printf("best of %d: %.2f s of %.2f s; ", runs, cost.seconds, max_seconds);
  std::printf("%.0f MiB of %.0f MiB\n", cost.mib, max_mib);
  return cost.seconds <= max_seconds && median <= max_times && cost.mib <= max_mib ? 0 : 1;
}
