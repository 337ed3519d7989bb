#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "hypertape/core/assignments.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/adamw.hpp"
#include "hypertape/optim/gradient_descent.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/nesterov.hpp"
#include "hypertape/optim/rms_prop.hpp"
#include "hypertape/optim/rule.hpp"
#include "hypertape/optim/weight_decay.hpp"

/// Update rules as text, for files and command lines: `sgd`, `sgd:momentum=0.9,weight_decay=5e-4`, `adam:beta1=0.5`.
namespace hypertape::inline HYPERTAPE_ABI::optim {

/// A rule and its name in text.
template <class T>
struct NamedRule {
  std::string name;  ///< rules that differ in their coefficients may share it
  Rule<T> rule;      ///< with default coefficients
};

/// The rules of this folder: sgd (with momentum, weight_decay or both), nesterov, adam, adamw, rmsprop and
/// centered-rmsprop. If several rules share a name, the one with the fewest coefficients comes first.
template <class T>
std::vector<NamedRule<T>> known_rules() {
  return {{"sgd", GradientDescent{}},
          {"sgd", HeavyBall{}},
          {"sgd", WeightDecay{GradientDescent{}, 0}},
          {"sgd", WeightDecay{HeavyBall{.momentum = 0}, 0}},
          {"nesterov", Nesterov{}},
          {"nesterov", WeightDecay{Nesterov{}, 0}},
          {"adam", Adam{}},
          {"adam", WeightDecay{Adam{}, 0}},
          {"adamw", AdamW{}},
          {"rmsprop", RmsProp{}},
          {"rmsprop", WeightDecay{RmsProp{}, 0}},
          {"centered-rmsprop", CenteredRmsProp{}}};
}

/// Writes a rule as text: its name and all its coefficients, such as `adam:beta1=0.9,beta2=0.999,epsilon=1e-08`;
/// `rule_from_text` reads them back to the same bits. A rule that is not among `rules` goes by its own `name()`.
template <class T>
std::string text_of(const Rule<T>& rule, const std::vector<NamedRule<T>>& rules = known_rules<T>()) {
  const auto known =
      std::ranges::find_if(rules, [&](const NamedRule<T>& one) { return one.rule->name() == rule->name(); });
  std::string text = known != rules.end() ? known->name : rule->name();
  const std::vector<Coefficient> coefficients = rule->coefficients();
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    text += (i == 0 ? ':' : ',') + std::string(coefficients[i].name) + '=' + shortest_text(rule.values()[i]);
  }
  return text;
}

/// Reads a rule from text: NAME, or NAME:COEFFICIENT=VALUE,COEFFICIENT=VALUE with any of its coefficients. If several
/// rules have this name, the first with all these coefficients is chosen. @throws ArgumentError for other text, listing
/// the available names, or for a value out of range.
template <class T>
Rule<T> rule_from_text(const std::string& text, const std::vector<NamedRule<T>>& rules = known_rules<T>()) {
  const auto listed = [](std::string& list, std::string_view item) {
    if ((", " + list + ",").find(hypertape::detail::concat(", ", item, ",")) != std::string::npos) return;
    list += (list.empty() ? "" : ", ") + std::string(item);
  };
  const std::string name = text.substr(0, text.find(':'));
  std::string names, coefficients;
  for (const NamedRule<T>& one : rules) {
    listed(names, one.name);
    if (one.name != name) continue;
    for (const Coefficient& coefficient : one.rule->coefficients()) listed(coefficients, coefficient.name);
  }
  const auto refuse = [&](const auto&... what) {
    throw ArgumentError("optimizer '", text, "': ", what..., "; expected NAME or NAME:COEFFICIENT=VALUE,...");
  };
  if (std::ranges::find(rules, name, &NamedRule<T>::name) == rules.end()) {
    refuse("no rule '", name, "' among ", names);
  }
  std::vector<Assignment<T>> given;
  try {
    if (name != text) given = assignments_from_text<T>(std::string_view(text).substr(name.size() + 1));
  } catch (const ArgumentError& error) {
    refuse(error.what());
  }
  for (const Assignment<T>& one : given) {
    if (!one.value) refuse("'", one.name, "' is not COEFFICIENT=VALUE");
  }
  for (const NamedRule<T>& one : rules) {
    const std::vector<Coefficient> own = one.rule->coefficients();
    const auto has = [&](const Assignment<T>& coefficient) {
      return std::ranges::any_of(own, [&](const Coefficient& c) { return c.name == coefficient.name; });
    };
    if (one.name != name || !std::ranges::all_of(given, has)) continue;
    Rule<T> rule = one.rule;
    for (const Assignment<T>& coefficient : given) rule[coefficient.name] = *coefficient.value;
    rule.validate();
    return rule;
  }
  refuse(name, " takes no such coefficients", coefficients.empty() ? "" : ", only ", coefficients);
  return {};
}

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
