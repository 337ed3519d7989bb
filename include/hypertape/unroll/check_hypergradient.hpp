#pragma once

#include <limits>
#include <span>
#include <vector>

#include "hypertape/autodiff/finite_differences.hpp"
#include "hypertape/unroll/hypergradient.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// How far each part of a hypergradient is from central differences through the whole loop: the Euclidean norm of the
/// difference divided by the larger of the two norms, 0 for an absent part, NaN if anything compared was NaN.
struct HypergradientCheck {
  double theta0 = 0;           ///< initial weights
  double x = 0;                ///< samples of all steps together
  double y = 0;                ///< labels of all steps together
  double learning_rates = 0;   ///< of all steps
  double momentum = 0;         ///< also where it is 0
  double hyperparameters = 0;  ///< 0 if the loop has none

  /// False for NaN as well.
  bool within(double tolerance) const {
    return theta0 <= tolerance && x <= tolerance && y <= tolerance && learning_rates <= tolerance &&
           momentum <= tolerance && hyperparameters <= tolerance;
  }
};

/// Checks the hypergradient of this loop, inner and outer loss (as for `hypergradient`), say with operations of your
/// own in them. Takes two training runs for each number that the loop is given, so the problem should be small; a step
/// of cbrt(epsilon) leaves a relative error near 1e-8 where the losses are smooth. The options choose how the
/// derivatives are taken, say which second derivative; every part is compared, whatever they ask for.
///
///     check_hypergradient(loop, inner_loss, outer_loss).within(1e-6)
///
/// @throws ArgumentError if the options have a window, whose derivatives differ from those through the whole loop; as
/// Unroll.
template <class InnerLoss, class OuterLoss>
HypergradientCheck check_hypergradient(InnerLoop<double> loop, const InnerLoss& inner_loss, const OuterLoss& outer_loss,
                                       UnrollOptions options = {}) {
  if (options.window != 0) {
    throw ArgumentError("check_hypergradient: a truncated window's derivatives differ from those of the whole loop");
  }
  options.differentiate_x = options.differentiate_y = options.differentiate_momentum = true;
  const Hypergradient<double> h = hypergradient(loop, inner_loss, outer_loss, options);
  Unroll<double, InnerLoss> unroll(inner_loss, options);
  const auto loss = [&] {
    Tape<double> tape;
    return outer_loss(tape.leaf(unroll.train(loop))).item();
  };
  struct Part {
    std::span<double> values;                                 // of the loop
    std::span<const double> derivative;                       // of the hypergradient
    double least = -std::numeric_limits<double>::infinity();  // the values that the loop takes: least <= value < end
    double end = std::numeric_limits<double>::infinity();
  };
  const auto error = [&](const std::vector<Part>& parts) {
    detail::RelativeDifference difference;
    for (const Part& part : parts) {
      for (std::size_t i = 0; i < part.values.size(); ++i) {
        double& value = part.values[i];
        difference.add(part.derivative[i], detail::difference_within(value, part.least, part.end, loss));
      }
    }
    return difference.value();
  };
  const auto of = [](std::vector<Tensor<double>>& values, const std::vector<Tensor<double>>& derivatives) {
    std::vector<Part> parts;
    for (std::size_t s = 0; s < values.size(); ++s) parts.push_back({values[s].values(), derivatives[s].values()});
    return parts;
  };
  HypergradientCheck result;
  result.theta0 = error({{loop.theta0.values(), h.theta0.values()}});
  result.x = error(of(loop.x, h.x));
  result.y = error(of(loop.y, h.y));
  result.learning_rates = error({{loop.learning_rates.values(), h.learning_rates.values()}});
  result.momentum = error({{{&loop.momentum, 1}, {&*h.momentum, 1}, 0, 1}});
  if (loop.has_hyperparameters()) {
    result.hyperparameters = error({{loop.hyperparameters.values(), h.hyperparameters.values()}});
  }
  return result;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
