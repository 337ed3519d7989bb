#pragma once

#include <cmath>
#include <span>

#include "hypertape/core/config.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// The mean and the population standard deviation of some values.
struct MeanAndStd {
  double mean = 0;       ///< of all values
  double deviation = 0;  ///< the standard deviation
};

/// Computes the mean and standard deviation of values.
inline MeanAndStd mean_and_std(std::span<const double> values) {
  MeanAndStd spread;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / count;
  for (const double value : values) spread.deviation += (value - spread.mean) * (value - spread.mean) / count;
  spread.deviation = std::sqrt(spread.deviation);
  return spread;
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
