#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <memory>
#include <optional>
#include <sstream>
#include <vector>

#include "commands.hpp"
#include "common.hpp"
#include "format.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/linear_case.hpp"
#include "interrupt.hpp"
#include "line_chart.hpp"
#include "progress.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

struct LinearCommand {
  explicit LinearCommand(CLI::App& command) : options(command) {}

  Options options;
  std::filesystem::path out;
  Index samples = 64;
  Index dimension = 8;
  double noise = 0.1;
  double step_size = 0.1;
  long iterations = 2000;
  double learning_rate = 0.05;
  std::uint64_t seed = 1;
};

/// E ||theta_1 - theta*||^2 after one step on M points.
struct Row {
  Index points;
  Index bound;
  double constructed;
  distill::SampledResidual sampled;
  double random;                  ///< of the points before learning
  std::optional<double> learned;  ///< empty if the run was stopped before
};

constexpr Index sampled_starts = 10000;

/// The random starts for this many points, or for the largest error (0).
Random starts(const LinearCommand& command, Index points) {
  return distill::random_stream(command.seed, distill::RandomPurpose::theta, points);
}

std::string csv_of(const std::vector<Row>& rows) {
  std::ostringstream csv = hypertape::detail::plain_stream();
  csv << std::setprecision(17) << "points,bound,constructed,sampled,sampled_standard_error,random,learned\n";
  for (const Row& row : rows) {
    csv << row.points << ',' << row.bound << ',' << row.constructed << ',' << row.sampled.mean << ','
        << row.sampled.standard_error << ',' << row.random << ',';
    if (row.learned) csv << *row.learned;
    csv << '\n';
  }
  return csv.str();
}

LineChart chart_of(const std::vector<Row>& rows, Index dimension) {
  LineSeries bound{"least possible", {}}, random{"random points", {}};
  LineSeries learned{"learned points", {}, false};  // a line would hide the bound
  for (const Row& row : rows) {
    const auto points = static_cast<double>(row.points);
    bound.points.push_back({points, static_cast<double>(row.bound)});
    random.points.push_back({points, row.random});
    if (row.learned) learned.points.push_back({points, *row.learned});
  }
  LineChart chart{.title = concat("One gradient step toward least squares in ", dimension, " dimensions"),
                  .x_label = "distilled points",
                  .y_label = "expected squared distance",
                  .series = {bound, random}};
  if (!learned.points.empty()) chart.series.push_back(learned);
  return chart;
}

/// The number in four significant digits, right-aligned.
std::string cell(double value) {
  std::ostringstream text = hypertape::detail::plain_stream();
  text << std::setw(13) << std::setprecision(4) << value;
  return text.str();
}

void print(const std::vector<Row>& rows) {
  std::cout << "points        bound  constructed      sampled       random      learned  learned - bound\n";
  for (const Row& row : rows) {
    const auto bound = static_cast<double>(row.bound);
    std::cout << std::setw(6) << row.points << cell(bound) << cell(row.constructed) << cell(row.sampled.mean)
              << cell(row.random);
    if (row.learned) std::cout << cell(*row.learned) << "    " << cell(*row.learned - bound);
    std::cout << '\n';
  }
}

/// Learns `row.points` points, unless interrupted.
void learn(const LinearCommand& command, const Tensor<double>& solution, Row& row, Interrupt& interrupt) {
  // An outer step takes microseconds: too little to parallelize.
  distill::LinearLearner learner(solution, row.points, command.step_size, command.iterations, command.learning_rate,
                                 command.seed, WorkerTeam(1));
  try {
    row.random = learner.expected_residual();
    while (learner.iteration() < command.iterations) {
      if (interrupt.requested()) return;
      learner.iterate();
    }
    row.learned = learner.expected_residual();
  } catch (const DivergenceError& error) {
    throw DivergenceError(row.points, " points, iteration ", learner.iteration(), ": ", error.what());
  }
}

void run(const LinearCommand& command) {
  const Stopwatch wall;
  OutputFolder out(command.out, "linear", {"linear.csv", "linear.svg"}, Communicator::alone());
  const distill::LinearProblem problem =
      distill::random_linear_problem(command.samples, command.dimension, command.noise, command.seed);
  const Tensor<double> solution = distill::least_squares(problem);
  out.create();
  out.write_json("config.json", config_of("linear", command.options));
  out.write_report();
  std::cout << "hypertape " << HYPERTAPE_VERSION << ": least squares, " << command.samples << " samples, "
            << command.dimension << " dimensions, one step of size " << command.step_size << '\n';

  Interrupt interrupt(Communicator::alone());
  distill::LinearResidual residual(solution, WorkerTeam(1));
  const auto best = [&](Index points) { return distill::best_linear_points(solution, points, command.step_size); };
  Random random = starts(command, 0);
  const double largest_error = residual.largest_error(best(command.dimension), sampled_starts, random);

  Progress progress;
  std::vector<Row> rows;
  for (Index points = 1; points <= command.dimension && !interrupt.requested(); ++points) {
    Random of_points = starts(command, points);
    Row row{points,
            distill::least_residual(command.dimension, points),
            residual.expected(best(points)).outer_loss,
            residual.sampled(best(points), sampled_starts, of_points),
            {},
            {}};
    learn(command, solution, row, interrupt);
    rows.push_back(row);
    out.write("linear.csv", csv_of(rows));
    out.refresh_report();
    progress.show(concat("points ", points, "/", command.dimension));
  }
  progress.finish();
  const bool interrupted = rows.empty() || !rows.back().learned || rows.back().points < command.dimension;
  if (interrupted) std::cout << "stopped at " << rows.size() << " of " << command.dimension << " points\n";
  print(rows);
  if (!rows.empty()) write_line_chart(out / "linear.svg", chart_of(rows, command.dimension));

  Json points = Json::array(), bound = points, constructed = points, sampled = points, random_points = points,
       learned = points;
  for (const Row& row : rows) {
    points.push_back(row.points);
    bound.push_back(row.bound);
    constructed.push_back(row.constructed);
    sampled.push_back(row.sampled.mean);
    random_points.push_back(row.random);
    if (row.learned) learned.push_back(*row.learned);  // the last row of a stopped run may lack it
  }
  out.write_json("summary.json", {{"samples", command.samples},
                                  {"dimension", command.dimension},
                                  {"iterations", command.iterations},
                                  {"interrupted", interrupted},
                                  {"seed", command.seed},
                                  {"starts_tested", sampled_starts},
                                  {"largest_error", largest_error},
                                  {"points", points},
                                  {"bound", bound},
                                  {"constructed", constructed},
                                  {"sampled", sampled},
                                  {"random", random_points},
                                  {"learned", learned},
                                  {"wall_seconds", rounded(wall.seconds(), 3)},
                                  {"peak_rss_mb", rounded(peak_memory_mb(), 1)}});
  out.write_report();
  std::cout << command.dimension << " points lead from each of " << sampled_starts
            << " random starts to theta*, at most " << largest_error << " away\n";
  if (!rows.empty()) std::cout << "chart:  " << (out / "linear.svg").string() << '\n';
  std::cout << "report: " << (out / "report.html").string() << '\n';
  std::cout << "time:   " << minutes(wall.seconds()) << '\n';
  if (interrupted) exit_stopped(interrupt.exit_code());
}

}  // namespace

void add_linear(CLI::App& app, const Communicator& ranks) {
  const auto command =
      std::make_shared<LinearCommand>(*app.add_subcommand("linear", "The linear case (section 3.3 of the paper)"));
  Options& options = command->options;
  options.group("Results");
  options.add_out(command->out, "Folder for the results, created if necessary")->required();
  options.add("--seed", command->seed, "Seed of all random numbers")->check(seed_number());
  options.group("Problem");
  options.add("--samples", command->samples, "Number N of generated samples")->check(positive());
  options.add("--dimension", command->dimension, "Dimension D, at most N")->check(positive());
  options.add("--noise", command->noise, "Standard deviation of the noise in the targets")->check(positive(true));
  options.group("Learning");
  options.add("--step-size", command->step_size, "Size eta of the gradient step")->check(positive());
  options.add("--iterations", command->iterations, "Outer steps for each number of points")->check(positive());
  options
      .add("--learning-rate", command->learning_rate,
           "Learning rate of the outer Adam, in units of the norm of the optimal points")
      ->check(positive());
  options.command().callback([command, leads = ranks.rank() == 0] {
    if (leads) run(*command);  // takes seconds: one rank is enough
  });
}

}  // namespace hypertape::cli
