#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "commands.hpp"
#include "hypertape/data/line_chart.hpp"

namespace hypertape::cli {
namespace {

struct ChartCommand {
  std::filesystem::path csv, out;
  std::optional<std::string> x;
  std::vector<std::string> y;
  std::string title, x_label, y_label;
};

/// A table of numbers with names of its columns.
struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;  ///< NaN where there is nothing
};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

/// @throws DataError if the file cannot be read, or a line has other cells than the first, or one that is no number.
Table read_table(const std::filesystem::path& path) {
  std::ifstream text(path);
  std::string line;
  Table table;
  if (!std::getline(text, line))
    throw DataError(message(path.string(), text.is_open() ? ": is empty" : ": cannot be read"));
  table.names = cells_of(line);
  table.columns.resize(table.names.size());
  for (int number = 2; std::getline(text, line); ++number) {
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != table.names.size()) {
      throw DataError(message(path.string(), ", line ", number, ": has ", cells.size(), " cells, the first line has ",
                              table.names.size()));
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      double value = std::numeric_limits<double>::quiet_NaN();
      const char* const end = cells[i].data() + cells[i].size();
      const auto [read, failure] = std::from_chars(cells[i].data(), end, value);
      if (!cells[i].empty() && (failure != std::errc() || read != end || !std::isfinite(value))) {
        throw DataError(message(path.string(), ", line ", number, ": \"", cells[i], "\" is no number"));
      }
      table.columns[i].push_back(value);
    }
  }
  return table;
}

void run(const ChartCommand& command) {
  const Table table = read_table(command.csv);
  const auto column = [&](const std::string& name) -> const std::vector<double>& {
    std::string names;
    for (std::size_t i = 0; i < table.names.size(); ++i) {
      if (table.names[i] == name) return table.columns[i];
      names += message(i == 0 ? "" : ", ", table.names[i]);
    }
    throw ArgumentError(message(command.csv.string(), ": has no column ", name, "; it has ", names));
  };
  const std::string x_name = command.x.value_or(table.names.front());
  const std::vector<double>& x = column(x_name);

  data::LineChart chart;
  chart.title = command.title;
  chart.x_label = command.x_label.empty() ? x_name : command.x_label;
  chart.y_label = !command.y_label.empty() || command.y.size() > 1 ? command.y_label : command.y.front();
  for (const std::string& name : command.y) {
    const std::vector<double>& y = column(name);
    data::LineSeries series;
    if (command.y.size() > 1) series.name = name;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i]) || std::isnan(y[i])) continue;  // a row without it
      series.x.push_back(x[i]);
      series.y.push_back(y[i]);
    }
    if (series.x.empty()) throw DataError(message(command.csv.string(), ": no row has both ", x_name, " and ", name));
    chart.series.push_back(series);
  }
  data::write_line_chart(command.out, chart);
  std::cout << "chart: " << command.out.string() << '\n';
}

}  // namespace

void add_chart(CLI::App& app) {
  const auto command = std::make_shared<ChartCommand>();
  CLI::App& parser =
      *app.add_subcommand("chart", "Draws columns of a CSV file, say a run's log.csv, as an SVG picture");
  parser.add_option("csv", command->csv, "The file; its first line has the columns' names")->required();
  parser.add_option("--x", command->x, "The column along the horizontal axis; without it, the first");
  parser.add_option("--y", command->y, "The columns to draw, a line each")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  parser.add_option("--title", command->title, "Above the chart");
  parser.add_option("--x-label", command->x_label, "Below it; without it, the column's name");
  parser.add_option("--y-label", command->y_label, "Beside it; without it, the column's name if there is one only");
  parser.add_option("--out", command->out, "The picture")->required();
  parser.callback([command] { run(*command); });
}

}  // namespace hypertape::cli
