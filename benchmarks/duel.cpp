// Contenders of a case take turns; a case reports the median of each, and the median of the ratios of the same round.

#include "duel.hpp"

#include <benchmark/benchmark.h>

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include <limn_kernels/parallel.hpp>

#include "multiply_adds.hpp"
#include "opponents/opponent.hpp"

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// With one thread the time on the processor, in which other processes have no part; else the time on the wall.
double stopwatch() {
  timespec now{};
  clock_gettime(threads() > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Settings {
  int threads = 1;
  bool quick = false;
  double seconds = 1.5;  ///< a case, all contenders together
  double limit = 1e9;    ///< of the program: cases that would start later are skipped
  Clock::time_point begin = Clock::now();
  std::string results;  ///< a file to append to
};
Settings settings;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Side {
  int calls = 1;  ///< a sample: enough for 2 ms
  /// Short work is done untimed first: once, so that caches hold its own data; with threads for 6 ms, since one that
  /// sleeps may come at the next tick of the clock only (4 ms), and not every library waits for it.
  int warm = 1;
  std::vector<double> times;
};

void settle() {  // waiting threads of the last contender's library spin for some milliseconds before they sleep
  if (settings.threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(8));
}

/// Operations a second of multiply-adds alone on all threads: the peak that a share is of. The clock moves by some
/// percent from minute to minute, so each round asks for it anew, for two milliseconds.
double peak() {
  constexpr long rounds = 700'000;
  const auto all_threads = [](int calls) {
    const double start = stopwatch();
    for (int i = 0; i < calls; ++i)
      limn::kernels::parallel_for(settings.threads, 1, [](long, long) { (void)multiply_adds_at_peak(rounds); });
    return stopwatch() - start;
  };
  settle();
  (void)all_threads(settings.threads > 1 ? 6 : 1);
  return 2 * settings.threads * 384.0 * rounds / all_threads(2);
}

/// Appends the case to the file of --results, a line of JSON, at once: a run that is cut short keeps what it has.
void keep(const std::string& name, const benchmark::UserCounters& counters) {
  if (settings.results.empty()) return;
  std::ofstream file(settings.results, std::ios::app);
  file.precision(9);
  file << "{\"name\": \"" << name << "\", \"threads\": " << settings.threads;
  for (const auto& [key, counter] : counters)
    if (std::isfinite(counter.value)) file << ", \"" << key << "\": " << counter.value;
  file << "}\n";
}

void duel(benchmark::State& state, const std::string& case_name, const Work& work,
          const std::function<Contenders()>& build) {
  if (since(settings.begin) > settings.limit) {
    state.SkipWithError("no time left");
    return;
  }
  const Contenders contenders = build();
  std::vector<Side> sides(contenders.size());
  double round = 0;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    settle();
    const double first = contenders[i].seconds(1), once = first > 0.5 ? first : contenders[i].seconds(1);
    sides[i].calls = std::clamp(static_cast<int>(2e-3 / std::max(once, 1e-8)), 1, 100000);
    sides[i].warm = once >= 20e-3 ? 0 : settings.threads > 1 ? static_cast<int>(6e-3 / std::max(once, 1e-7)) + 1 : 1;
    round += once * (sides[i].calls + sides[i].warm) + (settings.threads > 1 ? 8e-3 : 0);
  }
  const int least = round > 5 ? 2 : round > 2 ? 3 : 5;
  const int rounds = std::clamp(static_cast<int>(settings.seconds / round), least, 60);
  std::vector<double> peaks;
  for (auto unused : state) {
    (void)unused;
    for (int r = 0; r < rounds; ++r) {
      if (work.flops > 0) peaks.push_back(peak());
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        const std::size_t who = (i + static_cast<std::size_t>(r)) % contenders.size();
        settle();
        if (sides[who].warm > 0) contenders[who].seconds(sides[who].warm);
        sides[who].times.push_back(contenders[who].seconds(sides[who].calls) / sides[who].calls);
      }
    }
    state.SetIterationTime(median(sides[0].times));
  }
  state.counters["rounds"] = rounds;
  if (work.flops > 0) state.counters["flops"] = work.flops;
  if (work.bytes > 0) state.counters["bytes"] = work.bytes;
  if (work.elements > 0) state.counters["elements"] = work.elements;
  if (work.flops > 0) state.counters["GFLOP/s"] = work.flops * 1e-9 / median(sides[0].times);
  if (!peaks.empty()) state.counters["peak"] = median(peaks) * 1e-9;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    const std::string& name = contenders[i].name;
    state.counters[name + ":us"] = median(sides[i].times) * 1e6;
    if (i > 0) {
      std::vector<double> ratios;
      for (std::size_t r = 0; r < sides[i].times.size(); ++r) ratios.push_back(sides[i].times[r] / sides[0].times[r]);
      state.counters[name + ":ratio"] = median(ratios);
    }
    if (contenders[i].error) state.counters[name + ":error"] = contenders[i].error();
  }
  keep(case_name, state.counters);
}

/// Takes --name=value out of the arguments.
const char* option(int& count, char** arguments, const char* name) {
  const std::size_t length = std::strlen(name);
  for (int i = 1; i < count; ++i)
    if (std::strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') {
      const char* value = arguments[i] + length + 1;
      std::copy(arguments + i + 1, arguments + count, arguments + i);
      --count;
      return value;
    }
  return nullptr;
}

}  // namespace

int threads() { return settings.threads; }

Contender here(std::string name, std::function<void()> run, std::function<double()> error) {
  const auto seconds = [run](int calls) {
    const double start = stopwatch();
    for (int i = 0; i < calls; ++i) run();
    return stopwatch() - start;
  };
  if (error)
    return {std::move(name), seconds, [run, error] {
              run();
              return error();
            }};
  return {std::move(name), seconds, {}};
}

void add(const std::string& name, const Work& work, std::function<Contenders()> build, bool quick) {
  if (settings.quick && !quick) return;
  benchmark::RegisterBenchmark(name.c_str(),
                               [name, work, build](benchmark::State& state) { duel(state, name, work, build); })
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

double relative_error(const float* y, long count, const std::function<double(long)>& reference, long samples) {
  double worst = 0, largest = 0;
  const double step = static_cast<double>(count) / static_cast<double>(std::min(samples, count));
  for (long s = 0; s < std::min(samples, count); ++s) {
    // An odd offset inside each stretch, so that every column and border is met.
    const long i =
        std::min(count - 1, static_cast<long>((static_cast<double>(s) + 0.37 * static_cast<double>(s % 3)) * step));
    const double wanted = reference(i), difference = std::abs(static_cast<double>(y[i]) - wanted);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    largest = std::max(largest, std::abs(wanted));
  }
  return largest > 0 ? worst / largest : worst;
}

}  // namespace bench

// --threads=N --quick=1 --case_seconds=S --limit_seconds=S --results=FILE, then Google Benchmark's own options.
int main(int count, char** arguments) {
  using bench::settings;
  if (const char* value = bench::option(count, arguments, "--threads")) settings.threads = std::atoi(value);
  if (const char* value = bench::option(count, arguments, "--quick")) settings.quick = std::atoi(value) != 0;
  if (const char* value = bench::option(count, arguments, "--case_seconds")) settings.seconds = std::atof(value);
  if (const char* value = bench::option(count, arguments, "--limit_seconds")) settings.limit = std::atof(value);
  if (const char* value = bench::option(count, arguments, "--results")) settings.results = value;
  limn::kernels::set_thread_count(settings.threads);
  for (const auto& opponent : bench::opponents()) opponent->use_threads(settings.threads);
  bench::cases();
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
