#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/random.hpp"
#include "hypertape/optim/rule.hpp"

/// Steps of an update rule and their derivatives, on inputs that can be visited one by one.
namespace hypertape::testing {

/// All inputs of a step, or the derivatives with respect to them, or their tangent.
template <class T>
struct StepParts {
  optim::Iterate<T> iterate;
  Tensor<T> gradient;
  std::vector<T> rates, coefficients;
  Tensor<T> phi;

  /// The parts by name.
  std::vector<std::pair<std::string, std::span<T>>> named() {
    std::vector<std::pair<std::string, std::span<T>>> parts{{"theta", iterate.theta.values()}};
    for (std::size_t s = 0; s < iterate.slot.size(); ++s) {
      parts.emplace_back("slot " + std::to_string(s), iterate.slot[s].values());
    }
    parts.emplace_back("gradient", gradient.values());
    parts.emplace_back("rates", rates);
    parts.emplace_back("coefficients", coefficients);
    parts.emplace_back("phi", phi.values());
    return parts;
  }

  /// The same shapes, filled with 0.
  StepParts zeros() const {
    StepParts out = *this;
    for (auto& [name, values] : out.named()) std::fill(values.begin(), values.end(), T(0));
    return out;
  }

  /// Converts to another precision.
  template <class U>
  StepParts<U> to() const {
    StepParts<U> out{{cast<U>(iterate.theta), {}}, cast<U>(gradient), {}, {}, cast<U>(phi)};
    for (const Tensor<T>& slot : iterate.slot) out.iterate.slot.push_back(cast<U>(slot));
    for (const T rate : rates) out.rates.push_back(static_cast<U>(rate));
    for (const T c : coefficients) out.coefficients.push_back(static_cast<U>(c));
    return out;
  }
};

/// A rule, its weight groups, and the number of the step to take.
template <class T>
struct RuleSteps {
  optim::Rule<T> rule;
  optim::WeightGroups groups;
  Index step = 0;
  WorkerTeam team{1};

  RuleSteps(const optim::Rule<T>& r, Index weights, std::span<const Index> sizes, Index steps_before)
      : rule(r), step(steps_before) {
    groups.assign(weights, sizes);
  }

  /// Random inputs: normal values; gradients at least 0.5 away from 0, where some steps bend sharply; means of squares
  /// in [2, 3); rates in [0.05, 0.15); the rule's coefficients.
  StepParts<T> random_inputs(Index weights, const Tensor<T>& phi, std::uint64_t seed = 1) const {
    Random random(seed);
    const auto normal = [&] {
      Tensor<T> out(Shape{weights});
      for (T& v : out.values()) v = static_cast<T>(random.normal());
      return out;
    };
    StepParts<T> in{{normal(), {}}, normal(), {}, {}, phi};
    for (T& g : in.gradient.values()) g += std::copysign(T(0.5), g);
    for (std::size_t s = 0; s < rule->slot_count(); ++s) {
      in.iterate.slot.push_back(normal());
      for (T& v : in.iterate.slot.back().values()) {
        v = rule->slot(s).least == 0 ? static_cast<T>(random.uniform(2, 3)) : v / 4;
      }
    }
    for (std::size_t g = 0; g < groups.count(); ++g) in.rates.push_back(static_cast<T>(random.uniform(0.05, 0.15)));
    in.coefficients.assign(rule.values().begin(), rule.values().end());
    return in;
  }

  /// Normal values in the shapes of the inputs: a tangent, or derivatives.
  static StepParts<T> random_like(const StepParts<T>& in, std::uint64_t seed) {
    Random random(seed);
    StepParts<T> out = in.zeros();
    for (auto& [name, values] : out.named()) {
      for (T& v : values) v = static_cast<T>(random.normal());
    }
    return out;
  }

  optim::StepInputs<T> inputs(const StepParts<T>& in) const {
    return {in.iterate, in.gradient, in.rates, groups, in.coefficients, in.phi, step};
  }

  optim::Iterate<T> stepped(const StepParts<T>& in) const {
    optim::Iterate<T> to = in.zeros().iterate;
    rule->clone()->step(inputs(in), to, team);
    return to;
  }

  /// The derivatives of <bar, s_{t+1}> with respect to the inputs.
  StepParts<T> adjoint(const StepParts<T>& in, const optim::Iterate<T>& bar) const {
    const optim::Iterate<T> to = stepped(in);
    StepParts<T> out = in.zeros();
    out.iterate = bar;
    out.gradient.fill(T(7));  // must be overwritten
    rule->clone()->adjoint(inputs(in), to, {out.iterate, out.gradient, out.rates, out.coefficients, out.phi}, team);
    return out;
  }

  optim::Iterate<T> tangent(const StepParts<T>& in, const StepParts<T>& along) const {
    const optim::Iterate<T> to = stepped(in);
    optim::Iterate<T> out = in.zeros().iterate;
    rule->clone()->tangent(inputs(in), to, {along.iterate, along.gradient, along.rates, along.coefficients, along.phi},
                           out, team);
    return out;
  }
};

/// The inner product of two iterates, and the sum of the magnitudes of its terms.
template <class T>
std::pair<double, double> inner_product(const optim::Iterate<T>& a, const optim::Iterate<T>& b) {
  double sum = 0, size = 0;
  const auto add = [&](const Tensor<T>& x, const Tensor<T>& y) {
    for (Index i = 0; i < x.size(); ++i) {
      const double product = static_cast<double>(x[i]) * static_cast<double>(y[i]);
      sum += product;
      size += std::abs(product);
    }
  };
  add(a.theta, b.theta);
  for (std::size_t s = 0; s < a.slot.size(); ++s) add(a.slot[s], b.slot[s]);
  return {sum, size};
}

}  // namespace hypertape::testing
