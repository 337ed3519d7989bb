/// bench_hypergradient: the time and memory of one hypergradient, and of one gradient of the outer batch, in float.
/// Options that take several values are swept: every combination is a row. Before a time is printed, the result is
/// compared with the plainest computation (double precision, one block, reverse over reverse, recomputed steps); the
/// exit code is 1 if it is wrong.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "fma_peak.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/memory_option.hpp"
#include "hypertape/nn/alexcifarnet.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/convnet.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/optim/adamw.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/nesterov.hpp"
#include "hypertape/optim/rms_prop.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "hypertape/unroll/unroll_ensemble.hpp"
#include "program.hpp"
#include "random_data.hpp"
#include "sgemm.hpp"
#include "team_costs.hpp"
#include "timing.hpp"
#include "work.hpp"

namespace hypertape::bench {
namespace {

const std::map<std::string, SecondDerivative> second_derivatives{
    {"forward-over-reverse", SecondDerivative::forward_over_reverse},
    {"reverse-over-reverse", SecondDerivative::reverse_over_reverse}};
const std::map<std::string, std::pair<optim::Rule<float>, optim::Rule<double>>> rules{
    {"gradient-descent", {optim::GradientDescent{}, optim::GradientDescent{}}},
    {"heavy-ball", {optim::HeavyBall{}, optim::HeavyBall{}}},
    {"nesterov", {optim::Nesterov{}, optim::Nesterov{}}},
    {"rms-prop", {optim::RmsProp{}, optim::RmsProp{}}},
    {"adam", {optim::Adam{}, optim::Adam{}}},
    {"adamw", {optim::AdamW(), optim::AdamW()}}};

struct Options {
  std::string net = "lenet";
  Index steps = 10, images = 10, batch = 1024;
  std::vector<Index> epochs{3};
  std::vector<std::string> second{"forward-over-reverse"}, memory{"all"};
  std::vector<int> threads{0};
  Index window = 0;
  std::string rule = "gradient-descent";
  double learning_rate = 0.02;
  Index initializations = 1;
  int runs = 9;
  bool json = false;
};

/// What the benchmark must know about a network.
struct Facts {
  Shape image;  ///< of one image, (1, C, H, W)
  Work work;    ///< per image

  /// The tolerance of float against double. Float rounds at 6e-8; tens of steps and sums of thousands of terms lose
  /// some digits. Also, a relu or a maximum decides differently for about one value in a million. In a network as wide
  /// as AlexCifarNet that happens, and changes the gradient of one image by up to a hundredth.
  double tolerance;

  /// Beyond this many steps, one such decision changes everything after it: training on ten images of noise is at the
  /// edge of stability, and even in double precision, moving the weights by a millionth may change AlexCifarNet's
  /// hypergradient through six steps by four fifths. Longer runs are checked in double precision, with a tight
  /// tolerance.
  double longest_in_float;
};

constexpr double tolerance_in_double = 1e-8;

/// The inputs of one measurement: the same in float and, for the check, in double.
template <class T>
struct Problem {
  InnerLoop<T> loop;
  Tensor<T> x, y;
};

template <class Network>
Problem<float> make_problem(const Network& net, const Shape& image, const Options& options, Index epochs) {
  const auto count = [](Index n) { return static_cast<double>(n); };
  require_memory(  // in float, and in double for the check
      (count(options.steps) * count(options.images) + count(options.batch)) * count(image.size()) * 12 +
      count(options.steps) * count(epochs) * 12 + count(options.initializations) * count(net.parameters().size()) * 12);
  Random random(1);
  Problem<float> problem;
  problem.loop.theta0 = net.parameters().template initialize<float>(nn::Initializer::xavier_normal, 1, random);
  for (Index s = 0; s < options.steps; ++s) {
    problem.loop.x.push_back(noise<float>(image.with_samples(options.images), random));
    problem.loop.y.push_back(ten_classes<float>(options.images));
  }
  problem.loop.learning_rates = Tensor<float>(Shape{epochs, options.steps}, static_cast<float>(options.learning_rate));
  problem.loop.rule = rules.at(options.rule).first;
  problem.x = noise<float>(image.with_samples(options.batch), random);
  problem.y = ten_classes<float>(options.batch);
  return problem;
}

Problem<double> in_double(const Problem<float>& problem, const std::string& rule) {
  Problem<double> out;
  out.loop.rule = rules.at(rule).second;
  out.loop.theta0 = cast<double>(problem.loop.theta0);
  for (const auto& x : problem.loop.x) out.loop.x.push_back(cast<double>(x));
  for (const auto& y : problem.loop.y) out.loop.y.push_back(cast<double>(y));
  out.loop.learning_rates = cast<double>(problem.loop.learning_rates);
  out.x = cast<double>(problem.x);
  out.y = cast<double>(problem.y);
  return out;
}

/// The gradient of the outer batch, computed in the plainest way.
template <class Network>
Tensor<double> plain_gradient(const Problem<float>& problem, const Network& net) {
  const Problem<double> exact = in_double(problem, "gradient-descent");
  BatchGradient<double> outer(nn::ClassificationLoss{&net});
  Tensor<double> gradient;
  outer(exact.loop.theta0, exact.x, exact.y, gradient);
  return gradient;
}

/// The hypergradient, computed in the plainest way.
template <class Network>
Hypergradient<double> plain_hypergradient(const Problem<float>& problem, const Network& net, const Options& options) {
  const Problem<double> exact = in_double(problem, options.rule);
  UnrollOptions plain;
  plain.second_derivative = SecondDerivative::reverse_over_reverse;
  plain.schedule = Schedule::recompute();
  plain.window = options.window;
  Unroll<double> unroll(nn::ClassificationLoss{&net}, plain);
  BatchGradient<double> outer(nn::ClassificationLoss{&net});
  return unroll(exact.loop,
                [&](const auto& theta, auto& gradient) { return outer(theta, exact.x, exact.y, gradient); });
}

/// The largest relative error of the three results.
template <class T>
double error_of(const Hypergradient<T>& h, const Hypergradient<double>& expected) {
  double worst = largest_error(
      {relative_error(h.theta0, expected.theta0), relative_error(h.learning_rates, expected.learning_rates)});
  for (std::size_t s = 0; s < h.x.size(); ++s) {
    const auto zero = [](const auto& values) { return kernels::dot(values.size(), values.data(), values.data()) == 0; };
    const bool unused = zero(expected.x[s]) && zero(h.x[s]);  // no step of the window used it
    worst = largest_error({worst, unused ? 0 : relative_error(h.x[s], expected.x[s])});
  }
  return worst;
}

/// Whether the rule divides by the root of a mean of squares. That is 0 at first, so the result depends on the last
/// digits of gradients near 0.
bool divides_by_a_root(const std::string& rule) { return rule == "adam" || rule == "adamw" || rule == "rms-prop"; }

/// Prints rows of results as they come.
class Report {
 public:
  explicit Report(const Options& options) : options_(options) {}

  void print(const nlohmann::ordered_json& row) const {
    if (options_.json) {
      std::cout << row.dump() << std::endl;
      return;
    }
    const auto number = [&](const char* key) { return row[key].get<double>(); };
    std::cout << row["what"].get<std::string>() << ", " << row["threads"] << " threads";
    if (row.contains("epochs")) {
      std::cout << ", " << row["steps"] << " x " << row["epochs"] << " steps, "
                << row["second_derivative"].get<std::string>() << ", " << row["memory"].get<std::string>();
    }
    std::cout << ": median " << number("median_ms") << " ms, min " << number("min_ms") << " ms, " << number("gflops")
              << " GFLOP/s, " << 100 * number("share_of_peak") << " % of the peak (" << number("peak_gflops") << "), "
              << 100 * number("share_of_sgemm") << " % of sgemm (" << number("sgemm_gflops") << ")";
    if (row.contains("ms_per_step")) {
      std::cout << "; " << number("ms_per_step") << " ms a step; " << number("memory_mb")
                << " MB (predicted for the unroll " << number("predicted_unroll_mb") << ", it took "
                << number("unroll_mb") << "), process " << number("peak_rss_mb") << " MB; relative error "
                << number("relative_error");
    }
    if (row.contains("session_us")) {
      std::cout << "; a team's session costs " << number("session_us") << " us, an empty loop in it "
                << number("empty_loop_us");
    }
    std::cout << std::endl;
  }

 private:
  const Options& options_;
};

double megabytes(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

/// What this many threads can do at the moment, in GFLOP/s.
struct Rates {
  double peak, sgemm;
};

nlohmann::ordered_json rated(nlohmann::ordered_json row, const Timing& timing, double flop, const Rates& rates) {
  const double gflops = flop / timing.median_ms * 1e-6;
  row.update({{"min_ms", timing.min_ms},
              {"median_ms", timing.median_ms},
              {"gflops", gflops},
              {"peak_gflops", rates.peak},
              {"share_of_peak", gflops / rates.peak},
              {"sgemm_gflops", rates.sgemm},
              {"share_of_sgemm", gflops / rates.sgemm}});
  return row;
}

/// One initialization, or several at once.
template <class Network>
class Bench {
 public:
  Bench(const Network& net, const Facts& facts, const Options& options, int threads)
      : net_(net),
        facts_(facts),
        options_(options),
        team_(threads),
        outer_(nn::ClassificationLoss{&net}, team_),
        report_(options) {
    for (int w = 0; w < team_.size(); ++w) outer_of_worker_.emplace_back(nn::ClassificationLoss{&net}, WorkerTeam(1));
    rates_ = {fma_peak_gflops(team_.size()), sgemm_gflops(team_.size())};
    team_costs_ = team_costs(team_);
  }

  /// The gradient of the outer batch. Its time is what a hypergradient takes besides its steps.
  void gradient() {
    const Problem<float> problem = make_problem(net_, facts_.image, options_, 1);
    gradient_time_ = measure(options_.runs, [&] { outer_(problem.loop.theta0, problem.x, problem.y, gradient_); });
    gradient_peak_ = peak_memory_mb();
  }

  /// Runs after the hypergradients, so that the exact gradient does not count toward their peak memory.
  /// @throws WrongResult
  void report_gradient() const {
    require("the gradient against double precision", gradient_,
            plain_gradient(make_problem(net_, facts_.image, options_, 1), net_), facts_.tolerance);
    nlohmann::ordered_json row = rated(common("gradient"), gradient_time_, outer_flop(), rates_);
    row.update({{"peak_rss_mb", gradient_peak_},
                {"session_us", team_costs_.session},
                {"empty_loop_us", team_costs_.empty_loop}});
    report_.print(row);
  }

  /// @throws WrongResult
  void hypergradient(Index epochs, const std::string& second, const std::string& memory,
                     const std::function<const Hypergradient<double>&()>& expected) {
    const Problem<float> problem = make_problem(net_, facts_.image, options_, epochs);
    UnrollOptions unroll_options;
    unroll_options.samples_per_block = inner_samples_per_block(options_.images);
    unroll_options.second_derivative = second_derivatives.at(second);
    unroll_options.schedule = distill::schedule_from_text(memory);
    unroll_options.window = options_.window;

    nlohmann::ordered_json row = common("hypergradient");
    row.update({{"steps", options_.steps},
                {"epochs", epochs},
                {"images", options_.images},
                {"initializations", options_.initializations},
                {"second_derivative", second},
                {"rule", options_.rule},
                {"memory", memory},
                {"window", options_.window}});
    const auto time = [&](const auto& call, const auto& bytes, std::size_t predicted) {
      call();
      const double peak = peak_memory_mb();
      const auto T = static_cast<double>(options_.steps * epochs);
      const bool in_float = T <= facts_.longest_in_float && !divides_by_a_root(options_.rule);
      const double error =
          in_float ? error_of(call(), expected()) : error_of(in_double_precision(problem, unroll_options), expected());
      const double tolerance = in_float ? facts_.tolerance : tolerance_in_double;
      require(hypertape::detail::concat("the hypergradient (", second, ", ", memory, ", ", epochs,
                                        " epochs) against double precision"),
              error, tolerance);
      const Timing timing = measure(options_.runs, call);
      const auto several = static_cast<double>(options_.initializations);
      const double steps = options_.window == 0 ? T : std::min(T, static_cast<double>(options_.window));
      const double inner = facts_.work.inner_step() * steps + facts_.work.gradient() * (T - steps);
      const double flop = several * (outer_flop() + 2 * static_cast<double>(options_.images) * inner);
      row = rated(row, timing, flop, rates_);
      row.update({{"ms_per_step", (timing.median_ms - several * gradient_time_.median_ms) / (several * T)},
                  {"relative_error", error},
                  {"memory_mb", megabytes(bytes() + outer_bytes())},
                  {"unroll_mb", megabytes(bytes())},
                  {"predicted_unroll_mb", megabytes(predicted)},
                  {"peak_rss_mb", peak}});
      report_.print(row);
    };
    Unroll<float> unroll(nn::ClassificationLoss{&net_}, unroll_options, team_);
    // With enough initializations, each thread has an unroll of its own; otherwise they share one.
    const bool alone = options_.initializations > 1 && options_.initializations >= team_.size();
    const std::size_t predicted =
        unroll.predicted_bytes(problem.loop) * (alone ? static_cast<std::size_t>(team_.size()) : 1);
    require_memory(static_cast<double>(predicted));
    if (options_.initializations == 1) {
      const auto outer_loss = [&](const Tensor<float>& theta, Tensor<float>& gradient) {
        return outer_(theta, problem.x, problem.y, gradient);
      };
      time([&]() -> const Hypergradient<float>& { return unroll(problem.loop, outer_loss); },
           [&] { return unroll.reserved_bytes(); }, predicted);
    } else {  // all start from the same weights, so the mean equals that of one
      const std::vector<Tensor<float>> theta0(static_cast<std::size_t>(options_.initializations), problem.loop.theta0);
      UnrollEnsemble<float> ensemble(nn::ClassificationLoss{&net_}, unroll_options, team_);
      const auto outer_loss = [&](Index, int worker) {
        return [&, worker](const Tensor<float>& theta, Tensor<float>& gradient) {
          return outer_of_worker_[static_cast<std::size_t>(worker)](theta, problem.x, problem.y, gradient);
        };
      };
      time([&]() -> const Hypergradient<float>& { return ensemble(problem.loop, theta0, outer_loss); },
           [&] { return ensemble.reserved_bytes(); }, predicted);
    }
  }

 private:
  Hypergradient<double> in_double_precision(const Problem<float>& problem, const UnrollOptions& unroll_options) const {
    const Problem<double> exact = in_double(problem, options_.rule);
    if (options_.initializations == 1) {
      Unroll<double> unroll(nn::ClassificationLoss{&net_}, unroll_options, team_);
      BatchGradient<double> outer(nn::ClassificationLoss{&net_}, team_);
      return unroll(exact.loop,
                    [&](const auto& theta, auto& gradient) { return outer(theta, exact.x, exact.y, gradient); });
    }
    const std::vector<Tensor<double>> theta0(static_cast<std::size_t>(options_.initializations), exact.loop.theta0);
    UnrollEnsemble<double> ensemble(nn::ClassificationLoss{&net_}, unroll_options, team_);
    std::vector<BatchGradient<double>> outer;
    for (int w = 0; w < team_.size(); ++w) outer.emplace_back(nn::ClassificationLoss{&net_}, WorkerTeam(1));
    return ensemble(exact.loop, theta0, [&](Index, int worker) {
      return [&, worker](const auto& theta, auto& gradient) {
        return outer[static_cast<std::size_t>(worker)](theta, exact.x, exact.y, gradient);
      };
    });
  }

  nlohmann::ordered_json common(const char* what) const {
    return {{"what", what},
            {"net", options_.net},
            {"batch", options_.batch},
            {"threads", team_.size()},
            {"runs", options_.runs}};
  }
  double outer_flop() const { return 2 * static_cast<double>(options_.batch) * facts_.work.gradient(); }
  std::size_t outer_bytes() const {
    std::size_t bytes = outer_.reserved_bytes();
    for (const auto& outer : outer_of_worker_) bytes += outer.reserved_bytes();
    return bytes;
  }

  const Network& net_;
  const Facts& facts_;
  const Options& options_;
  WorkerTeam team_;
  BatchGradient<float> outer_;
  std::vector<BatchGradient<float>> outer_of_worker_;
  Report report_;
  Rates rates_{};
  TeamCosts team_costs_{};
  Tensor<float> gradient_;
  Timing gradient_time_{};
  double gradient_peak_ = 0;
};

template <class Network>
void run(const Network& net, const Facts& facts, const Options& options) {
  std::vector<Bench<Network>> benches;
  benches.reserve(options.threads.size());
  for (const int threads : options.threads) benches.emplace_back(net, facts, options, threads);
  for (auto& bench : benches) bench.gradient();
  for (const Index epochs : options.epochs) {
    // Computed only after a first call has set the peak memory, so that its doubles and tapes do not count. In a sweep,
    // peak_rss_mb is the largest so far; memory_mb is the row's own.
    std::optional<Hypergradient<double>> exact;
    for (auto& bench : benches) {
      for (const std::string& second : options.second) {
        for (const std::string& memory : options.memory) {
          const auto exact_result = [&]() -> const Hypergradient<double>& {
            if (!exact) exact = plain_hypergradient(make_problem(net, facts.image, options, epochs), net, options);
            return *exact;
          };
          bench.hypergradient(epochs, second, memory, exact_result);
        }
      }
    }
  }
  for (const auto& bench : benches) bench.report_gradient();
}

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  using namespace hypertape;
  bench::Options options;
  CLI::App app("The time and memory of one hypergradient through unrolled gradient descent.", "bench_hypergradient");
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.add_option("--net", options.net, "The network")
      ->check(CLI::IsMember({"lenet", "lenet-4-channels", "alexcifarnet", "convnet"}));
  const CLI::Range count(Index{1}, Index{1000000}), count_or_0(Index{0}, Index{1000000});
  app.add_option("--steps", options.steps, "Inner steps of one epoch")->check(count);
  app.add_option("--images", options.images, "Images of one inner step")->check(count);
  app.add_option("--batch", options.batch, "Images of the outer loss")->check(count);
  app.add_option("--rule", options.rule, "The update rule of the inner steps")->check(CLI::IsMember(bench::rules));
  app.add_option("--learning-rate", options.learning_rate, "Learning rate of the inner steps")
      ->check(CLI::PositiveNumber);
  app.add_option("--window", options.window, "Differentiate through the last N steps only; 0: all")->check(count_or_0);
  app.add_option("--initializations", options.initializations, "Initializations at once")->check(count);
  app.add_option("--runs", options.runs, "Timed runs")->check(count);
  app.add_flag("--json", options.json, "One JSON object per line");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--epochs", options.epochs, "Passes over the steps; several: a sweep")->check(count);
  app.add_option("--second-derivative", options.second, "How to compute it; several: a sweep")
      ->check(CLI::IsMember(bench::second_derivatives));
  app.add_option("--memory", options.memory,
                 "What to store of the inner steps: all, recompute, checkpoints[:K], binomial:C, or an amount such as "
                 "450MB; several: a sweep");
  app.add_option("--threads", options.threads, "0: as many as processors; several: a sweep")
      ->check(CLI::Range(0, 1024));
  return bench::run_program(app, argc, argv, [&] {
    for (const std::string& memory : options.memory) distill::schedule_from_text(memory);
    if (options.net == "lenet") {
      return bench::run(nn::LeNet(), {{1, 1, 28, 28}, bench::lenet_work(1), 1e-3, 30}, options);
    }
    if (options.net == "lenet-4-channels") {
      return bench::run(nn::LeNet(4), {{1, 4, 28, 28}, bench::lenet_work(4), 1e-3, 30}, options);
    }
    if (options.net == "convnet")
      return bench::run(nn::ConvNet(), {{1, 3, 32, 32}, bench::convnet_work, 5e-2, 0}, options);
    bench::run(nn::AlexCifarNet(), {{1, 3, 32, 32}, bench::alexcifarnet_work, 5e-2, 0}, options);
  });
}
