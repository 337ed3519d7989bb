#include "hypertape/unroll/forward_unroll.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/given_problem.hpp"

namespace hypertape::testing {
namespace {

using Forward = ForwardUnroll<double>;

TEST_CASE("forward unroll: the derivatives of the reverse sweep") {
  for (const optim::Rule<double>& rule : some_rules()) {
    const InnerLoop<double> loop = loop_with(rule);
    CAPTURE(rule->name());
    for (const std::vector<Index>& steps : {std::vector<Index>{}, {0, 3, 6}}) {
      const auto expected = hypergradient(loop, step_loss, given_loss, {.outer_steps = steps});
      Forward forward(step_loss, {.learning_rates = true, .outer_steps = steps});
      const auto& h = forward(loop, given_loss);
      CHECK(relative_error(h.hyperparameters, expected.hyperparameters) <= 1e-12);
      CHECK(relative_error(h.learning_rates, expected.learning_rates) <= 1e-12);
      if (loop.rule.values().size() > 0)
        CHECK(relative_error(h.rule.coefficients, expected.rule.coefficients) <= 1e-12);
      CHECK(std::abs(h.outer_loss - expected.outer_loss) <= 1e-14 * expected.outer_loss);
      CHECK(relative_error(h.theta_T, expected.theta_T) <= 1e-14);
      CHECK(relative_error(h.inner_losses, expected.inner_losses) <= 1e-14);
      CHECK(h.theta0.shape() == Shape{});  // not taken
      CHECK(h.x.empty());
    }
  }
}

TEST_CASE("forward unroll: the same bits for any number of threads, and memory that T does not change") {
  InnerLoop<double> loop = loop_with(optim::HeavyBall{});
  Forward one(step_loss, {.learning_rates = true});
  const Hypergradient<double> expected = one(loop, given_loss);
  for (const int threads : {2, 3}) {
    Forward many(step_loss, {.learning_rates = true}, WorkerTeam(threads));
    CHECK(equal(many(loop, given_loss).learning_rates, expected.learning_rates));
    CHECK(equal(many(loop, given_loss).hyperparameters, expected.hyperparameters));
  }
  const auto bytes = [&](Index epochs) {
    loop.learning_rates = Tensor<double>(Shape{epochs, 3}, 0.01);
    Forward forward(step_loss, {.coefficients = false});
    forward(loop, given_loss);
    return forward.reserved_bytes();
  };
  const std::size_t of_a_step = 2 * 3 * sizeof(double);  // a learning rate and an inner loss
  CHECK(bytes(200) - bytes(2) <= 198 * of_a_step);
}

TEST_CASE("forward unroll: one rate for all steps, by a direction") {
  InnerLoop<double> loop = loop_with(optim::HeavyBall{});
  loop.learning_rates.fill(0.2);
  const auto full = hypergradient(loop, step_loss, given_loss);
  double expected = 0;
  for (const double value : full.learning_rates.values()) expected += value;
  InnerLoop<double> direction;
  direction.learning_rates = Tensor<double>(loop.learning_rates.shape(), 1.0);
  direction.rule = loop.rule;
  direction.rule.coefficients = Tensor<double>();
  const std::vector<double> slopes = Forward(step_loss).tangents(loop, {&direction, 1}, given_loss);
  CHECK(std::abs(slopes.at(0) - expected) <= 1e-13 * std::abs(expected));
}

TEST_CASE("forward unroll: nothing to differentiate is an error") {
  InnerLoop<double> loop = small_loop<double>(1, 1);
  const auto end = [](Var<double> theta) { return sum(theta); };
  ForwardUnroll<double> forward{SmallLoss()};
  CHECK_THROWS_WITH_AS(forward(loop, end), "ForwardUnroll: the loop has none of the inputs that the options ask for",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(forward.tangents(loop, {}, end), "ForwardUnroll: needs at least one direction", ArgumentError);
}

TEST_CASE("forward unroll: steps that the run does not reach, and directions that do not fit, are refused") {
  const InnerLoop<double> loop = loop_with(optim::HeavyBall{});
  for (const std::vector<Index>& steps : {std::vector<Index>{7}, {-1}, {4, 2}}) {
    Forward forward(step_loss, {.outer_steps = steps});
    CHECK_THROWS_WITH_AS(forward(loop, given_loss), doctest::Contains("outer steps must ascend within 0 to 6"),
                         ArgumentError);
  }
  Forward forward(step_loss);
  const auto refused = [&](const auto& change, const doctest::Contains& text) {
    InnerLoop<double> direction;
    direction.rule = loop.rule;
    change(direction);
    CHECK_THROWS_WITH_AS(forward.tangents(loop, {&direction, 1}, given_loss), text, ShapeError);
  };
  refused([](auto& d) { d.theta0 = Tensor<double>(Shape{500}); },
          doctest::Contains("direction: initial weights is (500), in the loop (43)"));
  refused(
      [](auto& d) {
        d.learning_rates = Tensor<double>(Shape{1, 2});
      },
      doctest::Contains("direction: learning rates is (1, 2), in the loop (2, 3)"));
  refused([](auto& d) { d.rule.coefficients = Tensor<double>(Shape{300}); },
          doctest::Contains("direction: coefficients of the rule is (300), in the loop (1)"));
  refused([&](auto& d) { d.x = {loop.x[0]}; }, doctest::Contains("the data of a direction is that of all steps"));
  refused([](auto& d) { d.state0.slot.assign(2, Tensor<double>(Shape{43})); },
          doctest::Contains("of which the loop has"));
}

}  // namespace
}  // namespace hypertape::testing
