#include "line_chart.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <map>

#include "support/check_error.hpp"
#include "support/temporary_folder.hpp"

namespace hypertape::testing {
namespace {

using namespace cli;
using Words = std::vector<std::string>;

template <class Kind>
std::vector<Kind> of_kind(const Drawing& drawing) {
  std::vector<Kind> found;
  for (const Shape2d& shape : drawing.shapes) {
    if (const Kind* one = std::get_if<Kind>(&shape)) found.push_back(*one);
  }
  return found;
}

std::vector<Path> paths(const Drawing& drawing, double width, bool dashed = false) {
  std::vector<Path> found = of_kind<Path>(drawing);
  std::erase_if(found, [&](const Path& path) {
    return path.width < width || path.width > width || path.dashes.empty() == dashed;
  });
  return found;
}
std::vector<Path> lines_of_series(const Drawing& drawing) { return paths(drawing, 2); }

Words words(const Drawing& drawing) {
  Words found;
  for (const Text& text : of_kind<Text>(drawing)) found.push_back(text.words);
  return found;
}
bool holds(const Words& all, const std::string& one) { return std::ranges::find(all, one) != all.end(); }

/// Of the text, which must stand there once.
Point place(const Drawing& drawing, const std::string& text, Align align) {
  std::vector<Point> places;
  for (const Text& one : of_kind<Text>(drawing)) {
    if (one.words == text && one.align == align) places.push_back(one.at);
  }
  CAPTURE(text);
  REQUIRE(places.size() == 1);
  return places.front();
}
Point x_tick(const Drawing& drawing, const std::string& text) { return place(drawing, text, Align::center); }
Point y_tick(const Drawing& drawing, const std::string& text) { return place(drawing, text, Align::right); }

/// The layout, of which nothing lies outside the page and no two texts touch.
Drawing laid_out(const LineChart& chart) {
  Drawing drawing = ChartLayout(chart).drawing();
  const Box& page = drawing.page;
  std::vector<Box> boxes;
  for (const Text& text : of_kind<Text>(drawing)) {
    const Box box = bounds(text);
    CAPTURE(text.words);
    CHECK(box.left >= page.left);
    CHECK(box.right <= page.right);
    CHECK(box.top >= page.top);
    CHECK(box.bottom <= page.bottom);
    for (const Box& other : boxes) {
      CHECK((box.left >= other.right || box.right <= other.left || box.top >= other.bottom || box.bottom <= other.top));
    }
    boxes.push_back(box);
  }
  for (const Path& path : of_kind<Path>(drawing)) {
    for (const Point& point : path.points) {
      CHECK((point.x >= page.left && point.x <= page.right && point.y >= page.top && point.y <= page.bottom));
    }
  }
  return drawing;
}

LineChart example() {
  LineChart chart{.title = "Accuracy", .x_label = "iteration", .y_label = "percent"};
  chart.series = {{"learned", {{0, 10}, {50, 60}, {100, 90}}}};
  return chart;
}

constexpr double near = 1e-9;

TEST_CASE("line_chart: points lie where the ticks say") {
  const Drawing drawing = laid_out(example());
  const std::vector<Point> line = lines_of_series(drawing).at(0).points;
  REQUIRE(line.size() == 3);
  const Point left = x_tick(drawing, "0"), right = x_tick(drawing, "100");
  const Point low = y_tick(drawing, "20"), high = y_tick(drawing, "80");
  CHECK(std::abs(line[0].x - left.x) <= near);
  CHECK(std::abs(line[1].x - (left.x + right.x) / 2) <= near);
  CHECK(std::abs(line[2].x - right.x) <= near);
  const double unit = (high.y - low.y) / 60;
  CHECK(unit < 0);  // y grows downwards
  CHECK(std::abs((line[1].y - line[0].y) - 50 * unit) <= near);
  CHECK(std::abs((line[2].y - line[1].y) - 30 * unit) <= near);
  for (const char* text : {"Accuracy", "iteration", "percent", "learned"}) CHECK(holds(words(drawing), text));
  CHECK(of_kind<Dot>(drawing).size() == 4);  // three points, and the one in the legend
  CHECK(drawing.title == "Accuracy");
  CHECK(drawing.description == "percent over iteration; learned: (0, 10), (50, 60), (100, 90)");
}

TEST_CASE("line_chart: on a logarithmic axis equal ratios are equal distances") {
  LineChart chart = example();
  chart.logarithmic = true;
  chart.series[0].points = {{0, 1e-9}, {50, 1e-5}, {100, 0.1}};
  const Drawing drawing = laid_out(chart);
  const std::vector<Point> line = lines_of_series(drawing).at(0).points;
  CHECK(std::abs((line[2].y - line[1].y) - (line[1].y - line[0].y)) <= near);
  CHECK(holds(words(drawing), "1e-9"));
  CHECK(holds(words(drawing), "0.1"));
}

TEST_CASE("line_chart: ticks are few, round and short") {
  const auto ticks = [](bool logarithmic, double low, double high) {
    LineChart chart{.logarithmic = logarithmic, .series = {{"", {{1e9, low}, {2e9, high}}}}};
    Words found;
    for (const Text& text : of_kind<Text>(laid_out(chart))) {
      if (text.align == Align::right) found.push_back(text.words);
    }
    return found;
  };
  CHECK(ticks(false, 0.13, 0.87) == Words{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(ticks(false, -3, 8) == Words{"-4", "-2", "0", "2", "4", "6", "8"});
  CHECK(ticks(false, 0.02, 0.034) == Words{"0.020", "0.025", "0.030", "0.035"});
  CHECK(ticks(false, 0, 3e-7) == Words{"0", "5e-8", "1e-7", "1.5e-7", "2e-7", "2.5e-7", "3e-7"});
  CHECK(ticks(false, 0, 4e6) == Words{"0", "1e6", "2e6", "3e6", "4e6"});
  CHECK(ticks(false, 1e9, 1e9 + 4) == Words{"1000000000", "1000000001", "1000000002", "1000000003", "1000000004"});
  CHECK(ticks(true, 3, 40) == Words{"2", "5", "10", "20", "50"});
  CHECK(ticks(true, 0.001, 5) == Words{"0.001", "0.01", "0.1", "1", "10"});
  CHECK(ticks(true, 1e-12, 1) == Words{"1e-12", "1e-10", "1e-8", "1e-6", "0.0001", "0.01", "1"});
  // One value, and the ends of what is allowed: a few ticks all the same, each of another text.
  for (const bool logarithmic : {false, true}) {
    for (const auto& ends : {std::pair{7., 7.}, {1e-300, 1e300}, {1e300, 1e300}, {1., 1 + 1e-15}, {5., 5.1}}) {
      Words found = ticks(logarithmic, ends.first, ends.second);
      CAPTURE(ends.first);
      CHECK(found.size() >= 2);
      CHECK(found.size() <= 12);
      CHECK(std::ranges::adjacent_find(found) == found.end());
    }
  }
  CHECK(ticks(false, 0, 0).size() >= 3);
  CHECK(ticks(false, -1e300, 1e300).size() >= 3);
  CHECK(ticks(false, 0, 1e-300).size() >= 3);
}

TEST_CASE("line_chart: wide numbers along the horizontal axis have room, being fewer") {
  const auto count = [](double first, double last) {
    const Drawing drawing = laid_out({.series = {{"", {{first, 0}, {last, 1}}}}});
    return std::ranges::count(of_kind<Text>(drawing), Align::center, &Text::align);
  };
  CHECK(count(0, 8) == 9);
  const auto wide = count(1e12, 1e12 + 20000);  // 1000000020000 takes the room of three of these
  CHECK(wide >= 2);
  CHECK(wide <= 6);
}

TEST_CASE("line_chart: deviations as a band or as error bars, and reference lines") {
  LineChart chart = example();
  const double deviations[] = {5, 0, 10};
  for (std::size_t i = 0; i < 3; ++i) chart.series[0].points[i].deviation = deviations[i];
  chart.references = {{"paper 93.8", 93.8}};
  Drawing drawing = laid_out(chart);
  const double unit = (y_tick(drawing, "80").y - y_tick(drawing, "20").y) / 60;
  const std::vector<Point> line = lines_of_series(drawing).at(0).points;
  const Path band = paths(drawing, 0).at(0);  // the upper ends, then the lower ones backwards
  REQUIRE(band.points.size() == 6);
  CHECK(std::abs(band.points[0].y - (line[0].y + 5 * unit)) <= near);
  CHECK(std::abs(band.points[5].y - (line[0].y - 5 * unit)) <= near);
  CHECK(std::abs(band.points[3].y - (line[2].y - 10 * unit)) <= near);
  CHECK(band.color.opacity < 0.5);
  CHECK(holds(words(drawing), "paper 93.8"));
  CHECK(drawing.description.ends_with("(0, 10 +- 5), (50, 60), (100, 90 +- 10); paper 93.8: 93.8"));
  const std::vector<Path> references = paths(drawing, 1.5, true);
  REQUIRE(references.size() == 2);  // the line, and the one in the legend
  for (const Point& end : references[0].points) CHECK(std::abs(end.y - (line[0].y + 83.8 * unit)) <= near);

  const std::size_t others = paths(drawing, 1).size();
  chart.error_bars = true;
  drawing = laid_out(chart);
  CHECK(paths(drawing, 0).empty());
  CHECK(paths(drawing, 1).size() == others + 6);  // two bars, each with its two ends

  // A deviation larger than the mean has no lower end on a logarithmic axis; it is drawn to a tenth.
  drawing = laid_out({.logarithmic = true, .series = {{"", {{0, 1, 3}, {1, 1}}}}});
  CHECK(std::abs(paths(drawing, 0).at(0).points[3].y - ChartLayout::plot_height) <= near);
  CHECK(holds(words(drawing), "0.1"));
}

TEST_CASE("line_chart: many points have no markers, unnamed series no place in the legend") {
  LineChart chart{.series = {{"", {}}}};
  for (int i = 0; i < 31; ++i) chart.series[0].points.push_back({1. * i, 1. * (i % 7)});
  const Drawing drawing = laid_out(chart);
  CHECK(of_kind<Dot>(drawing).empty());
  CHECK(drawing.description.ends_with("; 31 points"));
  for (const Text& text : of_kind<Text>(drawing)) CHECK(text.align != Align::left);  // only ticks
  chart.series[0].line = false;
  CHECK(of_kind<Dot>(laid_out(chart)).size() == 31);
  CHECK(lines_of_series(laid_out(chart)).empty());
}

TEST_CASE("line_chart: the page grows with its texts, and eight series have colors of their own") {
  LineChart chart = example();
  const auto width = [](const Drawing& drawing) { return drawing.page.right - drawing.page.left; };
  const double narrow = width(laid_out(chart));
  chart.series[0].name = std::string(60, 'w');
  CHECK(width(laid_out(chart)) > narrow + 300);
  chart.title = std::string(200, 'T');
  CHECK(width(laid_out(chart)) > 200 * 8);
  chart.y_label = std::string(100, 'y');
  chart.series.assign(40, chart.series[0]);
  const Drawing drawing = laid_out(chart);
  CHECK(drawing.page.bottom > 40 * 20);
  std::map<std::array<double, 3>, int> colors;
  for (const Path& path : lines_of_series(drawing)) ++colors[{path.color.red, path.color.green, path.color.blue}];
  CHECK(colors.size() == 8);
}

TEST_CASE("line_chart: what cannot be drawn is an error, and no file appears") {
  const TemporaryFolder folder;
  const auto refused = [&](const auto& change, std::initializer_list<std::string_view> said) {
    LineChart chart = example();
    change(chart);
    check_error<ArgumentError>([&] { write_line_chart(folder / "bad.svg", chart); }, said);
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  refused([](LineChart& c) { c.series.clear(); }, {"chart", "at least one point"});
  refused([](LineChart& c) { c.series[0].points.clear(); }, {"chart", "at least one point"});
  refused([](LineChart& c) { c.series[0].points[1].deviation = -1; },
          {"deviation of 'learned'", "value of -1", "needs 0 to 1e300"});
  refused([&](LineChart& c) { c.series[0].points[1].y = nan; }, {"y of 'learned'", "nan"});
  refused([&](LineChart& c) { c.series[0].points[1].x = infinity; }, {"x of 'learned'", "inf"});
  refused([&](LineChart& c) { c.series[0].points[1].deviation = nan; }, {"deviation of 'learned'", "nan"});
  refused(
      [](LineChart& c) {
        c.logarithmic = true;
        c.series[0].points[0].y = 0;
      },
      {"y of 'learned'", "value of 0", "logarithmic"});
  refused([&](LineChart& c) { c.references = {{"paper", nan}}; }, {"reference 'paper'", "nan"});
  check_error<DataError>([&] { write_line_chart(folder / "missing" / "a.svg", example()); },
                         {"missing", "cannot create"});
  CHECK(folder.names().empty());
}

}  // namespace
}  // namespace hypertape::testing
