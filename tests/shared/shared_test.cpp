// The helpers of the programs: errors and signals, progress, charts, base64 and the HTML sheet.

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <shared/errors.hpp>
#include <shared/html_sheet.hpp>
#include <shared/progress.hpp>
#include <shared/svg_plot.hpp>

#include "support/temporary_folder.hpp"

using namespace limn;
using namespace limn::app;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// What body() wrote to standard error.
template <class Body>
std::string standard_error_of(Body&& body) {
  const test::TemporaryFolder folder;
  std::fflush(stderr);
  const int saved = ::dup(STDERR_FILENO);
  std::FILE* file = std::fopen((folder / "err").c_str(), "w+");
  ::dup2(::fileno(file), STDERR_FILENO);
  body();
  std::fflush(stderr);
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::string text(4096, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

}  // namespace

TEST_CASE("run_main: an exception becomes one line with the program's name, and status 2") {
  int status = 0;
  CHECK(standard_error_of([&] { status = run_main("prog", []() -> int { throw std::runtime_error("a\nb\tc"); }); }) ==
        "prog: a b c\n");
  CHECK(status == 2);
  CHECK(standard_error_of([&] { status = run_main("prog", []() -> int { throw std::bad_alloc(); }); }) ==
        "prog: not enough memory; use smaller batches or images, or close other programs\n");
  CHECK(status == 2);
  CHECK(standard_error_of([&] { status = run_main("prog", [] { return 7; }); }).empty());
  CHECK(status == 7);
}

TEST_CASE("watch_signals: the first Ctrl-C only sets the flag") {
  CHECK_FALSE(stop_requested());
  watch_signals();
  std::raise(SIGINT);
  CHECK(stop_requested());
  CHECK(stopped_status() == 130);
}
TEST_CASE("watch_signals: output that nobody reads stops a program, silently and after it cleaned up") {
  int status = 0;
  CHECK(standard_error_of([&] {
          status = run_main("prog", [] {
            watch_signals();
            std::raise(SIGPIPE);
            std::raise(SIGPIPE);
            return stop_requested() ? stopped_status() : 0;
          });
        }).empty());
  CHECK(status == 141);
}

TEST_CASE("format_duration and format_rate: short, and a question mark for what is not known") {
  CHECK(format_duration(7) == "0:07");
  CHECK(format_duration(754.4) == "12:34");
  CHECK(format_duration(3723) == "1:02:03");
  CHECK(format_duration(-1) == "?");
  CHECK(format_duration(1e300) == "?");
  CHECK(format_rate(0.312) == "0.31/s");
  CHECK(format_rate(8.51) == "8.5/s");
  CHECK(format_rate(1234.4) == "1234/s");
  CHECK(format_rate(0.0 / 0.0) == "?/s");
}

TEST_CASE("format_progress: says how far, how fast and how long still, and fits the terminal") {
  const ProgressState state{.label = "train", .done = 420, .total = 1000, .rate = 85, .fields = "loss 3.21"};
  CHECK(format_progress(state, 0) == "train  42% 420/1000  85.0/s  left 0:07  loss 3.21");
  CHECK(format_progress(state, 64) == "train  42% [####-------] 420/1000  85.0/s  left 0:07  loss 3.21");
  for (int columns = 1; columns < 200; ++columns)
    CHECK(format_progress(state, columns).size() < static_cast<std::size_t>(columns));
  CHECK(format_progress({.label = "x", .done = 2, .total = 2, .rate = 1}, 0) == "x 100% 2/2  1.0/s");
  CHECK(format_progress({.label = "x"}, 0) == "x   0% 0/0  0.00/s");
}

TEST_CASE("progress: off a terminal the last state is one line, and quiet says nothing") {
  CHECK(standard_error_of([] {
          Progress progress("work", 3);
          for (int i = 0; i < 3; ++i) progress.advance();
          progress.finish();
          progress.finish();
        }).rfind("work 100% 3/3", 0) == 0);
  CHECK(standard_error_of([] {
          Progress progress("work", 3, true);
          progress.update(3);
          progress.finish();
        }).empty());
}

TEST_CASE("nice_ticks: steps of 1, 2 or 5 times a power of ten that cover the range") {
  const double ranges[][2] = {{0, 1}, {2.03, 4.32}, {-3, 7}, {0, 1e-7}, {1e6, 3e9}, {5, 5}, {0, 0}, {0.61, 0.615}};
  for (const auto& range : ranges)
    for (int wanted = 1; wanted < 12; ++wanted) {
      const Ticks ticks = nice_ticks(range[0], range[1], wanted);
      CHECK(ticks.first <= range[0] + 1e-9 * ticks.step);
      CHECK(ticks.last() >= range[1] - 1e-9 * ticks.step);
      CHECK(ticks.count >= 2);
      CHECK(ticks.count <= wanted + 3);
      const double mantissa = ticks.step / std::pow(10, std::floor(std::log10(ticks.step) + 1e-9));
      CHECK((std::fabs(mantissa - 1) < 1e-6 || std::fabs(mantissa - 2) < 1e-6 || std::fabs(mantissa - 5) < 1e-6));
    }
  CHECK(nice_ticks(1, 3, 20, true).step == 1);
  CHECK(nice_ticks(0, 1, 5).label(1) == "0.2");
}

TEST_CASE("svg_charts: draws a line for each series, breaks it at NaN, escapes text, and stands without data") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg =
      svg_chart({.title = "a<b & c", .series = {{"one", {1, 2, 3, 4, 5}, {1, 2, nan, 3, 4}}, {"two", {1, 2}, {3, 1}}}});
  CHECK(count(svg, "<polyline") == 3);
  CHECK(count(svg, "<circle") == 6);
  CHECK(svg.find("a&lt;b &amp; c") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(count(svg, "<svg") == 1);
  CHECK(svg_chart({}).find("no data yet") != std::string::npos);
  CHECK(svg_charts({}).find("</svg>") != std::string::npos);
  CHECK(svg_chart({.series = {{"one", {1}, {0.5}}}}).find("nan") == std::string::npos);
  CHECK(svg_chart({.series = {{"far", {0, 1e300}, {-1e300, 1e300}}}}).find("inf") == std::string::npos);
}

TEST_CASE("base64: the examples of RFC 4648") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64(std::string("\xFF\0\xFE", 3)) == "/wD+");
}

TEST_CASE("image_media_type: known by the first bytes, never by a name") {
  CHECK(image_media_type("\xFF\xD8\xFF\xE0") == "image/jpeg");
  CHECK(image_media_type("\x89PNG\r\n\x1A\n....") == "image/png");
  CHECK(image_media_type("RIFF....WEBPVP8 ") == "image/webp");
  CHECK(image_media_type("RIFF") == "");
  CHECK(image_media_type("<svg onload=alert(1)>") == "");
}

TEST_CASE("html_sheet: text is escaped, images are inside, and a word has its heat map") {
  SheetItem item{.name = "<script>.png",
                 .image = "\xFF\xD8\xFF.",
                 .captions = {{"a \"dog\" & cat", score_text("log p", -1.5)}, {"two"}}};
  item.heat = {{"dog", {0, 1, 2, 3}, 2, 2}, {"bad", {1, 2, 3}, 2, 2}};
  item.references = {"<b>"};
  const std::string html = html_sheet({.title = "T & U", .subtitle = "s", .items = {item, {}}});
  CHECK(count(html, "<script>") == 1);
  CHECK(html.find("a &quot;dog&quot; &amp; cat") != std::string::npos);
  CHECK(html.find("log p -1.50") != std::string::npos);
  CHECK(html.find("&lt;b&gt;") != std::string::npos);
  CHECK(count(html, "data:image/jpeg;base64,/9j/Lg==") == 1);
  CHECK(count(html, "data:image/png;base64,") == 1);
  CHECK(count(html, "<figcaption>") == 2);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("cannot be shown") != std::string::npos);
}
