#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format.hpp"
#include "hypertape/core/tensor.hpp"
#include "hypertape/io/npz.hpp"
#include "line_chart.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;

/// The log of a run: one row per evaluation.
class RunLog {
 public:
  struct Row {
    long iteration = 0;
    std::optional<double> loss;
    double score = 0;                                  ///< on the held-out images, in percent
    double seconds = 0;                                ///< of training so far
    std::optional<double> certificate = std::nullopt;  ///< the largest difference since the previous row
    std::vector<float> rates = {};
  };

  /// `steps`: inner steps per epoch.
  explicit RunLog(Index steps) : steps_(static_cast<std::size_t>(steps)) {}

  const std::vector<Row>& rows() const { return rows_; }

  void add(Row row, const Tensor<float>& rates) {
    row.rates.assign(rates.values().begin(), rates.values().end());
    rows_.push_back(std::move(row));
  }

  /// CSV with a column for each inner step's learning rate, and one for certificates if there are any.
  std::string csv() const {
    std::string text = "iteration,loss,hold_out_score,seconds";
    for (std::size_t t = 0; t < rows_.front().rates.size(); ++t) text += concat(',', rate_name(t));
    const bool certified = std::ranges::any_of(rows_, [](const Row& row) { return row.certificate.has_value(); });
    text += certified ? ",certificate\n" : "\n";
    for (const Row& row : rows_) {
      text += concat(row.iteration, ',', row.loss ? concat(*row.loss) : "", ',', row.score, ',', fixed(row.seconds, 2));
      for (const float rate : row.rates) text += concat(',', rate);
      if (certified) text += concat(',', row.certificate ? concat(*row.certificate) : "");
      text += '\n';
    }
    return text;
  }

  /// The score on the held-out images over iterations.
  LineChart accuracy_chart() const {
    LineChart chart =
        empty_chart("Accuracy of networks trained on the distilled images", "accuracy on held-out images, percent");
    chart.series.push_back(series("hold-out", [](const Row& row) { return row.score; }));
    return chart;
  }

  /// The learning rates of some inner steps, evenly spaced, over iterations.
  LineChart rates_chart() const {
    LineChart chart = empty_chart("Learning rates eta of inner steps", "eta");
    constexpr std::size_t most = 8;
    const std::size_t rates = rows_.front().rates.size(), shown = std::min(most, rates);
    for (std::size_t i = 0; i < shown; ++i) {
      const std::size_t t = shown == 1 ? 0 : i * (rates - 1) / (shown - 1);
      chart.series.push_back(series(rate_name(t), [t](const Row& row) { return static_cast<double>(row.rates[t]); }));
    }
    return chart;
  }

  /// For a checkpoint; a missing loss or certificate is NaN.
  io::Npz arrays() const {
    std::vector<std::int64_t> iterations;
    std::vector<double> figures;
    std::vector<float> rates;
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    for (const Row& row : rows_) {
      iterations.push_back(row.iteration);
      figures.insert(figures.end(),
                     {row.loss.value_or(nothing), row.score, row.seconds, row.certificate.value_or(nothing)});
      rates.insert(rates.end(), row.rates.begin(), row.rates.end());
    }
    const auto count = static_cast<Index>(rows_.size());
    io::Npz npz;
    npz["iterations"] = {{count}, std::move(iterations)};
    npz["figures"] = {{count, 4}, std::move(figures)};
    npz["rates"] = {{count, static_cast<Index>(rates.size()) / count}, std::move(rates)};
    return npz;
  }

  /// Restores what `arrays` returned for a run with `rate_count` learning rates. @throws DataError naming the array of
  /// `path` that does not fit or has values that cannot be drawn.
  void restore(const io::Npz& npz, const std::filesystem::path& path, Index rate_count) {
    const auto& iterations = io::require_values<std::int64_t>(npz, path, "iterations", {-1});
    const auto count = static_cast<Index>(iterations.size());
    const auto& figures = io::require_values<double>(npz, path, "figures", {count, 4});
    const auto& rates = io::require_values<float>(npz, path, "rates", {count, rate_count});
    const auto each = static_cast<std::size_t>(rate_count);
    const auto refuse = [&](const char* name, const char* expected, double value) {
      throw io::bad_content(path, concat("array '", name, "'"), expected, concat(value));
    };
    for (const float rate : rates) {
      if (!std::isfinite(rate)) refuse("rates", "finite values", static_cast<double>(rate));
    }
    rows_.clear();
    for (std::size_t i = 0; i < iterations.size(); ++i) {
      const double* row = figures.data() + 4 * i;
      if (std::isinf(row[0])) refuse("figures", "finite losses", row[0]);
      if (!(row[1] >= 0 && row[1] <= 100)) refuse("figures", "scores in percent", row[1]);
      if (!std::isfinite(row[2])) refuse("figures", "finite seconds", row[2]);
      if (std::isinf(row[3])) refuse("figures", "finite certificates", row[3]);
      const auto optional = [](double value) { return std::isnan(value) ? std::nullopt : std::optional(value); };
      const auto first = rates.begin() + static_cast<std::ptrdiff_t>(i * each);
      rows_.push_back({iterations[i], optional(row[0]), row[1], row[2], optional(row[3]),
                       std::vector<float>(first, first + static_cast<std::ptrdiff_t>(each))});
    }
  }

 private:
  /// The eta of one step in one epoch, both counted from 1 as in the pictures. Steps vary fastest.
  std::string rate_name(std::size_t t) const { return concat("eta_step", t % steps_ + 1, "_epoch", t / steps_ + 1); }

  static LineChart empty_chart(const char* title, const char* y_label) {
    return {.title = title, .x_label = "iteration", .y_label = y_label};
  }

  /// One value per row, over iterations.
  template <class Value>
  LineSeries series(std::string name, const Value& value) const {
    LineSeries all;
    all.name = std::move(name);
    for (const Row& row : rows_) {
      all.points.push_back({static_cast<double>(row.iteration), value(row)});
    }
    return all;
  }

  std::size_t steps_;
  std::vector<Row> rows_;
};

}  // namespace hypertape::cli
