#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"

/// First-order optimizers of a flat vector: values -= update(gradient), in place. They are for outer loops and for
/// plain training; nothing of them is recorded on a tape.
namespace hypertape::optim {

namespace detail {

inline void require_same_size(const char* name, std::size_t values, std::size_t gradient, std::size_t state) {
  if (values == gradient && values == state) return;
  throw ArgumentError(name, ": ", values, " values, ", gradient, " derivatives, and a state of ", state);
}

}  // namespace detail

/// Gradient descent, with (heavy-ball) momentum if it is not 0: m = momentum m + g, x -= lr m.
template <class T>
class Sgd {
 public:
  /// @throws ArgumentError unless the momentum is in [0, 1).
  explicit Sgd(double momentum = 0) : momentum_(momentum) {
    if (!(momentum >= 0 && momentum < 1)) throw ArgumentError("Sgd: momentum must be in [0, 1), got ", momentum);
  }

  /// One step along the gradient. @throws ArgumentError if sizes differ, from each other or from those of the step
  /// before.
  void step(std::span<T> values, std::span<const T> gradient, double learning_rate) {
    detail::require_same_size("Sgd", values.size(), gradient.size(),
                              velocity_.empty() ? values.size() : velocity_.size());
    velocity_.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      velocity_[i] = static_cast<T>(momentum_) * velocity_[i] + gradient[i];
      values[i] -= static_cast<T>(learning_rate) * velocity_[i];
    }
  }

 private:
  double momentum_;
  std::vector<T> velocity_;
};

/// Adam (Kingma and Ba 2015), Algorithm 1, with PyTorch's placing of epsilon.
template <class T>
class Adam {
 public:
  /// What it remembers of the gradients so far, to be kept with a run.
  struct State {
    std::int64_t steps = 0;      ///< taken so far
    std::vector<double> mean;    ///< of gradients; empty before the first step
    std::vector<double> square;  ///< of their squares, likewise
  };

  /// @throws ArgumentError unless both betas are in [0, 1) and epsilon is positive.
  explicit Adam(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
      : beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw ArgumentError("Adam: betas must be in [0, 1), got ", beta1, " and ", beta2);
    }
    if (!(epsilon > 0)) throw ArgumentError("Adam: epsilon must be positive, got ", epsilon);
  }

  /// One step along the gradient. @throws ArgumentError if sizes differ, from each other or from those of the step
  /// before.
  void step(std::span<T> values, std::span<const T> gradient, double learning_rate) {
    auto& [steps, mean, square] = state_;
    detail::require_same_size("Adam", values.size(), gradient.size(), steps == 0 ? values.size() : mean.size());
    mean.resize(values.size());
    square.resize(values.size());
    ++steps;
    const auto taken = static_cast<double>(steps);
    const double mean_share = 1 - std::pow(beta1_, taken), square_share = 1 - std::pow(beta2_, taken);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto g = static_cast<double>(gradient[i]);
      mean[i] = beta1_ * mean[i] + (1 - beta1_) * g;
      square[i] = beta2_ * square[i] + (1 - beta2_) * g * g;
      const double update = (mean[i] / mean_share) / (std::sqrt(square[i] / square_share) + epsilon_);
      values[i] -= static_cast<T>(learning_rate * update);
    }
  }

  /// What to keep with a run.
  const State& state() const { return state_; }
  /// Goes on from a state. @throws ArgumentError, keeping the present one, for one that no run of steps leaves: a
  /// number of steps that is negative or not below 2^53, vectors of two lengths, any before the first step, a mean that
  /// is not finite, a square that is negative or not finite.
  void restore(State state) {
    const auto refuse = [](const auto&... what) { throw ArgumentError("Adam: a state cannot have ", what...); };
    constexpr std::int64_t most_steps = std::int64_t{1} << 53;  // which a double counts
    if (state.steps < 0 || state.steps >= most_steps) refuse(state.steps, " steps");
    if (state.mean.size() != state.square.size()) {
      refuse(state.mean.size(), " means and ", state.square.size(), " squares");
    }
    if (state.steps == 0 && !state.mean.empty()) refuse(state.mean.size(), " means before the first step");
    for (std::size_t i = 0; i < state.mean.size(); ++i) {
      if (!std::isfinite(state.mean[i])) refuse("the mean ", state.mean[i], " at ", i);
      if (!(state.square[i] >= 0) || !std::isfinite(state.square[i])) refuse("the square ", state.square[i], " at ", i);
    }
    state_ = std::move(state);
  }

 private:
  double beta1_, beta2_, epsilon_;
  State state_;
};

}  // namespace hypertape::optim
