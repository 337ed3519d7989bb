#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/core/error.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Limits the norm of gradients to a constant, and to a multiple of a moving average of earlier (bounded) norms;
/// RaT-BPTT (Feng et al. 2023) uses a multiple of 2.
class GradientClip {
 public:
  /// The moving average; save it with a run.
  struct State {
    double average = 0;  ///< 0 before the first gradient
  };

  /// A bound of 0 means no bound of that kind; `memory` is the weight of the past in the average. @throws ArgumentError
  /// for a negative bound, or a memory that is not in [0, 1).
  explicit GradientClip(double largest = 0, double multiple = 0, double memory = 0.99)
      : largest_(largest), multiple_(multiple), memory_(memory) {
    if (!(largest >= 0) || !(multiple >= 0)) {
      throw ArgumentError("GradientClip: bounds cannot be negative, got ", largest, " and ", multiple);
    }
    if (!(memory >= 0) || !(memory < 1)) throw ArgumentError("GradientClip: needs a memory in [0, 1), got ", memory);
  }

  /// The factor by which to multiply a gradient of this norm. @throws DivergenceError if the norm is not finite, from
  /// which the average would never recover.
  double factor(double norm) {
    if (!std::isfinite(norm)) throw DivergenceError("GradientClip: the gradient's norm is ", norm);
    double bounded = norm;
    if (largest_ > 0) bounded = (std::min)(bounded, largest_);
    if (multiple_ > 0) {
      if (state_.average > 0) bounded = (std::min)(bounded, multiple_ * state_.average);
      state_.average = state_.average > 0 ? memory_ * state_.average + (1 - memory_) * bounded : bounded;
    }
    return norm > bounded ? bounded / norm : 1;
  }

  /// The state to save with a run.
  const State& state() const { return state_; }
  /// Continues from a saved state. @throws ArgumentError if its average is negative or not finite.
  void restore(const State& state) {
    if (!(state.average >= 0) || !std::isfinite(state.average)) {
      throw ArgumentError("GradientClip: a state cannot have the average ", state.average);
    }
    state_ = state;
  }

 private:
  double largest_, multiple_, memory_;
  State state_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
