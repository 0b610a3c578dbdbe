// measure --runs N --max-seconds S --max-mib M -- COMMAND...: runs a command N times; fails when the best run's
// processor time or peak memory is over the budget.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

}  // namespace

int main(int argc, char** argv) {
  int runs = 3, first = 1;
  double max_seconds = 3, max_mib = 350;
  for (; first + 1 < argc && std::string_view(argv[first]) != "--"; first += 2) {
    const std::string_view name = argv[first];
    if (name == "--runs") runs = std::atoi(argv[first + 1]);
    if (name == "--max-seconds") max_seconds = std::atof(argv[first + 1]);
    if (name == "--max-mib") max_mib = std::atof(argv[first + 1]);
  }
  ++first;  // the "--"
  if (first >= argc) return 2;
  double best_seconds = 1e30, best_mib = 1e30;
  for (int run = 0; run < runs; ++run) {
    const pid_t child = fork();
    if (child == 0) {
      execvp(argv[first], argv + first);
      _exit(127);
    }
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return 2;
    best_seconds = std::min(best_seconds, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    best_mib = std::min(best_mib, static_cast<double>(usage.ru_maxrss) / 1024);
  }
  std::printf("best of %d: %.2f s of %.2f s, %.0f MiB of %.0f MiB\n", runs, best_seconds, max_seconds, best_mib,
              max_mib);
  return best_seconds <= max_seconds && best_mib <= max_mib ? 0 : 1;
}
