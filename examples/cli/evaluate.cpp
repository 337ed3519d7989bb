#include <cmath>
#include <memory>
#include <vector>

#include "commands.hpp"
#include "common.hpp"
#include "hypertape/core/version.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/distiller.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/nn/lenet.hpp"
#include "progress.hpp"

namespace hypertape::cli {
namespace {

struct Options {
  CommonOptions common;
  std::filesystem::path distilled;
  std::string init = "fixed";
  Index networks = 20;
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

void run(const Options& options) {
  const Stopwatch wall;
  const data::Dataset dataset = data::load_dataset(options.common.dataset, options.common.data);
  const data::LabelledImages& images = dataset.test;
  const distill::DistilledSet set = distill::load(options.distilled, images.classes);
  const Shape expected = Shape{set.images_per_step(), images.channels, images.height, images.width};
  if (set.images.front().shape() != expected) {
    throw DataError(message(options.distilled.string(), ": its images are ", set.images.front().shape(), ", ",
                            options.common.dataset, " needs ", expected));
  }
  const nn::LeNet network(images.channels, images.width, images.classes);
  const Index weights = network.parameters().size();
  const bool fixed_init = options.init == "fixed";
  if (fixed_init && !set.theta0) {
    throw DataError(message(options.distilled.string(),
                            ": has no array 'theta0', so it was not made for one fixed "
                            "initialisation; use --init random"));
  }
  if (fixed_init && set.theta0->size() != weights) {
    throw DataError(message(options.distilled.string(), ": array 'theta0': expected (", weights, ") for LeNet, found ",
                            set.theta0->shape()));
  }
  const OutputFolder out(options.common.out);
  out.write_json("config.json", {{"command", "evaluate"},
                                 {"version", HYPERTAPE_VERSION},
                                 {"distilled", options.distilled.string()},
                                 {"dataset", options.common.dataset},
                                 {"data", options.common.data ? Json(options.common.data->string()) : Json()},
                                 {"network", "lenet"},
                                 {"init", options.init},
                                 {"networks", fixed_init ? 1 : options.networks},
                                 {"seed", options.common.seed},
                                 {"threads", WorkerTeam(options.common.threads).size()}});

  const WorkerTeam team(options.common.threads);
  Unroll<float, distill::ClassificationLoss<nn::LeNet>> unroll({&network});
  std::vector<double> before, after;
  double train_seconds = 0;
  std::string log = "network,initial_accuracy,test_accuracy\n";
  for (Index i = 0; i < (fixed_init ? 1 : options.networks); ++i) {
    Random random(options.common.seed, {static_cast<std::uint64_t>(i)});
    const Tensor<float> theta0 =
        fixed_init ? *set.theta0 : network.parameters().initialize<float>(nn::Initializer::xavier_normal, 1, random);
    const Stopwatch training;
    const Tensor<float>& theta = unroll.train(set.inner_loop(theta0));
    train_seconds += training.seconds();
    before.push_back(distill::accuracy(network, theta0, images, set.normalization, team));
    after.push_back(distill::accuracy(network, theta, images, set.normalization, team));
    log += message(i, ',', before.back(), ',', after.back(), '\n');
  }
  const Spread start = spread_of(before), end = spread_of(after);
  data::write_atomically(out / "log.csv", log);
  out.write_json("summary.json", {{"dataset", options.common.dataset},
                                  {"network", "lenet"},
                                  {"init", options.init},
                                  {"objective", "classification"},
                                  {"steps", set.steps()},
                                  {"epochs", set.epochs()},
                                  {"images_per_class",
                                   static_cast<double>(set.images_per_step()) / static_cast<double>(images.classes)},
                                  {"iterations", 0},
                                  {"seed", options.common.seed},
                                  {"threads", team.size()},
                                  {"networks_tested", after.size()},
                                  {"test_accuracy", end.mean},
                                  {"test_accuracy_std", end.deviation},
                                  {"initial_accuracy", start.mean},
                                  {"wall_seconds", wall.seconds()},
                                  {"train_seconds", train_seconds},
                                  {"peak_rss_mb", peak_rss_mb()}});
  std::cout << "test accuracy: " << fixed(start.mean, 2) << " % before, " << fixed(end.mean, 2) << " % after";
  if (after.size() > 1)
    std::cout << " (standard deviation " << fixed(end.deviation, 2) << " over " << after.size() << " networks)";
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
  command->add_option("--networks", options->networks, "How many random networks to train")->check(positive());
  command->callback([options] { run(*options); });
}

}  // namespace hypertape::cli
