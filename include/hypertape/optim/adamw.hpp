#pragma once

#include <array>
#include <memory>

#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/weight_decay.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019; PyTorch's AdamW). `DecoupledWeightDecay` and `Adam`
/// have the equations.
struct AdamW {
  double beta1 = 0.9;          ///< in [0, 1)
  double beta2 = 0.999;        ///< in [0, 1)
  double epsilon = 1e-8;       ///< positive, also when rounded to float
  double weight_decay = 0.01;  ///< lambda, at least 0

  /// The coefficients.
  std::array<double, 4> values() const { return {beta1, beta2, epsilon, weight_decay}; }

  /// The rule, for `Rule`.
  template <class T>
  std::unique_ptr<UpdateRule<T>> update_rule() const {
    return std::make_unique<ElementwiseRule<T, DecoupledWeightDecay<Adam>>>();
  }
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
