#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/hypergradient.hpp"
#include "hypertape/unroll/outer_loss.hpp"
#include "hypertape/unroll/step_blocks.hpp"
#include "hypertape/unroll/unroll_options.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// Derivatives through an unrolled training run in reverse mode (docs/hypergradient.md). Let s_bar = dL/d s_{t+1}, for
/// theta_{t+1} and the rule's slots, and g_t = grad_theta l(theta_t, x, y). Each step, from the last to the first,
/// computes
///
///     s_bar, g_bar, d eta_t, d coefficients  =  rule's adjoint(s_t, s_{t+1}, g_t; s_bar)
///     d x       += d/dx <g_bar, g_t>                    and the same for y, extra and phi
///     theta_bar += d/dtheta <g_bar, g_t>
///
/// For plain descent, g_bar = - eta_t theta_bar, and d eta_t = - <theta_bar, g_t> comes with the other derivatives, so
/// no g_t is kept.
///
/// The inner loss is called once for each block of each step that the schedule takes (docs/hypergradient.md, "Memory").
/// The calls come from several threads at once if the team has several and UnrollOptions::samples_per_block cuts the
/// steps into blocks; otherwise one thread makes them. A loss that depends on the step must take the step's number as
/// an argument. Keep the object: it reuses its memory.
template <class T>
class Unroll {
 public:
  /// Prepares for this inner loss. @throws ArgumentError for a negative window or block size.
  explicit Unroll(InnerLoss<T> inner_loss, UnrollOptions options = {}, WorkerTeam team = WorkerTeam(1));

  /// Runs the inner loop alone and returns theta_T, which stays valid until the next call, like `state`. @throws
  /// ShapeError if the loop's parts do not fit, ArgumentError if its numbers are out of range; DivergenceError if
  /// theta_T or a loss is not finite, naming the step of the loss.
  const Tensor<T>& train(const InnerLoop<T>& loop);

  /// The rule's state after the last call's steps.
  const optim::State<T>& state() const { return result_.state_T; }
  /// (epochs, steps): the inner losses of the last call's steps, as in the hypergradient.
  const Tensor<T>& inner_losses() const { return result_.inner_losses; }

  /// Computes the hypergradient of an outer loss, in one of the forms of unroll/outer_loss.hpp. The result stays valid
  /// until the next call. @throws what `train` throws; ArgumentError for outer steps outside of the window; ShapeError
  /// if the outer loss changes the shape of its gradient; DivergenceError if the outer loss or a derivative is not
  /// finite, which includes a gradient that was not written.
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss);

  /// Bytes held by trajectory, records and results.
  std::size_t reserved_bytes() const;

  /// Predicts `reserved_bytes` of a new object after a hypergradient through this loop, within 5 % if each step
  /// allocates what the first of the same shape does. It takes the time of two inner steps of each shape, from which it
  /// learns. The outer loss's memory is not included. @throws ShapeError or ArgumentError like `train`.
  std::size_t predicted_bytes(const InnerLoop<T>& loop) const;

 private:
  using Action = ScheduleAction::Kind;

  /// A point of the trajectory: s_t and, if the rule's adjoint needs it, g_t.
  struct Point {
    optim::Iterate<T> iterate;
    Tensor<T> gradient;
  };

  /// Makes a copy of the loop's rule for this object. A schedule found for another rule no longer holds.
  void adopt(const optim::Rule<T>& rule) {
    if (known_rule_ != nullptr && &**known_rule_ == &*rule) return;
    known_rule_ = std::make_unique<optim::Rule<T>>(rule);
    rule_ = rule->clone();
    schedule_.reset();
  }

  /// Prepares for the steps of this loop; null means no derivatives.
  void start(const InnerLoop<T>& loop, InnerLoop<T>* derivatives) {
    blocks_.inner_loss().require_fit(loop);
    adopt(loop.rule);
    groups_.assign(loop.theta0.size(), loop.groups);
    blocks_.load(loop, derivatives);
    plain_ = is_plain(loop);
    result_.inner_losses.resize(Shape{loop.learning_rates.shape()[0], loop.steps()});
    result_.inner_losses.fill(T(0));
  }

  /// Whether the adjoint of a step works without the gradient.
  bool is_plain(const InnerLoop<T>& loop) const {
    return loop.rule->is_plain_descent() && loop.groups.size() < 2 && !options_.first_order;
  }

  /// Whether steps are recorded; first-order derivatives with respect to theta alone need no records.
  bool records(const InnerLoop<T>& loop) const {
    if (!options_.first_order) return true;
    return (loop.has_hyperparameters() && blocks_.inner_loss().takes_hyperparameters()) ||
           (options_.differentiate.x && !loop.x.empty()) || (options_.differentiate.y && !loop.y.empty()) ||
           (options_.differentiate.extra && !loop.extra.empty());
  }

  /// The first step that is differentiated.
  Index window_begin(const InnerLoop<T>& loop) const {
    const Range range = loop.range();
    return options_.window == 0 ? range.begin : (std::max)(range.begin, range.end - options_.window);
  }

  /// The schedule for this loop. A budget's is computed again only if the loop's sizes or rule have changed.
  Schedule fitted(const InnerLoop<T>& loop) const {
    return options_.schedule.fitted(loop.range().end - window_begin(loop),
                                    [&](const Schedule& schedule) { return predicted_bytes(loop, schedule); });
  }
  void plan(const InnerLoop<T>& loop) {
    std::vector<Shape> sizes;
    if (!options_.schedule.is_concrete()) {
      sizes.assign(1, Shape{loop.range().end + 1, window_begin(loop) + 1});
      for_each_input([&](const InputName&, const Tensor<T>& tensor) { sizes.push_back(tensor.shape()); }, loop);
    }
    if (schedule_ && sizes == planned_sizes_) return;
    schedule_ = fitted(loop);
    planned_sizes_ = std::move(sizes);
  }

  std::size_t predicted_bytes(const InnerLoop<T>& loop, const Schedule& schedule) const {
    const Range range = loop.range();
    const Index steps = range.end - window_begin(loop), records_kept = schedule.records(steps);
    const Index of_iterate = 1 + static_cast<Index>(loop.rule->slot_count());
    Index vectors = of_iterate * (records_kept + 1 + schedule.checkpoints(steps) + 2);     // and s_bar, and s_T
    if (!is_plain(loop)) vectors += (loop.rule->needs_gradient() ? records_kept : 0) + 1;  // g_t, and g_bar
    if (!options_.outer_steps.empty()) ++vectors;
    InnerLoop<T> derivatives;
    detail::zeros_like(loop, options_.differentiate, derivatives);
    return blocks_.predicted_bytes(loop, calls(loop, schedule)) + detail::input_bytes(derivatives) + rule_bytes(loop) +
           static_cast<std::size_t>(vectors * loop.theta0.size() + loop.length()) * sizeof(T);
  }

  /// Bytes held by the rule after a step and its adjoint, found by trying, as the rule may be a user's.
  std::size_t rule_bytes(const InnerLoop<T>& loop) const {
    const std::unique_ptr<optim::UpdateRule<T>> rule = loop.rule->clone();
    optim::WeightGroups groups;
    groups.assign(loop.theta0.size(), loop.groups);
    optim::Iterate<T> from, to;
    detail::set_first_iterate(loop, from);
    to = from;
    Tensor<T> gradient(loop.theta0.shape()), phi(loop.hyperparameters.shape());
    const optim::StepInputs<T> in = detail::step_inputs(loop, groups, loop.range().begin, from, gradient);
    rule->step(in, to, WorkerTeam(1));
    std::vector<T> rates(groups.count()), coefficients(in.coefficients.size());
    Tensor<T> gradient_bar = gradient;
    if (!is_plain(loop)) rule->adjoint(in, to, {from, gradient_bar, rates, coefficients, phi}, WorkerTeam(1));
    return rule->reserved_bytes();
  }

  /// The loss calls that the schedule makes. If only one record exists at a time, memory does not depend on how often.
  std::vector<detail::LossCall> calls(const InnerLoop<T>& loop, const Schedule& schedule) const {
    using What = detail::LossCall::What;
    const Range range = loop.range();
    const Index begin = window_begin(loop);
    std::vector<detail::LossCall> calls;
    if (!records(loop) || schedule.records(range.end - begin) == 1) {
      for (Index t = range.begin; t < (std::min)(range.end, range.begin + loop.steps()); ++t) {
        const std::size_t s = loop.data_of(t);
        if (range.size() > 1 || !records(loop)) calls.push_back({What::gradient, s});
        if (records(loop)) calls.insert(calls.end(), {{What::record, s}, {What::gradient_vjp, s}});
      }
      return calls;
    }
    schedule.for_each_action(range.begin, begin, range.end, [&](const ScheduleAction& action) {
      const std::size_t s = loop.data_of(action.step);
      if (action.kind == Action::advance) calls.push_back({What::gradient, s});
      if (action.kind == Action::record) calls.push_back({What::record, s});
      if (action.kind == Action::reverse) calls.push_back({What::gradient_vjp, s});
    });
    return calls;
  }

  /// Goes forward through the inner loop, evaluates the outer loss, and goes back.
  void sweep(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
    const Range range = loop.range();
    const Index begin = window_begin(loop), steps = range.end - begin;
    trajectory_.resize(static_cast<std::size_t>(schedule_->records(steps) + 1));
    checkpoints_.resize(static_cast<std::size_t>(schedule_->checkpoints(steps)));
    std::size_t saved = 0;
    points_ = 1;
    detail::set_first_iterate(loop, current().iterate);
    schedule_->for_each_action(range.begin, begin, range.end, saved_steps_, [&](const ScheduleAction& action) {
      switch (action.kind) {
        case Action::advance:
          take(loop, action.step, current(), current(), false);
          break;
        case Action::save:
          checkpoints_[saved++] = current().iterate;
          break;
        case Action::restore:
          current().iterate = checkpoints_[saved - 1];
          break;
        case Action::drop:
          --saved;
          break;
        case Action::record:
          ++points_;
          take(loop, action.step, previous(), current(), true);
          break;
        case Action::reverse:
          if (action.step + 1 == range.end) finish(loop);
          add_outer_loss(loop, action.step + 1, outer_loss);
          step_back(loop, action.step);
          --points_;
          break;
      }
    });
    add_outer_loss(loop, begin, outer_loss);
    add(bar_.theta, result_.theta0);
    for (std::size_t i = 0; i < bar_.slot.size(); ++i) add(bar_.slot[i], result_.state0.slot[i]);
  }

  Point& current() { return trajectory_[points_ - 1]; }
  Point& previous() { return trajectory_[points_ - 2]; }

  /// Takes step t from s_t to s_{t+1}, which may share one point.
  void take(const InnerLoop<T>& loop, Index t, Point& from, Point& to, bool keep) {
    const T loss = blocks_.gradient(from.iterate.theta, loop.data_of(t), t, keep && records(loop));
    result_.inner_losses[t] = loss;
    detail::require_finite_inner_loss(loss, t);
    to.iterate.theta.resize(loop.theta0.shape());
    to.iterate.slot.resize(loop.rule->slot_count());
    for (Tensor<T>& slot : to.iterate.slot) slot.resize(loop.theta0.shape());
    const bool keeps_gradient = keep && !plain_ && rule_->needs_gradient();
    if (keeps_gradient) blocks_.take_sum(from.gradient);
    const Tensor<T>& gradient = keeps_gradient ? from.gradient : blocks_.sum();
    rule_->step(detail::step_inputs(loop, groups_, t, from.iterate, gradient), to.iterate, team_);
  }

  /// Stores the results at the end of training.
  void finish(const InnerLoop<T>& loop) {
    const optim::Iterate<T>& last = current().iterate;
    const Index taken = loop.range().size();
    detail::require_finite_weights(last.theta, taken);
    result_.theta_T = last.theta;
    result_.state_T.slot = last.slot;
    result_.state_T.steps = loop.state0.steps + taken;
    bar_.theta.resize(loop.theta0.shape());
    bar_.theta.fill(T(0));
    bar_.slot.resize(last.slot.size());
    for (Tensor<T>& slot : bar_.slot) {
      slot.resize(loop.theta0.shape());
      slot.fill(T(0));
    }
    if (!plain_) gradient_bar_.resize(loop.theta0.shape());
  }

  /// Adds the outer loss at theta_t, the current point, if it is evaluated there.
  void add_outer_loss(const InnerLoop<T>& loop, Index t, OuterLoss<T> outer_loss) {
    if (!detail::is_outer_step(options_.outer_steps, t, loop.range().end)) return;
    const bool at_end = t == loop.range().end;
    Tensor<T>& gradient = at_end ? bar_.theta : theta_gradient_;
    result_.outer_loss +=
        detail::checked_outer_loss<T>(outer_loss, {t, current().iterate.theta, loop, gradient, result_});
    if (!at_end) add(gradient, bar_.theta);
  }

  /// Applies the equations above to step t, whose record is the newest.
  void step_back(const InnerLoop<T>& loop, Index t) {
    const std::size_t s = loop.data_of(t), group_count = groups_.count();
    const std::span<T> rates_bar =
        result_.learning_rates.values().subspan(static_cast<std::size_t>(t) * group_count, group_count);
    T factor = 1;
    if (plain_) {
      factor = -loop.rates(t)[0];
      rates_bar[0] -= blocks_.gradient_vjp(bar_.theta, s, factor);
    } else {
      const std::span<T> coefficients_bar = result_.rule.coefficients.values().first(loop.rule.values().size());
      rule_->adjoint(detail::step_inputs(loop, groups_, t, previous().iterate, previous().gradient), current().iterate,
                     {bar_, gradient_bar_, rates_bar, coefficients_bar, result_.hyperparameters}, team_);
      if (records(loop)) blocks_.gradient_vjp(gradient_bar_, s, factor);
      if (options_.first_order) return;
    }
    team_.for_each_range(bar_.theta.size(), [&](Range range) { blocks_.add(factor, bar_.theta, bar_.theta, range); });
  }

  static void add(const Tensor<T>& from, Tensor<T>& to) {
    for (Index i = 0; i < to.size(); ++i) to[i] += from[i];
  }

  UnrollOptions options_;
  WorkerTeam team_;
  detail::StepBlocks<T> blocks_;
  std::unique_ptr<optim::UpdateRule<T>> rule_;  // this object's copy of the loop's rule
  std::unique_ptr<optim::Rule<T>> known_rule_;  // the rule it was copied from
  optim::WeightGroups groups_;                  // the loop's
  bool plain_ = false;                          // whether step_back takes its shortcut
  std::optional<Schedule> schedule_;            // for the loop's sizes
  std::vector<Index> saved_steps_;              // the schedule's memory
  std::vector<Shape> planned_sizes_;            // for which the schedule of a budget was found
  std::vector<Point> trajectory_;               // points around the records
  std::size_t points_ = 0;                      // how many of them are in use
  std::vector<optim::Iterate<T>> checkpoints_;  // a stack
  optim::Iterate<T> bar_;                       // dL/d s_{t+1}
  Tensor<T> gradient_bar_, theta_gradient_;     // dL/d g_t; the outer loss's, before the end
  Hypergradient<T> result_;
};

template <class T>
Unroll<T>::Unroll(InnerLoss<T> inner_loss, UnrollOptions options, WorkerTeam team)
    : options_(std::move(options)), team_(team), blocks_(std::move(inner_loss), options_, team) {
  if (options_.window < 0) throw ArgumentError("UnrollOptions: the window cannot be ", options_.window, " steps");
}

template <class T>
const Tensor<T>& Unroll<T>::train(const InnerLoop<T>& loop) {
  loop.validate();
  start(loop, nullptr);
  if (trajectory_.empty()) trajectory_.resize(1);
  points_ = 1;
  detail::set_first_iterate(loop, current().iterate);
  team_.session([&] {
    for (Index t = loop.range().begin; t < loop.range().end; ++t) take(loop, t, current(), current(), false);
  });
  finish(loop);
  return result_.theta_T;
}

template <class T>
const Hypergradient<T>& Unroll<T>::operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
  loop.validate();
  detail::require_outer_steps(options_.outer_steps, {window_begin(loop), loop.range().end});
  adopt(loop.rule);
  plan(loop);
  detail::zeros_like(loop, options_.differentiate, static_cast<InnerLoop<T>&>(result_));
  start(loop, &result_);
  result_.outer_loss = 0;
  team_.session([&] { sweep(loop, outer_loss); });
  blocks_.collect(loop, result_);
  detail::require_finite_derivatives(result_);
  return result_;
}

template <class T>
std::size_t Unroll<T>::reserved_bytes() const {
  std::size_t bytes = blocks_.reserved_bytes() + detail::reserved_bytes(result_) + gradient_bar_.reserved_bytes() +
                      theta_gradient_.reserved_bytes() + bar_.reserved_bytes();
  for (const Point& point : trajectory_) {
    bytes += point.iterate.reserved_bytes() + point.gradient.reserved_bytes();
  }
  for (const optim::Iterate<T>& point : checkpoints_) bytes += point.reserved_bytes();
  if (rule_) bytes += rule_->reserved_bytes();
  return bytes;
}

template <class T>
std::size_t Unroll<T>::predicted_bytes(const InnerLoop<T>& loop) const {
  loop.validate();
  blocks_.inner_loss().require_fit(loop);
  return predicted_bytes(loop, fitted(loop));
}

/// The hypergradient of one inner loop; see Unroll.
///
///     auto h = hypergradient(loop, inner_loss, [&](Var<double> theta) { return softmax_cross_entropy(...); });
template <class T>
Hypergradient<T> hypergradient(const InnerLoop<T>& loop, std::type_identity_t<InnerLoss<T>> inner_loss,
                               std::type_identity_t<OuterLoss<T>> outer_loss, UnrollOptions options = {},
                               WorkerTeam team = WorkerTeam(1)) {
  return Unroll<T>(std::move(inner_loss), std::move(options), std::move(team))(loop, outer_loss);
}

}  // namespace hypertape::inline HYPERTAPE_ABI
