#include <memory>
#include <optional>
#include <string>

#include "commands.hpp"
#include "common.hpp"
#include "distilled_picture.hpp"
#include "format.hpp"
#include "hold_out.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/distill/free_training.hpp"
#include "hypertape/distill/set_variants.hpp"
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
  EvaluateCommand(CLI::App& command, const Communicator& all) : ranks(all), options(command) {}

  const Communicator& ranks;
  Options options;
  CommonOptions common;
  NetworkOptions network;
  InitializationOptions initialization;
  ObjectiveOptions objective;
  std::filesystem::path distilled;
  std::string protocol = "paper";
  distill::FreeTraining free;
  bool real = true;
  bool shuffle = false;
  bool skip_diverged = false;
};

/// @throws ArgumentError naming an option that would be ignored.
void check_options(const EvaluateCommand& command) {
  const Options& options = command.options;
  command.common.check(options);
  command.initialization.check(options);
  options.only(command.initialization.init == "random" || command.initialization.new_head,
               "--init random or --new-head", {"--initializer", "--gain"});
  options.only(command.protocol == "free", "--protocol free",
               {"--optimizer", "--learning-rate", "--epochs", "--cut-at", "--batch", "--augment"});
  options.only(command.protocol == "paper", "--protocol paper", {"--shuffle"});
  command.free.validate();
}

/// The weights to test with; for a fixed initialization, those that the set was made for.
distill::InitialWeights weights_for(const EvaluateCommand& command, const distill::DistilledSet& set,
                                    const nn::Network<float>& network, const data::LabeledImages& images) {
  if (command.initialization.init != "fixed") {
    return InitialWeightFamilies(command.initialization, network, images, command.common.seed).testing();
  }
  try {
    return distill::fixed_weights(set, network);
  } catch (const ArgumentError& error) {
    throw DataError(command.distilled.string(), ": ", error.what(), "; use --init random for new weights");
  }
}

void run(EvaluateCommand& command) {
  const Stopwatch wall;
  command.common.detect(command.options);
  check_options(command);
  command.options.check_paths();
  OutputFolder out(command.common.out, "evaluate",
                   {"log.csv", "real.csv", "confusion.csv", "distilled.npz", "distilled.png"}, command.ranks);
  const data::Dataset dataset = command.common.load();
  const data::LabeledImages& images = dataset.test;
  const distill::Objective objective = command.objective.make(images.classes);
  const nn::Network<float> network = command.network.make(images, command.options);
  const distill::DistilledSet saved = load_distilled("--distilled", command.distilled, dataset);
  const distill::InitialWeights weights = weights_for(command, saved, network, images);
  if (command.shuffle && (saved.steps() == 1 || saved.unordered)) {
    throw ArgumentError("--shuffle: ", command.distilled.string(), saved.unordered ? " has no order" : " has one step",
                        ", so there is nothing to shuffle");
  }
  if (command.real) {
    std::vector<Index> wanted(static_cast<std::size_t>(images.classes));
    for (const Tensor<float>& labels : saved.labels) {
      for (const std::int32_t k : distill::largest_labels(labels)) ++wanted[static_cast<std::size_t>(k)];
    }
    require_of_each_class(dataset, data::all_indices(dataset.train.count), wanted,
                          "--real on, with random real images (--real off leaves them out)");
  }
  const distill::DistilledSet set = command.shuffle ? distill::shuffled(saved, command.common.seed) : saved;
  const WorkerTeam team(command.common.threads);
  const Index networks = command.initialization.networks_to_test();
  out.create();
  Json config = config_of("evaluate", command.options);
  config.update(description_of(dataset, command.ranks));
  config["network"] = network.name();
  out.write_json("config.json", config);
  out.put("distilled.npz", [&](const auto& path) { distill::save(saved, path); });
  out.put("distilled.png", [&](const auto& path) { write_drawing(path, draw_set(saved, dataset.class_names)); });
  out.write_report();

  Interrupt interrupt(command.ranks);
  Progress progress;
  // Tests networks trained on a set, or on random real images under its labels.
  const auto test = [&](const char* what, const distill::DistilledSet& tested, bool real, const char* log) {
    distill::EvaluateOptions options;
    options.seed = command.common.seed;
    options.real_images = real;
    if (command.protocol == "free") options.free = command.free;
    const auto on_progress = [&](const distill::Evaluation& so_far) {
      if (log != nullptr) out.write(log, csv_of(so_far, objective));
      out.refresh_report();
      if (networks > 1) {
        progress.show(concat(what, ": network ", so_far.after.size(), "/", networks, "  test accuracy ",
                             fixed(so_far.after.back().accuracy(), 2), " %"));
      }
      return !interrupt.requested();
    };
    return distill::evaluate(network, distill::trainer_of(network, tested, dataset, options), weights,
                             data::all_indices(networks), images, tested.normalization, command.skip_diverged,
                             on_progress, team, command.ranks);
  };
  const auto is_complete = [&](const distill::Evaluation& some) {
    return static_cast<Index>(some.after.size()) == networks;
  };
  Comparison main{test("distilled images", set, false, "log.csv")};
  const distill::Evaluation& result = main.distilled;
  bool complete = is_complete(result);
  std::optional<Comparison> hard;
  if (complete && command.real) {
    main.real = test("random real images", set, true, "real.csv");
    complete = is_complete(*main.real);
    if (complete && set.soft_labels) {
      const distill::DistilledSet hardened = distill::hardened(set);
      hard = {test("hard labels", hardened, false, nullptr)};
      complete = is_complete(hard->distilled);
      if (complete) hard->real = test("random real images, hard labels", hardened, true, nullptr);
      complete = complete && is_complete(*hard->real);
      if (!complete) hard.reset();
    }
  }
  progress.finish();
  const auto tested = static_cast<Index>(result.after.size());
  if (!complete) {
    std::cout << "stopped after " << tested << " of " << networks << " networks"
              << (tested == networks ? ", before the comparisons were complete\n" : "\n");
    if (main.real && !is_complete(*main.real)) main.real.reset();
  }

  Json summary = {
      {"dataset", command.common.dataset},
      {"network", network.name()},
      {"init", command.initialization.init},
      {"objective", command.objective.objective},
      {"steps", saved.steps()},
      {"epochs", saved.epochs()},
      {"images_per_class", saved.images_per_class()},
      {"protocol", protocol_of(saved, command.protocol == "free" ? &command.free : nullptr, command.shuffle)},
      {"iterations", 0},
      {"interrupted", !complete},
      {"seed", command.common.seed},
      {"threads", team.size()},
      {"ranks", command.ranks.size()}};
  if (saved.origin) summary["distilled_from"] = saved.origin->dataset;
  summary.update(summary_of(result, objective, dataset));
  std::string text = text_of(result, objective);
  if (main.real) {
    summary["real_images"] = real_images_of(main);
    text += '\n' + real_images_text("the same", main);
  }
  if (hard) {
    const distill::MeanAndStd accuracy = hard->distilled.accuracy();
    summary["hard_labels"] = {{"test_accuracy", rounded_percent(accuracy.mean)},
                              {"test_accuracy_std", rounded_percent(accuracy.deviation)},
                              {"diverged_networks", hard->distilled.diverged},
                              {"real_images", real_images_of(*hard)}};
    text += concat("\nunder hard labels: ", fixed(accuracy.mean, 2), " %\n", real_images_text("hard", *hard));
  }
  summary.update({{"wall_seconds", rounded(wall.seconds(), 3)},
                  {"train_seconds", rounded(result.train_seconds, 3)},
                  {"peak_rss_mb", rounded(peak_memory_mb(), 1)}});
  out.write("confusion.csv", confusion_csv(result));
  out.write_json("summary.json", summary);
  out.write_report();
  std::cout << text << "\nreport: " << (out / "report.html").string() << '\n';
  if (!complete) exit_stopped(interrupt.exit_code());
}

}  // namespace

void add_evaluate(CLI::App& app, const Communicator& ranks) {
  const auto command = std::make_shared<EvaluateCommand>(
      *app.add_subcommand("evaluate", "Train and test networks on a distilled set"), ranks);
  Options& options = command->options;
  command->common.add(options);
  command->network.add(options);
  command->initialization.add(options);
  command->objective.add(options);
  options.group("Distilled set");
  options.add_file("--distilled", command->distilled, "The distilled.npz to train on")->required();
  options.group("Protocol");
  options
      .add("--protocol", command->protocol,
           "How networks are trained (paper: with the steps, order and learning rates of the set; free: on its images "
           "as on any dataset)")
      ->check(CLI::IsMember({"paper", "free"}));
  options.add_switch(
      "--real", command->real,
      "Also test random real images with the same labels and training, and for soft labels both with hard labels");
  options.add_flag("--shuffle", command->shuffle, "Take the steps of each epoch in random order");
  options.add_flag("--skip-diverged", command->skip_diverged,
                   "Count a network that diverges as 0 % correct instead of stopping");
  options.add_declared(command->free);
  options.command().callback([command] { run(*command); });
}

}  // namespace hypertape::cli
