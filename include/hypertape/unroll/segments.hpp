#pragma once

#include <algorithm>
#include <cmath>

#include "hypertape/core/shape.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

namespace detail {

/// The cut of T steps, from the window's start on, into segments of k. At the start of each but the last theta is kept;
/// the last is recorded in the forward sweep, the others again from there, when the backward sweep comes to them.
class Segments {
 public:
  /// Of so many steps, as policy, interval and window of the options have it.
  Segments(Index length, const UnrollOptions& options)
      : first_(options.window == 0 ? 0 : std::max<Index>(0, length - options.window)), end_(length) {
    const Index steps = length - first_;
    const Index root = std::lround(std::sqrt(static_cast<double>(steps)));
    switch (options.memory_policy) {
      case MemoryPolicy::store_all:
        interval_ = steps;
        break;
      case MemoryPolicy::recompute:
        interval_ = 1;
        break;
      case MemoryPolicy::checkpoints:
        interval_ = options.checkpoint_interval > 0 ? options.checkpoint_interval : root;
    }
    interval_ = (std::min)(interval_, steps);
  }

  /// The number of segments.
  Index count() const { return (end_ - first_ + interval_ - 1) / interval_; }
  /// The steps of segment i.
  Range operator[](Index i) const { return {first_ + i * interval_, (std::min)(end_, first_ + (i + 1) * interval_)}; }
  /// Steps of the longest segment.
  Index longest() const { return interval_; }

  /// Whether a segment starts at step t.
  bool starts_at(Index t) const { return t >= first_ && (t - first_) % interval_ == 0; }
  /// The segment that step t, which is not before the window, belongs to.
  Index segment_of(Index t) const { return (t - first_) / interval_; }

 private:
  Index first_, end_, interval_ = 1;
};

}  // namespace detail

}  // namespace hypertape::inline HYPERTAPE_ABI
