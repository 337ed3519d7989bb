#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "hypertape/distill/distiller.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Where a distillation stands.
struct Progress {
  const Distiller& distiller;   ///< with what it has learned, its best state and checkpoints
  long iteration;               ///< outer steps so far
  std::optional<double> loss;   ///< of the last one on its real images; none before the first, and of a skipped one
  std::optional<double> score;  ///< percent of the held-out images, where the state was evaluated

  /// The largest difference (`Certificate`) since the last evaluation; none if no hypergradient was certified.
  std::optional<double> certificate = std::nullopt;
};

/// Called before the first outer step and after each, on every rank; stops the distillation by returning false, which
/// all ranks must do alike.
using OnProgress = std::function<bool(const Progress&)>;

/// Goes on to the last iteration of the distiller's options, or until `on_progress` says stop. The state is evaluated
/// before the first iteration, as often as the options say, and in the end. If that is where `on_progress` stopped it,
/// it is called once more, with the score. @throws as `Distiller::iterate`.
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

/// Distils the dataset for a network and its new weights, as `hypertape distill` does: the state that did best on
/// held-out training images. The test images have no part in it; `evaluate` tests the result with them.
/// @throws ArgumentError for options out of range, or a dataset too small for the hold-out and one batch;
/// DivergenceError naming the iteration and the inner step if a network diverges, unless that is skipped.
inline BestState distill(const nn::Network<float>& network, const data::Dataset& dataset, const DistillOptions& options,
                         const OnProgress& on_progress = {}, const WorkerTeam& team = WorkerTeam(),
                         const Communicator& ranks = Communicator::alone()) {
  Distiller distiller(network, dataset, options, team, ranks);
  distill(distiller, on_progress);
  return *distiller.best();
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
