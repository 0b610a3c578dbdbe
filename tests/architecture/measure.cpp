// measure --runs N --max-times R --max-mib M -- COMMAND... -- YARDSTICK...: runs a command N times; fails when the
// median of the runs' processor time is over R times what the yardstick takes just before and after, since seconds are
// of one machine and of one minute, or when the best run's peak memory is over M.

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
  double seconds = 0, mib = 0;
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
  double max_times = 0, max_mib = 0;
  for (; first + 1 < argc && std::string_view(argv[first]) != "--"; first += 2) {
    const std::string_view name = argv[first];
    if (name == "--runs") runs = std::atoi(argv[first + 1]);
    if (name == "--max-times") max_times = std::atof(argv[first + 1]);
    if (name == "--max-mib") max_mib = std::atof(argv[first + 1]);
  }
  char **command = argv + first + 1, **end = argv + argc,
       **between = std::find_if(std::min(command, end), end, [](const char*a) { return std::string_view(a) == "--"; });
  if (command >= between || between + 1 >= end || runs < 1) return 2;
  *between = nullptr;
  double mib = 1e30, before = run(between + 1).seconds;
  std::vector<double> times;  // what the yardstick takes, of each run
  for (int k = 0; k < runs; ++k) {
    const Cost one = run(command);
    const double after = run(between + 1).seconds;
    mib = std::min(mib, one.mib);
    times.push_back(one.seconds / ((before + after) / 2));
    std::printf("%.2f s, %.2f times the yardstick's %.2f and %.2f s\n", one.seconds, times.back(), before, after);
    before = after;
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf("median %.2f times of %.2f; %.0f MiB of %.0f MiB\n", median, max_times, mib, max_mib);
  return median <= max_times && mib <= max_mib ? 0 : 1;
}
