#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "chart_axis.hpp"
#include "drawing.hpp"
#include "hypertape/core/error.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;

struct ChartPoint {
  double x = 0, y = 0;
  double deviation = 0;  ///< drawn as y +- deviation
};

/// Points joined by a line in the given order; with markers if there are at most 30, or no line.
struct LineSeries {
  std::string name;  ///< in the legend; empty: no entry
  std::vector<ChartPoint> points;
  bool line = true;  ///< whether points are joined
};

/// A horizontal line to compare with, such as a published figure.
struct ReferenceLine {
  std::string name;  ///< in the legend
  double y = 0;
};

/// On a logarithmic axis a deviation extends at most a decade below its point, as y - deviation may be negative.
struct LineChart {
  std::string title = {}, x_label = {}, y_label = {};
  bool logarithmic = false;  ///< the vertical axis
  bool error_bars = false;   ///< for deviations, instead of bands
  std::vector<LineSeries> series = {};
  std::vector<ReferenceLine> references = {};
};

/// Lays out a chart around the plot, whose top left corner is (0, 0), with round ticks and a legend on the right.
class ChartLayout {
 public:
  static constexpr double plot_width = 560, plot_height = 330;

  /// @throws ArgumentError if there is nothing to draw, or a value cannot be drawn: not finite, larger than 1e300,
  /// below 1e-300 on a logarithmic axis, or a negative deviation.
  explicit ChartLayout(const LineChart& chart) : chart_(chart), x_(x_axis()), y_(y_axis()) {
    axes();
    const std::array<std::vector<double>, 3> dashes = {{{7, 4}, {2, 3}, {10, 3, 2, 3}}};
    std::vector<Path> references;
    for (const ReferenceLine& line : chart.references) {
      const double y = y_of(line.y);
      references.push_back({{{0, y}, {plot_width, y}}, gray(0.33), 1.5, dashes[references.size() % dashes.size()]});
      put(references.back());
    }
    for (std::size_t i = 0; i < chart.series.size(); ++i) series(chart.series[i], color(i));
    for (std::size_t i = 0; i < references.size(); ++i) legend(chart.references[i].name, references[i], false);
    drawing_.title = chart.title;
    drawing_.description = description();
    drawing_.page = page();
  }

  const Drawing& drawing() const { return drawing_; }

 private:
  static constexpr double room = 8;  // spacing
  static constexpr std::size_t most_markers = 30;

  static Color color(std::size_t i) {
    constexpr std::array<unsigned, 8> colors = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7,
                                                0x8c6d00, 0x56b4e9, 0x5b3a8c, 0xe69f00};  // most are Okabe and Ito's
    const unsigned rgb = colors[i % colors.size()];
    return {(rgb >> 16) / 255., (rgb >> 8 & 255) / 255., (rgb & 255) / 255.};
  }
  static Color gray(double level) { return {level, level, level}; }
  static bool has_markers(const LineSeries& series) { return !series.line || series.points.size() <= most_markers; }

  /// As many intervals as possible without their labels touching.
  Axis x_axis() const {
    std::vector<double> all;
    for (const LineSeries& series : chart_.series) {
      for (const ChartPoint& point : series.points) all.push_back(checked(point.x, -1e300, "x of", series.name));
    }
    if (all.empty()) throw ArgumentError("chart: needs at least one point");
    for (int most = 8;; --most) {
      Axis axis(false, all, most);
      const double each = plot_width / static_cast<double>(axis.ticks().size() - 1);
      if (most == 1 || widest(axis) + 2 * room <= each) return axis;
    }
  }

  Axis y_axis() const {
    const double least = chart_.logarithmic ? 1e-300 : -1e300;
    std::vector<double> all;
    for (const LineSeries& series : chart_.series) {
      for (const ChartPoint& point : series.points) {
        checked(point.y, least, "y of", series.name);
        checked(point.deviation, 0, "the deviation of", series.name);
        all.insert(all.end(), {lower_end(point), point.y + point.deviation});
      }
    }
    for (const ReferenceLine& line : chart_.references) all.push_back(checked(line.y, least, "reference", line.name));
    return {chart_.logarithmic, all, 6};
  }

  double checked(double value, double least, const char* what, const std::string& name) const {
    if (value >= least && value <= 1e300) return value;
    throw ArgumentError("chart: ", what, " '", name, "' has a value of ", value, "; needs ", least, " to 1e300",
                        chart_.logarithmic ? " on a logarithmic axis" : "");
  }

  double lower_end(const ChartPoint& point) const {
    return chart_.logarithmic ? std::max(point.y - point.deviation, point.y / 10) : point.y - point.deviation;
  }

  static double widest(const Axis& axis) {
    double width = 0;
    for (const Tick& tick : axis.ticks()) width = std::max(width, text_width({tick.text, {}}));
    return width;
  }

  double y_of(double value) const { return plot_height * (1 - y_.fraction(value)); }
  Point point(double x, double y) const { return {plot_width * x_.fraction(x), y_of(y)}; }

  void put(Shape2d shape) { drawing_.shapes.push_back(std::move(shape)); }
  void put_text(Text text) {
    if (!text.words.empty()) put(std::move(text));
  }

  void axes() {
    const Color line = gray(0.27);
    for (const Tick& tick : y_.ticks()) {
      const double y = plot_height * (1 - y_.fraction_at(tick.at));
      put(Path{{{0, y}, {plot_width, y}}, gray(0.9)});
      put_text({tick.text, {-room, y + 4.5}, Align::right});
    }
    for (const Tick& tick : x_.ticks()) {
      const double x = plot_width * x_.fraction_at(tick.at);
      put(Path{{{x, plot_height}, {x, plot_height + 5}}, line});
      put_text({tick.text, {x, plot_height + 21}, Align::center});
    }
    put(Path{{{0, 0}, {0, plot_height}, {plot_width, plot_height}}, line});
    put_text({chart_.x_label, {plot_width / 2, plot_height + 44}, Align::center});
    put_text({chart_.y_label, {-widest(y_) - 3 * room, plot_height / 2}, Align::center, 13, false, true});
    put_text({chart_.title, {0, -2.5 * room}, Align::left, 16, true});
  }

  void series(const LineSeries& series, Color color) {
    Path line{{}, color, series.line ? 2. : 0.}, band{{}, {color.red, color.green, color.blue, 0.15}, 0};
    std::vector<Point> lower;
    for (const ChartPoint& p : series.points) {
      const Point low = point(p.x, lower_end(p)), high = point(p.x, p.y + p.deviation);
      line.points.push_back(point(p.x, p.y));
      band.points.push_back(high);
      lower.push_back(low);
      if (!chart_.error_bars || !(p.deviation > 0)) continue;
      put(Path{{low, high}, color});
      for (const Point& end : {low, high}) put(Path{{{end.x - 4, end.y}, {end.x + 4, end.y}}, color});
    }
    band.points.insert(band.points.end(), lower.rbegin(), lower.rend());
    const bool deviates = std::ranges::any_of(series.points, [](const ChartPoint& p) { return p.deviation > 0; });
    if (deviates && !chart_.error_bars) put(band);
    if (series.line) put(line);
    if (has_markers(series)) {
      for (const Point& center : line.points) put(Dot{center, color});
    }
    legend(series.name, line, has_markers(series));
  }

  /// Adds a legend entry right of the plot, where it covers nothing.
  void legend(const std::string& name, Path line, bool marker) {
    if (name.empty()) return;
    const double left = plot_width + 2 * room;
    line.points = {{left, legend_end_}, {left + 30, legend_end_}};
    if (line.width > 0) put(line);
    if (marker) put(Dot{{left + 15, legend_end_}, line.color});
    put_text({name, {left + 38, legend_end_ + 4.5}});
    legend_end_ += 22;
  }

  /// The chart in words; for series with markers, every point.
  std::string description() const {
    std::string text = concat(chart_.y_label, " over ", chart_.x_label);
    for (const LineSeries& series : chart_.series) {
      text += concat("; ", series.name, series.name.empty() ? "" : ": ");
      if (!has_markers(series)) text += concat(series.points.size(), " points");
      for (std::size_t i = 0; has_markers(series) && i < series.points.size(); ++i) {
        const ChartPoint& p = series.points[i];
        text += concat(i > 0 ? ", " : "", '(', p.x, ", ", p.y, p.deviation > 0 ? concat(" +- ", p.deviation) : "", ')');
      }
    }
    for (const ReferenceLine& line : chart_.references) text += concat("; ", line.name, ": ", line.y);
    return text;
  }

  /// The box around everything, plus a margin.
  Box page() const {
    Box box{0, 0, plot_width, plot_height};
    for (const Shape2d& shape : drawing_.shapes) {
      const auto* text = std::get_if<Text>(&shape);
      const Box words = text == nullptr ? box : bounds(*text);
      box = {std::min(box.left, words.left), std::min(box.top, words.top), std::max(box.right, words.right),
             std::max(box.bottom, words.bottom)};
    }
    constexpr double margin = 12;
    return {std::floor(box.left - margin), std::floor(box.top - margin), std::ceil(box.right + margin),
            std::ceil(box.bottom + margin)};
  }

  const LineChart& chart_;
  Axis x_, y_;
  Drawing drawing_;
  double legend_end_ = room;
};

/// Writes a chart as SVG, or as PNG at twice the resolution if the name ends in .png. @throws what `ChartLayout` and
/// `write_drawing` throw.
inline void write_line_chart(const std::filesystem::path& path, const LineChart& chart) {
  write_drawing(path, ChartLayout(chart).drawing(), path.extension() == ".png" ? 2 : 1);
}

}  // namespace hypertape::cli
