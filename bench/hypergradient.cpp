/// bench_hypergradient: the time of one hypergradient, and of one gradient of the outer batch, in float.
/// No time is printed unless the result agrees with the plainest way to compute it (double precision, one block,
/// reverse over reverse, steps recomputed); the exit code is 1 if it does not.

#include "hypertape/unroll/hypergradient.hpp"

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "hypertape/core/peak_memory.hpp"
#include "hypertape/core/version.hpp"
#include "hypertape/nn/alexcifarnet.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "sgemm.hpp"
#include "timing.hpp"

namespace hypertape::bench {
namespace {

struct Options {
  std::string net = "lenet";
  Index steps = 10, epochs = 3, images = 10, batch = 1024;
  std::string second = "forward-over-reverse";
  std::string memory = "every-tape";
  int threads = 0, runs = 9;
  bool json = false;
};

/// Multiply-adds of one pass over one sample: of the first layer, whose input needs no gradient, and of all layers.
struct Work {
  double first, all;

  /// Forward, weight gradients, and input gradients of all but the first layer.
  double gradient() const { return 3 * all - first; }

  /// The gradient of an inner step, and its tangent along lambda with the derivative by the images: each product of two
  /// moving factors counts twice, those with the images, which do not move, once.
  double inner_step() const { return gradient() + 6 * all - 2 * first; }
};

constexpr Work lenet_work{6.0 * 25 * 28 * 28, 6.0 * 25 * 28 * 28 + 16.0 * 150 * 100 + 400.0 * 120 + 120.0 * 84 + 840};
constexpr Work alexcifarnet_work{64.0 * 75 * 32 * 32,
                                 64.0 * 75 * 32 * 32 + 64.0 * 1600 * 16 * 16 + 4096.0 * 384 + 384.0 * 192 + 1920};

/// What the benchmark must know of a network.
struct Facts {
  Shape image;  ///< of one image, (1, C, H, W)
  Work work;    ///< for it

  /// Of float against double. Float keeps 6e-8; through tens of steps and sums of thousands of terms some digits go.
  /// And of a million values that a relu or a maximum decides upon, about one is decided otherwise: in a network as
  /// wide as AlexCifarNet that happens, and moves the gradient of one image by up to a hundredth.
  double tolerance;
};

template <class T>
Tensor<T> noise(const Shape& shape, Random& random) {
  Tensor<T> out(shape);
  for (T& value : out.values()) value = static_cast<T>(random.normal());
  return out;
}

Tensor<float> labels(Index count) {
  std::vector<std::int32_t> classes;
  for (Index n = 0; n < count; ++n) classes.push_back(static_cast<std::int32_t>(n % 10));
  return one_hot<float>(std::span<const std::int32_t>(classes), 10);
}

/// The work of one measurement: the same in float and, for the check, in double.
template <class T>
struct Problem {
  InnerLoop<T> loop;
  Tensor<T> x, y;
};

template <class Network>
Problem<float> make_problem(const Network& net, const Shape& image, const Options& options) {
  Random random(1);
  Problem<float> problem;
  problem.loop.theta0 = net.parameters().template initialize<float>(nn::Initializer::xavier_normal, 1, random);
  for (Index s = 0; s < options.steps; ++s) {
    problem.loop.x.push_back(noise<float>(image.with_samples(options.images), random));
    problem.loop.y.push_back(labels(options.images));
  }
  problem.loop.learning_rates = Tensor<float>(Shape{options.epochs, options.steps}, 0.02f);
  problem.x = noise<float>(image.with_samples(options.batch), random);
  problem.y = labels(options.batch);
  return problem;
}

Problem<double> in_double(const Problem<float>& problem) {
  Problem<double> out;
  out.loop.theta0 = cast<double>(problem.loop.theta0);
  for (const auto& x : problem.loop.x) out.loop.x.push_back(cast<double>(x));
  for (const auto& y : problem.loop.y) out.loop.y.push_back(cast<double>(y));
  out.loop.learning_rates = cast<double>(problem.loop.learning_rates);
  out.x = cast<double>(problem.x);
  out.y = cast<double>(problem.y);
  return out;
}

double relative_error(const Tensor<float>& a, const Tensor<double>& b) {
  double difference = 0, total = 0;
  for (Index i = 0; i < b.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    total += b[i] * b[i];
  }
  return std::sqrt(difference / total);
}

/// The largest relative error of the three results.
template <class Network>
double error_of(const Hypergradient<float>& h, const Problem<float>& problem, const Network& net) {
  using Loss = nn::ClassificationLoss<Network>;
  const Problem<double> exact = in_double(problem);
  UnrollOptions plain;
  plain.second_derivative = SecondDerivative::reverse_over_reverse;
  plain.memory_policy = MemoryPolicy::recompute;
  Unroll<double, Loss> unroll({&net}, plain);
  BatchGradient<double> outer(WorkerTeam(1));
  const Hypergradient<double>& expected = unroll(exact.loop, [&](const auto& theta, auto& gradient) {
    return outer(Loss{&net}, theta, exact.x, exact.y, gradient);
  });
  double worst =
      std::max(relative_error(h.theta0, expected.theta0), relative_error(h.learning_rates, expected.learning_rates));
  for (std::size_t s = 0; s < h.x.size(); ++s) worst = std::max(worst, relative_error(h.x[s], expected.x[s]));
  return worst;
}

template <class Network>
int run(const Network& net, const Facts& facts, const Options& options) {
  using Loss = nn::ClassificationLoss<Network>;
  const Problem<float> problem = make_problem(net, facts.image, options);
  const WorkerTeam team(options.threads);
  UnrollOptions unroll_options;
  unroll_options.samples_per_block = inner_samples_per_block(options.images);
  unroll_options.second_derivative = options.second == "forward-over-reverse" ? SecondDerivative::forward_over_reverse
                                                                              : SecondDerivative::reverse_over_reverse;
  unroll_options.memory_policy = options.memory == "every-tape" ? MemoryPolicy::every_tape : MemoryPolicy::recompute;
  Unroll<float, Loss> unroll({&net}, unroll_options, team);
  BatchGradient<float> outer(team);
  const auto outer_loss = [&](const Tensor<float>& theta, Tensor<float>& gradient) {
    return outer(Loss{&net}, theta, problem.x, problem.y, gradient);
  };
  Tensor<float> gradient;
  const Timing whole = measure(options.runs, [&] { unroll(problem.loop, outer_loss); });
  const Timing batch = measure(options.runs, [&] { outer_loss(problem.loop.theta0, gradient); });
  const double peak = peak_memory_mb();  // before the check, whose doubles and tapes are not the benchmark's
  const Hypergradient<float> result = unroll(problem.loop, outer_loss);

  const double error = error_of(result, problem, net);
  if (!(error <= facts.tolerance)) {
    std::cerr << "bench_hypergradient: WRONG RESULT: relative error " << error << " against double precision, at most "
              << facts.tolerance << " allowed\n";
    return 1;
  }

  const double T = static_cast<double>(options.steps * options.epochs);
  const double outer_flop = 2 * static_cast<double>(options.batch) * facts.work.gradient();
  const double flop = outer_flop + 2 * T * static_cast<double>(options.images) * facts.work.inner_step();
  const double sgemm = sgemm_gflops(team.size());
  const auto row = [&](const char* what, const Timing& timing, double operations) {
    const double gflops = operations / timing.median_ms * 1e-6;
    return nlohmann::ordered_json{{"what", what},
                                  {"net", options.net},
                                  {"steps", options.steps},
                                  {"epochs", options.epochs},
                                  {"images", options.images},
                                  {"batch", options.batch},
                                  {"second_derivative", options.second},
                                  {"memory_policy", options.memory},
                                  {"threads", team.size()},
                                  {"runs", options.runs},
                                  {"min_ms", timing.min_ms},
                                  {"median_ms", timing.median_ms},
                                  {"gflops", gflops},
                                  {"sgemm_gflops", sgemm},
                                  {"share_of_sgemm", gflops / sgemm},
                                  {"relative_error", error},
                                  {"peak_rss_mb", peak}};
  };
  for (const auto& json : {row("hypergradient", whole, flop), row("gradient", batch, outer_flop)}) {
    if (options.json) {
      std::cout << json.dump() << '\n';
      continue;
    }
    std::cout << json["what"].template get<std::string>() << ": median " << json["median_ms"] << " ms, min "
              << json["min_ms"] << " ms, " << json["gflops"] << " GFLOP/s, "
              << json["share_of_sgemm"].template get<double>() * 100 << " % of sgemm\n";
  }
  if (!options.json) {
    std::cout << "sgemm: " << sgemm << " GFLOP/s on " << team.size() << " threads; relative error " << error
              << "; peak memory " << peak << " MB\n";
  }
  return 0;
}

}  // namespace
}  // namespace hypertape::bench

int main(int argc, char** argv) {
  hypertape::bench::Options options;
  CLI::App app("The time of one hypergradient through unrolled gradient descent.", "bench_hypergradient");
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app.set_version_flag("--version", HYPERTAPE_VERSION);
  app.add_option("--net", options.net, "The network")->check(CLI::IsMember({"lenet", "alexcifarnet"}));
  app.add_option("--steps", options.steps, "Inner steps of one epoch")->check(CLI::PositiveNumber);
  app.add_option("--epochs", options.epochs, "Times that the steps are repeated")->check(CLI::PositiveNumber);
  app.add_option("--images", options.images, "Images of one inner step")->check(CLI::PositiveNumber);
  app.add_option("--batch", options.batch, "Images of the outer loss")->check(CLI::PositiveNumber);
  app.add_option("--second-derivative", options.second, "How it is taken")
      ->check(CLI::IsMember({"forward-over-reverse", "reverse-over-reverse"}));
  app.add_option("--memory-policy", options.memory, "What is kept of the inner steps")
      ->check(CLI::IsMember({"every-tape", "recompute"}));
  app.add_option("--threads", options.threads, "0: as many as processors")->check(CLI::Range(0, 1024));
  app.add_option("--runs", options.runs, "Timed runs")->check(CLI::PositiveNumber);
  app.add_flag("--json", options.json, "One JSON object a line");
  CLI11_PARSE(app, argc, argv);
  using namespace hypertape;
  if (options.net == "lenet") return bench::run(nn::LeNet(), {{1, 1, 28, 28}, bench::lenet_work, 1e-3}, options);
  return bench::run(nn::AlexCifarNet(), {{1, 3, 32, 32}, bench::alexcifarnet_work, 5e-2}, options);
}
