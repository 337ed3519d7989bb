#pragma once

#include <vector>

#include "hypertape/unroll/checkpoint_schedule.hpp"
#include "hypertape/unroll/inner_loop.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// How the second derivatives of an inner step are taken; all give the same values to rounding.
enum class SecondDerivative {
  forward_over_reverse,  ///< the tangent along the direction is pushed through the recorded gradient: the faster
  reverse_over_reverse,  ///< <direction, gradient> is recorded, and pulled back
};

/// How derivatives through an unroll are taken; the defaults are right for any loss, and where memory suffices the
/// fastest on one thread.
struct UnrollOptions {
  WantedData differentiate{};  ///< with respect to which data of the steps derivatives are taken

  SecondDerivative second_derivative = SecondDerivative::forward_over_reverse;  ///< of each inner step
  Schedule schedule = Schedule::store_all();  ///< what is kept of the steps; same bits for all

  /// First-order derivatives (Finn, Abbeel and Levine 2017, section 5.2): weights count as if g_t did not depend on
  /// them, so that no Hessian is taken. With respect to data and hyperparameters they are those of each step alone.
  bool first_order = false;

  /// Truncated back-propagation: derivatives go through the last `window` steps only, the steps before count as given;
  /// 0: all. Hypergradient::theta0 is then the derivative with respect to the weights at the window's start.
  Index window = 0;

  /// The steps t whose theta_t the outer loss is asked for; the outer loss is the sum of what it says. Empty: theta
  /// after the last step. In ascending order, each within the window.
  std::vector<Index> outer_steps{};

  /// Cuts each step's samples into blocks of at most this many, which threads share. Only for an inner loss that is a
  /// mean over samples (terms of theta alone may come on top). 0 takes all at once: right for any loss.
  Index samples_per_block = 0;
};

}  // namespace hypertape::inline HYPERTAPE_ABI
