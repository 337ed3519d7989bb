#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "hypertape/unroll/unroll.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Truncated back-propagation through a long training run (Williams and Peng 1990; T1 and T2 in Sutskever 2013). Every
/// T1 steps, it computes a hypergradient through the last T2 steps; weights and optimizer state carry over from call to
/// call. Between calls, the loop's inputs may be changed, for example by an outer step.
///
///     TruncatedUnroll<double> truncated(loss, 20, 60);
///     while (!truncated.finished(loop)) update(loop, truncated(loop, outer_loss));
///
/// The last window is shorter if T1 does not divide T. A window longer than T1 starts from the weights that the run had
/// there before, and takes its first steps again with the current inputs.
template <class T>
class TruncatedUnroll {
 public:
  /// Moves T1 steps on per call, and goes T2 steps back. The options are Unroll's, but without a window or outer steps,
  /// since each window has its own end. @throws ArgumentError unless T1 and T2 are positive and T2 is a multiple of T1
  /// or shorter; or if the options have a window or outer steps.
  TruncatedUnroll(InnerLoss<T> inner_loss, Index steps_on, Index steps_back, UnrollOptions options = {},
                  WorkerTeam team = WorkerTeam(1));

  /// Whether all steps of the loop have been taken.
  bool finished(const InnerLoop<T>& loop) const { return end_ >= loop.range().end && end_ > 0; }

  /// Takes the next T1 steps, or as many as remain, and returns the hypergradient of the outer loss after them.
  /// Derivatives with respect to theta0 and slots are those at the window's start. @throws ArgumentError if no steps
  /// remain; otherwise what Unroll throws, and the steps then count as not taken.
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss);

  /// Forgets the steps so far: the next call starts from the loop's own weights.
  void restart() {
    points_.clear();
    end_ = 0;
  }

  /// Bytes held by the object.
  std::size_t reserved_bytes() const;

 private:
  /// A point of the run.
  struct Point {
    Index step;
    Tensor<T> theta;
    optim::State<T> state;
  };

  static UnrollOptions windowed(UnrollOptions options, Index on, Index back) {
    if (options.window != 0) throw ArgumentError("TruncatedUnroll: the window is T2; the options must not set one");
    if (!options.outer_steps.empty()) throw ArgumentError("TruncatedUnroll: the options must not set outer steps");
    if (on < 1 || back < 1 || (back > on && back % on != 0)) {
      throw ArgumentError("TruncatedUnroll: T2 must be a multiple of T1, or less; got T1 = ", on, " and T2 = ", back);
    }
    options.window = back < on ? back : 0;
    return options;
  }

  Index steps_on_, steps_back_, end_ = 0;
  Unroll<T> unroll_;
  InnerLoop<T> loop_;
  std::deque<Point> points_;  // from the next window's start on
};

template <class T>
TruncatedUnroll<T>::TruncatedUnroll(InnerLoss<T> inner_loss, Index steps_on, Index steps_back, UnrollOptions options,
                                    WorkerTeam team)
    : steps_on_(steps_on),
      steps_back_(steps_back),
      unroll_(std::move(inner_loss), windowed(std::move(options), steps_on, steps_back), std::move(team)) {}

template <class T>
const Hypergradient<T>& TruncatedUnroll<T>::operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
  const Range range = loop.range();
  if (finished(loop)) throw ArgumentError("TruncatedUnroll: all ", range.size(), " steps have been taken; restart()");
  loop_ = loop;
  const Index from = points_.empty() ? range.begin : points_.back().step, to = (std::min)(range.end, from + steps_on_);
  if (!points_.empty()) {
    loop_.theta0 = points_.front().theta;
    loop_.state0 = points_.front().state;
    loop_.first_step = points_.front().step;
  }
  loop_.max_steps = to - loop_.first_step;
  const Hypergradient<T>& h = unroll_(loop_, outer_loss);
  if (points_.empty()) points_.push_back({range.begin, loop.theta0, loop.state0});
  end_ = to;
  // The next window begins at the first point that is at most T2 steps before its end.
  points_.push_back({to, h.theta_T, h.state_T});
  while (points_.size() > 1 && points_.front().step + (std::max)(steps_back_, steps_on_) < to + steps_on_) {
    points_.pop_front();
  }
  return h;
}

template <class T>
std::size_t TruncatedUnroll<T>::reserved_bytes() const {
  std::size_t bytes = unroll_.reserved_bytes() + detail::input_bytes(loop_);
  for (const Point& point : points_) {
    bytes += point.theta.reserved_bytes() + point.state.reserved_bytes();
  }
  return bytes;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
