#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hypertape/optim/elementwise_rule.hpp"
#include "hypertape/optim/gradient_descent.hpp"

namespace hypertape::inline HYPERTAPE_ABI::optim {

namespace detail {

/// The rule that equations make by `update_rule<T>()`, or that of equations which treat each weight alone.
template <class T, class Equations>
std::unique_ptr<UpdateRule<T>> make_rule(const Equations& equations) {
  if constexpr (requires { equations.template update_rule<T>(); }) {
    return equations.template update_rule<T>();
  } else {
    return std::make_unique<ElementwiseRule<T, Equations>>();
  }
}

}  // namespace detail

/// An update rule with its numbers, as a value; copies share the rule, and have numbers of their own.
///
///     loop.rule = optim::HeavyBall{.momentum = 0.9};
///     loop.rule["momentum"] = 0.5;
///
/// In a hypergradient, these are the derivatives with respect to the numbers: `h.rule["momentum"]`.
template <class T>
class Rule {
 public:
  Tensor<T> coefficients;  ///< (C), as `names` has them; a scalar that nothing uses if there are none

  /// Gradient descent.
  Rule() : Rule(GradientDescent{}) {}
  /// @{
  /// Moving copies, so that there is no rule without one.
  Rule(const Rule&) = default;
  Rule& operator=(const Rule&) = default;
  ~Rule() = default;
  /// @}
  /// Of one of the structs in optim/, or one of your own: equations for each weight (`ElementwiseRule`), or a step in
  /// Vars (`CustomRule`).
  template <class Equations>
  requires(!std::same_as<Equations, Rule>) Rule(const Equations& equations)
      : rule_(detail::make_rule<T>(equations)) {  // NOLINT: a rule is what it is made of
    const auto values = equations.values();
    if (values.empty()) return;
    coefficients.resize(Shape{static_cast<Index>(values.size())});
    std::transform(values.begin(), values.end(), coefficients.data(), [](double v) { return static_cast<T>(v); });
  }

  /// The rule.
  const UpdateRule<T>& operator*() const { return *rule_; }
  /// The rule.
  const UpdateRule<T>* operator->() const { return rule_.get(); }

  /// The coefficients, of which there may be none.
  std::span<const T> values() const { return coefficients.values().first(rule_->coefficients().size()); }

  /// @{
  /// The coefficient of this name. @throws ArgumentError, which lists the names, if there is no such.
  T& operator[](std::string_view name) { return coefficients.values()[place(name)]; }
  T operator[](std::string_view name) const { return coefficients.values()[place(name)]; }
  /// @}

  /// @throws ShapeError unless there is a value for each coefficient, ArgumentError, which names the range, for one
  /// that is out of it.
  void validate() const {
    const std::vector<Coefficient> known = rule_->coefficients();
    const Shape expected = known.empty() ? Shape{} : Shape{static_cast<Index>(known.size())};
    if (coefficients.shape() != expected) {
      throw ShapeError("optim: ", rule_->name(), " takes coefficients ", expected, ", got ", coefficients.shape());
    }
    for (std::size_t i = 0; i < known.size(); ++i) {
      const auto value = static_cast<double>(coefficients.values()[i]);
      if (value >= known[i].least && value < known[i].end) continue;
      throw ArgumentError("optim: ", rule_->name(), " needs ", known[i].name, " in [", known[i].least, ", ",
                          known[i].end, "), got ", value);
    }
  }

  /// @throws ArgumentError for a state that no steps of this rule leave: a number of steps that is negative or not
  /// below 2^53, slots that are neither none nor as many as the rule keeps, of two sizes, or with a value that is not
  /// finite or below what is possible, such as a negative mean of squares.
  void validate(const State<T>& state) const {
    const auto refuse = [&](const auto&... what) {
      throw ArgumentError("optim: a state of ", rule_->name(), " cannot have ", what...);
    };
    constexpr Index most_steps = Index{1} << 53;  // which a double counts
    if (state.steps < 0 || state.steps >= most_steps) refuse(state.steps, " steps");
    if (!state.slot.empty() && state.slot.size() != rule_->slot_count()) {
      refuse(state.slot.size(), " slots: there are ", rule_->slot_count());
    }
    for (std::size_t s = 0; s < state.slot.size(); ++s) {
      const Slot slot = rule_->slot(s);
      const std::span<const T> values = state.slot[s].values();
      if (values.size() != state.slot[0].values().size()) {
        refuse("a ", slot.name, " of ", values.size(), " weights beside a ", rule_->slot(0).name, " of ",
               state.slot[0].size());
      }
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (static_cast<double>(values[i]) >= slot.least && std::isfinite(values[i])) continue;
        refuse("the ", slot.name, " ", values[i], " at ", i);
      }
    }
  }

 private:
  std::size_t place(std::string_view name) const {
    const std::vector<Coefficient> known = rule_->coefficients();
    const auto found = std::ranges::find(known, name, &Coefficient::name);
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    std::string names;
    for (const Coefficient& coefficient : known) names += (names.empty() ? "" : ", ") + std::string(coefficient.name);
    throw ArgumentError("optim: ", rule_->name(), " has no coefficient ", name, known.empty() ? "" : " but ", names);
  }

  std::shared_ptr<const UpdateRule<T>> rule_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
