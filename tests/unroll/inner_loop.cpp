#include "hypertape/unroll/inner_loop.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "hypertape/core/row_major.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/check_error.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("inner loop: its sizes") {
  InnerLoop<double> loop = small_loop<double>(2, 3);
  CHECK(loop.steps() == 2);
  CHECK(loop.length() == 6);
  CHECK(loop.range().begin == 0);
  CHECK(loop.range().end == 6);
  loop.max_steps = 4;
  CHECK(loop.range().end == 4);
  loop.first_step = 2;
  CHECK(loop.range().begin == 2);
  CHECK(loop.range().end == 6);
  CHECK(loop.samples_of(1) == 6);
  CHECK(loop.data_of(3) == 1);
  CHECK(!loop.has_hyperparameters());
  loop.hyperparameters = Tensor<double>(Shape{2});
  CHECK(loop.has_hyperparameters());
  loop.validate();
}

TEST_CASE("inner loop: parts that do not fit are named, and nothing is computed with them") {
  const auto change_refused = [](const std::function<void(InnerLoop<double>&)>& change, const char* text) {
    InnerLoop<double> loop = small_loop<double>(2, 1);
    change(loop);
    CHECK_THROWS_WITH_AS(loop.validate(), text, ShapeError);
    const auto outer = [](Var<double> theta) { return sum(theta); };
    CHECK_THROWS_WITH_AS(hypergradient(loop, SmallLoss(), outer), text, ShapeError);
    CHECK_THROWS_WITH_AS((Unroll<double>(SmallLoss()).train(loop)), text, ShapeError);
  };
  change_refused(
      [](auto& loop) {
        loop.learning_rates = Tensor<double>(Shape{1, 3});
      },
      "InnerLoop: learning rates (1, 3) are for 3 steps, there are 2 of x");
  change_refused([](auto& loop) { loop.y.pop_back(); },
                 "InnerLoop: learning rates (1, 2) are for 2 steps, there are 1 of y");
  change_refused([](auto& loop) { loop.y[1] = Tensor<double>(Shape::batch(5, 3)); },
                 "InnerLoop: in step 1 there are batch (6, 4) and batch (5, 3); their numbers of samples differ");
  change_refused(
      [](auto& loop) { loop.x[0] = relayout(loop.x[0], Layout::row_major); },
      "InnerLoop: each x must be a batch, with its samples innermost in memory; (6, 4) is row-major: make it "
      "with Shape::batch, or call relayout");
  change_refused(
      [](auto& loop) { loop.learning_rates = Tensor<double>(Shape::batch(2, 2)); },
      "InnerLoop: the learning rates must be row-major; batch (2, 2) has its samples innermost in memory: make it with "
      "Shape{...}, or call relayout");
  change_refused([](auto& loop) { loop.extra = {{Tensor<double>(Shape{1})}}; },
                 "InnerLoop: learning rates (1, 2) are for 2 steps, there are 1 of extra");
  change_refused(
      [](auto& loop) {
        loop.extra = {{Tensor<double>(Shape{1}), Tensor<double>(Shape::batch(5))}};
      },
      "InnerLoop: in step 1 there are batch (6, 4) and (5); their numbers of samples differ");
  change_refused([](auto& loop) { loop.state0.slot.resize(1); }, "InnerLoop: gradient descent keeps 0 slots, got 1");
  change_refused(
      [](auto& loop) {
        loop.rule = optim::HeavyBall{};
        loop.state0.slot.resize(1);
      },
      "InnerLoop: a slot must be (43) as theta0, got ()");
  change_refused(
      [](auto& loop) {
        loop.groups = {40, 3};
      },
      "InnerLoop: learning rates must be (epochs, steps, 2), got (1, 2)");
  change_refused(
      [](auto& loop) {
        loop.groups = {40, 4};
        loop.learning_rates = Tensor<double>(Shape{1, 2, 2});
      },
      "InnerLoop: 2 groups of 44 weights in all do not make up 43, or one of them is empty");
  change_refused([](auto& loop) { loop.rule.coefficients = Tensor<double>(Shape{2}); },
                 "optim: gradient descent takes coefficients (), got (2)");
  change_refused(
      [](auto& loop) {
        loop.theta0 = Tensor<double>(Shape{43, 1});
      },
      "InnerLoop: theta0 must be (P), got (43, 1)");
  change_refused(
      [](auto& loop) {
        loop.hyperparameters = Tensor<double>(Shape{2, 2});
      },
      "InnerLoop: hyperparameters must be (H), got (2, 2)");
}

TEST_CASE("inner loop: an impossible momentum, start or stop is refused") {
  InnerLoop<double> loop = small_loop<double>(2, 1);
  for (const double momentum : {-0.1, 1.0, std::nan("")}) {
    loop.rule = optim::HeavyBall{momentum};
    CHECK_THROWS_AS(loop.validate(), ArgumentError);
  }
  loop.rule["momentum"] = 1.5;
  CHECK_THROWS_WITH_AS(loop.validate(), "optim: heavy ball needs momentum in [0, 1), got 1.5", ArgumentError);
  loop.rule["momentum"] = 0.5;
  CHECK_THROWS_WITH_AS(loop.rule["beta1"], "optim: heavy ball has no coefficient beta1, only momentum", ArgumentError);
  loop.max_steps = 3;
  CHECK_THROWS_WITH_AS(loop.validate(), "InnerLoop: cannot take 3 of 2 steps", ArgumentError);
  loop.max_steps = -1;
  CHECK_THROWS_AS(loop.validate(), ArgumentError);
  loop.max_steps = 0;
  loop.first_step = 2;
  CHECK_THROWS_WITH_AS(loop.validate(), "InnerLoop: cannot start at step 2 of 2", ArgumentError);
  loop.first_step = 0;
  loop.state0.steps = -1;
  CHECK_THROWS_WITH_AS(loop.validate(), "optim: a state of heavy ball cannot have -1 steps", ArgumentError);
}

}  // namespace
}  // namespace hypertape::testing
