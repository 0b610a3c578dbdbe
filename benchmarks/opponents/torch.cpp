// PyTorch as an opponent: a child process that reads one request a line and answers with one line (torch_bench.py).

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "opponent.hpp"

namespace bench {
namespace {

class Child {
 public:
  Child() {
    const char* python = std::getenv("BENCH_PYTHON");  // set by the report where `import torch` works
    if (!python) return;
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to[0], 0);
      dup2(from[1], 1);
      for (const int end : {to[0], to[1], from[0], from[1]}) close(end);
      // Freed blocks are kept, not given back to the system: without this PyTorch pays for fresh pages on every call.
      setenv("MALLOC_MMAP_THRESHOLD_", "4294967296", 1);
      setenv("MALLOC_TRIM_THRESHOLD_", "17179869184", 1);
      const std::string count = std::to_string(threads());
      execlp(python, python, BENCH_TORCH_SCRIPT, count.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    out_ = fdopen(to[1], "w");
    in_ = fdopen(from[0], "r");
    if (ask("hello").rfind("ok", 0) != 0) {
      std::fprintf(stderr, "torch: %s does not import it: skipped\n", python);
      in_ = nullptr;
    }
  }
  ~Child() {
    if (out_) std::fclose(out_);  // the end of its input ends it
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] bool alive() const { return in_ != nullptr; }
  std::string ask(const std::string& line) {
    std::fprintf(out_, "%s\n", line.c_str());
    std::fflush(out_);
    char answer[512] = "";
    if (!std::fgets(answer, sizeof answer, in_)) return "";
    return answer;
  }

 private:
  pid_t pid_ = -1;
  FILE *out_ = nullptr, *in_ = nullptr;
};

}  // namespace

Contenders torch(const std::string& line, const std::string& variant) {
  static Child child;
  if (!child.alive()) return {};
  const std::string key = variant + " " + line;
  const std::string answer = child.ask("make " + key);
  if (answer.rfind("ok", 0) != 0) {
    std::fprintf(stderr, "torch: %s: %s", line.c_str(), answer.c_str());
    return {};
  }
  const double error = std::atof(answer.c_str() + 2);
  Contender contender{
      "torch" + (variant.empty() ? "" : "." + variant),
      [key](int calls) { return std::atof(child.ask("run " + std::to_string(calls) + " " + key).c_str()); },
      {}};
  if (error > 0) contender.error = [error] { return error; };
  return {contender};
}

}  // namespace bench
