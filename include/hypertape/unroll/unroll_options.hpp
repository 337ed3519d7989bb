#pragma once

#include <vector>

#include "hypertape/unroll/checkpoint_schedule.hpp"
#include "hypertape/unroll/inner_loop.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// How to compute the second derivatives of an inner step; both give the same values up to rounding.
enum class SecondDerivative {
  forward_over_reverse,  ///< pushes the tangent along the direction through the recorded gradient: faster
  reverse_over_reverse,  ///< records <direction, gradient> and pulls it back
};

/// How to compute derivatives through an unroll. The defaults are correct for any loss and, if memory suffices, the
/// fastest on one thread.
struct UnrollOptions {
  WantedData differentiate{};  ///< the data of the steps to differentiate with respect to

  SecondDerivative second_derivative = SecondDerivative::forward_over_reverse;  ///< of each inner step
  Schedule schedule = Schedule::store_all();  ///< what is kept of the steps; all give the same bits

  /// First-order derivatives (Finn, Abbeel and Levine 2017, section 5.2): the weights are treated as if g_t did not
  /// depend on them, so no Hessian is needed. Derivatives with respect to data and hyperparameters are those of each
  /// step alone.
  bool first_order = false;

  /// Truncated back-propagation: derivatives go through the last `window` steps only, and earlier steps count as
  /// constant; 0 means all. Hypergradient::theta0 is then the derivative with respect to the weights at the window's
  /// start.
  Index window = 0;

  /// The steps t at whose theta_t the outer loss is evaluated; L is the sum of these values. Empty means after the last
  /// step only. They must ascend and lie within the window.
  std::vector<Index> outer_steps{};

  /// The most samples in a block; each step's samples are cut into such blocks, which threads share. Use it only for an
  /// inner loss that is a mean over samples (plus terms of theta alone, if any). 0 takes all samples at once, which is
  /// correct for any loss.
  Index samples_per_block = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
