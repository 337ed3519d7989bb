#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "commands.hpp"
#include "common.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/core/version.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/picture.hpp"
#include "hypertape/nn/lenet.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

namespace hypertape::cli {
namespace {

constexpr Index default_networks = 20;

struct Options {
  CommonOptions common;
  std::filesystem::path distilled;
  std::string init = "fixed";
  std::optional<Index> networks;  ///< random ones
};

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / count;
  for (const double value : values) spread.deviation += std::pow(value - spread.mean, 2) / count;
  spread.deviation = std::sqrt(spread.deviation);
  return spread;
}

/// Reads the distilled set and makes sure that it goes with the dataset, the network and --init.
distill::DistilledSet load_set(const Options& options, const data::LabelledImages& images, Index weights) {
  distill::DistilledSet set = distill::load(options.distilled, images.classes);
  const std::string file = options.distilled.string();
  const Shape expected{set.images_per_step(), images.channels, images.height, images.width};
  if (set.images.front().shape() != expected) {
    throw DataError(message(file, ": its images are ", set.images.front().shape(), ", ", options.common.dataset,
                            " needs ", expected));
  }
  if (options.init == "random") return set;
  if (options.networks)
    throw ArgumentError("evaluate: --networks goes with --init random; a fixed theta_0 is one network");
  if (!set.theta0) {
    throw DataError(message(file,
                            ": has no array 'theta0', so it was not made for one fixed initialisation; use "
                            "--init random"));
  }
  if (set.theta0->size() != weights) {
    throw DataError(message(file, ": array 'theta0': expected (", weights, ") for LeNet, found ", set.theta0->shape()));
  }
  return set;
}

/// The accuracies of each network tested, in percent.
struct Accuracies {
  std::vector<double> before, after;
  double train_seconds = 0;
};

/// Trains and tests one network. @throws DivergenceError naming it.
void test_network(Index number, const Options& options, const distill::DistilledSet& set, const nn::LeNet& network,
                  const data::LabelledImages& images, const WorkerTeam& team, Accuracies& accuracies) {
  Random random = distill::random_stream(options.common.seed, distill::Stream::evaluation, number);
  const Tensor<float> theta0 = options.init == "fixed"
                                   ? *set.theta0
                                   : network.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random);
  UnrollOptions unroll_options;
  unroll_options.samples_per_block = inner_samples_per_block(set.images_per_step());
  Unroll<float, nn::ClassificationLoss<nn::LeNet>> unroll({&network}, unroll_options, team);
  const auto accuracy = [&](const Tensor<float>& theta) {
    return distill::accuracy(network, theta, images, set.normalization, team);
  };
  try {
    const Stopwatch training;
    const Tensor<float>& theta = unroll.train(set.inner_loop(theta0));
    accuracies.train_seconds += training.seconds();
    const double after = accuracy(theta);
    accuracies.before.push_back(accuracy(theta0));
    accuracies.after.push_back(after);
  } catch (const DivergenceError& error) {
    throw DivergenceError(message("network ", number, ": ", error.what()));
  }
}

void run(const Options& options) {
  const Stopwatch wall;
  const data::Dataset dataset = data::load_dataset(options.common.dataset, options.common.data);
  const data::LabelledImages& images = dataset.test;
  const nn::LeNet network(images.channels, images.width, images.classes);
  const distill::DistilledSet set = load_set(options, images, network.parameters().size());
  const WorkerTeam team(options.common.threads);
  const Index networks = options.init == "fixed" ? 1 : options.networks.value_or(default_networks);
  const OutputFolder out(options.common.out, "evaluate");
  out.write_json("config.json", {{"command", "evaluate"},
                                 {"version", HYPERTAPE_VERSION},
                                 {"distilled", std::filesystem::absolute(options.distilled).string()},
                                 {"dataset", options.common.dataset},
                                 {"data", folder_of(dataset)},
                                 {"network", "lenet"},
                                 {"init", options.init},
                                 {"networks", networks},
                                 {"seed", options.common.seed},
                                 {"threads", team.size()}});
  distill::save(set, out / "distilled.npz");
  distill::save_picture(set, out / "distilled.png");

  const Interrupt interrupt;
  Progress progress;
  Accuracies accuracies;
  std::string log = "network,initial_accuracy,test_accuracy\n";
  for (Index i = 0; i < networks && (i == 0 || !interrupt.requested()); ++i) {
    test_network(i, options, set, network, images, team, accuracies);
    log += message(i, ',', accuracies.before.back(), ',', accuracies.after.back(), '\n');
    data::write_atomically(out / "log.csv", log);
    if (networks > 1) {
      progress.show(
          message("network ", i + 1, "/", networks, "  test accuracy ", fixed(accuracies.after.back(), 2), " %"));
    }
  }
  progress.finish();
  const auto tested = static_cast<Index>(accuracies.after.size());
  if (tested < networks) std::cout << "stopped after " << tested << " of " << networks << " networks\n";

  const Spread start = spread_of(accuracies.before), end = spread_of(accuracies.after);
  out.write_json("summary.json", {{"dataset", options.common.dataset},
                                  {"network", "lenet"},
                                  {"init", options.init},
                                  {"objective", "classification"},
                                  {"steps", set.steps()},
                                  {"epochs", set.epochs()},
                                  {"images_per_class",
                                   static_cast<double>(set.images_per_step()) / static_cast<double>(images.classes)},
                                  {"iterations", 0},
                                  {"interrupted", tested < networks},
                                  {"seed", options.common.seed},
                                  {"threads", team.size()},
                                  {"networks_tested", tested},
                                  {"test_accuracy", end.mean},
                                  {"test_accuracy_std", end.deviation},
                                  {"initial_accuracy", start.mean},
                                  {"wall_seconds", wall.seconds()},
                                  {"train_seconds", accuracies.train_seconds},
                                  {"peak_rss_mb", peak_memory_mb()}});
  std::cout << "test accuracy: " << fixed(start.mean, 2) << " % before, " << fixed(end.mean, 2) << " % after";
  if (tested > 1) std::cout << " (standard deviation " << fixed(end.deviation, 2) << " over " << tested << " networks)";
  std::cout << '\n';
}

}  // namespace

void add_evaluate(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("evaluate", "Train networks on a saved distilled set and test them");
  options->common.add(*command);
  command->add_option("--distilled", options->distilled, "The distilled.npz to train on")->required();
  command->add_option("--init", options->init, "fixed: the theta_0 in the file; random: new networks")
      ->check(CLI::IsMember({"fixed", "random"}));
  command
      ->add_option("--networks", options->networks,
                   message("How many random networks to train (", default_networks, ")"))
      ->check(positive());
  command->callback([options] { run(*options); });
}

}  // namespace hypertape::cli
