#pragma once

#include <functional>

#include "hypertape/core/parallel.hpp"
#include "hypertape/core/tensor.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

/// How a network is trained: from initial weights number `number` to the trained ones. Several threads call it at once.
/// @throws DivergenceError if that fails.
using Trainer = std::function<Tensor<float>(const Tensor<float>& theta0, Index number, const WorkerTeam& team)>;

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
