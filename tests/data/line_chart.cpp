#include "hypertape/data/line_chart.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <sstream>

#include "support/check_error.hpp"
#include "support/temporary_folder.hpp"

using namespace hypertape;
using namespace hypertape::data;
using namespace hypertape::testing;

namespace {

struct Element {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;  ///< as it stands in the file, up to the next tag

  double number(const std::string& attribute) const { return std::stod(attributes.at(attribute)); }
};

/// Reads a file of XML's simplest kind, and fails the test if its tags are not balanced, an attribute is not quoted or
/// given twice, or a text holds a character that needs escaping.
std::vector<Element> parse_xml(const std::string& xml) {
  std::vector<Element> elements;
  std::vector<std::string> open;
  std::size_t at = 0;
  const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
  const auto name = [&] {
    const std::size_t begin = at;
    while (at < xml.size() && is_name(xml[at])) ++at;
    REQUIRE(at > begin);
    return xml.substr(begin, at - begin);
  };
  const auto content = [&](const char* end) {
    const std::size_t begin = at;
    at = std::min(xml.find_first_of(end, at), xml.size());
    std::string text = xml.substr(begin, at - begin);
    for (std::size_t i = text.find('&'); i != std::string::npos; i = text.find('&', i + 1)) {
      const std::string entity = text.substr(i, text.find(';', i) - i);
      CHECK((entity == "&amp" || entity == "&lt" || entity == "&gt"));
    }
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
    CHECK(std::none_of(text.begin(), text.end(), is_control));
    return text;
  };
  while (at < xml.size()) {
    REQUIRE(xml[at++] == '<');
    if (xml[at] == '/') {
      ++at;
      REQUIRE(!open.empty());
      CHECK(name() == open.back());
      open.pop_back();
      REQUIRE(xml[at++] == '>');
      content("<");
      if (open.empty()) break;
      continue;
    }
    elements.push_back({name(), {}, {}});
    Element& element = elements.back();
    while (xml[at] == ' ') {
      ++at;
      const std::string key = name();
      REQUIRE(xml.substr(at, 2) == "=\"");
      at += 2;
      CHECK(element.attributes.emplace(key, content("\"<")).second);
      REQUIRE(xml[at++] == '"');
    }
    const bool closed = xml[at] == '/';
    if (closed) ++at;
    REQUIRE(xml[at++] == '>');
    if (!closed) open.push_back(element.name);
    element.text = content("<");
  }
  CHECK(open.empty());
  CHECK(at == xml.size());
  return elements;
}

std::vector<Element> drawn(const LineChart& chart) {
  const TemporaryFolder folder;
  write_line_chart(folder / "chart.svg", chart);
  return parse_xml(file_bytes(folder / "chart.svg"));
}

std::vector<Element> named(const std::vector<Element>& elements, const std::string& name) {
  std::vector<Element> found;
  for (const Element& element : elements) {
    if (element.name == name) found.push_back(element);
  }
  return found;
}

std::vector<std::string> texts(const std::vector<Element>& elements) {
  std::vector<std::string> found;
  for (const Element& element : named(elements, "text")) found.push_back(element.text);
  return found;
}

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

struct Place {
  double x, y;
};

/// Of the text, which must stand there once.
Place place(const std::vector<Element>& elements, const std::string& text, const std::string& anchor) {
  std::vector<Place> places;
  for (const Element& element : named(elements, "text")) {
    if (element.text == text && element.attributes.contains("text-anchor") &&
        element.attributes.at("text-anchor") == anchor) {
      places.push_back({element.number("x"), element.number("y")});
    }
  }
  CAPTURE(text);
  REQUIRE(places.size() == 1);
  return places.front();
}
Place x_tick(const std::vector<Element>& elements, const std::string& text) { return place(elements, text, "middle"); }
Place y_tick(const std::vector<Element>& elements, const std::string& text) { return place(elements, text, "end"); }

std::vector<Place> points(const Element& element) {
  std::vector<Place> places;
  std::istringstream stream(element.attributes.at("points"));
  for (std::string pair; stream >> pair;) {
    const std::size_t comma = pair.find(',');
    places.push_back({std::stod(pair.substr(0, comma)), std::stod(pair.substr(comma + 1))});
  }
  return places;
}

LineChart example() {
  LineChart chart{"Accuracy", "iteration", "percent", {}, {}, {}, {}};
  chart.series.push_back({"learned", {0, 50, 100}, {10, 60, 90}, {}, {}});
  return chart;
}

constexpr double near = 0.011;  // coordinates are written to a hundredth

}  // namespace

TEST_CASE("line_chart: points lie where the ticks say") {
  const auto elements = drawn(example());
  const auto line = points(named(elements, "polyline").at(0));
  REQUIRE(line.size() == 3);
  const Place left = x_tick(elements, "0"), right = x_tick(elements, "100");
  const Place low = y_tick(elements, "20"), high = y_tick(elements, "80");
  CHECK(std::abs(line[0].x - left.x) <= near);
  CHECK(std::abs(line[1].x - (left.x + right.x) / 2) <= near);
  CHECK(std::abs(line[2].x - right.x) <= near);
  const double unit = (high.y - low.y) / 60;
  CHECK(unit < 0);  // y grows downwards in SVG
  CHECK(std::abs((line[1].y - line[0].y) - 50 * unit) <= 2 * near);
  CHECK(std::abs((line[2].y - line[1].y) - 30 * unit) <= 2 * near);
  for (const char* text : {"Accuracy", "iteration", "percent", "learned"}) CHECK(holds(texts(elements), text));
  CHECK(named(elements, "circle").size() == 4);  // three points, and the one in the legend
}

TEST_CASE("line_chart: on logarithmic axes equal ratios are equal distances") {
  LineChart chart = example();
  chart.x_scale = chart.y_scale = AxisScale::logarithmic;
  chart.series[0].x = {1, 10, 1000};
  chart.series[0].y = {1e-9, 1e-5, 0.1};
  const auto elements = drawn(chart);
  const auto line = points(named(elements, "polyline").at(0));
  CHECK(std::abs((line[2].x - line[1].x) - 2 * (line[1].x - line[0].x)) <= 3 * near);
  CHECK(std::abs((line[2].y - line[1].y) - (line[1].y - line[0].y)) <= 3 * near);
  CHECK(std::abs(x_tick(elements, "10").x - line[1].x) <= near);
  CHECK(holds(texts(elements), "1e-9"));
  CHECK(holds(texts(elements), "0.1"));
}

TEST_CASE("line_chart: ticks are few, round and short") {
  const auto ticks = [](AxisScale scale, double low, double high) {
    LineChart chart{"", "", "", {}, {}, {}, {}};
    chart.y_scale = scale;
    chart.series.push_back({"", {1e9, 2e9}, {low, high}, {}, {}});
    std::vector<std::string> found;
    for (const Element& element : named(drawn(chart), "text")) {
      if (element.attributes.at("text-anchor") == "end") found.push_back(element.text);
    }
    return found;
  };
  using Texts = std::vector<std::string>;
  CHECK(ticks(AxisScale::linear, 0.13, 0.87) == Texts{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(ticks(AxisScale::linear, -3, 8) == Texts{"-4", "-2", "0", "2", "4", "6", "8"});
  CHECK(ticks(AxisScale::linear, 0, 3e-7) == Texts{"0", "5e-8", "1.0e-7", "1.5e-7", "2.0e-7", "2.5e-7", "3.0e-7"});
  CHECK(ticks(AxisScale::linear, 0, 4e6) == Texts{"0", "1e6", "2e6", "3e6", "4e6"});
  CHECK(ticks(AxisScale::logarithmic, 3, 40) == Texts{"2", "5", "10", "20", "50"});
  CHECK(ticks(AxisScale::logarithmic, 0.001, 5) == Texts{"0.001", "0.01", "0.1", "1", "10"});
  CHECK(ticks(AxisScale::logarithmic, 1e-12, 1) == Texts{"1e-12", "1e-10", "1e-8", "1e-6", "1e-4", "0.01", "1"});
  // One value, and the ends of what is allowed: a few ticks all the same.
  for (const AxisScale scale : {AxisScale::linear, AxisScale::logarithmic}) {
    for (const auto& ends : {std::pair{7., 7.}, {1e-300, 1e300}, {1e300, 1e300}, {1., 1 + 1e-15}, {5., 5.1}}) {
      const Texts found = ticks(scale, ends.first, ends.second);
      CAPTURE(ends.first);
      CHECK(found.size() >= 2);
      CHECK(found.size() <= 12);
    }
  }
  CHECK(ticks(AxisScale::linear, 0, 0).size() >= 3);
  CHECK(ticks(AxisScale::linear, -1e300, 1e300).size() >= 3);
  CHECK(ticks(AxisScale::linear, 0, 1e-300).size() >= 3);
}

TEST_CASE("line_chart: deviations as a band or as error bars, and reference lines") {
  LineChart chart = example();
  chart.series[0].deviation = {5, 0, 10};
  chart.references = {{"paper 93.8", 93.8}};
  auto elements = drawn(chart);
  const double unit = (y_tick(elements, "80").y - y_tick(elements, "20").y) / 60;
  const auto line = points(named(elements, "polyline").at(0));
  const auto band = points(named(elements, "polygon").at(0));  // the upper ends, then the lower ones backwards
  REQUIRE(band.size() == 6);
  CHECK(std::abs(band[0].y - (line[0].y + 5 * unit)) <= 2 * near);
  CHECK(std::abs(band[5].y - (line[0].y - 5 * unit)) <= 2 * near);
  CHECK(std::abs(band[3].y - (line[2].y - 10 * unit)) <= 2 * near);
  CHECK(holds(texts(elements), "paper 93.8"));
  const auto is_reference = [&](const Element& e) {
    return e.attributes.contains("stroke-dasharray") &&
           std::abs(e.number("y1") - (line[0].y + 83.8 * unit)) <= 3 * near;
  };
  const auto lines = named(elements, "line");
  CHECK(std::count_if(lines.begin(), lines.end(), is_reference) == 1);

  chart.series[0].spread = SpreadStyle::error_bars;
  elements = drawn(chart);
  CHECK(named(elements, "polygon").empty());
  CHECK(named(elements, "line").size() == lines.size() + 9);  // each bar with its two ends

  // A deviation larger than the mean has no lower end on a logarithmic axis; it is drawn to a tenth.
  chart.y_scale = AxisScale::logarithmic;
  chart.references.clear();
  chart.series = {{"", {0, 1}, {1, 1}, {3, 0}, SpreadStyle::band}};
  elements = drawn(chart);
  CHECK(std::abs(points(named(elements, "polygon").at(0))[3].y - y_tick(elements, "0.1").y) <= 0.35 * 13 + near);
}

TEST_CASE("line_chart: many points have no markers, unnamed series no place in the legend") {
  LineChart chart{"", "", "", {}, {}, {}, {}};
  chart.series.push_back({"", {}, {}, {}, {}});
  for (int i = 0; i < 31; ++i) {
    chart.series[0].x.push_back(i);
    chart.series[0].y.push_back(i % 7);
  }
  const auto elements = drawn(chart);
  CHECK(named(elements, "circle").empty());
  for (const Element& text : named(elements, "text")) CHECK(text.attributes.contains("text-anchor"));  // only ticks
  chart.series[0].line = false;
  CHECK(named(drawn(chart), "circle").size() == 31);
  CHECK(named(drawn(chart), "polyline").empty());
  CHECK(elements[1].name == "rect");
  CHECK(elements[1].attributes.at("fill") == "#ffffff");
}

TEST_CASE("line_chart: text is escaped, and the chart grows with it") {
  LineChart chart = example();
  chart.title = "a < b && \"c\" > d\x01";
  chart.series[0].name = "<script>";
  const auto elements = drawn(chart);
  CHECK(holds(texts(elements), "a &lt; b &amp;&amp; \"c\" &gt; d\xEF\xBF\xBD"));
  CHECK(holds(texts(elements), "&lt;script&gt;"));
  const double narrow = elements[0].number("width");
  chart.series[0].name = std::string(60, 'w');
  CHECK(drawn(chart)[0].number("width") > narrow + 300);
  chart.series.assign(40, chart.series[0]);
  CHECK(drawn(chart)[0].number("height") > 40 * 20);
}

TEST_CASE("line_chart: what cannot be drawn is an error, and no file appears") {
  const TemporaryFolder folder;
  const auto refused = [&](const auto& change, std::initializer_list<std::string_view> words) {
    LineChart chart = example();
    change(chart);
    check_error<ArgumentError>([&] { write_line_chart(folder / "bad.svg", chart); }, words);
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  refused([](LineChart& c) { c.series.clear(); }, {"line_chart", "at least one series"});
  refused([](LineChart& c) { c.series[0] = {"none", {}, {}, {}, {}}; }, {"line_chart", "series 'none'", "got 0, 0"});
  refused([](LineChart& c) { c.series[0].y.pop_back(); }, {"'learned'", "got 3, 2 and 0"});
  refused([](LineChart& c) { c.series[0].deviation = {1}; }, {"'learned'", "got 3, 3 and 1"});
  refused([](LineChart& c) { c.series[0].deviation = {1, -1, 1}; }, {"'learned'", "negative deviation"});
  refused([&](LineChart& c) { c.series[0].y[1] = nan; }, {"y of series 'learned'", "nan"});
  refused([&](LineChart& c) { c.series[0].x[1] = infinity; }, {"x of series 'learned'", "inf"});
  refused([&](LineChart& c) { c.series[0].deviation = {1, nan, 1}; }, {"deviation of series 'learned'", "nan"});
  refused([](LineChart& c) { c.x_scale = AxisScale::logarithmic; },
          {"x of series 'learned'", "value of 0", "logarithmic"});
  refused([&](LineChart& c) { c.references = {{"paper", nan}}; }, {"reference 'paper'", "nan"});
  check_error<DataError>([&] { write_line_chart(folder / "missing" / "a.svg", example()); },
                         {"missing", "cannot create"});
  CHECK(folder.names().empty());
}
