#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "hypertape/core/error.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/adamw.hpp"
#include "hypertape/optim/gradient_descent.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/nesterov.hpp"
#include "hypertape/optim/rms_prop.hpp"
#include "hypertape/optim/rule.hpp"
#include "hypertape/optim/weight_decay.hpp"

/// Update rules in words, for files and command lines: `sgd`, `sgd:momentum=0.9,weight_decay=5e-4`, `adam:beta1=0.5`.
namespace hypertape::inline HYPERTAPE_ABI::optim {

/// A rule, and what it is called in words.
template <class T>
struct NamedRule {
  std::string name;  ///< which several rules may share, if they differ in their coefficients
  Rule<T> rule;      ///< with the coefficients that it has unless the words say otherwise
};

/// The rules of this folder: sgd (with momentum, weight_decay or both), nesterov, adam, adamw, rmsprop and
/// centered-rmsprop. Where a name has several rules, the first has the fewest coefficients.
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

/// A rule in words: its name and all its coefficients, such as `adam:beta1=0.9,beta2=0.999,epsilon=1e-08`;
/// `rule_from_text` reads them to the same bits. The name of a rule that is not among `rules` is what it calls itself.
template <class T>
std::string text_of(const Rule<T>& rule, const std::vector<NamedRule<T>>& rules = known_rules<T>()) {
  const auto known =
      std::ranges::find_if(rules, [&](const NamedRule<T>& one) { return one.rule->name() == rule->name(); });
  std::string text = known != rules.end() ? known->name : rule->name();
  const std::vector<Coefficient> coefficients = rule->coefficients();
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    char digits[32];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), rule.values()[i]).ptr;
    text += i == 0 ? ':' : ',';
    text += std::string(coefficients[i].name) + '=' + std::string(std::begin(digits), end);
  }
  return text;
}

/// The rule of these words: NAME, or NAME:COEFFICIENT=VALUE,COEFFICIENT=VALUE with any of its coefficients. Of several
/// rules with this name it is the first that has them all. @throws ArgumentError for other words, which lists what
/// there is, or a value out of its range.
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
    throw ArgumentError("optimizer '", text, "': ", what..., "; it is NAME or NAME:COEFFICIENT=VALUE,...");
  };
  if (std::ranges::find(rules, name, &NamedRule<T>::name) == rules.end()) {
    refuse("no rule '", name, "' among ", names);
  }
  std::vector<std::pair<std::string, T>> given;
  for (std::size_t at = name.size(); at < text.size();) {
    const std::size_t end = (std::min)(text.find(',', at + 1), text.size());
    const std::string part = text.substr(at + 1, end - at - 1);
    const std::size_t equals = (std::min)(part.find('='), part.size());
    T value{};
    const auto [next, error] =
        std::from_chars(part.data() + (std::min)(equals + 1, part.size()), part.data() + part.size(), value);
    if (error != std::errc() || next != part.data() + part.size()) refuse("'", part, "' is no COEFFICIENT=VALUE");
    given.emplace_back(part.substr(0, equals), value);
    if (std::ranges::count(given, given.back().first, &std::pair<std::string, T>::first) > 1) {
      refuse(given.back().first, " is given twice");
    }
    at = end;
  }
  for (const NamedRule<T>& one : rules) {
    const std::vector<Coefficient> own = one.rule->coefficients();
    const auto has = [&](const auto& coefficient) {
      return std::ranges::any_of(own, [&](const Coefficient& c) { return c.name == coefficient.first; });
    };
    if (one.name != name || !std::ranges::all_of(given, has)) continue;
    Rule<T> rule = one.rule;
    for (const auto& [coefficient, value] : given) rule[coefficient] = value;
    rule.validate();
    return rule;
  }
  refuse(name, " takes no such coefficients", coefficients.empty() ? "" : " but ", coefficients);
  return {};
}

}  // namespace hypertape::inline HYPERTAPE_ABI::optim
