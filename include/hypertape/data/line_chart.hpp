#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/data/chart_axis.hpp"
#include "hypertape/io/file.hpp"

namespace hypertape::data {

using hypertape::detail::concat;

/// How the deviations of a series are drawn.
enum class SpreadStyle { band, error_bars };

/// Points joined by a line, in the order given; with markers where there are at most 30, or no line.
struct LineSeries {
  std::string name;                        ///< in the legend; empty: not there
  std::vector<double> x;                   ///< of each point
  std::vector<double> y;                   ///< of each point
  std::vector<double> deviation;           ///< of each y, drawn as y +- deviation; empty: none
  SpreadStyle spread = SpreadStyle::band;  ///< how deviations are shown
  bool line = true;                        ///< whether points are joined
};

/// A horizontal line to compare with, say a published figure.
struct ReferenceLine {
  std::string name;  ///< in the legend
  double y = 0;      ///< where it lies
};

/// Text is UTF-8. On a logarithmic y axis a deviation reaches at most a decade below its point, where y - deviation may
/// be negative.
struct LineChart {
  std::string title;                      ///< above the chart
  std::string x_label;                    ///< below it
  std::string y_label;                    ///< beside it
  AxisScale x_scale = AxisScale::linear;  ///< horizontal
  AxisScale y_scale = AxisScale::linear;  ///< vertical
  std::vector<LineSeries> series;         ///< what is drawn, in this order
  std::vector<ReferenceLine> references;  ///< horizontal lines for comparison
};

namespace detail {

/// A coordinate, to a hundredth of a pixel.
inline std::string coordinate(double value) { return number_text(std::round(value * 100) / 100); }

/// Text for XML. Control characters, which XML 1.0 cannot hold, become U+FFFD, the sign for what cannot be shown.
inline std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      escaped += "\xEF\xBF\xBD";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

/// About the width of a text in pixels: fonts differ, and sans-serif ones take some 0.6 of their size a character.
inline double text_width(std::string_view text, double size) {
  const auto starts = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
  return 0.6 * size * static_cast<double>(starts);
}

inline void check_values(std::span<const double> values, AxisScale scale, const std::string& of) {
  for (const double value : values) {
    if (!(std::abs(value) <= 1e300)) {
      throw ArgumentError("line_chart: ", of, " has a value of ", value, "; needs finite ones up to 1e300");
    }
    if (scale == AxisScale::logarithmic && !(value >= 1e-300)) {
      throw ArgumentError("line_chart: ", of, " has a value of ", value, "; a logarithmic axis needs 1e-300 ",
                          "or more");
    }
  }
}

inline void check_chart(const LineChart& chart) {
  if (chart.series.empty()) throw ArgumentError("line_chart: needs at least one series");
  for (const LineSeries& series : chart.series) {
    const std::string name = "series '" + series.name + "'";
    const std::size_t points = series.x.size();
    if (points == 0 || series.y.size() != points || (!series.deviation.empty() && series.deviation.size() != points)) {
      throw ArgumentError("line_chart: ", name, " needs points, as many x as y, and no deviations or as many, ", "got ",
                          points, ", ", series.y.size(), " and ", series.deviation.size());
    }
    check_values(series.x, chart.x_scale, "x of " + name);
    check_values(series.y, chart.y_scale, "y of " + name);
    check_values(series.deviation, AxisScale::linear, "the deviation of " + name);
    if (std::any_of(series.deviation.begin(), series.deviation.end(), [](double d) { return d < 0; })) {
      throw ArgumentError("line_chart: ", name, " has a negative deviation");
    }
  }
  for (const ReferenceLine& line : chart.references) {
    check_values({&line.y, 1}, chart.y_scale, "reference '" + line.name + "'");
  }
}

/// Lays a chart out and writes its SVG, piece by piece.
class ChartWriter {
 public:
  explicit ChartWriter(const LineChart& chart) : chart_(chart), x_(x_axis(chart)), y_(y_axis(chart)) {
    double widest = 0, names = 0;
    for (const Tick& tick : y_.ticks()) widest = (std::max)(widest, text_width(tick.text, font));
    for (const LineSeries& series : chart.series) names = (std::max)(names, text_width(series.name, font));
    for (const ReferenceLine& line : chart.references) names = (std::max)(names, text_width(line.name, font));
    left_ = widest + (chart.y_label.empty() ? 20 : 44);
    top_ = chart.title.empty() ? 20 : 46;
    width_ = left_ + plot_width + (names > 0 ? names + 66 : 24);
    width_ = (std::max)(width_, left_ + text_width(chart.title, title_font) + 10);
    const auto entries = static_cast<double>(chart.series.size() + chart.references.size());
    height_ = top_ + (std::max)(plot_height + (chart.x_label.empty() ? 34 : 56), legend_row * entries);
  }

  std::string svg() {
    out_ = concat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", std::ceil(width_), "\" height=\"",
                  std::ceil(height_), "\" viewBox=\"0 0 ", std::ceil(width_), ' ', std::ceil(height_),
                  "\" font-family=\"sans-serif\" font-size=\"", font, "\">\n");
    // Viewers with a dark background would show black text on it.
    out_ += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    text(left_, 26, chart_.title, concat("font-size=\"", title_font, "\" font-weight=\"bold\""));
    axes();
    for (std::size_t i = 0; i < chart_.references.size(); ++i) reference(i);
    for (std::size_t i = 0; i < chart_.series.size(); ++i) series(i);
    legend();
    return out_ + "</svg>\n";
  }

 private:
  static constexpr double plot_width = 560, plot_height = 330, legend_row = 22;
  static constexpr int font = 13, title_font = 16;
  static constexpr std::size_t most_markers = 30;
  static constexpr std::array<const char*, 6> colors = {"#0072b2", "#d55e00", "#009e73",
                                                        "#cc79a7", "#8c6d00", "#56b4e9"};
  static constexpr std::array<const char*, 3> dashes = {"7 4", "2 3", "10 3 2 3"};

  static Axis x_axis(const LineChart& chart) {
    double low = chart.series.front().x.front(), high = low;
    for (const LineSeries& series : chart.series) {
      low = (std::min)(low, *std::min_element(series.x.begin(), series.x.end()));
      high = (std::max)(high, *std::max_element(series.x.begin(), series.x.end()));
    }
    return {chart.x_scale, low, high, 8};
  }
  static Axis y_axis(const LineChart& chart) {
    double low = chart.series.front().y.front(), high = low;
    for (const LineSeries& series : chart.series) {
      for (std::size_t i = 0; i < series.y.size(); ++i) {
        low = (std::min)(low, lower_end(chart, series, i));
        high = (std::max)(high, upper_end(series, i));
      }
    }
    for (const ReferenceLine& line : chart.references) {
      low = (std::min)(low, line.y);
      high = (std::max)(high, line.y);
    }
    return {chart.y_scale, low, high, 6};
  }

  static double upper_end(const LineSeries& series, std::size_t i) {
    return series.y[i] + (series.deviation.empty() ? 0 : series.deviation[i]);
  }
  static double lower_end(const LineChart& chart, const LineSeries& series, std::size_t i) {
    const double low = series.y[i] - (series.deviation.empty() ? 0 : series.deviation[i]);
    return chart.y_scale == AxisScale::linear ? low : (std::max)(low, series.y[i] / 10);
  }

  double across(double fraction) const { return left_ + plot_width * fraction; }
  double down(double fraction) const { return top_ + plot_height * (1 - fraction); }
  double x_of(double value) const { return across(x_.fraction(value)); }
  double y_of(double value) const { return down(y_.fraction(value)); }
  std::string point(double x, double y) const { return coordinate(x_of(x)) + ',' + coordinate(y_of(y)); }

  void text(double x, double y, const std::string& words, const std::string& attributes = "") {
    if (words.empty()) return;
    out_ += concat("<text x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" fill=\"#222222\"",
                   attributes.empty() ? "" : " ", attributes, '>', xml_text(words), "</text>\n");
  }
  void line(double x1, double y1, double x2, double y2, const std::string& attributes) {
    out_ += concat("<line x1=\"", coordinate(x1), "\" y1=\"", coordinate(y1), "\" x2=\"", coordinate(x2), "\" y2=\"",
                   coordinate(y2), "\" ", attributes, "/>\n");
  }

  void axes() {
    const double bottom = top_ + plot_height, right = left_ + plot_width;
    for (const Tick& tick : y_.ticks()) {
      const double y = down(y_.fraction_at(tick.at));
      line(left_, y, right, y, "stroke=\"#e4e4e4\"");
      text(left_ - 8, y + 0.35 * font, tick.text, "text-anchor=\"end\"");
    }
    for (const Tick& tick : x_.ticks()) {
      const double x = across(x_.fraction_at(tick.at));
      line(x, bottom, x, bottom + 5, "stroke=\"#444444\"");
      text(x, bottom + 20, tick.text, "text-anchor=\"middle\"");
    }
    line(left_, bottom, right, bottom, "stroke=\"#444444\"");
    line(left_, top_, left_, bottom, "stroke=\"#444444\"");
    text(left_ + plot_width / 2, bottom + 44, chart_.x_label, "text-anchor=\"middle\"");
    const double middle = top_ + plot_height / 2;
    text(18, middle, chart_.y_label, concat("text-anchor=\"middle\" transform=\"rotate(-90 18 ", middle, ")\""));
  }

  static std::string stroke(std::size_t i) { return concat("stroke=\"", colors[i % colors.size()], "\""); }
  static std::string dashed(std::size_t i) {
    return concat("stroke=\"#555555\" stroke-width=\"1.5\" stroke-dasharray=\"", dashes[i % dashes.size()], "\"");
  }

  void reference(std::size_t i) {
    const double y = y_of(chart_.references[i].y);
    line(left_, y, left_ + plot_width, y, dashed(i));
  }

  bool has_markers(const LineSeries& series) const { return !series.line || series.x.size() <= most_markers; }

  void series(std::size_t i) {
    const LineSeries& series = chart_.series[i];
    if (!series.deviation.empty()) spread(series, i);
    if (series.line) {
      out_ += "<polyline fill=\"none\" " + stroke(i) + " stroke-width=\"2\" stroke-linejoin=\"round\" points=\"";
      for (std::size_t p = 0; p < series.x.size(); ++p) out_ += point(series.x[p], series.y[p]) + ' ';
      out_ += "\"/>\n";
    }
    if (!has_markers(series)) return;
    for (std::size_t p = 0; p < series.x.size(); ++p) marker(x_of(series.x[p]), y_of(series.y[p]), i);
  }

  void marker(double x, double y, std::size_t i) {
    out_ += concat("<circle cx=\"", coordinate(x), "\" cy=\"", coordinate(y), "\" r=\"3.5\" fill=\"",
                   colors[i % colors.size()], "\"/>\n");
  }

  void spread(const LineSeries& series, std::size_t i) {
    if (series.spread == SpreadStyle::error_bars) {
      for (std::size_t p = 0; p < series.x.size(); ++p) {
        const double x = x_of(series.x[p]);
        const double low = y_of(lower_end(chart_, series, p)), high = y_of(upper_end(series, p));
        line(x, low, x, high, stroke(i));
        for (const double end : {low, high}) line(x - 4, end, x + 4, end, stroke(i));
      }
      return;
    }
    out_ += concat("<polygon fill=\"", colors[i % colors.size()], "\" fill-opacity=\"0.15\" points=\"");
    for (std::size_t p = 0; p < series.x.size(); ++p) out_ += point(series.x[p], upper_end(series, p)) + ' ';
    for (std::size_t p = series.x.size(); p-- > 0;) {
      out_ += point(series.x[p], lower_end(chart_, series, p)) + ' ';
    }
    out_ += "\"/>\n";
  }

  /// Right of the plot, where it covers nothing.
  void legend() {
    const double x = left_ + plot_width + 18;
    double y = top_ + 8;
    const auto entry = [&](const std::string& name, const std::string& attributes) {
      if (!attributes.empty()) line(x, y, x + 30, y, attributes);
      text(x + 38, y + 0.35 * font, name);
      y += legend_row;
    };
    for (std::size_t i = 0; i < chart_.series.size(); ++i) {
      const LineSeries& series = chart_.series[i];
      if (series.name.empty()) continue;
      if (has_markers(series)) marker(x + 15, y, i);
      entry(series.name, series.line ? stroke(i) + " stroke-width=\"2\"" : std::string());
    }
    for (std::size_t i = 0; i < chart_.references.size(); ++i) entry(chart_.references[i].name, dashed(i));
  }

  const LineChart& chart_;
  Axis x_, y_;
  double left_ = 0, top_ = 0, width_ = 0, height_ = 0;
  std::string out_;
};

}  // namespace detail

/// Writes a chart as an SVG file of its own: white background, round ticks, a legend beside the plot.
/// @throws ArgumentError if there is no series, one is empty, its parts differ in number, or a value cannot be drawn:
/// not finite, larger than 1e300, below 1e-300 on a logarithmic axis, or a negative deviation. DataError if the file
/// cannot be written.
inline void write_line_chart(const std::filesystem::path& path, const LineChart& chart) {
  detail::check_chart(chart);
  io::write_atomically(path, detail::ChartWriter(chart).svg());
}

}  // namespace hypertape::data
