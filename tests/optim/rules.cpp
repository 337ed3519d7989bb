#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/adamw.hpp"
#include "hypertape/optim/custom_rule.hpp"
#include "hypertape/optim/gradient_descent.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/nesterov.hpp"
#include "hypertape/optim/norm_clip.hpp"
#include "hypertape/optim/rms_prop.hpp"
#include "hypertape/optim/weight_decay.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/random_tensor.hpp"
#include "support/rule_steps.hpp"
#include "support/sanitized.hpp"

// What holds for every update rule: its derivatives are those of its step, its bits do not depend on threads, on the
// weights beside one, or on where the result goes.

namespace hypertape::testing {
namespace {

using namespace optim;  // NOLINT: in a namespace of this file alone

/// A step in Vars that uses all it is given, and whose slots change places.
template <class T>
auto everything() {
  return CustomRule{
      2, [](Var<T> theta, std::span<const Var<T>> slots, Var<T> gradient, Var<T> rate, Var<T> phi, Index step) {
        const Var<T> decay = phi.slice(0, Shape{}), push = phi.slice(1, Shape{});
        const Var<T> moved = slots[0] * decay + gradient * static_cast<T>(step);
        return Stepped<T>{theta - rate * moved * theta - push * square(slots[1]), {slots[1], moved}};
      }};
}

template <class T>
std::vector<Rule<T>> elementwise_rules() {
  return {GradientDescent{},
          HeavyBall{.momentum = 0.8},
          HeavyBall{.momentum = 0},
          Nesterov{.momentum = 0.8},
          Nesterov{.momentum = 0},
          Adam{},
          Adam{.beta1 = 0.7, .beta2 = 0.8, .epsilon = 0.01},
          Adam{.beta1 = 0, .beta2 = 0.9},
          Adam{.beta1 = 0.9, .beta2 = 0},
          AdamW{.weight_decay = 0.1},
          RmsProp{},
          RmsProp{.alpha = 0.7, .epsilon = 0.01, .momentum = 0.8},
          RmsProp{.alpha = 0},
          CenteredRmsProp{},
          CenteredRmsProp{.alpha = 0.7, .epsilon = 0.01, .momentum = 0.8},
          WeightDecay{GradientDescent{}, 0.1},
          WeightDecay{HeavyBall{.momentum = 0.8}, 0},
          WeightDecay{Adam{}, 0.1},
          WeightDecay{CenteredRmsProp{.momentum = 0.8}, 0.1},
          DecoupledWeightDecay{GradientDescent{}, 0.1},
          DecoupledWeightDecay{Nesterov{.momentum = 0.8}, 0.1},
          DecoupledWeightDecay{WeightDecay{HeavyBall{.momentum = 0.8}, 0.1}, 0},
          everything<T>()};
}

template <class T>
std::vector<Rule<T>> all_rules() {
  auto rules = elementwise_rules<T>();
  for (const Rule<T>& rule : {Rule<T>(ClippedByNorm{GradientDescent{}, 0.5}),                             //
                              Rule<T>(ClippedByNorm{HeavyBall{.momentum = 0.8}, 100}),                    // not reached
                              Rule<T>(ClippedByNorm{WeightDecay{HeavyBall{.momentum = 0.8}, 0.1}, 0.5}),  //
                              Rule<T>(ClippedByNorm{AdamW{}, 0}),                                         //
                              Rule<T>(ClippedByNorm{ClippedByNorm{RmsProp{.momentum = 0.8}, 0.4}, 0.6}),  //
                              Rule<T>(ClippedByNorm{everything<T>(), 0.5})}) {
    rules.push_back(rule);
  }
  return rules;
}

template <class T>
Tensor<T> hyperparameters() {
  return Tensor<T>({2}, {T(0.7), T(-0.3)});
}

template <class T, class Body>
void for_each_case(const std::vector<Rule<T>>& rules, Index weights, std::vector<Index> sizes, const Body& body) {
  for (std::size_t number = 0; number < rules.size(); ++number) {
    const std::string name = rules[number]->name();
    CAPTURE(number);
    CAPTURE(name);
    for (const Index step : {Index{0}, Index{3}}) {
      CAPTURE(step);
      const RuleSteps<T> steps(rules[number], weights, sizes, step);
      body(steps, steps.random_inputs(weights, hyperparameters<T>()));
    }
  }
}

template <class T>
bool same_bits(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

template <class T>
bool same_bits(const Iterate<T>& a, const Iterate<T>& b) {
  bool same = same_bits<T>(a.theta.values(), b.theta.values()) && a.slot.size() == b.slot.size();
  for (std::size_t s = 0; same && s < a.slot.size(); ++s) same = same_bits<T>(a.slot[s].values(), b.slot[s].values());
  return same;
}

template <class T>
bool same_bits(StepParts<T> a, StepParts<T> b) {
  const auto x = a.named(), y = b.named();
  bool same = x.size() == y.size();
  for (std::size_t i = 0; same && i < x.size(); ++i) same = same_bits<T>(x[i].second, y[i].second);
  return same;
}

TEST_CASE("rules: the adjoint is that of central differences with respect to every input") {
  for_each_case<double>(all_rules<double>(), 7, {2, 4, 1}, [](const RuleSteps<double>& steps, StepParts<double> in) {
    const Iterate<double> bar = RuleSteps<double>::random_like(in, 2).iterate;
    StepParts<double> got = steps.adjoint(in, bar);
    const auto parts = in.named(), derivatives = got.named();
    for (std::size_t p = 0; p < parts.size(); ++p) {
      CAPTURE(parts[p].first);
      double difference = 0, size = 0;
      for (std::size_t i = 0; i < parts[p].second.size(); ++i) {
        double& value = parts[p].second[i];
        const double before = value, from_1 = std::abs(1 - before);  // small for a beta of 0.999
        const double h = 1e-4 * (parts[p].first == "coefficients" && from_1 > 0 ? std::min(1.0, from_1) : 1.0);
        const auto change = [&](double by) {  // of the step, over twice that way
          value = before + by;
          const double above = inner_product(bar, steps.stepped(in)).first;
          value = before - by;
          const double below = inner_product(bar, steps.stepped(in)).first;
          value = before;
          return (above - below) / (2 * by);
        };
        const double expected = (4 * change(h) - change(2 * h)) / 3;
        difference += std::pow(derivatives[p].second[i] - expected, 2);
        size += expected * expected;
      }
      CHECK(std::sqrt(difference) <= 1e-8 * std::max(0.1, std::sqrt(size)));
    }
  });
}

TEST_CASE("rules: the tangent is that of central differences") {
  for_each_case<double>(all_rules<double>(), 7, {2, 4, 1}, [](const RuleSteps<double>& steps, StepParts<double> in) {
    StepParts<double> along = RuleSteps<double>::random_like(in, 3);
    const Iterate<double> got = steps.tangent(in, along);
    constexpr double h = 1e-6;
    const auto moved = [&](double by) {
      StepParts<double> at = in;
      const auto values = at.named(), tangents = along.named();
      for (std::size_t p = 0; p < values.size(); ++p) {
        for (std::size_t i = 0; i < values[p].second.size(); ++i) values[p].second[i] += by * tangents[p].second[i];
      }
      return steps.stepped(at);
    };
    const Iterate<double> above = moved(h), below = moved(-h);
    const auto check = [&](const Tensor<double>& is, const Tensor<double>& up, const Tensor<double>& down) {
      Tensor<double> expected(up.shape());
      for (Index i = 0; i < up.size(); ++i) expected[i] = (up[i] - down[i]) / (2 * h);
      const double error = relative_error(is, expected);
      CHECK(error <= 1e-7);
    };
    check(got.theta, above.theta, below.theta);
    for (std::size_t s = 0; s < got.slot.size(); ++s) check(got.slot[s], above.slot[s], below.slot[s]);
  });
}

TEST_CASE("rules: tangent and adjoint are one another's transpose") {
  for (const Index weights : {1, 7, 16, 8193}) {
    CAPTURE(weights);
    const std::vector<Index> sizes = weights == 1 ? std::vector<Index>{} : std::vector<Index>{3, weights - 3};
    for_each_case<double>(all_rules<double>(), weights, sizes,
                          [](const RuleSteps<double>& steps, const StepParts<double>& in) {
                            StepParts<double> along = RuleSteps<double>::random_like(in, 4);
                            const Iterate<double> bar = RuleSteps<double>::random_like(in, 5).iterate;
                            const auto [forward, forward_size] = inner_product(steps.tangent(in, along), bar);
                            StepParts<double> derivatives = steps.adjoint(in, bar);
                            double backward = 0, backward_size = 0;
                            const auto tangents = along.named(), adjoints = derivatives.named();
                            for (std::size_t p = 0; p < tangents.size(); ++p) {
                              for (std::size_t i = 0; i < tangents[p].second.size(); ++i) {
                                backward += tangents[p].second[i] * adjoints[p].second[i];
                                backward_size += std::abs(tangents[p].second[i] * adjoints[p].second[i]);
                              }
                            }
                            CHECK(std::abs(forward - backward) <= 1e-13 * std::max(forward_size, backward_size));
                          });
  }
}

TEST_CASE("rules: an adjoint that needs no gradient reads none") {
  int count = 0;
  for_each_case<double>(all_rules<double>(), 20, {}, [&](const RuleSteps<double>& steps, StepParts<double> in) {
    if (steps.rule->needs_gradient()) return;
    ++count;
    const Iterate<double> bar = RuleSteps<double>::random_like(in, 9).iterate, to = steps.stepped(in);
    const StepParts<double> expected = steps.adjoint(in, bar);
    in.gradient = Tensor<double>();
    StepParts<double> out = in.zeros();
    out.iterate = bar;
    out.gradient.resize(Shape{20});
    steps.rule->clone()->adjoint(steps.inputs(in), to,
                                 {out.iterate, out.gradient, out.rates, out.coefficients, out.phi}, steps.team);
    CHECK(same_bits(out, expected));
  });
  CHECK(count > 0);
}

// Each weight by itself goes through the tail of a loop over lanes, all weights through its body and chunks.
TEST_CASE_TEMPLATE("rules: a weight's step depends on no weight beside it", T, float, double) {
  for (const Index weights : {1, 7, 16, 8192, 8193, 20000}) {
    CAPTURE(weights);
    std::vector<Index> sizes;
    if (weights > 1) sizes = {weights / 3, weights - weights / 3 - 1, 1};
    for_each_case<T>(elementwise_rules<T>(), weights, sizes, [&](const RuleSteps<T>& steps, const StepParts<T>& in) {
      const Iterate<T> bar = RuleSteps<T>::random_like(in, 6).iterate, next = steps.stepped(in);
      const StepParts<T> derivatives = steps.adjoint(in, bar);
      const Iterate<T> tangent = steps.tangent(in, derivatives);  // as good a tangent as any
      const auto of = [](const Iterate<T>& all, Index i) {
        Iterate<T> one{Tensor<T>({1}, {all.theta[i]}), {}};
        for (const Tensor<T>& slot : all.slot) one.slot.push_back(Tensor<T>({1}, {slot[i]}));
        return one;
      };
      const RuleSteps<T> single(steps.rule, 1, {}, steps.step);
      const bool all = weights < 8192 || (weights == 8193 && !sanitized);  // else some weights, and no sums
      std::vector<double> rates(in.rates.size()), coefficients(in.coefficients.size()), phi(2);
      std::vector<double> rates_size(rates), coefficients_size(coefficients), phi_size(phi);
      const auto add = [](double& sum, double& size, T value) {
        sum += static_cast<double>(value);
        size += std::abs(static_cast<double>(value));
      };
      bool same = true;
      for (const auto& [range, group] : steps.groups.chunks()) {
        for (Index i = range.begin; i < range.end; ++i) {
          const StepParts<T> one{
              of(in.iterate, i), Tensor<T>({1}, {in.gradient[i]}), {in.rates[group]}, in.coefficients, in.phi};
          const bool edge = i < range.begin + 3 || i >= range.end - 17 || i % 31 == 0;
          if (edge) {
            const StepParts<T> along{of(derivatives.iterate, i),
                                     Tensor<T>({1}, {derivatives.gradient[i]}),
                                     {derivatives.rates[group]},
                                     derivatives.coefficients,
                                     derivatives.phi};
            same = same && same_bits(single.stepped(one), of(next, i)) &&
                   same_bits(single.tangent(one, along), of(tangent, i));
          }
          if (!edge && !all) continue;
          const StepParts<T> d = single.adjoint(one, of(bar, i));
          same = same && same_bits(d.iterate, of(derivatives.iterate, i)) && d.gradient[0] == derivatives.gradient[i];
          add(rates[group], rates_size[group], d.rates[0]);
          for (std::size_t c = 0; c < coefficients.size(); ++c) {
            add(coefficients[c], coefficients_size[c], d.coefficients[c]);
          }
          for (std::size_t h = 0; h < phi.size(); ++h) add(phi[h], phi_size[h], d.phi[static_cast<Index>(h)]);
        }
      }
      CHECK(same);
      if (!all) return;
      const double tolerance = 100 * static_cast<double>(std::numeric_limits<T>::epsilon());
      for (std::size_t g = 0; g < rates.size(); ++g) {
        CHECK(std::abs(static_cast<double>(derivatives.rates[g]) - rates[g]) <= tolerance * rates_size[g]);
      }
      for (std::size_t c = 0; c < coefficients.size(); ++c) {
        const double error = std::abs(static_cast<double>(derivatives.coefficients[c]) - coefficients[c]);
        CHECK(error <= tolerance * coefficients_size[c]);
      }
      for (std::size_t h = 0; h < phi.size(); ++h) {
        const double error = std::abs(static_cast<double>(derivatives.phi[static_cast<Index>(h)]) - phi[h]);
        CHECK(error <= tolerance * phi_size[h]);
      }
    });
  }
}

TEST_CASE_TEMPLATE("rules: the same bits on any number of threads, and in place", T, float, double) {
  for (const Index weights : {7, 20000}) {
    for_each_case<T>(all_rules<T>(), weights, {3, weights - 3}, [&](RuleSteps<T> steps, const StepParts<T>& in) {
      if (sanitized && weights > 7 && steps.step == 0) return;  // as good as the other step
      const StepParts<T> along = RuleSteps<T>::random_like(in, 7);
      const Iterate<T> next = steps.stepped(in), tangent = steps.tangent(in, along);
      const StepParts<T> derivatives = steps.adjoint(in, along.iterate);
      for (const int threads : {2, 3}) {
        if (weights == 7 || steps.step == 0) break;  // one chunk, or as good as the other step
        steps.team = WorkerTeam(threads);
        CHECK(same_bits(steps.stepped(in), next));
        CHECK(same_bits(steps.tangent(in, along), tangent));
        CHECK(same_bits(steps.adjoint(in, along.iterate), derivatives));
      }
      const auto rule = steps.rule->clone();
      for (int again = 0; again < 2; ++again) {  // with memory of the first time
        StepParts<T> here = in;
        rule->step(steps.inputs(here), here.iterate, steps.team);
        CHECK(same_bits(here.iterate, next));
        StepParts<T> moving = along;
        rule->tangent(steps.inputs(in), next,
                      {moving.iterate, moving.gradient, moving.rates, moving.coefficients, moving.phi}, moving.iterate,
                      steps.team);
        CHECK(same_bits(moving.iterate, tangent));
      }
    });
  }
}

TEST_CASE("rules: in float as in double") {
  const std::vector<Rule<float>> rules = all_rules<float>();
  const std::vector<Rule<double>> exact_rules = all_rules<double>();
  REQUIRE(rules.size() == exact_rules.size());
  for (std::size_t number = 0; number < rules.size(); ++number) {
    const std::string name = rules[number]->name();
    CAPTURE(number);
    CAPTURE(name);
    const std::vector<Index> sizes{30, 70};
    for (const Index step : {0, 5, 20000}) {
      const RuleSteps<float> steps(rules[number], 100, sizes, step);
      const RuleSteps<double> exact_steps(exact_rules[number], 100, sizes, step);
      const StepParts<float> in = steps.random_inputs(100, hyperparameters<float>());
      const auto along = RuleSteps<float>::random_like(in, 8);
      const StepParts<double> exact_in = in.to<double>(), exact_along = along.to<double>();
      const double tolerance = 2e-6;
      const auto check = [&](const Iterate<float>& is, const Iterate<double>& expected) {
        const double error = relative_error(is.theta, expected.theta);
        CHECK(error <= tolerance);
        for (std::size_t s = 0; s < is.slot.size(); ++s) {
          CHECK(relative_error(is.slot[s], expected.slot[s]) <= tolerance);
        }
      };
      check(steps.stepped(in), exact_steps.stepped(exact_in));
      check(steps.tangent(in, along), exact_steps.tangent(exact_in, exact_along));
      const StepParts<float> d = steps.adjoint(in, along.iterate);
      const StepParts<double> exact_d = exact_steps.adjoint(exact_in, exact_along.iterate);
      check(d.iterate, exact_d.iterate);
      CHECK(relative_error(d.gradient, exact_d.gradient) <= tolerance);
    }
  }
}

/// A rule of one weight at theta = 0, where a difference of any size is exact to rounding; and the derivative of theta'
/// with respect to the gradient at 0.
void check_zero_gradient(const Rule<double>& rule, double slope) {
  const std::string name = rule->name();
  CAPTURE(name);
  const RuleSteps<double> steps(rule, 1, {}, 0);
  StepParts<double> in = steps.random_inputs(1, hyperparameters<double>());
  in = in.zeros();
  in.rates = {0.1};
  in.coefficients.assign(rule.values().begin(), rule.values().end());
  Iterate<double> bar = in.zeros().iterate;
  bar.theta[0] = 1;
  for (Tensor<double>& slot : bar.slot) slot[0] = 0.5;
  StepParts<double> d = steps.adjoint(in, bar);
  for (const auto& part : d.named()) {
    CAPTURE(part.first);
    for (const double v : part.second) CHECK(std::isfinite(v));
  }
  StepParts<double> along = in.zeros();
  along.gradient[0] = 1;
  const Iterate<double> dot = steps.tangent(in, along);
  CHECK(std::abs(dot.theta[0] - slope) <= 1e-14 * std::abs(slope));
  constexpr double h = 1e-14;
  in.gradient[0] = h;
  const Iterate<double> above = steps.stepped(in);
  in.gradient[0] = -h;
  const Iterate<double> below = steps.stepped(in);
  CHECK(std::abs(dot.theta[0] - (above.theta[0] - below.theta[0]) / (2 * h)) <= 1e-7 * std::abs(slope));
  const double by_bar = (inner_product(bar, above).first - inner_product(bar, below).first) / (2 * h);
  CHECK(std::abs(d.gradient[0] - by_bar) <= 1e-7 * std::abs(by_bar));
}

TEST_CASE(
    "rules: a gradient that is exactly 0, of a weight whose gradients all were, has finite and right derivatives") {
  check_zero_gradient(GradientDescent{}, -0.1);
  check_zero_gradient(HeavyBall{}, -0.1);
  check_zero_gradient(Nesterov{.momentum = 0.5}, -0.15);
  check_zero_gradient(Adam{.epsilon = 1e-3}, -0.1 / 1e-3);
  check_zero_gradient(Adam{.beta1 = 0, .beta2 = 0, .epsilon = 1e-3}, -0.1 / 1e-3);
  check_zero_gradient(AdamW{.epsilon = 1e-3}, -0.1 / 1e-3);
  check_zero_gradient(WeightDecay{Adam{.epsilon = 1e-3}, 0.1}, -0.1 / 1e-3);
  check_zero_gradient(RmsProp{.epsilon = 1e-3}, -0.1 / 1e-3);
  check_zero_gradient(CenteredRmsProp{.epsilon = 1e-3, .momentum = 0.5}, -0.1 / 1e-3);
  check_zero_gradient(CenteredRmsProp{.alpha = 0, .epsilon = 1e-3}, -0.1 / 1e-3);
  check_zero_gradient(ClippedByNorm{GradientDescent{}, 1}, -0.1);
  check_zero_gradient(ClippedByNorm{GradientDescent{}, 0.5e-6}, -0.05);  // which 1e-6 alone is above
}

TEST_CASE("rules: adam's derivative with respect to a gradient on a kink is the mean of the two slopes") {
  const RuleSteps<double> steps(Adam{.beta1 = 0.9, .beta2 = 0, .epsilon = 1e-3}, 1, {}, 4);
  StepParts<double> in = steps.random_inputs(1, hyperparameters<double>()).zeros();
  in.rates = {0.1};
  in.coefficients = {0.9, 0, 1e-3};
  in.iterate.slot[0][0] = 0.3;
  Iterate<double> bar = in.zeros().iterate;
  bar.theta[0] = 1;
  const StepParts<double> d = steps.adjoint(in, bar);
  CHECK(std::abs(d.gradient[0] + 0.1 * 0.1 / (1 - std::pow(0.9, 5)) / 1e-3) <= 1e-10);
  CHECK(d.iterate.slot[1][0] == 0);
}

TEST_CASE("rules: what steps by a zero coefficient is the plain rule, bit for bit") {
  const auto next = [](const Rule<double>& rule) {
    const RuleSteps<double> steps(rule, 20, {}, 2);
    return steps.stepped(steps.random_inputs(20, hyperparameters<double>())).theta;
  };
  const auto plain = next(GradientDescent{});
  CHECK(equal(next(WeightDecay{GradientDescent{}, 0}), plain));
  CHECK(equal(next(DecoupledWeightDecay{GradientDescent{}, 0}), plain));
  CHECK(equal(next(ClippedByNorm{GradientDescent{}, 1000}), plain));
  CHECK(equal(next(WeightDecay{Adam{}, 0}), next(Adam{})));
  CHECK(equal(next(AdamW{.weight_decay = 0}), next(Adam{})));
}

TEST_CASE("rules: a clipped rule is the rule of the clipped gradient") {
  const RuleSteps<double> clipped(ClippedByNorm{WeightDecay{HeavyBall{}, 0.1}, 0.5}, 20000, {}, 0);
  const RuleSteps<double> plain(WeightDecay{HeavyBall{}, 0.1}, 20000, {}, 0);
  StepParts<double> in = clipped.random_inputs(20000, hyperparameters<double>());
  const Iterate<double> next = clipped.stepped(in);
  double square_norm = 0;
  for (const double g : in.gradient.values()) square_norm += g * g;
  for (double& g : in.gradient.values()) g *= 0.5 / (std::sqrt(square_norm) + 1e-6);
  in.coefficients.pop_back();
  const Iterate<double> expected = plain.stepped(in);
  CHECK(relative_error(next.theta, expected.theta) <= 1e-14);
  CHECK(relative_error(next.slot[0], expected.slot[0]) <= 1e-14);
}

TEST_CASE("rules: names, and which of them is plain descent") {
  CHECK(Rule<double>(GradientDescent{})->is_plain_descent());
  CHECK(Rule<double>(ClippedByNorm{WeightDecay{GradientDescent{}, 0}, 1})->name() ==
        "gradient descent with weight decay clipped by norm");
  for (const Rule<double>& rule : all_rules<double>()) {
    const std::string name = rule->name();
    CAPTURE(name);
    rule.validate();
    CHECK(rule->is_plain_descent() == (name == "gradient descent"));
    CHECK(rule->takes_hyperparameters() == (name.find("custom") == 0));
  }
}

TEST_CASE("rules: numbers out of range are refused by their names") {
  const auto refused = [](const Rule<double>& rule, std::string_view name, std::string_view range) {
    check_error<ArgumentError>([&] { rule.validate(); }, {"optim: ", name, " in [", range});
  };
  refused(Nesterov{.momentum = 1}, "momentum", "0, 1)");
  refused(Nesterov{.momentum = -0.1}, "momentum", "0, 1)");
  refused(Nesterov{.momentum = std::nan("")}, "momentum", "0, 1)");
  refused(Adam{.beta1 = 1}, "beta1", "0, 1)");
  refused(Adam{.beta2 = 1}, "beta2", "0, 1)");
  refused(Adam{.epsilon = 0}, "epsilon", "");
  refused(RmsProp{.alpha = 1}, "alpha", "0, 1)");
  refused(RmsProp{.epsilon = -1}, "epsilon", "");
  refused(CenteredRmsProp{.momentum = 1}, "momentum", "0, 1)");
  refused(WeightDecay{Adam{}, -1}, "weight_decay", "0, inf)");
  refused(AdamW{.weight_decay = -1}, "weight_decay", "0, inf)");
  refused(ClippedByNorm{WeightDecay{Adam{}, 0}, -1}, "max_norm", "0, inf)");
  refused(ClippedByNorm{WeightDecay{Adam{.beta1 = 2}, 0}, 1}, "beta1", "0, 1)");
  check_error<ArgumentError>([] { Rule<float>(Adam{.epsilon = 1e-50}).validate(); }, {"Adam needs epsilon", "got 0"});
}

}  // namespace
}  // namespace hypertape::testing
