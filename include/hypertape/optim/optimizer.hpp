#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/optim/rule.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

/// Steps of a rule along gradients that somebody else computes: for plain training and for outer loops. Nothing of it
/// is recorded.
///
///     optim::Optimizer<float> optimizer(optim::Adam{.beta1 = 0.5});
///     optimizer.step(values, gradient, 0.01);
template <class T>
class Optimizer {
 public:
  /// Before its first step. Hyperparameters are for a rule that depends on such, as a `CustomRule` may. @throws as
  /// `Rule::validate`.
  explicit Optimizer(Rule<T> rule = {}, Tensor<T> hyperparameters = {})
      : rule_(std::move(rule)),
        coefficient_count_(rule_.values().size()),
        stepper_(rule_->clone()),
        phi_(std::move(hyperparameters)) {
    rule_.validate();
  }

  /// @{
  /// Copies have a state of their own, and go on from the present one.
  Optimizer(const Optimizer& other)
      : rule_(other.rule_),
        coefficient_count_(other.coefficient_count_),
        stepper_(rule_->clone()),
        phi_(other.phi_),
        state_(other.state_) {}
  Optimizer(Optimizer&&) noexcept = default;
  Optimizer& operator=(Optimizer other) noexcept {
    rule_ = std::move(other.rule_);
    coefficient_count_ = other.coefficient_count_;
    stepper_ = std::move(other.stepper_);
    phi_ = std::move(other.phi_);
    state_ = std::move(other.state_);
    return *this;
  }
  ~Optimizer() = default;
  /// @}

  /// values -> the step's theta, in place. @throws ArgumentError if there are none, or sizes differ, from each other or
  /// from the steps before.
  void step(std::span<T> values, std::span<const T> gradient, double learning_rate) {
    const auto size = static_cast<Index>(values.size());
    const Index known = state_.slot.empty() ? size : state_.slot[0].size();
    if (size == 0 || values.size() != gradient.size() || size != known) {
      throw ArgumentError("Optimizer: ", size, " values, ", gradient.size(), " derivatives, and a state of ", known);
    }
    if (now_.theta.size() != size || groups_.count() == 0) {
      groups_.assign(size, {});
      now_.theta.resize(Shape{size});
      gradient_.resize(Shape{size});
    }
    if (state_.slot.size() < rule_->slot_count()) state_.slot.assign(rule_->slot_count(), Tensor<T>(Shape{size}));
    std::copy(values.begin(), values.end(), now_.theta.data());
    std::copy(gradient.begin(), gradient.end(), gradient_.data());
    const T rate = static_cast<T>(learning_rate);
    const StepInputs<T> in{
        now_, gradient_,   {&rate, 1}, groups_, rule_.coefficients.values().first(coefficient_count_),
        phi_, state_.steps};
    now_.slot.swap(state_.slot);
    try {
      stepper_->step(in, now_, team_);
    } catch (...) {  // before it wrote anything
      now_.slot.swap(state_.slot);
      throw;
    }
    now_.slot.swap(state_.slot);
    ++state_.steps;
    std::copy_n(now_.theta.data(), size, values.data());
  }

  /// What to keep with a run.
  const State<T>& state() const { return state_; }
  /// Goes on from a state. @throws ArgumentError, keeping the present one, for one that no run of steps leaves: as
  /// `Rule::validate`, and for slots before the first step, or none after it.
  void restore(State<T> state) {
    rule_.validate(state);
    const std::size_t expected = state.steps == 0 ? 0 : rule_->slot_count();
    if (state.slot.size() != expected) {
      throw ArgumentError("optim: a state of ", rule_->name(), " cannot have ", state.slot.size(), " slots after ",
                          state.steps, " steps, but ", expected);
    }
    state_ = std::move(state);
  }

 private:
  Rule<T> rule_;
  std::size_t coefficient_count_;
  std::unique_ptr<UpdateRule<T>> stepper_;  // with memory of its own
  Tensor<T> phi_;
  State<T> state_;
  WeightGroups groups_;  // of all values, one
  Iterate<T> now_;       // of the present step, with the state's slots
  Tensor<T> gradient_;   // of the present step
  WorkerTeam team_{1};   // values are few beside what their gradient takes
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
