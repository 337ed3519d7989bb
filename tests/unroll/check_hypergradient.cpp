#include "hypertape/unroll/check_hypergradient.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/optim/heavy_ball.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

Var<double> square_sum(Var<double> theta) { return sum(square(theta)); }

/// tanh(x), whose derivatives are `wrong` times what they should be.
struct Misled final : Operation<double> {
  double wrong;
  explicit Misled(double factor) : wrong(factor) {}
  const char* name() const override { return "misled"; }
  void evaluate(const Evaluation<double>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) call.output()[i] = std::tanh(call.input(0)[i]);
  }
  Var<double> tangent(const TangentSweep<double>& call) const override {
    return wrong * (1 - square(call.output())) * call.tangent(0);
  }
  void pullback(PullbackSweep<double>& call) const override {
    call.add(0, wrong * (1 - square(call.output())) * call.adjoint());
  }
};

/// f'(x) b for f = tanh, whose pullback with respect to x has the wrong sign and whose tangent is right.
struct MisledSlope final : Operation<double> {
  const char* name() const override { return "misled_slope"; }
  void evaluate(const Evaluation<double>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) {
      const double y = std::tanh(call.input(0)[i]);
      call.output()[i] = (1 - y * y) * call.input(1)[i];
    }
  }
  Var<double> tangent(const TangentSweep<double>& call) const override {
    const Var<double> x = call.input(0), b = call.input(1), y = tanh(x), slope = 1 - square(y);
    const Var<double> dx = call.tangent(0), db = call.tangent(1);
    const Var<double> by_x = dx ? -2 * y * slope * b * dx : Var<double>(), by_b = db ? slope * db : Var<double>();
    return by_x && by_b ? by_x + by_b : by_x ? by_x : by_b;
  }
  void pullback(PullbackSweep<double>& call) const override {
    const Var<double> x = call.input(0), b = call.input(1), y = tanh(x), slope = 1 - square(y);
    if (call.needs(0)) call.add(0, 2 * y * slope * b * call.adjoint());
    if (call.needs(1)) call.add(1, slope * call.adjoint());
  }
};

/// tanh(x), with the slope above in its pullback.
struct HalfMisled final : Operation<double> {
  const char* name() const override { return "half_misled"; }
  void evaluate(const Evaluation<double>& call) const override {
    for (Index i = 0; i < call.output_shape().size(); ++i) call.output()[i] = std::tanh(call.input(0)[i]);
  }
  Var<double> tangent(const TangentSweep<double>& call) const override {
    return (1 - square(tanh(call.input(0)))) * call.tangent(0);
  }
  void pullback(PullbackSweep<double>& call) const override {
    const Var<double> x = call.input(0);
    call.add(0, call.tape().apply(MisledSlope(), x.shape(), {x, call.adjoint()}));
  }
};

TEST_CASE("check_hypergradient: right derivatives of every part are within differences' error") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  loop.rule = optim::HeavyBall{.momentum = 0.5};
  loop.state0.slot = {random_tensor<double>(loop.theta0.shape(), 5)};
  loop.hyperparameters = Tensor<double>(Shape{2}, {0.1, 0.3});
  const auto inner = [](Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) {
    return SmallLoss()(theta, x, y) + dot(phi.slice(0, {1}), phi.slice(1, {1})) * sum(square(theta));
  };
  const HypergradientCheck check = check_hypergradient(loop, inner, square_sum);
  CHECK(check.within(1e-6));
  for (const char* part :
       {"initial weights", "x", "y", "learning rates", "coefficients of the rule", "hyperparameters", "initial slot"}) {
    CHECK(check[part] > 0);  // it was compared
  }
  CHECK(check.parts.size() == 7);
  CHECK_THROWS_WITH_AS(check["z"],
                       "HypergradientCheck: no part z among initial weights, x, y, learning rates, coefficients of the "
                       "rule, hyperparameters, initial slot",
                       ArgumentError);
  HypergradientCheck bad = check;
  bad.parts[4].error = std::numeric_limits<double>::quiet_NaN();
  CHECK(!bad.within(1e-6));
}

TEST_CASE("check_hypergradient: a momentum near the end of its range is not stepped out of it") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  for (const double momentum : {1e-6, 1 - 1e-6}) {
    loop.rule = optim::HeavyBall{momentum};
    CHECK(check_hypergradient(loop, SmallLoss(), square_sum).within(1e-6));
  }
}

TEST_CASE("check_hypergradient: the derivative with respect to a momentum of 0 is compared") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  loop.rule = optim::HeavyBall{.momentum = 0};
  const HypergradientCheck check = check_hypergradient(loop, SmallLoss(), square_sum);
  CHECK(check["coefficients of the rule"] > 0);
  CHECK(check.within(1e-6));
}

TEST_CASE("check_hypergradient: the derivatives are taken as the options say, and all are") {
  // Right but for the pullback of its pullback, which forward over reverse never asks for.
  const auto inner = [](Var<double> theta, Var<double> x, Var<double> y) {
    return SmallLoss()(theta.tape().apply(HalfMisled(), theta.shape(), {theta}), x, y);
  };
  const InnerLoop<double> loop = small_loop<double>(1, 2);
  for (const Schedule& schedule : {Schedule::store_all(), Schedule::recompute()}) {
    UnrollOptions options{.differentiate = {.x = false}, .schedule = schedule, .samples_per_block = 2};
    CHECK(check_hypergradient(loop, inner, square_sum, options).within(1e-6));
    CHECK(check_hypergradient(loop, inner, square_sum, options)["x"] > 0);
    options.second_derivative = SecondDerivative::reverse_over_reverse;
    CHECK(!check_hypergradient(loop, inner, square_sum, options).within(1e-3));
    CHECK(check_hypergradient(loop, SmallLoss(), square_sum, options).within(1e-6));
  }
  CHECK_THROWS_AS(check_hypergradient(loop, inner, square_sum, {.window = 1}), ArgumentError);
  CHECK_THROWS_AS(check_hypergradient(loop, inner, square_sum, {.first_order = true}), ArgumentError);
}

TEST_CASE("check_hypergradient: wrong derivatives are seen, in the inner loss and in the outer") {
  const InnerLoop<double> loop = small_loop<double>(1, 2);
  const auto misled = [](Var<double> x, double wrong) { return x.tape().apply(Misled(wrong), x.shape(), {x}); };
  for (const double wrong : {1.0, 1.01}) {
    const auto inner = [&](Var<double> theta, Var<double> x, Var<double> y) {
      return SmallLoss()(misled(theta, wrong), x, y);
    };
    const auto outer = [&](Var<double> theta) { return sum(square(misled(theta, wrong))); };
    CHECK(check_hypergradient(loop, inner, square_sum).within(1e-6) == (wrong == 1));
    CHECK(check_hypergradient(loop, SmallLoss(), outer).within(1e-6) == (wrong == 1));
  }
}

}  // namespace
}  // namespace hypertape::testing
