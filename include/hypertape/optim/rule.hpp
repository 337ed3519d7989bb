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

/// Makes a rule from equations: by their `update_rule<T>()`, or else as equations that treat each weight separately.
template <class T, class Equations>
std::unique_ptr<UpdateRule<T>> make_rule(const Equations& equations) {
  if constexpr (requires { equations.template update_rule<T>(); }) {
    return equations.template update_rule<T>();
  } else {
    return std::make_unique<ElementwiseRule<T, Equations>>();
  }
}

}  // namespace detail

/// An update rule with its coefficients, as a value; copies share the rule but have their own coefficients.
///
///     loop.rule = optim::HeavyBall{.momentum = 0.9};
///     loop.rule["momentum"] = 0.5;
///
/// In a hypergradient, the coefficients are the derivatives with respect to them: `h.rule["momentum"]`.
template <class T>
class Rule {
 public:
  Tensor<T> coefficients;  ///< (C), in the order of `UpdateRule::coefficients`; an unused scalar if there are none

  /// Gradient descent.
  Rule() : Rule(GradientDescent{}) {}
  /// @{
  /// Moving copies, so that every Rule always has a rule.
  Rule(const Rule&) = default;
  Rule& operator=(const Rule&) = default;
  ~Rule() = default;
  /// @}
  /// From one of the structs in optim/, or one of your own: equations for each weight (`ElementwiseRule`), or a step in
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

  /// The values of the coefficients; empty if there are none.
  std::span<const T> values() const { return coefficients.values().first(rule_->coefficients().size()); }

  /// @{
  /// The coefficient of this name. @throws ArgumentError, listing the names, if there is no such coefficient.
  T& operator[](std::string_view name) { return coefficients.values()[place(name)]; }
  T operator[](std::string_view name) const { return coefficients.values()[place(name)]; }
  /// @}

  /// Checks the coefficients. @throws ShapeError unless there is a value for each; ArgumentError, naming the range, for
  /// a value out of range.
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

  /// Checks a state. @throws ArgumentError for a state that no steps of this rule can leave: a number of steps that is
  /// negative or not below 2^53, a wrong number of slots (other than none at all), slots of different sizes, or a value
  /// that is not finite or is below the possible minimum, such as a negative mean of squares.
  void validate(const State<T>& state) const {
    const auto refuse = [&](const auto&... what) {
      throw ArgumentError("optim: a state of ", rule_->name(), " cannot have ", what...);
    };
    constexpr Index most_steps = Index{1} << 53;  // exact in a double
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
    throw ArgumentError("optim: ", rule_->name(), " has no coefficient ", name, known.empty() ? "" : ", only ", names);
  }

  std::shared_ptr<const UpdateRule<T>> rule_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
