#include "hypertape/unroll/inner_loop.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "hypertape/core/row_major.hpp"
#include "hypertape/unroll/hypergradient.hpp"
#include "support/check_error.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("inner loop: its sizes") {
  InnerLoop<double> loop = small_loop<double>(2, 3);
  CHECK(loop.steps() == 2);
  CHECK(loop.length() == 6);
  CHECK(loop.steps_taken() == 6);
  loop.max_steps = 4;
  CHECK(loop.steps_taken() == 4);
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
    CHECK_THROWS_WITH_AS((Unroll<double, SmallLoss>(SmallLoss()).train(loop)), text, ShapeError);
  };
  change_refused(
      [](auto& loop) {
        loop.learning_rates = Tensor<double>(Shape{1, 3});
      },
      "InnerLoop: learning rates must be (epochs, 2), got (1, 3)");
  change_refused([](auto& loop) { loop.y.pop_back(); }, "InnerLoop: 2 steps of x need as many of y, got 1");
  change_refused([](auto& loop) { loop.y[1] = Tensor<double>(Shape::batch(5, 3)); },
                 "InnerLoop: in step 1 x is batch (6, 4) but y is batch (5, 3); their numbers of samples differ");
  change_refused(
      [](auto& loop) {
        loop.x[1] = Tensor<double>(Shape::batch(5, 4));
        loop.y[1] = Tensor<double>(Shape::batch(5, 3));
      },
      "InnerLoop: every step needs samples of one shape, step 0 has batch (6, 4) and batch (6, 3), step 1 batch (5, 4) "
      "and batch "
      "(5, 3)");
  change_refused(
      [](auto& loop) { loop.x[0] = relayout(loop.x[0], Layout::row_major); },
      "InnerLoop: each x must be a batch, with its samples innermost in memory; (6, 4) is row-major: make it "
      "with Shape::batch, or call relayout");
  change_refused(
      [](auto& loop) { loop.learning_rates = Tensor<double>(Shape::batch(2, 2)); },
      "InnerLoop: the learning rates must be row-major; batch (2, 2) has its samples innermost in memory: make it with "
      "Shape{...}, or call relayout");
  change_refused([](auto& loop) { loop.x.clear(); }, "InnerLoop: needs at least one step");
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

TEST_CASE("inner loop: an impossible momentum or stop is refused") {
  InnerLoop<double> loop = small_loop<double>(2, 1);
  for (const double momentum : {-0.1, 1.0, std::nan("")}) {
    loop.momentum = momentum;
    CHECK_THROWS_AS(loop.validate(), ArgumentError);
  }
  loop.momentum = 1.5;
  CHECK_THROWS_WITH_AS(loop.validate(), "InnerLoop: the momentum must be in [0, 1), got 1.5", ArgumentError);
  loop.momentum = 0.5;
  loop.max_steps = 3;
  CHECK_THROWS_WITH_AS(loop.validate(), "InnerLoop: cannot stop after 3 of 2 steps", ArgumentError);
  loop.max_steps = -1;
  CHECK_THROWS_AS(loop.validate(), ArgumentError);
}

}  // namespace
}  // namespace hypertape::testing
