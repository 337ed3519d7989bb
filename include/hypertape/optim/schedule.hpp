#pragma once

#include <cmath>
#include <numbers>

#include "hypertape/core/error.hpp"

/// Factors that multiply a learning rate in iteration i of a run.
namespace hypertape::inline HYPERTAPE_ABI::optim {

/// `factor` to the power of the number of completed periods; the paper uses 0.5 every 40 epochs. @throws ArgumentError
/// if the period is not positive.
inline double step_schedule(long iteration, long period, double factor) {
  if (period < 1) throw ArgumentError("step_schedule: the period must be at least 1, got ", period);
  const long periods = iteration / period;
  return std::pow(factor, static_cast<double>(periods));
}

/// Falls from 1 to `last` along half a cosine over `iterations`, and stays at `last`. @throws ArgumentError if there
/// are no iterations.
inline double cosine_schedule(long iteration, long iterations, double last = 0) {
  if (iterations < 1) throw ArgumentError("cosine_schedule: needs at least one iteration, got ", iterations);
  if (iteration >= iterations) return last;
  const double progress = static_cast<double>(iteration) / static_cast<double>(iterations);
  return last + (1 - last) * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
