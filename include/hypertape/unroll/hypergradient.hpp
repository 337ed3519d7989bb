#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/kernels/elementwise.hpp"
#include "hypertape/kernels/reduce_kernels.hpp"
#include "hypertape/unroll/inner_loop.hpp"
#include "hypertape/unroll/segments.hpp"
#include "hypertape/unroll/step_blocks.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// dL(theta_T) by everything that the inner loop was given.
template <class T>
struct Hypergradient {
  T outer_loss = 0;           ///< L(theta_T)
  Tensor<T> inner_losses;     ///< (epochs, steps): l(theta_t, x_s, y_s), before step t; 0 for steps not taken
  Tensor<T> theta_T;          ///< (P), the trained weights
  Tensor<T> theta0;           ///< (P), or by the weights at the start of the window
  std::vector<Tensor<T>> x;   ///< as InnerLoop::x; empty unless asked for
  std::vector<Tensor<T>> y;   ///< as InnerLoop::y; empty unless asked for
  Tensor<T> learning_rates;   ///< (epochs, steps); 0 before the window, and for steps not taken
  std::optional<T> momentum;  ///< of what the window's steps do with it; empty unless asked for
  Tensor<T> hyperparameters;  ///< (H), of what the window's steps do with them; a scalar 0 if the loop has none
};

/// Derivatives through unrolled gradient descent (docs/hypergradient.md). With lambda = dL/d theta_{t+1} and
/// g_t = grad_theta l(theta_t, x, y), each step from the last to the first adds
///
///     d eta_t  = - <lambda, g_t>
///     d x     += - eta_t d/dx <lambda, g_t>
///     d y     += - eta_t d/dy <lambda, g_t>          and the same for phi
///     lambda   = lambda - eta_t d/dtheta <lambda, g_t>
///
/// and with a momentum mu, or where its derivative is asked for, with nu = mu dL/d v_{t+2} to begin with,
///
///     d eta_t  = - <lambda, v_{t+1}>
///     nu       = nu - eta_t lambda                   dL/d v_{t+1}
///     d mu    += <nu, v_t>                           if asked for
///     d x     += d/dx <nu, g_t>
///     d y     += d/dy <nu, g_t>                      and the same for phi
///     lambda   = lambda + d/dtheta <nu, g_t>
///     nu       = mu nu
///
/// `inner_loss(theta, x, y)`, or with hyperparameters `inner_loss(theta, x, y, phi)`, records a scalar from Vars; it is
/// called from several threads at once if the team has several and UnrollOptions::samples_per_block cuts the steps into
/// blocks (else one thread does them). Keep the object: it reuses its memory.
template <class T, class InnerLoss>
class Unroll {
 public:
  /// @throws ArgumentError for a negative interval or window, or an interval that the memory policy would ignore.
  explicit Unroll(InnerLoss inner_loss, UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1))
      : options_(options), team_(team), blocks_(std::move(inner_loss), options, team) {
    if (options.checkpoint_interval < 0 || options.window < 0) {
      throw ArgumentError("UnrollOptions: interval and window cannot be negative, got ", options.checkpoint_interval,
                          " and ", options.window);
    }
    if (options.checkpoint_interval > 0 && options.memory_policy != MemoryPolicy::checkpoints) {
      throw ArgumentError("UnrollOptions: checkpoint_interval goes with MemoryPolicy::checkpoints");
    }
  }

  /// Runs the inner loop alone and returns theta_T, which stays valid until the next call. @throws ShapeError if the
  /// loop's parts do not fit, ArgumentError if its momentum or max_steps are out of range; DivergenceError, naming the
  /// step, if a loss is not finite, or if theta_T is not.
  const Tensor<T>& train(const InnerLoop<T>& loop) {
    start(loop);
    if (trajectory_.empty()) trajectory_.resize(1);
    Point& point = trajectory_.front();
    team_.session([&] {
      start_at_theta0(loop, point);
      for (Index t = 0; t < loop.steps_taken(); ++t) step(loop, t, point, point, false);
    });
    require_finite(loop, point.theta);
    return point.theta;
  }

  /// `outer_loss(theta, gradient)` returns L(theta) and writes its gradient, a tensor of theta's shape that is NaN
  /// everywhere until then. The result stays valid until the next call. @throws as `train`; ShapeError if the gradient
  /// is left with another shape; DivergenceError if the outer loss or a derivative is not finite, also where no
  /// gradient was written.
  template <class OuterLoss>
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    start(loop);
    blocks_.clear_derivatives();
    result_.learning_rates.resize(loop.learning_rates.shape());
    result_.learning_rates.fill(T(0));
    result_.momentum.reset();
    if (options_.differentiate_momentum) result_.momentum = T(0);
    team_.session([&] { sweep(loop, outer_loss); });
    blocks_.collect(loop, result_.x, result_.y, result_.hyperparameters);
    require_finite_result();
    return result_;
  }

  /// Bytes that trajectory, records and results hold.
  std::size_t reserved_bytes() const {
    std::size_t bytes = blocks_.reserved_bytes();
    const auto count = [&](const Tensor<T>& tensor) { bytes += tensor.reserved_bytes(); };
    for (const auto* points : {&trajectory_, &checkpoints_}) {
      for (const Point& point : *points) {
        count(point.theta);
        count(point.velocity);
      }
    }
    for (const auto* tensors : {&result_.x, &result_.y}) {
      for (const Tensor<T>& tensor : *tensors) count(tensor);
    }
    for (const Tensor<T>* tensor : {&lambda_, &nu_, &result_.theta_T, &result_.theta0, &result_.inner_losses,
                                    &result_.learning_rates, &result_.hyperparameters})
      count(*tensor);
    return bytes;
  }

  /// What `reserved_bytes` of a new object will be after a hypergradient through this loop, within 5 % where each step
  /// allocates what the first does. Takes the time of two inner steps, from which it learns that. The outer loss comes
  /// on top. @throws ShapeError or ArgumentError as `train`.
  std::size_t predicted_bytes(const InnerLoop<T>& loop) const {
    validate(loop);
    const detail::Segments segments(loop.steps_taken(), options_);
    const Index points = segments.longest() + segments.count();
    const Index vectors = keeps_velocity(loop) ? 2 * points + 4 : points + 3;
    Index values = vectors * loop.theta0.size() + 2 * loop.length() + loop.hyperparameters.size();
    for (std::size_t s = 0; s < loop.x.size(); ++s) {
      if (options_.differentiate_x) values += loop.x[s].size();
      if (options_.differentiate_y) values += loop.y[s].size();
    }
    const Index last = segments[segments.count() - 1].size(), before = segments.count() > 1 ? segments.longest() : 0;
    const detail::LossPlan plan{.gradients_first = last < loop.steps_taken(), .stacks = {last, before}};
    return blocks_.predicted_bytes(loop, plan) + static_cast<std::size_t>(values) * sizeof(T);
  }

 private:
  /// A point of the trajectory. Where no velocity is kept, it is a scalar that nothing uses.
  struct Point {
    Tensor<T> theta, velocity;  // theta_t and v_t, (P)
  };

  static void validate(const InnerLoop<T>& loop) {
    loop.validate();
    if (loop.has_hyperparameters() && !detail::LossWithHyperparameters<InnerLoss, T>) {
      throw ArgumentError("hypergradient: the loop has hyperparameters, but the inner loss takes none");
    }
    if (!loop.has_hyperparameters() && !detail::LossOfSamples<InnerLoss, T>) {
      throw ArgumentError("hypergradient: the inner loss takes hyperparameters, but the loop has none");
    }
  }

  static void require_finite(const InnerLoop<T>& loop, const Tensor<T>& theta) {
    if (theta.all_finite()) return;
    throw DivergenceError("hypergradient: the weights are not finite after ", loop.steps_taken(), " inner steps");
  }

  void require_finite_result() const {
    const auto expect_finite = [](bool finite, const char* by) {
      if (!finite) throw DivergenceError("hypergradient: the derivative by ", by, " is not finite");
    };
    const auto all_finite = [](const Tensor<T>& tensor) { return tensor.all_finite(); };
    expect_finite(result_.theta0.all_finite(), "initial weights");
    expect_finite(std::ranges::all_of(result_.x, all_finite), "samples");
    expect_finite(std::ranges::all_of(result_.y, all_finite), "labels");
    expect_finite(result_.learning_rates.all_finite(), "learning rates");
    expect_finite(!result_.momentum || std::isfinite(*result_.momentum), "momentum");
    expect_finite(result_.hyperparameters.all_finite(), "hyperparameters");
  }

  void start(const InnerLoop<T>& loop) {
    validate(loop);
    blocks_.load(loop);
    result_.inner_losses.resize(loop.learning_rates.shape());
    result_.inner_losses.fill(T(0));
  }

  /// Plain descent does without one, unless its derivative with respect to a momentum of 0 is asked for.
  bool keeps_velocity(const InnerLoop<T>& loop) const { return loop.momentum > 0 || options_.differentiate_momentum; }
  Shape velocity_shape(const InnerLoop<T>& loop) const { return keeps_velocity(loop) ? loop.theta0.shape() : Shape{}; }

  void start_at_theta0(const InnerLoop<T>& loop, Point& point) {
    point.theta = loop.theta0;
    point.velocity.resize(velocity_shape(loop));
    point.velocity.fill(T(0));
  }

  /// Forward through the inner loop, over the outer loss, and back.
  template <class OuterLoss>
  void sweep(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    const detail::Segments segments(loop.steps_taken(), options_);
    const Index last = segments.count() - 1;
    reserve(loop, segments);

    Point& point = trajectory_.front();
    start_at_theta0(loop, point);
    for (Index t = 0; t < segments[last].begin; ++t) {
      if (segments.starts_at(t)) checkpoints_[static_cast<std::size_t>(segments.segment_of(t))] = point;
      step(loop, t, point, point, false);
    }
    record(loop, segments[last]);
    result_.theta_T = trajectory_[static_cast<std::size_t>(segments[last].size())].theta;
    require_finite(loop, result_.theta_T);
    differentiate_outer_loss(loop, outer_loss);

    for (Index segment = last; segment >= 0; --segment) {
      if (segment < last) {
        point = checkpoints_[static_cast<std::size_t>(segment)];
        record(loop, segments[segment]);
      }
      const Range range = segments[segment];
      for (Index t = range.end - 1; t >= range.begin; --t) {
        const auto i = static_cast<std::size_t>(t - range.begin);
        step_back(loop, t, trajectory_[i], trajectory_[i + 1]);
      }
    }
    result_.theta0 = lambda_;
  }

  void reserve(const InnerLoop<T>& loop, const detail::Segments& segments) {
    trajectory_.resize(static_cast<std::size_t>(segments.longest() + 1));
    checkpoints_.resize(static_cast<std::size_t>(segments.count() - 1));
    for (auto* points : {&trajectory_, &checkpoints_}) {
      for (Point& point : *points) {
        point.theta.resize(loop.theta0.shape());
        point.velocity.resize(velocity_shape(loop));
      }
    }
  }

  /// Steps through a segment, from trajectory_[0] on, and keeps their records.
  void record(const InnerLoop<T>& loop, Range segment) {
    for (Index t = segment.begin; t < segment.end; ++t) {
      const auto i = static_cast<std::size_t>(t - segment.begin);
      step(loop, t, trajectory_[i], trajectory_[i + 1], true);
    }
  }

  /// lambda = dL/d theta_T, and nu = 0.
  template <class OuterLoss>
  void differentiate_outer_loss(const InnerLoop<T>& loop, const OuterLoss& outer_loss) {
    lambda_.resize(loop.theta0.shape());
    lambda_.fill(std::numeric_limits<T>::quiet_NaN());  // an element that is not written must not be the last call's
    result_.outer_loss = outer_loss(std::as_const(result_.theta_T), lambda_);
    if (!std::isfinite(result_.outer_loss)) {
      throw DivergenceError("hypergradient: the outer loss is ", std::isnan(result_.outer_loss) ? "NaN" : "infinite",
                            " after ", loop.steps_taken(), " inner steps");
    }
    if (lambda_.shape() != loop.theta0.shape()) {
      throw ShapeError("hypergradient: the outer loss wrote a gradient ", lambda_.shape(), " for theta ",
                       loop.theta0.shape());
    }
    if (!lambda_.all_finite()) {
      throw DivergenceError("hypergradient: the gradient of the outer loss is not finite, or was not written");
    }
    nu_.resize(velocity_shape(loop));
    nu_.fill(T(0));
  }

  /// From `from`, of step t, to `to`, of step t + 1; the two may be one.
  void step(const InnerLoop<T>& loop, Index t, const Point& from, Point& to, bool keep) {
    const T eta = loop.learning_rates[t], mu = loop.momentum;
    const bool plain = !keeps_velocity(loop);
    const T loss = blocks_.gradient(from.theta, samples_of(loop, t), keep);
    result_.inner_losses[t] = loss;
    if (!std::isfinite(loss)) {
      throw DivergenceError("hypergradient: the inner loss is ", std::isnan(loss) ? "NaN" : "infinite",
                            " at inner step ", t);
    }
    team_.for_each_range(to.theta.size(), [&](Range range) {
      if (plain) {
        blocks_.add(-eta, from.theta, to.theta, range);
      } else {
        map(range, from.velocity, to.velocity, [mu](T v) { return mu * v; });
        blocks_.add(T(1), to.velocity, to.velocity, range);
        map(range, from.theta, to.velocity, to.theta, [eta](T theta, T v) { return theta - eta * v; });
      }
    });
  }

  /// The equations above, for the newest record, which is of step t, from `before` to `after`.
  void step_back(const InnerLoop<T>& loop, Index t, const Point& before, const Point& after) {
    const T eta = loop.learning_rates[t], mu = loop.momentum;
    const auto s = samples_of(loop, t);
    const Index size = lambda_.size();
    if (!keeps_velocity(loop)) {
      result_.learning_rates[t] = -blocks_.gradient_vjp(lambda_, s, -eta);
      team_.for_each_range(size, [&](Range range) { blocks_.add(-eta, lambda_, lambda_, range); });
    } else {
      result_.learning_rates[t] = -kernels::dot(size, lambda_.data(), after.velocity.data());
      team_.for_each_range(
          size, [&](Range range) { map(range, nu_, lambda_, nu_, [eta](T n, T l) { return n - eta * l; }); });
      if (result_.momentum) *result_.momentum += kernels::dot(size, nu_.data(), before.velocity.data());
      blocks_.gradient_vjp(nu_, s, T(1));
      team_.for_each_range(size, [&](Range range) {
        blocks_.add(T(1), lambda_, lambda_, range);
        map(range, nu_, nu_, [mu](T n) { return mu * n; });
      });
    }
  }

  static std::size_t samples_of(const InnerLoop<T>& loop, Index t) {
    return static_cast<std::size_t>(t % loop.steps());
  }

  /// out = f(a), or f(a, b), in this range.
  template <class F>
  static void map(Range range, const Tensor<T>& a, Tensor<T>& out, const F& f) {
    kernels::map(range.size(), a.data() + range.begin, out.data() + range.begin, f);
  }
  template <class F>
  static void map(Range range, const Tensor<T>& a, const Tensor<T>& b, Tensor<T>& out, const F& f) {
    kernels::map(range.size(), a.data() + range.begin, b.data() + range.begin, out.data() + range.begin, f);
  }

  UnrollOptions options_;
  WorkerTeam team_;
  detail::StepBlocks<T, InnerLoss> blocks_;
  std::vector<Point> trajectory_;   // of the present segment, and of the step after it
  std::vector<Point> checkpoints_;  // at the start of each segment but the last
  Tensor<T> lambda_, nu_;           // dL/d theta_{t+1} and, with a velocity, mu dL/d v_{t+2}
  Hypergradient<T> result_;
};

/// The hypergradient of one inner loop, for an outer loss that records a scalar from theta: see Unroll for the rest.
///
///     auto h = hypergradient(loop, inner_loss, [&](Var<double> theta) { return softmax_cross_entropy(...); });
template <class T, class InnerLoss, class OuterLoss>
Hypergradient<T> hypergradient(const InnerLoop<T>& loop, const InnerLoss& inner_loss, const OuterLoss& outer_loss,
                               UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1)) {
  Unroll<T, InnerLoss> unroll(inner_loss, options, team);
  return unroll(loop, [&](const Tensor<T>& theta, Tensor<T>& gradient_out) {
    Tape<T> tape;
    const Var<T> leaf = tape.leaf(theta);
    const Var<T> loss = outer_loss(leaf);
    gradient_out = gradient(loss, leaf).value();
    return loss.item();
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI
