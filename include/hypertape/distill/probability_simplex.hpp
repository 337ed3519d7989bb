#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "hypertape/core/config.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Projects one or more values onto the probability simplex: replaces them by the nearest values that are not negative
/// and sum to 1:
///
///     max(v_k - tau, 0), where tau makes the sum 1
///
/// (Duchi et al. 2008, Figure 1). Probabilities stay unchanged, up to rounding.
inline void project_to_probabilities(std::span<double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  double sum = 0, tau = 0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    sum += sorted[k];
    const double candidate = (sum - 1) / static_cast<double>(k + 1);
    if (!(sorted[k] > candidate)) break;
    tau = candidate;
  }
  for (double& value : values) value = (std::max)(value - tau, 0.0);
}

/// The same for each sample's labels (N, classes).
inline void project_to_probabilities(Tensor<float>& labels) {
  const Index samples = labels.shape()[0], classes = labels.shape()[1];
  std::vector<double> values(static_cast<std::size_t>(classes));
  for (Index n = 0; n < samples; ++n) {
    for (Index k = 0; k < classes; ++k) values[static_cast<std::size_t>(k)] = static_cast<double>(labels(n, k));
    project_to_probabilities(values);
    for (Index k = 0; k < classes; ++k) labels(n, k) = static_cast<float>(values[static_cast<std::size_t>(k)]);
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
