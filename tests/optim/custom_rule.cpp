#include "hypertape/optim/custom_rule.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "hypertape/ops/math.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "support/check_error.hpp"
#include "support/compare.hpp"
#include "support/learned_optimizer.hpp"
#include "support/random_tensor.hpp"
#include "support/rule_steps.hpp"

// That the derivatives are those of the step, for groups of weights, slots that change places and a step that depends
// on its number, is in rules.cpp.

namespace hypertape::testing {
namespace {

using optim::CustomRule;
using optim::Stepped;
using V = Var<double>;

constexpr auto heavy_ball = [](V theta, auto slots, V gradient, V rate, V phi) {
  const V velocity = phi * slots[0] + gradient;
  return Stepped<double>{theta - rate * velocity, {velocity}};
};

TEST_CASE("custom rule: heavy ball in Vars is heavy ball, with momentum in phi") {
  for (const std::vector<Index>& groups : {std::vector<Index>{}, {10, 20}}) {
    const RuleSteps<double> known(optim::HeavyBall{0.8}, 30, groups, 0);
    const RuleSteps<double> custom(CustomRule{1, heavy_ball}, 30, groups, 0);
    StepParts<double> in = known.random_inputs(30, Tensor<double>({1}, {0.8}));
    const optim::Iterate<double> bar = RuleSteps<double>::random_like(in, 2).iterate;
    const StepParts<double> expected = known.adjoint(in, bar);
    const StepParts<double> along = RuleSteps<double>::random_like(in, 3);
    StepParts<double> moved = along;
    moved.coefficients.clear();
    moved.phi[0] = along.coefficients[0];
    const optim::Iterate<double> next = known.stepped(in), tangent = known.tangent(in, along);
    in.coefficients.clear();
    const StepParts<double> got = custom.adjoint(in, bar);
    CHECK(relative_error(custom.stepped(in).theta, next.theta) <= 1e-15);
    CHECK(relative_error(custom.tangent(in, moved).theta, tangent.theta) <= 1e-14);
    CHECK(relative_error(got.iterate.theta, expected.iterate.theta) <= 1e-14);
    CHECK(relative_error(got.iterate.slot[0], expected.iterate.slot[0]) <= 1e-14);
    CHECK(relative_error(got.gradient, expected.gradient) <= 1e-14);
    CHECK(std::abs(got.phi[0] - expected.coefficients[0]) <= 1e-13);
    REQUIRE(got.rates.size() == expected.rates.size());
    for (std::size_t g = 0; g < got.rates.size(); ++g) CHECK(std::abs(got.rates[g] - expected.rates[g]) <= 1e-13);
  }
}

TEST_CASE("custom rule: the rate is a scalar of one group, and each weight's of several") {
  const auto check = [](const std::vector<Index>& groups, const Shape& shape) {
    Shape seen;
    const RuleSteps<double> steps(CustomRule{0,
                                             [&seen](V theta, auto, V, V rate, V) {
                                               seen = rate.shape();
                                               return Stepped<double>{theta, {}};
                                             }},
                                  5, groups, 0);
    const StepParts<double> in = steps.random_inputs(5, {});
    CHECK(equal(steps.stepped(in).theta, in.iterate.theta));
    CHECK(seen == shape);
  };
  check({}, Shape{});
  check({5}, Shape{});
  check({2, 3}, Shape{5});
}

TEST_CASE("custom rule: results that do not fit are refused") {
  const auto refused = [](std::size_t slots, const auto& f, std::initializer_list<std::string_view> words) {
    const RuleSteps<double> steps(CustomRule{slots, f}, 5, {}, 0);
    const StepParts<double> in = steps.random_inputs(5, {});
    check_error<ShapeError>([&] { steps.stepped(in); }, words);
  };
  refused(2,
          [](V theta, auto slots, V, V, V) {
            return Stepped<double>{theta, {slots[0]}};
          },
          {"CustomRule", "return 2 slots, got 1"});
  refused(0,
          [](V theta, auto, V gradient, V, V) {
            return Stepped<double>{theta, {gradient}};
          },
          {"return 0 slots, got 1"});
  refused(0, [](V, auto, V, V rate, V) { return Stepped<double>{rate, {}}; }, {"a theta of shape (5), got ()"});
  refused(2,
          [](V theta, auto slots, V, V, V) {
            return Stepped<double>{theta, {slots[0], sum(slots[1])}};
          },
          {"a slot 1 of shape (5), got ()"});

  const RuleSteps<double> steps(CustomRule{0, [](V, auto, V, V, V) { return Stepped<double>{}; }}, 5, {}, 0);
  check_error<ArgumentError>([&] { steps.stepped(steps.random_inputs(5, {})); }, {"CustomRule", "result of the step"});
}

TEST_CASE("custom rule: its memory is that of one step") {
  const RuleSteps<double> steps(CustomRule{1, heavy_ball}, 1000, {}, 0);
  const auto rule = steps.rule->clone();
  StepParts<double> in = steps.random_inputs(1000, Tensor<double>({1}, {0.8}));
  std::size_t bytes = 0;
  for (int i = 0; i < 100; ++i) {
    const optim::Iterate<double> next = steps.stepped(in);
    StepParts<double> out = in.zeros();
    rule->step(steps.inputs(in), out.iterate, steps.team);
    rule->adjoint(steps.inputs(in), next, {out.iterate, out.gradient, out.rates, out.coefficients, out.phi},
                  steps.team);
    rule->tangent(steps.inputs(in), next, {in.iterate, in.gradient, in.rates, in.coefficients, in.phi}, out.iterate,
                  steps.team);
    if (i == 1) bytes = rule->reserved_bytes();
  }
  CHECK(bytes > 1000 * sizeof(double));
  CHECK(rule->reserved_bytes() == bytes);
}

TEST_CASE_TEMPLATE("custom rule: a learned optimizer's derivatives are one another's transpose", T, float, double) {
  const RuleSteps<T> steps(learned_optimizer<T>(), 50, {}, 0);
  const StepParts<T> in = steps.random_inputs(50, random_tensor<T>(Shape{learned_optimizer_size}, 4));
  StepParts<T> along = RuleSteps<T>::random_like(in, 5);
  const optim::Iterate<T> bar = RuleSteps<T>::random_like(in, 6).iterate;
  const auto [forward, size] = inner_product(steps.tangent(in, along), bar);
  StepParts<T> derivatives = steps.adjoint(in, bar);
  double backward = 0;
  const auto tangents = along.named(), adjoints = derivatives.named();
  for (std::size_t p = 0; p < tangents.size(); ++p) {
    for (std::size_t i = 0; i < tangents[p].second.size(); ++i) {
      backward += static_cast<double>(tangents[p].second[i]) * static_cast<double>(adjoints[p].second[i]);
    }
  }
  CHECK(std::abs(forward - backward) <= 100 * static_cast<double>(std::numeric_limits<T>::epsilon()) * size);
}

}  // namespace
}  // namespace hypertape::testing
