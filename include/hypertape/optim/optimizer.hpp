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

/// Applies a rule to gradients that the caller computes, for plain training and for outer loops. Nothing is recorded.
///
///     optim::Optimizer<float> optimizer(optim::Adam{.beta1 = 0.5});
///     optimizer.step(values, gradient, 0.01);
template <class T>
class Optimizer {
 public:
  /// An optimizer before its first step. Hyperparameters are for a rule that takes them, as a `CustomRule` may. @throws
  /// what `Rule::validate` throws.
  explicit Optimizer(Rule<T> rule = {}, Tensor<T> hyperparameters = {})
      : rule_(std::move(rule)),
        coefficient_count_(rule_.values().size()),
        stepper_(rule_->clone()),
        phi_(std::move(hyperparameters)) {
    rule_.validate();
  }

  /// @{
  /// Copies have their own state and continue from the current one.
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

  /// Replaces the values by the step's theta. @throws ArgumentError if there are no values, or if sizes differ from
  /// each other or from those of earlier steps.
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
    } catch (...) {  // a step that throws has written nothing
      now_.slot.swap(state_.slot);
      throw;
    }
    now_.slot.swap(state_.slot);
    ++state_.steps;
    std::copy_n(now_.theta.data(), size, values.data());
  }

  /// The state to save with a run.
  const State<T>& state() const { return state_; }
  /// Continues from a saved state. @throws ArgumentError for a state that no run of steps can leave, and keeps the
  /// current one: what `Rule::validate` refuses, slots before the first step, or no slots after it.
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
  std::unique_ptr<UpdateRule<T>> stepper_;  // with its own memory
  Tensor<T> phi_;
  State<T> state_;
  WeightGroups groups_;  // one group with all values
  Iterate<T> now_;       // of the current step, with the state's slots
  Tensor<T> gradient_;   // of the current step
  WorkerTeam team_{1};   // a step costs little compared with its gradient
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
