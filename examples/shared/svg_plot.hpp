#pragma once
// Line charts as SVG text: several lines, nice ticks, a legend; several charts side by side.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <shared/base64.hpp>

namespace limn::app {

/// One line of a chart. x and y are equally long; points that are not finite are left out and break the line.
struct Series {
  std::string name = {};
  std::vector<double> x = {}, y = {};
  bool dashed = false;
};

struct Chart {
  std::string title = {}, x_label = {}, y_label = {};
  std::vector<Series> series = {};
  bool y_from_zero = false;
  double marker_x = std::numeric_limits<double>::quiet_NaN();  // a vertical line here ("best"), when finite
  std::string marker_label = {};
};

/// Values a tick apart by 1, 2 or 5 times a power of ten, about `count` of them, covering [low, high].
struct Ticks {
  double first = 0, step = 1;
  int count = 2, decimals = 0;
  [[nodiscard]] double at(int i) const { return first + step * i; }
  [[nodiscard]] double last() const { return at(count - 1); }
  [[nodiscard]] std::string label(int i) const {
    char text[64];
    const double value = std::fabs(at(i)) < step * 1e-9 ? 0 : at(i);
    const bool plain = std::fabs(value) < 1e7 && decimals <= 6;
    std::snprintf(text, sizeof text, plain ? "%.*f" : "%.*g", plain ? decimals : 4, value);
    return text;
  }
};

[[nodiscard]] inline Ticks nice_ticks(double low, double high, int count, bool whole = false) {
  if (!(high > low)) {
    const double room = whole ? 1 : std::max(std::fabs(low) * 0.1, 1e-3);
    low -= whole ? 0 : room, high = low + (whole ? 1 : 2) * room;
  }
  const double rough = (high - low) / std::max(1, count);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough * 0.999) step = factor * power;
  if (whole && step < 1) step = 1;
  Ticks ticks;
  ticks.step = step;
  ticks.first = std::floor(low / step + 1e-9) * step;
  ticks.count = 1 + std::max(1, static_cast<int>(std::ceil((high - ticks.first) / step - 1e-9)));
  ticks.decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return ticks;
}

namespace detail {

/// Colours that stay apart for the colour-blind (Okabe and Ito 2008, black and yellow left out).
inline constexpr const char* series_colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

[[nodiscard]] inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
  [[nodiscard]] bool empty() const { return low > high; }
};

/// Draws one chart into the rectangle (left, top, width, height) of the picture.
class ChartPainter {
 public:
  ChartPainter(const Chart& chart, double left, double top, double width, double height) : chart_(chart) {
    bool whole = true;
    Range xs, ys;
    for (const Series& s : chart.series)
      for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
        if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
        xs.add(s.x[i]), ys.add(s.y[i]);
        whole = whole && s.x[i] == std::floor(s.x[i]);
      }
    empty_ = xs.empty();
    if (empty_) xs.add(0), xs.add(1), ys.add(0), ys.add(1);
    if (chart.y_from_zero) ys.add(0);
    y_ticks_ = nice_ticks(ys.low, ys.high, 5);
    std::size_t widest = 0;
    for (int i = 0; i < y_ticks_.count; ++i) widest = std::max(widest, y_ticks_.label(i).size());
    left_ = left + 40 + 7 * static_cast<double>(widest), right_ = left + width - 24;
    top_ = top + 78, bottom_ = top + height - 54;
    x_ticks_ = nice_ticks(xs.low, xs.high, static_cast<int>((right_ - left_) / 48), whole);
    x_low_ = xs.low, x_high_ = xs.high > xs.low ? xs.high : xs.low + x_ticks_.step;
    y_low_ = y_ticks_.first, y_high_ = y_ticks_.last();
    title_x_ = left + 24, title_y_ = top + 30;
  }

  [[nodiscard]] std::string draw() {
    text(title_x_, title_y_, chart_.title, "class=\"title\"");
    legend();
    axes();
    if (empty_)
      text((left_ + right_) / 2, (top_ + bottom_) / 2, "no data yet", "class=\"label\" text-anchor=\"middle\"");
    if (std::isfinite(chart_.marker_x) && chart_.marker_x >= x_low_ && chart_.marker_x <= x_high_) marker();
    for (std::size_t s = 0; s < chart_.series.size(); ++s) line(s);
    return svg_;
  }

 private:
  [[nodiscard]] double px(double x) const { return left_ + (x - x_low_) / (x_high_ - x_low_) * (right_ - left_); }
  [[nodiscard]] double py(double y) const { return bottom_ - (y - y_low_) / (y_high_ - y_low_) * (bottom_ - top_); }
  [[nodiscard]] static std::string colour(std::size_t s) { return series_colours[s % std::size(series_colours)]; }

  void text(double x, double y, const std::string& words, const std::string& attributes) {
    svg_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + attributes + ">" + escape_markup(words) +
            "</text>\n";
  }
  void segment(double x1, double y1, double x2, double y2, const char* kind) {
    svg_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) +
            "\" class=\"" + kind + "\"/>\n";
  }

  void axes() {
    for (int i = 0; i < y_ticks_.count; ++i) {
      const double y = py(y_ticks_.at(i));
      segment(left_, y, right_, y, i == 0 ? "axis" : "grid");
      text(left_ - 8, y + 4, y_ticks_.label(i), "class=\"tick\" text-anchor=\"end\"");
    }
    for (int i = 0; i < x_ticks_.count; ++i) {
      const double value = x_ticks_.at(i);
      if (value < x_low_ - 1e-9 * x_ticks_.step || value > x_high_ + 1e-9 * x_ticks_.step) continue;
      segment(px(value), bottom_, px(value), bottom_ + 5, "axis");
      text(px(value), bottom_ + 20, x_ticks_.label(i), "class=\"tick\" text-anchor=\"middle\"");
    }
    text((left_ + right_) / 2, bottom_ + 41, chart_.x_label, "class=\"label\" text-anchor=\"middle\"");
    const std::string x = number(title_x_ - 2), y = number((top_ + bottom_) / 2);
    if (!chart_.y_label.empty())
      svg_ += "<text x=\"" + x + "\" y=\"" + y + "\" transform=\"rotate(-90 " + x + " " + y +
              ")\" class=\"label\" text-anchor=\"middle\">" + escape_markup(chart_.y_label) + "</text>\n";
  }
  void legend() {
    double x = title_x_;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      svg_ += "<line x1=\"" + number(x) + "\" y1=\"" + number(title_y_ + 22) + "\" x2=\"" + number(x + 20) +
              "\" y2=\"" + number(title_y_ + 22) + "\" " + stroke(s) + "/>\n";
      text(x + 26, title_y_ + 26, chart_.series[s].name, "class=\"legend\"");
      x += 26 + 6.6 * static_cast<double>(chart_.series[s].name.size()) + 20;
    }
  }
  void marker() {
    const double x = px(chart_.marker_x);
    const bool at_right = x > (left_ + right_) / 2;
    segment(x, top_, x, bottom_, "marker");
    text(at_right ? x - 6 : x + 6, top_ + 12, chart_.marker_label,
         std::string("class=\"tick\" text-anchor=\"") + (at_right ? "end" : "start") + "\"");
  }
  [[nodiscard]] std::string stroke(std::size_t s) const {
    return "fill=\"none\" stroke=\"" + colour(s) +
           "\" stroke-width=\"2.25\" stroke-linejoin=\"round\" stroke-linecap=\"round\"" +
           (chart_.series[s].dashed ? " stroke-dasharray=\"5 5\"" : "");
  }
  void line(std::size_t s) {
    const Series& series = chart_.series[s];
    std::vector<std::pair<double, double>> run;
    const std::size_t count = std::min(series.x.size(), series.y.size());
    for (std::size_t i = 0; i <= count; ++i) {
      if (i < count && std::isfinite(series.x[i]) && std::isfinite(series.y[i])) {
        run.emplace_back(px(series.x[i]), py(series.y[i]));
        continue;
      }
      if (run.size() > 1) {
        svg_ += "<polyline points=\"";
        for (const auto& point : run) svg_ += number(point.first) + "," + number(point.second) + " ";
        svg_.back() = '"';
        svg_ += " " + stroke(s) + "/>\n";
      }
      if (count <= 40 || run.size() == 1)
        for (const auto& point : run) {
          svg_ += "<circle cx=\"" + number(point.first) + "\" cy=\"" + number(point.second) + "\" r=\"2.75\" fill=\"" +
                  colour(s) + "\"/>\n";
        }
      run.clear();
    }
  }

  const Chart& chart_;
  bool empty_ = false;
  Ticks x_ticks_, y_ticks_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0, x_low_ = 0, x_high_ = 1, y_low_ = 0, y_high_ = 1;
  double title_x_ = 0, title_y_ = 0;
  std::string svg_;
};

}  // namespace detail

/// The charts in rows of `columns`, each `width` x `height` pixels, as the text of one SVG file.
[[nodiscard]] inline std::string svg_charts(const std::vector<Chart>& charts, int columns = 2, int width = 560,
                                            int height = 380) {
  const int count = std::max(1, static_cast<int>(charts.size()));
  columns = std::clamp(columns, 1, count);
  const int rows = (count + columns - 1) / columns;
  const std::string size = std::to_string(columns * width) + "\" height=\"" + std::to_string(rows * height);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + "\" viewBox=\"0 0 " +
                    std::to_string(columns * width) + " " + std::to_string(rows * height) + "\">\n";
  svg +=
      "<style>text{font-family:'Helvetica Neue',Helvetica,Arial,'DejaVu Sans',sans-serif}"
      ".title{font-size:16px;font-weight:600;fill:#1f2933}.legend{font-size:13px;fill:#3e4c59}"
      ".tick{font-size:12px;fill:#616e7c}.label{font-size:13px;fill:#3e4c59}"
      ".grid{stroke:#e4e7eb;stroke-width:1}.axis{stroke:#9aa5b1;stroke-width:1}"
      ".marker{stroke:#7b8794;stroke-width:1;stroke-dasharray:3 4}</style>\n";
  svg += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
    svg += detail::ChartPainter(charts[i], column * width, row * height, width, height).draw();
  }
  return svg + "</svg>\n";
}

/// One chart alone.
[[nodiscard]] inline std::string svg_chart(const Chart& chart, int width = 720, int height = 420) {
  return svg_charts({chart}, 1, width, height);
}

}  // namespace limn::app
