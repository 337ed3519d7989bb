#include <memory>

#include "commands.hpp"
#include "common.hpp"
#include "distilled_picture.hpp"
#include "format.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "initialization.hpp"
#include "interrupt.hpp"
#include "network.hpp"
#include "objective.hpp"
#include "progress.hpp"
#include "testing.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

struct EvaluateCommand {
  explicit EvaluateCommand(CLI::App& command) : options(command) {}

  Options options;
  CommonOptions common;
  NetworkOptions network;
  InitializationOptions initialization;
  ObjectiveOptions objective;
  std::filesystem::path distilled;
  bool shuffle = false;
  bool skip_diverged = false;
};

/// The weights to test with: of a fixed initialization those that the set was made for.
distill::InitialWeights weights_for(const EvaluateCommand& command, const distill::DistilledSet& set,
                                    const nn::Network<float>& network, const data::LabeledImages& images) {
  if (command.initialization.init != "fixed") {
    return InitialWeightFamilies(command.initialization, network, images, command.common.seed).testing();
  }
  try {
    return distill::fixed_weights(set, network);
  } catch (const ArgumentError& error) {
    throw DataError(command.distilled.string(), ": ", error.what(), "; --init random takes new weights");
  }
}

void run(EvaluateCommand& command) {
  const Stopwatch wall;
  command.common.check(command.options);
  command.initialization.check(command.options);
  command.options.only(command.initialization.init == "random", "--init random", {"--initializer", "--gain"});
  command.options.check_paths();
  OutputFolder out(command.common.out, "evaluate", {"log.csv", "distilled.npz", "distilled.png"});
  const data::Dataset dataset = command.common.load();
  const data::LabeledImages& images = dataset.test;
  const distill::Objective objective = command.objective.make(images.classes);
  const nn::Network<float> network = command.network.make(images, command.options);
  const distill::DistilledSet saved = load_distilled(command.distilled, dataset);
  const distill::InitialWeights weights = weights_for(command, saved, network, images);
  if (command.shuffle && saved.steps() == 1) {
    throw ArgumentError("--shuffle: " + command.distilled.string() + " has one step, there is nothing to shuffle");
  }
  const distill::DistilledSet set = command.shuffle ? distill::shuffled(saved, command.common.seed) : saved;
  const WorkerTeam team(command.common.threads);
  const Index networks = command.initialization.networks_to_test();
  out.create();
  Json config = config_of("evaluate", command.options);
  config.update(description_of(dataset));
  config["network"] = network.name();
  out.write_json("config.json", config);
  distill::save(saved, out / "distilled.npz");
  write_drawing(out / "distilled.png", draw_set(saved, dataset.class_names));

  const Interrupt interrupt;
  Progress progress;
  const distill::Evaluation result = distill::evaluate(
      network, set, weights, data::all_indices(networks), images, command.skip_diverged,
      [&](const distill::Evaluation& so_far) {
        io::write_atomically(out / "log.csv", csv_of(so_far, objective));
        if (networks > 1) {
          progress.show(concat("network ", so_far.after.size(), "/", networks, "  test accuracy ",
                               fixed(so_far.after.back().accuracy(), 2), " %"));
        }
        return !interrupt.requested();
      },
      team);
  progress.finish();
  const auto tested = static_cast<Index>(result.after.size());
  if (tested < networks) std::cout << "stopped after " << tested << " of " << networks << " networks\n";

  Json summary = {
      {"dataset", command.common.dataset},
      {"network", network.name()},
      {"init", command.initialization.init},
      {"objective", command.objective.objective},
      {"steps", saved.steps()},
      {"epochs", saved.epochs()},
      {"images_per_class", static_cast<double>(saved.images_per_step()) / static_cast<double>(images.classes)},
      {"iterations", 0},
      {"interrupted", tested < networks},
      {"seed", command.common.seed},
      {"threads", team.size()}};
  if (saved.origin) summary["distilled_from"] = saved.origin->dataset;
  summary.update(summary_of(result, objective, dataset));
  summary.update({{"wall_seconds", rounded(wall.seconds(), 3)},
                  {"train_seconds", rounded(result.train_seconds, 3)},
                  {"peak_rss_mb", rounded(peak_memory_mb(), 1)}});
  out.write_json("summary.json", summary);
  std::cout << text_of(result, objective) << '\n';
  if (tested < networks) exit_stopped(interrupt.exit_code());
}

}  // namespace

void add_evaluate(CLI::App& app) {
  const auto command = std::make_shared<EvaluateCommand>(
      *app.add_subcommand("evaluate", "Train networks on a saved distilled set and test them"));
  Options& options = command->options;
  command->common.add(options);
  command->network.add(options);
  command->initialization.add(options);
  command->objective.add(options);
  options.group("Distilled set");
  options.add_file("--distilled", command->distilled, "The distilled.npz to train on")->required();
  options.add_flag("--shuffle", command->shuffle, "Take the steps of each epoch in random order");
  options.add_flag("--skip-diverged", command->skip_diverged,
                   "Count a network that diverges as getting nothing right, instead of stopping");
  options.command().callback([command] { run(*command); });
}

}  // namespace hypertape::cli
