#pragma once

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// How the second derivatives of an inner step are taken; all give the same values to rounding.
enum class SecondDerivative {
  fastest,               ///< the loss's own derivatives if it has some (see `loss_derivatives`), else the next
  forward_over_reverse,  ///< on a tape: the tangent along the direction is pushed through the recorded gradient
  reverse_over_reverse,  ///< on a tape: <direction, gradient> is recorded, and pulled back
};

/// What is kept of the inner steps between the forward and the backward sweep. All give the same bits; `checkpoints`
/// and `recompute` pay one more gradient for most steps.
enum class MemoryPolicy {
  store_all,    ///< all that the derivatives need of each step: fastest; memory grows with T times a step's record
  recompute,    ///< theta_t of each step, and the record of one: memory grows with T times P
  checkpoints,  ///< theta_t of every k-th step, and the records of k: memory grows with T / k times P plus k records
};

/// How derivatives through an unroll are taken; the defaults are right for any loss, and where memory suffices the
/// fastest on one thread.
struct UnrollOptions {
  SecondDerivative second_derivative = SecondDerivative::fastest;  ///< of each inner step
  MemoryPolicy memory_policy = MemoryPolicy::store_all;            ///< what is kept of the steps
  Index checkpoint_interval = 0;  ///< k, for `checkpoints`; 0: the square root of T, rounded

  /// Truncated back-propagation: derivatives go through the last `window` steps only, the steps before count as given;
  /// 0: all. Hypergradient::theta0 is then the derivative by the weights at the window's start.
  Index window = 0;

  bool differentiate_x = true;          ///< take the derivatives with respect to the samples too
  bool differentiate_y = false;         ///< take the derivatives with respect to the labels too
  bool differentiate_momentum = false;  ///< take the derivative with respect to the momentum too, be it 0 or not

  /// Cuts each step's samples into blocks of at most this many, which threads share. Only for an inner loss that is a
  /// mean over samples (terms of theta alone may come on top). 0 takes all at once: right for any loss.
  Index samples_per_block = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
