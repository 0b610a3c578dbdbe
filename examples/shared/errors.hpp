#pragma once
// The frame of every program: one line for every error, exit status 2, and a flag that Ctrl-C sets.

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include <unistd.h>

namespace limn::app {

namespace detail {

inline volatile std::sig_atomic_t signal_number = 0;

extern "C" inline void limn_note_signal(int number) {
  signal_number = number;
  if (number != SIGPIPE) std::signal(number, SIG_DFL);  // the second one ends the program at once
}

}  // namespace detail

/// From here on the first SIGINT or SIGTERM only sets the flag that stop_requested() reads; the second one ends the
/// program. So does SIGPIPE, where nobody reads the output any more, however often.
inline void watch_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) {
    struct sigaction action {};
    action.sa_handler = detail::limn_note_signal;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
  }
}

/// True after Ctrl-C, SIGTERM or SIGPIPE: finish the step, save, and end.
[[nodiscard]] inline bool stop_requested() { return detail::signal_number != 0; }

/// The exit status of a program that a signal stopped after it saved: 128 + the signal's number, as shells count.
[[nodiscard]] inline int stopped_status() { return 128 + static_cast<int>(detail::signal_number); }

/// The text on one line: line ends and other control characters become blanks.
[[nodiscard]] inline std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

/// Runs body() -> int as the whole of main(). An exception becomes "<program>: <message>" on standard error and status
/// 2, and so does output that could not be written, unless its reader went away.
template <class Body>
int run_main(const char* program, Body&& body) {
  const auto report = [program](const std::string& message) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s%s: %s\n", ::isatty(STDERR_FILENO) ? "\r\x1b[K" : "", program, one_line(message).c_str());
    return 2;
  };
  try {
    const int status = body();
    const bool written = std::fflush(stdout) == 0 && !std::ferror(stdout);
    if (detail::signal_number == SIGPIPE) return stopped_status();
    if (!written) return report("standard output: cannot be written; check the disk or the program that reads it");
    return status;
  } catch (const std::bad_alloc&) {
    return report("not enough memory; use smaller batches or images, or close other programs");
  } catch (const std::exception& error) {
    return report(error.what());
  } catch (...) {
    return report("an unknown error");
  }
}

}  // namespace limn::app
