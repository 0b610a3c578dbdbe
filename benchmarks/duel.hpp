#pragma once
// A duel: several implementations of one piece of work, timed in strict alternation inside one Google Benchmark case.

#include <functional>
#include <string>
#include <vector>

namespace bench {

/// One implementation. `seconds(calls)` does the work that many times and says how long it took; `error` (may be empty)
/// does it once more and returns the relative error against double.
struct Contender {
  std::string name;  ///< "limn" first, then "onednn.winograd", "torch", ...
  std::function<double(int calls)> seconds;
  std::function<double()> error = {};
};
using Contenders = std::vector<Contender>;

/// A contender that runs in this process.
[[nodiscard]] Contender here(std::string name, std::function<void()> run, std::function<double()> error = {});

/// What one call is made of; what is not known or means nothing is 0.
struct Work {
  double flops = 0;     ///< of the direct algorithm: 2 for a multiply and add
  double bytes = 0;     ///< that must come from memory
  double elements = 0;  ///< of row kernels, for cycles an element
};

/// Registers the case `name` ("gemm/plain/1024x1024x1024"). `build` makes operands and contenders, the first of them
/// limn's; what they hold lives until the case is done. Quick cases are the ones that `report --quick` runs.
void add(const std::string& name, const Work& work, std::function<Contenders()> build, bool quick = false);

/// Every *_bench.cpp defines this: it adds its cases.
void cases();

/// The threads that each contender has: 1, or what --threads=N says.
[[nodiscard]] int threads();

/// Over `samples` places picked evenly from [0, count): the largest
/// |y[i] - reference(i)| over the largest |reference(i)|.
[[nodiscard]] double relative_error(const float* y, long count, const std::function<double(long)>& reference,
                                    long samples = 200);

}  // namespace bench
