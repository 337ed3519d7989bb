#pragma once

#include <functional>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// Trains a network: takes initial weights, their number and a team, and returns the trained weights. Several threads
/// call it at once. @throws DivergenceError if training diverges.
using Trainer = std::function<Tensor<float>(const Tensor<float>& theta0, Index number, const WorkerTeam& team)>;

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
