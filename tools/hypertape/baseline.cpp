#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "baseline_run.hpp"
#include "commands.hpp"
#include "format.hpp"
#include "hold_out.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/peak_memory.hpp"
#include "hypertape/distill/hold_out.hpp"
#include "hypertape/distill/k_nearest_neighbors.hpp"
#include "hypertape/distill/mean_and_std.hpp"
#include "progress.hpp"
#include "testing.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

using distill::DistilledSet;

/// @throws ArgumentError naming an option that would be ignored.
void check_options(const BaselineCommand& command) {
  command.common.check(command.options);
  if (!command.method && !command.distilled) throw CLI::RequiredError("--method");
  const Options& options = command.options;
  options.only(command.k_nn(), "--classifier k-nn", {"--distilled"});
  options.only(!command.k_nn(), "--classifier network",
               {"--net", "--width", "--depth", "--norm", "--pooling", "--hidden", "--init", "--initializer", "--gain",
                "--pool", "--weights", "--new-head", "--source-dataset", "--test-networks", "--learning-rates",
                "--epochs-grid", "--rates", "--selection-networks"});
  options.only(command.method.has_value(), "--method", {"--steps", "--images-per-class"});
  options.only(command.optimized(), "--method optimized-real", {"--candidates"});
  options.only(command.method == "k-means", "--method k-means", {"--kmeans-iterations"});
  options.only(command.method == "random-real" || command.method == "k-means", "--method random-real or k-means",
               {"--sets"});
  if (command.k_nn()) return;
  command.initialization.check(options);
  options.only(!command.initialization.fixed(), "--init random or random-pretrained", {"--selection-networks"});
}

/// A candidate schedule.
struct GridCell {
  distill::TrainingSchedule schedule;
  std::optional<double> learning_rate;  ///< empty: learned, one per step
  double accuracy = 0;                  ///< on the selection images, in percent

  Index epochs() const { return schedule.learning_rates.shape()[0]; }
  std::string rate_text() const { return learning_rate ? concat(*learning_rate) : "learned"; }
};

std::vector<GridCell> make_grid(const BaselineCommand& command, int classes) {
  std::vector<GridCell> cells;
  for (const Index epochs : command.epochs_grid) {
    if (epochs > distill::most_inner_steps / command.steps) {
      throw ArgumentError("--epochs-grid ", epochs, ": at most ", distill::most_inner_steps,
                          " inner steps are possible, steps times epochs");
    }
    for (const double rate : command.learning_rates) {
      cells.push_back({distill::constant_schedule(rate, epochs, command.steps), rate});
    }
  }
  if (!command.rates) return cells;
  DistilledSet learned = distill::load(*command.rates, classes);
  if (learned.unordered) throw ArgumentError("--rates ", command.rates->string(), ": the set has no order");
  if (learned.steps() != command.steps) {
    throw ArgumentError("--rates ", command.rates->string(), ": has learning rates for ", learned.steps(),
                        " steps, but --steps is ", command.steps);
  }
  cells.push_back({{std::move(learned.learning_rates), learned.rule}, std::nullopt});
  return cells;
}

/// Tries the cells in order. @returns the best one, the first in a tie.
GridCell choose(const BaselineRun& run, const distill::Selection& selection, std::span<const DistilledSet> sets,
                std::vector<GridCell> cells) {
  std::size_t best = 0, tried = 0;
  std::string csv = "learning_rate,epochs,selection_accuracy\n";
  do {
    GridCell& cell = cells[tried];
    cell.accuracy = selection.score(sets, cell.schedule, run.team, run.command.ranks);
    if (cell.accuracy > cells[best].accuracy) best = tried;
    ++tried;
    csv += concat(cell.rate_text(), ',', cell.epochs(), ',', cell.accuracy, '\n');
    run.out.write("grid.csv", csv);
    run.out.refresh_report();
    run.progress.show(concat("learning rates ", tried, "/", cells.size(), ": ", cell.rate_text(), ", ", cell.epochs(),
                             " epochs: ", fixed(cell.accuracy, 2), " % on the selection images (best ",
                             fixed(cells[best].accuracy, 2), ")"));
  } while (tried < cells.size() && !run.interrupt.requested());
  return cells[best];
}

/// The networks to train: row i trains network `network[i]` on set `set[i]`.
struct Rows {
  std::vector<Index> set, network;

  Rows(Index sets, Index networks) {
    for (Index s = 0; s < sets; ++s) {
      for (const Index number : distill::networks_of_set(s, sets, networks)) {
        set.push_back(s);
        network.push_back(number);
      }
    }
  }
  Index count() const { return static_cast<Index>(set.size()); }
};

/// Trains and tests networks, spread over the sets; writes log.csv.
distill::Evaluation test_sets(const BaselineRun& run, const nn::Network<float>& network,
                              const std::vector<DistilledSet>& sets, const distill::InitialWeights& weights,
                              const Rows& rows) {
  const auto set_of = [&](Index row) { return rows.set[static_cast<std::size_t>(row)]; };
  const auto network_of = [&](Index row) { return rows.network[static_cast<std::size_t>(row)]; };
  const distill::Trainer trainer = [&](const Tensor<float>& theta0, Index row, const WorkerTeam& team) {
    const DistilledSet& set = sets[static_cast<std::size_t>(set_of(row))];
    try {
      return distill::set_trainer(network, set, run.command.common.seed)(theta0, network_of(row), team);
    } catch (const DivergenceError& error) {
      throw DivergenceError("set ", set_of(row), ": ", error.what());
    }
  };
  struct WeightsOfRows {
    const distill::InitialWeights& all;
    const Rows& rows;
    Tensor<float> operator[](Index row) const { return all[rows.network[static_cast<std::size_t>(row)]]; }
  };
  const auto on_progress = [&](const distill::Evaluation& so_far) {
    std::string csv = "set,network,initial_accuracy,test_accuracy\n";
    for (std::size_t i = 0; i < so_far.after.size(); ++i) {
      csv += concat(rows.set[i], ',', rows.network[i], ',', so_far.before[i].accuracy(), ',',
                    so_far.after[i].accuracy(), '\n');
    }
    run.out.write("log.csv", csv);
    run.out.refresh_report();
    run.progress.show(concat("network ", so_far.after.size(), "/", rows.count(), " set ",
                             set_of(static_cast<Index>(so_far.after.size()) - 1) + 1, "/", sets.size(),
                             "  test accuracy ", fixed(so_far.after.back().accuracy(), 2), " %"));
    return !run.interrupt.requested();
  };
  return distill::evaluate(network, trainer, WeightsOfRows{weights, rows}, data::all_indices(rows.count()),
                           run.dataset.test, sets.front().normalization, false, on_progress, run.team,
                           run.command.ranks);
}

/// The sizes of the sets for summary.json.
Json sizes_of(const DistilledSet& set) {
  return {{"steps", set.steps()}, {"epochs", set.epochs()}, {"images_per_class", set.images_per_class()}};
}

/// A classifier's entries of summary.json and its final message.
struct Outcome {
  Json summary;
  std::string text;
  bool complete = true;  ///< false if stopped; nothing is tested before all choices are made
};

const Outcome not_tested = {{}, "not tested", false};

/// The networks to train, with initial weights for choosing a schedule and for testing.
struct Learners {
  nn::Network<float> network;
  distill::InitialWeights selection, testing;
};

Learners make_learners(const BaselineCommand& command, const data::LabeledImages& images) {
  nn::Network<float> network = command.network.make(images, command.options);
  const InitialWeightFamilies weights(command.initialization, network, images, command.common.seed);
  return {network, weights.validation(command.selection_networks), weights.testing()};
}

Outcome train_networks_on(const BaselineRun& run, const Learners& learners, std::vector<GridCell> grid) {
  const BaselineCommand& command = run.command;
  std::vector<DistilledSet> sets = make_sets(run);
  const auto& [network, selection_weights, test_weights] = learners;
  const distill::Selection selection(network, selection_weights.first(command.selection_networks), run.dataset.train,
                                     run.split.held_out);
  const GridCell chosen = choose(run, selection, sets_to_choose_with(run, sets), std::move(grid));
  sets = keep_best(run, std::move(sets), [&](const DistilledSet& set) {
    return selection.score(std::span(&set, 1), chosen.schedule, run.team, run.command.ranks);
  });
  if (run.interrupt.requested()) return not_tested;
  for (DistilledSet& set : sets) {
    set = distill::with_schedule(std::move(set), chosen.schedule);
    if (test_weights.count() == 1) set.theta0 = test_weights[0];
  }
  save_first(run, sets.front());

  const Rows rows(static_cast<Index>(sets.size()), command.initialization.networks_to_test());
  const distill::Evaluation result = test_sets(run, network, sets, test_weights, rows);
  run.out.write("confusion.csv", confusion_csv(result));
  const Index tested = rows.set[result.after.size() - 1] + 1;
  Json summary = {{"network", network.name()}, {"init", command.initialization.init}};
  summary.update(sizes_of(sets.front()));
  if (chosen.learning_rate) summary["learning_rate"] = *chosen.learning_rate;
  summary.update({{"learned_rates", !chosen.learning_rate},
                  {"selection_accuracy", rounded_percent(chosen.accuracy)},
                  {"sets", tested}});
  summary.update(summary_of(result, {}, run.dataset));
  summary["train_seconds"] = rounded(result.train_seconds, 3);
  std::string text = concat("test accuracy: ", fixed(summary["initial_accuracy"], 2), " % before, ",
                            fixed(summary["test_accuracy"], 2), " % after training; learning rate ", chosen.rate_text(),
                            ", epochs ", chosen.epochs());
  if (result.after.size() > 1) {
    text += concat("; standard deviation ", fixed(summary["test_accuracy_std"], 2), ", networks ", result.after.size(),
                   ", sets ", tested);
  }
  return {summary, text, static_cast<Index>(result.after.size()) == rows.count()};
}

/// A k-NN classifier: K and the distance.
struct Neighborhood {
  Index k;
  distill::Distance distance;
  double selection_accuracy = 0;  ///< in percent, mean over sets
  std::vector<double> test;       ///< per set

  std::string name() const { return concat("K = ", k, ", ", distill::name_of(distance)); }
};

/// The accuracy of each neighborhood, in order and in percent, on the images `which`.
std::vector<double> accuracies(const BaselineRun& run, const DistilledSet& set, const std::vector<Neighborhood>& all,
                               const data::LabeledImages& images, std::span<const Index> which) {
  const distill::NearestNeighbors classifier(set);
  std::vector<double> percent;
  for (const Neighborhood& one : all) {
    percent.push_back(
        classifier.classify(std::span(&one.k, 1), one.distance, images, which, run.team).front().accuracy());
  }
  return percent;
}

Outcome classify_by_neighbors(const BaselineRun& run) {
  std::vector<DistilledSet> sets = make_sets(run);
  std::vector<Neighborhood> all;
  for (const distill::Distance distance : {distill::Distance::l1, distill::Distance::l2}) {
    for (const Index k : {Index{1}, Index{3}}) {
      if (k <= sets.front().count()) all.push_back({k, distance, 0, {}});
    }
  }
  const std::span<const DistilledSet> some = sets_to_choose_with(run, sets);
  for (const DistilledSet& set : some) {
    const std::vector<double> percent = accuracies(run, set, all, run.dataset.train, run.split.held_out);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].selection_accuracy += percent[i] / static_cast<double>(some.size());
    }
  }
  const auto best = std::max_element(all.begin(), all.end(), [](const Neighborhood& a, const Neighborhood& b) {
    return a.selection_accuracy < b.selection_accuracy;
  });
  sets = keep_best(run, std::move(sets), [&](const DistilledSet& set) {
    return accuracies(run, set, {*best}, run.dataset.train, run.split.held_out).front();
  });
  if (run.interrupt.requested()) return not_tested;
  save_first(run, sets.front());

  const std::vector<Index> every = data::all_indices(run.dataset.test.count);
  std::string csv = "set,k,distance,test_accuracy\n";
  std::size_t tested = 0;
  do {
    const std::vector<double> percent = accuracies(run, sets[tested], all, run.dataset.test, every);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].test.push_back(percent[i]);
      csv += concat(tested, ',', all[i].k, ',', distill::name_of(all[i].distance), ',', percent[i], '\n');
    }
    run.out.write("log.csv", csv);
    run.out.refresh_report();
    ++tested;
    run.progress.show(concat("set ", tested, "/", sets.size(), "  test accuracy ", fixed(best->test.back(), 2), " %"));
  } while (tested < sets.size() && !run.interrupt.requested());

  Json neighbors = Json::array();
  std::string text;
  for (const Neighborhood& one : all) {
    const distill::MeanAndStd spread = distill::mean_and_std(one.test);
    neighbors.push_back({{"k", one.k},
                         {"distance", distill::name_of(one.distance)},
                         {"selection_accuracy", rounded_percent(one.selection_accuracy)},
                         {"test_accuracy", rounded_percent(spread.mean)},
                         {"test_accuracy_std", rounded_percent(spread.deviation)}});
    text += concat(one.name(), ": ", fixed(spread.mean, 2), " % (standard deviation ", fixed(spread.deviation, 2),
                   ", sets ", tested, ")", &one == &*best ? ", chosen on training images\n" : "\n");
  }
  text.pop_back();
  const distill::MeanAndStd spread = distill::mean_and_std(best->test);
  Json summary = sizes_of(sets.front());
  summary.update({{"epochs", 0},
                  {"k", best->k},
                  {"distance", distill::name_of(best->distance)},
                  {"selection_accuracy", rounded_percent(best->selection_accuracy)},
                  {"sets", tested},
                  {"networks_tested", 0},
                  {"test_accuracy", rounded_percent(spread.mean)},
                  {"test_accuracy_std", rounded_percent(spread.deviation)},
                  {"neighbors", neighbors},
                  {"train_seconds", 0.0}});
  return {summary, text, tested == sets.size()};
}

/// The set of --distilled, if given. Checks before any work that it fits the dataset, or that there are enough images
/// to make sets of.
std::optional<DistilledSet> given_images(const BaselineCommand& command, const data::Dataset& dataset,
                                         const data::Split& split) {
  const data::LabeledImages& images = dataset.train;
  if (command.distilled) {
    DistilledSet set = load_distilled("--distilled", *command.distilled, dataset);
    static_cast<void>(distill::NearestNeighbors(set));  // rejects soft labels
    return set;
  }
  if (command.images_per_class > images.count / (images.classes * command.steps)) {
    throw ArgumentError(command.steps, " steps of ", command.images_per_class, " images for each of ", images.classes,
                        " classes are more than the ", images.count, " training images");
  }
  const bool average = command.method == "average-real";  // one image per class is enough
  const std::vector<Index> wanted(static_cast<std::size_t>(images.classes),
                                  average ? 1 : command.steps * command.images_per_class);
  require_of_each_class(dataset, split.train, wanted, "--method " + *command.method);
  return std::nullopt;
}

void run(BaselineCommand& command) {
  const Stopwatch wall;
  command.common.detect(command.options);
  check_options(command);
  command.options.check_paths();
  OutputFolder out(command.common.out, "baseline",
                   {"log.csv", "grid.csv", "confusion.csv", "distilled.npz", "distilled.png"}, command.ranks);
  const data::Dataset dataset = command.common.load();
  const HoldOut hold_out = choose_hold_out("--selection-images", command.selection_images, dataset,
                                           command.initialization, command.common.seed);
  const data::Split split = distill::hold_out(dataset.train, hold_out.count, hold_out.seed);
  const std::optional<DistilledSet> given = given_images(command, dataset, split);
  std::optional<Learners> learners;
  std::vector<GridCell> grid;
  if (!command.k_nn()) {
    learners = make_learners(command, dataset.train);
    grid = make_grid(command, dataset.train.classes);
  }
  const WorkerTeam team(command.common.threads);
  out.create();
  Json config = config_of("baseline", command.options);
  config.update(description_of(dataset, command.ranks));
  config["hold_out_seed"] = hold_out.seed;
  config["network"] = learners ? Json(learners->network.name()) : Json();
  if (learners) config["theta_layout"] = layout_of(learners->network);
  out.write_json("config.json", config);
  out.write_report();
  const std::string method = command.method.value_or("distilled");
  std::cout << "hypertape " << HYPERTAPE_VERSION << ": " << command.common.dataset << ", " << method << ", "
            << (learners ? learners->network.name() : command.classifier) << ", " << workers_text(team, command.ranks)
            << '\n'
            << dataset.train.count << " training images, " << hold_out.count << " of them held out for selection\n";

  Interrupt interrupt(command.ranks);
  Progress progress;
  const BaselineRun parts{command, dataset, split, given, team, out, interrupt, progress};
  const Outcome outcome =
      learners ? train_networks_on(parts, *learners, std::move(grid)) : classify_by_neighbors(parts);
  progress.finish();
  Json summary = {{"dataset", command.common.dataset}, {"method", method},       {"classifier", command.classifier},
                  {"objective", "classification"},     {"iterations", 0},        {"interrupted", !outcome.complete},
                  {"seed", command.common.seed},       {"threads", team.size()}, {"ranks", command.ranks.size()}};
  summary.update(outcome.summary);
  summary["hold_out_seen"] = hold_out.seen;
  summary.update({{"wall_seconds", rounded(wall.seconds(), 3)}, {"peak_rss_mb", rounded(peak_memory_mb(), 1)}});
  out.write_json("summary.json", summary);
  out.write_report();
  if (!outcome.complete) std::cout << "stopped before the end\n";
  std::cout << outcome.text << '\n';
  if (std::filesystem::exists(out / "distilled.png"))
    std::cout << "picture: " << (out / "distilled.png").string() << '\n';
  std::cout << "report:  " << (out / "report.html").string() << '\n'
            << "time:    " << minutes(wall.seconds()) << ", peak memory " << fixed(peak_memory_mb(), 0) << " MB\n";
  if (!outcome.complete) exit_stopped(interrupt.exit_code());
}

}  // namespace

void add_baseline(CLI::App& app, const Communicator& ranks) {
  const auto command = std::make_shared<BaselineCommand>(
      *app.add_subcommand("baseline", "Train networks on real images, or use k-NN"), ranks);
  Options& options = command->options;
  command->common.add(options);
  command->common.add_whitening(options);
  command->network.add(options);
  command->initialization.add(options);
  options.group("Images");
  CLI::Option* method = options.add("--method", command->method, "Source of the images")
                            ->check(CLI::IsMember({"random-real", "optimized-real", "k-means", "average-real"}))
                            ->default_str("required, or --distilled");
  options
      .add_file("--distilled", command->distilled, "Classify with the images of this distilled.npz instead of --method")
      ->excludes(method);
  options.add("--steps", command->steps, "Gradient steps per epoch, each with its own images")->check(positive());
  options.add("--images-per-class", command->images_per_class, "Images per class in each step")->check(positive());
  options.add("--sets", command->sets, "Sets of images for random-real and k-means; networks are spread over them")
      ->check(positive());
  options.add("--candidates", command->candidates, "Random sets from which optimized-real keeps the best fifth")
      ->check(positive());
  options.add("--kmeans-iterations", command->kmeans_iterations, "Maximum number of k-means iterations")
      ->check(positive());
  options.group("Classifier");
  options
      .add("--classifier", command->classifier,
           "Classifier to test (networks trained on the images, or nearest neighbors among them)")
      ->check(CLI::IsMember({"network", "k-nn"}));
  options.add("--learning-rates", command->learning_rates, "Fixed learning rates to choose from, separated by commas")
      ->check(positive())
      ->delimiter(',')
      ->allow_extra_args(false);
  options.add("--epochs-grid", command->epochs_grid, "Numbers of epochs to choose from, separated by commas")
      ->check(positive())
      ->delimiter(',')
      ->allow_extra_args(false);
  options.add_file("--rates", command->rates, "A distilled.npz whose learning rates are another candidate");
  options.group("Choice of rates, sets and neighbors");
  options
      .add("--selection-images", command->selection_images,
           "Training images held out to choose learning rates, candidates and neighbors; with a pool, images that it "
           "has not seen")
      ->check(positive())
      ->default_str("5000, or a fifth");
  options
      .add("--selection-networks", command->selection_networks,
           "Number of initial weights to choose with, unless they are fixed")
      ->check(positive());
  options.command().callback([command] { run(*command); });
}

}  // namespace hypertape::cli
