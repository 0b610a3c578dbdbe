#pragma once
// A progress bar on standard error: how far, how fast, how long still, and what the loss is.

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace limn::app {

/// "0:07", "12:34", "1:02:03"; "?" for what is not known.
[[nodiscard]] inline std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 360000) return "?";
  const auto s = static_cast<long>(seconds + 0.5);
  char text[32];
  if (s < 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

/// "0.31/s", "8.5/s", "1234/s".
[[nodiscard]] inline std::string format_rate(double rate) {
  if (!std::isfinite(rate) || rate < 0) return "?/s";
  char text[32];
  std::snprintf(text, sizeof text, rate < 1 ? "%.2f/s" : rate < 100 ? "%.1f/s" : "%.0f/s", rate);
  return text;
}

/// One state of a bar as text.
struct ProgressState {
  std::string label = {};
  std::int64_t done = 0, total = 0;
  double rate = 0;  // items a second
  std::string fields = {};
};

/// "label  42% [#########-----------] 420/1000  85.3/s  left 0:07  loss 3.21", the bar as wide as `columns` leaves room
/// for (0: no bar).
[[nodiscard]] inline std::string format_progress(const ProgressState& s, int columns, bool unicode = false) {
  const double share = s.total > 0 ? static_cast<double>(s.done) / static_cast<double>(s.total) : 0;
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3d%%", static_cast<int>(share * 100));
  std::string head = s.label + " " + percent, tail = " " + std::to_string(s.done) + "/" + std::to_string(s.total);
  tail += "  " + format_rate(s.rate);
  if (s.done < s.total)
    tail += "  left " + format_duration(s.rate > 0 ? static_cast<double>(s.total - s.done) / s.rate : -1);
  if (!s.fields.empty()) tail += "  " + s.fields;
  const int room = columns - 1 - static_cast<int>(head.size() + tail.size()) - 3;
  const int width = room > 40 ? 40 : room;
  std::string bar;
  if (width >= 5) {
    const int full = static_cast<int>(share * width);
    bar = unicode ? " " : " [";
    for (int i = 0; i < width; ++i) bar += unicode ? (i < full ? "\u2501" : "\u2500") : (i < full ? "#" : "-");
    if (!unicode) bar += "]";
  }
  std::string line = head + bar + tail;
  if (columns > 0 && width < 5 && static_cast<int>(line.size()) >= columns)
    line.resize(static_cast<std::size_t>(columns - 1));
  return line;
}

/// Counts items and says so on standard error: on a terminal a line that is drawn again ten times a second; elsewhere a
/// line every fifteen seconds and one at the end; nothing at all when quiet.
class Progress {
 public:
  Progress(std::string label, std::int64_t total, bool quiet = false, std::FILE* out = stderr)
      : out_(out), quiet_(quiet), terminal_(::isatty(::fileno(out)) != 0), begin_(Clock::now()), drawn_(begin_) {
    state_.label = std::move(label);
    state_.total = total;
    if (terminal_ && !quiet_) draw();
  }
  ~Progress() { close(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` items were ready before this run began: they count as done but not in the rate.
  void resume_at(std::int64_t done) { state_.done = resumed_ = done; }
  /// Shown after the rate, e.g. "loss 3.214  accuracy 0.41".
  void fields(std::string text) { state_.fields = std::move(text); }
  void advance(std::int64_t count = 1) { update(state_.done + count); }
  void update(std::int64_t done) {
    state_.done = done;
    const double pause = terminal_ ? 0.1 : 15;
    if (!quiet_ && std::chrono::duration<double>(Clock::now() - drawn_).count() >= pause) draw();
  }
  /// The last state stays as a line of its own. Later calls do nothing.
  void finish() {
    if (!quiet_ && !closed_) draw();
    close();
  }
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;

  void close() {
    if (terminal_ && !quiet_ && !closed_) std::fputs("\n", out_);
    closed_ = true;
  }
  void draw() {
    drawn_ = Clock::now();
    const double elapsed = seconds();
    state_.rate = elapsed > 0 ? static_cast<double>(state_.done - resumed_) / elapsed : 0;
    if (terminal_)
      std::fprintf(out_, "\r\x1b[K%s", format_progress(state_, columns(), has_unicode()).c_str());
    else
      std::fprintf(out_, "%s\n", format_progress(state_, 0).c_str());
    std::fflush(out_);
  }
  [[nodiscard]] int columns() const {
    struct winsize size {};
    return ::ioctl(::fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  }
  [[nodiscard]] static bool has_unicode() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
      if (const char* value = std::getenv(name); value && *value) {
        const std::string text = value;
        return text.find("UTF-8") != std::string::npos || text.find("utf8") != std::string::npos;
      }
    return false;
  }

  ProgressState state_;
  std::FILE* out_;
  bool quiet_, terminal_, closed_ = false;
  Clock::time_point begin_, drawn_;
  std::int64_t resumed_ = 0;
};

}  // namespace limn::app
