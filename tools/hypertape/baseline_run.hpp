#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common.hpp"
#include "distilled_picture.hpp"
#include "format.hpp"
#include "hypertape/distill/baselines.hpp"
#include "hypertape/distill/distill_options.hpp"
#include "initialization.hpp"
#include "interrupt.hpp"
#include "network.hpp"
#include "progress.hpp"

/// The sets of images of `hypertape baseline`.
namespace hypertape::cli {

using hypertape::detail::concat;

struct BaselineCommand {
  BaselineCommand(CLI::App& command, const Communicator& all) : ranks(all), options(command) {}

  bool k_nn() const { return classifier == "k-nn"; }
  bool optimized() const { return method == "optimized-real"; }
  /// How many sets are made; optimized-real keeps the best of them.
  Index sets_to_make() const {
    if (distilled || method == "average-real") return 1;
    return optimized() ? candidates : sets;
  }

  const Communicator& ranks;
  Options options;
  CommonOptions common;
  NetworkOptions network;
  InitializationOptions initialization;
  std::optional<std::string> method;
  std::optional<std::filesystem::path> distilled;
  std::string classifier = "network";
  Index steps = 1;
  Index images_per_class = 1;
  Index sets = 10;
  Index candidates = 50;
  Index kmeans_iterations = 100;
  std::vector<double> learning_rates = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3};
  std::vector<Index> epochs_grid = {1, 3, 5};
  std::optional<std::filesystem::path> rates;
  std::optional<Index> selection_images;
  Index selection_networks = 4;
};

/// The parts of a run.
struct BaselineRun {
  const BaselineCommand& command;
  const data::Dataset& dataset;
  const data::Split& split;                           ///< images for the sets, and for selection
  const std::optional<distill::DistilledSet>& given;  ///< the set of --distilled, if given
  const WorkerTeam& team;
  OutputFolder& out;
  Interrupt& interrupt;
  Progress& progress;
};

/// Set number i of the method; its learning rates are 0 until they are chosen.
inline distill::DistilledSet make_set(const BaselineRun& run, Index i) {
  const BaselineCommand& c = run.command;
  const data::LabeledImages& images = run.dataset.train;
  const data::Normalization& normalization = run.dataset.normalization;
  const std::vector<Index>& which = run.split.train;
  if (run.given) return *run.given;
  const Random random = distill::random_stream(c.common.seed, distill::RandomPurpose::images, i);
  std::vector<Tensor<float>> batches;
  if (c.method == "average-real") {
    batches = distill::average_images(images, which, normalization, c.steps, c.images_per_class);
  } else if (c.method == "k-means") {
    batches = distill::kmeans_images(images, which, normalization, c.steps, c.images_per_class, c.kmeans_iterations,
                                     random, run.team);
  } else {
    batches = distill::real_images(
        images, distill::draw_real_images(images, which, c.steps, c.images_per_class, random), normalization);
  }
  return distill::baseline_set(std::move(batches), images.classes, c.images_per_class, normalization,
                               distill::constant_schedule(0, 1, c.steps));
}

inline std::vector<distill::DistilledSet> make_sets(const BaselineRun& run) {
  const Index wanted = run.command.sets_to_make();
  std::vector<distill::DistilledSet> sets;
  do {
    sets.push_back(make_set(run, static_cast<Index>(sets.size())));
    if (run.command.method == "k-means") run.progress.show(concat("k-means: set ", sets.size(), "/", wanted));
  } while (static_cast<Index>(sets.size()) < wanted && !run.interrupt.requested());
  return sets;
}

/// The sets to choose settings with: all of them, or as many candidates as will be kept.
inline std::span<const distill::DistilledSet> sets_to_choose_with(const BaselineRun& run,
                                                                  const std::vector<distill::DistilledSet>& sets) {
  const std::span<const distill::DistilledSet> all(sets);
  if (!run.command.optimized()) return all;
  return all.first(static_cast<std::size_t>(distill::best_fifth(static_cast<Index>(sets.size()))));
}

/// Optimized real images: the best fifth of the candidates, by `score(set)` on training images.
template <class Score>
std::vector<distill::DistilledSet> keep_best(const BaselineRun& run, std::vector<distill::DistilledSet> candidates,
                                             const Score& score) {
  if (!run.command.optimized()) return candidates;
  std::vector<double> scores;
  do {
    scores.push_back(score(candidates[scores.size()]));
    run.progress.show(concat("candidate ", scores.size(), "/", candidates.size(), ": ", fixed(scores.back(), 2),
                             " % on the selection images"));
  } while (scores.size() < candidates.size() && !run.interrupt.requested());
  std::vector<distill::DistilledSet> kept;
  for (const Index i : distill::best_of(scores, distill::best_fifth(static_cast<Index>(scores.size())))) {
    kept.push_back(std::move(candidates[static_cast<std::size_t>(i)]));
  }
  return kept;
}

inline void save_first(const BaselineRun& run, distill::DistilledSet set) {
  if (!run.given) set.origin = distill::origin_of(run.dataset);
  run.out.put("distilled.npz", [&](const auto& path) { distill::save(set, path); });
  run.out.put("distilled.png", [&](const auto& path) { write_drawing(path, draw_set(set, run.dataset.class_names)); });
}

}  // namespace hypertape::cli
