#include <algorithm>
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
#include "line_chart.hpp"
#include "options.hpp"
#include "paths.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

struct ChartCommand {
  std::filesystem::path csv, out;
  std::optional<std::string> x;
  std::vector<std::string> y, deviation;
  std::vector<std::string> references;
  std::string title, x_label, y_label;
  bool error_bars = false, log_y = false;
};

/// A table with named columns.
struct Table {
  std::filesystem::path path;
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;

  /// The numbers of a column, NaN for empty cells. @throws ArgumentError if there is no such column, DataError if a
  /// cell is not a number.
  std::vector<double> numbers(const std::string& name) const;
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

/// @throws DataError if the file is empty, or a line has another number of cells than the first.
Table read_table(const std::filesystem::path& path) {
  std::ifstream text(path);
  std::string line;
  Table table{path, {}, {}};
  if (!std::getline(text, line)) throw DataError(path.string(), ": is empty");
  const std::string byte_order_mark = "\xEF\xBB\xBF";
  table.names = cells_of(line.starts_with(byte_order_mark) ? line.substr(byte_order_mark.size()) : line);
  for (int number = 2; std::getline(text, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos && text.peek() == std::ifstream::traits_type::eof()) break;
    std::vector<std::string> cells = cells_of(line);
    if (cells.size() != table.names.size()) {
      throw DataError(path.string(), ", line ", number, ": has ", cells.size(), " cells, the first line has ",
                      table.names.size());
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::vector<double> Table::numbers(const std::string& name) const {
  const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  if (at == names.size()) {
    std::string all;
    for (const std::string& one : names) all += concat(all.empty() ? "" : ", ", one);
    throw ArgumentError(path.string(), ": has no column ", name, "; it has ", all);
  }
  std::vector<double> column;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string& cell = rows[row][at];
    double value = std::numeric_limits<double>::quiet_NaN();
    const char* const end = cell.data() + cell.size();
    const auto [read, failure] = std::from_chars(cell.data(), end, value);
    if (!cell.empty() && (failure != std::errc() || read != end || !std::isfinite(value))) {
      throw DataError(path.string(), ", line ", row + 2, ": \"", cell, "\" is not a number");
    }
    column.push_back(value);
  }
  return column;
}

/// "paper=93.8": the name and height of a line.
ReferenceLine reference_line(const std::string& text) {
  const std::size_t sign = text.rfind('=');
  const char* const end = text.data() + text.size();
  ReferenceLine line{text.substr(0, sign), 0};
  const char* const number = sign == std::string::npos ? end : text.data() + sign + 1;
  const auto [read, failure] = std::from_chars(number, end, line.y);
  if (failure != std::errc() || read != end || !std::isfinite(line.y)) {
    throw ArgumentError("--reference ", text, ": needs NAME=VALUE, such as paper=93.8");
  }
  return line;
}

void run(const ChartCommand& command) {
  require_readable("csv", command.csv);
  require_writable_file("--out", command.out);
  const Table table = read_table(command.csv);
  std::error_code ignored;
  if (std::filesystem::equivalent(command.csv, command.out, ignored)) {
    throw ArgumentError("--out ", command.out.string(), ": is the input file");
  }
  if (const auto ending = command.out.extension(); ending != ".svg" && ending != ".png") {
    throw ArgumentError("--out ", command.out.string(), ": needs a name that ends in .svg or .png");
  }
  const std::string x_name = command.x.value_or(table.names.front());
  const std::vector<double> x = table.numbers(x_name);
  if (!command.deviation.empty() && command.deviation.size() != command.y.size()) {
    throw ArgumentError("--deviation: needs one column for each of the ", command.y.size(), " of --y, got ",
                        command.deviation.size());
  }
  if (command.error_bars && command.deviation.empty()) throw ArgumentError("--error-bars goes with --deviation");

  LineChart chart{.title = command.title,
                  .x_label = command.x_label.empty() ? x_name : command.x_label,
                  .y_label = !command.y_label.empty() || command.y.size() > 1 ? command.y_label : command.y.front(),
                  .logarithmic = command.log_y,
                  .error_bars = command.error_bars};
  for (const std::string& text : command.references) chart.references.push_back(reference_line(text));
  for (std::size_t k = 0; k < command.y.size(); ++k) {
    const std::string& name = command.y[k];
    const std::vector<double> y = table.numbers(name);
    const std::vector<double> deviation =
        command.deviation.empty() ? std::vector<double>() : table.numbers(command.deviation[k]);
    LineSeries series{command.y.size() > 1 ? name : "", {}};
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i]) || std::isnan(y[i])) continue;  // an empty cell
      const bool deviates = !deviation.empty() && !std::isnan(deviation[i]);
      series.points.push_back({x[i], y[i], deviates ? deviation[i] : 0});
    }
    if (series.points.empty()) throw DataError(command.csv.string(), ": no row has both ", x_name, " and ", name);
    chart.series.push_back(series);
  }
  write_line_chart(command.out, chart);
  std::cout << "chart: " << command.out.string() << '\n';
}

}  // namespace

void add_chart(CLI::App& app, const Communicator& ranks) {
  const auto command = std::make_shared<ChartCommand>();
  CLI::App& parser = *app.add_subcommand("chart", "Draw columns of a CSV file as SVG or PNG");
  parser.add_option("csv", command->csv, "CSV file whose first line has the column names")->required();
  parser.add_option("--x", command->x, "Column for the horizontal axis")
      ->check(Options::not_empty("a column's name"))
      ->default_str("the first");
  parser.add_option("--y", command->y, "Columns to draw, one line each: separate them by commas or repeat the option")
      ->required()
      ->check(Options::not_empty("a column's name"))
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  parser.add_option("--deviation", command->deviation, "Columns with the standard deviations, one for each of --y")
      ->check(Options::not_empty("a column's name"))
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  parser.add_flag("--error-bars", command->error_bars, "Draw deviations as bars instead of a band")->default_str("off");
  parser.add_option("--reference", command->references, "NAME=VALUE: a horizontal line, such as a published figure")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  parser.add_flag("--log-y", command->log_y, "Make the vertical axis logarithmic")->default_str("off");
  parser.add_option("--title", command->title, "Title above the chart");
  parser.add_option("--x-label", command->x_label, "Label of the horizontal axis")->default_str("the column's name");
  parser.add_option("--y-label", command->y_label, "Label of the vertical axis")
      ->default_str("the column's name, if there is only one");
  parser.add_option("--out", command->out, "Picture to write, FILE.svg or FILE.png")
      ->type_name("FILE")
      ->required()
      ->check(Options::not_empty());
  parser.callback([command, leads = ranks.rank() == 0] {
    if (leads) run(*command);
  });
}

}  // namespace hypertape::cli
