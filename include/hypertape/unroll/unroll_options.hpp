#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/core/shape.hpp"

namespace hypertape {

/// How the second derivatives of an inner step are taken; all give the same values to rounding.
enum class SecondDerivative {
  fastest,               ///< the loss's own derivatives if it has some (see `loss_derivatives`), else the next
  forward_over_reverse,  ///< on a tape: the tangent along the direction is pushed through the recorded gradient
  reverse_over_reverse,  ///< on a tape: <direction, gradient> is recorded, and pulled back
};

/// What is kept of the inner steps between the forward and the backward sweep. All give the same bits; `checkpoints`
/// and `recompute` pay one more gradient for most steps.
enum class MemoryPolicy {
  every_tape,   ///< all that the derivatives need of each step: fastest; memory grows with T times a step's record
  recompute,    ///< theta_t of each step, and the record of one: memory grows with T times P
  checkpoints,  ///< theta_t of every k-th step, and the records of k: memory grows with T / k times P plus k records
};

/// How derivatives through an unroll are taken; the defaults are right, and fastest, where memory suffices.
struct UnrollOptions {
  SecondDerivative second_derivative = SecondDerivative::fastest;  ///< of each inner step
  MemoryPolicy memory_policy = MemoryPolicy::every_tape;           ///< what is kept of the steps
  Index checkpoint_interval = 0;  ///< k, for `checkpoints`; 0: the square root of T, rounded

  /// Truncated back-propagation: derivatives go through the last `window` steps only, the steps before count as given;
  /// 0: all. Hypergradient::theta0 is then the derivative by the weights at the window's start.
  Index window = 0;

  bool differentiate_x = true;   ///< take the derivatives by the samples too
  bool differentiate_y = false;  ///< take the derivatives by the labels too

  /// Cuts each step's samples into blocks of at most this many, which threads share. Only for an inner loss that is a
  /// mean over samples (terms of theta alone may come on top). 0 takes all at once: right for any loss.
  Index samples_per_block = 0;
};

/// The cut of T steps, from the window's start on, into segments of k. At the start of each but the last theta is kept;
/// the last is recorded in the forward sweep, the others again from there, when the backward sweep comes to them.
class Segments {
 public:
  /// Of so many steps, as policy, interval and window of the options have it.
  Segments(Index length, const UnrollOptions& options)
      : first_(options.window == 0 ? 0 : std::max<Index>(0, length - options.window)), end_(length) {
    const Index steps = length - first_;
    const auto root = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(steps))));
    switch (options.memory_policy) {
      case MemoryPolicy::every_tape:
        interval_ = steps;
        break;
      case MemoryPolicy::recompute:
        interval_ = 1;
        break;
      case MemoryPolicy::checkpoints:
        interval_ = options.checkpoint_interval > 0 ? options.checkpoint_interval : root;
    }
    interval_ = std::min(interval_, steps);
  }

  /// The number of segments.
  Index count() const { return (end_ - first_ + interval_ - 1) / interval_; }
  /// The steps of segment i.
  Range operator[](Index i) const { return {first_ + i * interval_, std::min(end_, first_ + (i + 1) * interval_)}; }
  /// Steps of the longest segment.
  Index longest() const { return interval_; }

  /// Whether a segment starts at step t.
  bool starts_at(Index t) const { return t >= first_ && (t - first_) % interval_ == 0; }
  /// The segment that step t, which is not before the window, belongs to.
  Index segment_of(Index t) const { return (t - first_) / interval_; }

 private:
  Index first_, end_, interval_ = 1;
};

}  // namespace hypertape
