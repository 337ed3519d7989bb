#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "hypertape/distill/distiller.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The progress of a distillation.
struct Progress {
  const Distiller& distiller;   ///< gives access to what is learned, the best state and checkpoints
  long iteration;               ///< outer steps so far
  std::optional<double> loss;   ///< of the last outer step on real images; none before the first, or if skipped
  std::optional<double> score;  ///< percent on the held-out images, if the state was just evaluated

  /// The largest difference (`Certificate`) since the last evaluation; none if no hypergradient was certified.
  std::optional<double> certificate = std::nullopt;
};

/// A callback that runs before the first outer step and after each one, on every rank. It stops the distillation by
/// returning false, on all ranks alike.
using OnProgress = std::function<bool(const Progress&)>;

/// Runs outer steps up to the last iteration of the distiller's options, or until `on_progress` returns false. The
/// state is evaluated before the first iteration, as often as the options say, and at the end. If `on_progress` stops
/// the run between evaluations, it is called once more, with a score. @throws as `Distiller::iterate`.
inline void distill(Distiller& distiller, const OnProgress& on_progress = {}) {
  const long iterations = distiller.options().outer_loop.iterations;
  const long evaluate_every = distiller.options().validation.evaluate_every;
  std::optional<double> loss, certificate;
  const auto report = [&](bool evaluate) {
    const std::optional<double> score = evaluate ? std::optional(distiller.evaluate()) : std::nullopt;
    return !on_progress || on_progress({distiller, distiller.iteration(), loss, score, certificate});
  };
  bool evaluated = true, proceed = distiller.best().has_value() || report(true);
  while (proceed && distiller.iteration() < iterations) {
    if (evaluated) certificate.reset();
    const double present = distiller.iterate();
    if (const auto& taken = distiller.certificate()) {
      certificate = (std::max)(certificate.value_or(0), taken->difference);
    }
    loss = std::isnan(present) ? std::nullopt : std::optional(present);
    evaluated = distiller.iteration() % evaluate_every == 0 || distiller.iteration() == iterations;
    proceed = report(evaluated);
  }
  if (!evaluated) report(true);
}

/// Distills the dataset for a network and its newly drawn weights, as `hypertape distill` does, and returns the state
/// that did best on held-out training images. The test images play no part; `evaluate` tests the result.
/// @throws ArgumentError for options out of range, or a dataset too small for the hold-out and one batch;
/// DivergenceError naming the iteration and the inner step if a network diverges, unless such steps are skipped.
inline BestState distill(const nn::Network<float>& network, const data::Dataset& dataset, const DistillOptions& options,
                         const OnProgress& on_progress = {}, const WorkerTeam& team = WorkerTeam(),
                         const Communicator& ranks = Communicator::alone()) {
  Distiller distiller(network, dataset, options, team, ranks);
  distill(distiller, on_progress);
  return *distiller.best();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
