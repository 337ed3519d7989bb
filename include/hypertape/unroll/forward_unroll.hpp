#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/parallel.hpp"
#include "hypertape/unroll/hypergradient.hpp"
#include "hypertape/unroll/loss_derivatives.hpp"
#include "hypertape/unroll/outer_loss.hpp"

namespace hypertape::inline HYPERTAPE_ABI {

/// The inputs with respect to which `ForwardUnroll` differentiates. Each number takes one tangent, so choose few.
struct ForwardOptions {
  bool hyperparameters = true;       ///< phi, H tangents
  bool coefficients = true;          ///< the rule's, C tangents
  bool learning_rates = false;       ///< T tangents; `tangents` takes one direction over all steps for one tangent
  std::vector<Index> outer_steps{};  ///< as UnrollOptions::outer_steps
};

/// Derivatives through an unrolled training run in forward mode (Franceschi, Donini, Frasconi and Pontil 2017). With
/// tangents s_dot of s_t = (theta_t, slots), x_dot of x and so on:
///
///     g_dot   = (dg_t/dtheta) theta_dot + (dg_t/dx) x_dot + (dg_t/dphi) phi_dot + ...
///     s_dot   = rule's tangent(s_t, s_{t+1}, g_t; s_dot, g_dot, eta_dot, coefficients_dot)
///     L_dot   = <dL/dtheta_T, theta_dot>
///
/// A tangent costs a gradient and a tangent of it in each step, and memory that does not depend on T. Use it for few
/// inputs and many steps; `Unroll` takes derivatives with respect to any number of inputs in one backward sweep. It
/// uses nothing of Unroll's backward sweep, nor a loss's own derivatives, so it can check both (`certify`).
///
/// Threads share the tangents. Each thread goes through the training run itself, so inner and outer loss are called
/// from several threads at once. Keep the object: it reuses its memory.
template <class T>
class ForwardUnroll {
 public:
  /// Makes one worker for each thread of the team.
  explicit ForwardUnroll(const InnerLoss<T>& inner_loss, ForwardOptions options = {}, WorkerTeam team = WorkerTeam(1));

  /// The hypergradient with respect to the inputs that the options select; all others are absent. The result stays
  /// valid until the next call. @throws ArgumentError if the loop has none of these inputs; otherwise what Unroll
  /// throws.
  const Hypergradient<T>& operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss);

  /// The derivatives of L along these directions in the space of all training inputs, that is, their inner products
  /// with the hypergradient; absent tensors count as zero. @throws ArgumentError if there is no direction, ShapeError
  /// if a direction's tensors do not have the shapes of the loop's; otherwise what Unroll throws.
  std::vector<T> tangents(const InnerLoop<T>& loop, std::span<const InnerLoop<T>> directions, OuterLoss<T> outer_loss);

  /// L, theta_T and the other results of the last call, except derivatives that it did not compute.
  const Hypergradient<T>& result() const { return result_; }

  /// Bytes held by the object.
  std::size_t reserved_bytes() const;

 private:
  /// Runs the training once, with some of the tangents.
  class Worker {
   public:
    explicit Worker(const InnerLoss<T>& inner_loss)
        : derivatives_(inner_loss), takes_phi_(inner_loss.takes_hyperparameters()) {}

    void run(const InnerLoop<T>& loop, std::span<const InnerLoop<T>> directions, const std::vector<Index>& outer_steps,
             OuterLoss<T> outer_loss, std::span<T> slopes, Hypergradient<T>* result) {
      derivatives_.clear();
      const std::unique_ptr<optim::UpdateRule<T>> rule = loop.rule->clone();
      groups_.assign(loop.theta0.size(), loop.groups);
      detail::set_first_iterate(loop, now_);
      next_ = now_;
      gradient_.resize(loop.theta0.shape());
      gradient_tangent_.resize(loop.theta0.shape());
      tangents_.resize(directions.size());
      for (std::size_t k = 0; k < directions.size(); ++k) set_first_tangent(loop, directions[k], tangents_[k]);
      std::ranges::fill(slopes, T(0));
      T total = 0;
      const auto add_outer = [&](Index t) {
        if (detail::is_outer_step(outer_steps, t, loop.range().end)) {
          total += add_outer_loss(loop, t, directions, outer_loss, slopes);
        }
      };
      Tensor<T> losses(Shape{loop.learning_rates.shape()[0], loop.steps()});
      for (Index t = loop.range().begin; t < loop.range().end; ++t) {
        add_outer(t);
        losses[t] = step(loop, t, directions, *rule);
      }
      detail::require_finite_weights(now_.theta, loop.range().size());
      add_outer(loop.range().end);
      if (result == nullptr) return;
      result->outer_loss = total;
      result->inner_losses = std::move(losses);
      result->theta_T = now_.theta;
      result->state_T = {now_.slot, loop.state0.steps + loop.range().size()};
    }

    std::size_t reserved_bytes() const {
      std::size_t bytes = derivatives_.reserved_bytes() + gradient_.reserved_bytes() +
                          gradient_tangent_.reserved_bytes() + outer_gradient_.reserved_bytes() +
                          detail::input_bytes(given_gradient_);
      bytes += now_.reserved_bytes() + next_.reserved_bytes();
      for (const optim::Iterate<T>& tangent : tangents_) bytes += tangent.reserved_bytes();
      return bytes;
    }

   private:
    static void set_first_tangent(const InnerLoop<T>& loop, const InnerLoop<T>& direction, optim::Iterate<T>& tangent) {
      const auto set = [&](bool moves, const Tensor<T>* from, Tensor<T>& to) {
        to.resize(loop.theta0.shape());
        to.fill(T(0));
        if (moves && from->shape().rank() > 0) std::copy_n(from->data(), from->size(), to.data());
      };
      set(true, &direction.theta0, tangent.theta);
      tangent.slot.resize(loop.rule->slot_count());
      for (std::size_t i = 0; i < tangent.slot.size(); ++i) {
        const bool moves = i < direction.state0.slot.size();
        set(moves, moves ? &direction.state0.slot[i] : nullptr, tangent.slot[i]);
      }
    }

    /// Takes step t with all tangents and returns its loss.
    T step(const InnerLoop<T>& loop, Index t, std::span<const InnerLoop<T>> directions, optim::UpdateRule<T>& rule) {
      const std::size_t s = loop.data_of(t);
      data_.resize(loop.tensors_of_step());
      auto copy = data_.begin();
      for_each_data(
          s, [&](bool, const Tensor<T>& tensor) { *copy++ = tensor; }, loop);
      const bool takes_phi = loop.has_hyperparameters() && takes_phi_;
      const detail::LossInputs<T> inputs{now_.theta, data_, {}, takes_phi ? &loop.hyperparameters : nullptr, t};
      const T loss = derivatives_.record(inputs, T(1), kernels::OutputMode::write, gradient_.data());
      detail::require_finite_inner_loss(loss, t);
      const optim::StepInputs<T> in = detail::step_inputs(loop, groups_, t, now_, gradient_);
      rule.step(in, next_, WorkerTeam(1));
      for (std::size_t k = 0; k < directions.size(); ++k) {
        const InnerLoop<T>& direction = directions[k];
        along_.assign(1, &tangents_[k].theta);
        const auto add = [&](bool, const Tensor<T>&, const Tensor<T>* tangent) { along_.push_back(tangent); };
        for_each_data(s, add, loop, direction);
        const bool moves_phi = direction.hyperparameters.shape().rank() > 0;
        if (takes_phi) along_.push_back(moves_phi ? &direction.hyperparameters : nullptr);
        derivatives_.tangent(along_, gradient_tangent_.data());
        rates_.assign(groups_.count(), T(0));
        if (direction.learning_rates.shape().rank() > 0) std::ranges::copy(direction.rates(t), rates_.begin());
        coefficients_.assign(in.coefficients.size(), T(0));
        if (direction.rule.coefficients.shape().rank() > 0) {
          std::ranges::copy(direction.rule.coefficients.values(), coefficients_.begin());
        }
        if (!moves_phi) {
          zero_phi_.resize(loop.hyperparameters.shape());
          zero_phi_.fill(T(0));
        }
        const Tensor<T>& phi = moves_phi ? direction.hyperparameters : zero_phi_;
        rule.tangent(in, next_, {tangents_[k], gradient_tangent_, rates_, coefficients_, phi}, tangents_[k],
                     WorkerTeam(1));
      }
      derivatives_.drop_record();
      std::swap(now_, next_);
      return loss;
    }

    /// The outer loss at theta_t; adds its slope along each direction.
    T add_outer_loss(const InnerLoop<T>& loop, Index t, std::span<const InnerLoop<T>> directions,
                     OuterLoss<T> outer_loss, std::span<T> slopes) {
      detail::zeros_like(loop, {true, true, true}, given_gradient_);
      const T value =
          detail::checked_outer_loss<T>(outer_loss, {t, now_.theta, loop, outer_gradient_, given_gradient_});
      for (std::size_t k = 0; k < directions.size(); ++k) {
        const T* tangent = tangents_[k].theta.data();
        slopes[k] += kernels::dot(outer_gradient_.size(), outer_gradient_.data(), tangent) +
                     static_cast<T>(detail::inner_product(directions[k], given_gradient_));
      }
      return value;
    }

    detail::LossDerivatives<T> derivatives_;
    bool takes_phi_;  // whether the inner loss does
    optim::WeightGroups groups_;
    optim::Iterate<T> now_, next_;             // s_t, s_{t+1}
    std::vector<optim::Iterate<T>> tangents_;  // of s_t, one for each direction
    Tensor<T> gradient_, gradient_tangent_;    // g_t and its tangent
    Tensor<T> outer_gradient_, zero_phi_;
    InnerLoop<T> given_gradient_;
    std::vector<Tensor<T>> data_;  // the current step's
    std::vector<const Tensor<T>*> along_;
    std::vector<T> rates_, coefficients_;  // tangents of the rates and coefficients
  };

  ForwardOptions options_;
  WorkerTeam team_;
  InnerLoss<T> inner_loss_;
  std::vector<Worker> workers_;
  Hypergradient<T> result_;
};

template <class T>
ForwardUnroll<T>::ForwardUnroll(const InnerLoss<T>& inner_loss, ForwardOptions options, WorkerTeam team)
    : options_(std::move(options)), team_(std::move(team)), inner_loss_(inner_loss) {
  for (int w = 0; w < team_.size(); ++w) workers_.emplace_back(inner_loss_);
}

template <class T>
const Hypergradient<T>& ForwardUnroll<T>::operator()(const InnerLoop<T>& loop, OuterLoss<T> outer_loss) {
  std::vector<InnerLoop<T>> directions;
  static_cast<InnerLoop<T>&>(result_) = InnerLoop<T>();
  result_.rule = loop.rule;
  result_.rule.coefficients = Tensor<T>();
  const auto add = [&](bool wanted, Tensor<T>& (*part)(InnerLoop<T>&), const Tensor<T>& values) {
    if (!wanted || values.shape().rank() == 0) return;
    part(result_) = Tensor<T>(values.shape());
    for (Index i = 0; i < values.size(); ++i) {
      Tensor<T>& unit = part(directions.emplace_back());
      unit = Tensor<T>(values.shape());
      unit[i] = 1;
    }
  };
  add(
      options_.hyperparameters, [](InnerLoop<T>& l) -> Tensor<T>& { return l.hyperparameters; }, loop.hyperparameters);
  add(
      options_.coefficients, [](InnerLoop<T>& l) -> Tensor<T>& { return l.rule.coefficients; }, loop.rule.coefficients);
  add(
      options_.learning_rates, [](InnerLoop<T>& l) -> Tensor<T>& { return l.learning_rates; }, loop.learning_rates);
  if (directions.empty()) {
    throw ArgumentError("ForwardUnroll: the loop has none of the inputs that the options ask for");
  }
  const std::vector<T> slopes = tangents(loop, directions, outer_loss);
  auto slope = slopes.begin();  // in the order in which the directions were made
  for (Tensor<T>* part : {&result_.hyperparameters, &result_.rule.coefficients, &result_.learning_rates}) {
    if (part->shape().rank() == 0) continue;
    for (T& value : part->values()) value = *slope++;
  }
  detail::require_finite_derivatives(result_);
  return result_;
}

template <class T>
std::vector<T> ForwardUnroll<T>::tangents(const InnerLoop<T>& loop, std::span<const InnerLoop<T>> directions,
                                          OuterLoss<T> outer_loss) {
  loop.validate();
  inner_loss_.require_fit(loop);
  detail::require_outer_steps(options_.outer_steps, loop.range());
  if (directions.empty()) throw ArgumentError("ForwardUnroll: needs at least one direction");
  for (const InnerLoop<T>& direction : directions) detail::require_direction(loop, direction);
  std::vector<T> slopes(directions.size());
  const auto count = static_cast<Index>(directions.size());
  const Index parts = std::min<Index>(count, team_.size());
  team_.for_each(parts, [&](Index part, int) {
    const Range range = detail::part_of(count, part, parts);
    const auto begin = static_cast<std::size_t>(range.begin), size = static_cast<std::size_t>(range.size());
    Worker& worker = workers_[static_cast<std::size_t>(part)];
    worker.run(loop, directions.subspan(begin, size), options_.outer_steps, outer_loss,
               std::span(slopes).subspan(begin, size), part == 0 ? &result_ : nullptr);
  });
  return slopes;
}

template <class T>
std::size_t ForwardUnroll<T>::reserved_bytes() const {
  std::size_t bytes = detail::reserved_bytes(result_);
  for (const Worker& worker : workers_) bytes += worker.reserved_bytes();
  return bytes;
}

}  // namespace hypertape::inline HYPERTAPE_ABI
