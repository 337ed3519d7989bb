#include "hypertape/unroll/outer_loss.hpp"

#include <doctest/doctest.h>

#include "hypertape/ops/losses.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/check_hypergradient.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

InnerLoop<double> full_loop() {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  loop.rule = optim::HeavyBall{0.4};
  loop.hyperparameters = Tensor<double>(Shape{1}, {0.2});
  return loop;
}

Var<double> penalized(Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) {
  return SmallLoss()(theta, x, y) + reshape(phi, Shape{}) * sum(square(theta));
}
const auto inner = [](Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) {
  return penalized(theta, x, y, phi);
};

TEST_CASE("outer loss: it may depend on anything that training is given") {
  const auto outer = [](Var<double> theta, GivenVars<double>& given) {
    const InnerLoop<double>& loop = given.loop;
    const Var<double> x = given(loop.x[1]), y = given(loop.y[0]), phi = given(loop.hyperparameters);
    return sum(square(theta)) * sum(square(phi)) + 0.3 * sum(square(x)) + sum(y * square(y)) +
           sum(square(given(loop.learning_rates))) + sum(square(given(loop.rule.coefficients))) +
           dot(given(loop.theta0), theta);
  };
  const HypergradientCheck check = check_hypergradient(full_loop(), inner, outer);
  CHECK(check.within(1e-6));
}

TEST_CASE("outer loss: a derivative that nobody wants is not taken, and a stranger is refused") {
  const InnerLoop<double> loop = full_loop();
  const auto of_y = [](Var<double> theta, GivenVars<double>& given) {
    return sum(square(theta)) + sum(given(given.loop.y[0]));
  };
  CHECK(hypergradient(loop, inner, of_y).y.empty());
  const Tensor<double> other(Shape{2});
  const auto of_other = [&](Var<double> theta, GivenVars<double>& given) { return sum(theta) + sum(given(other)); };
  CHECK_THROWS_WITH_AS(hypergradient(loop, inner, of_other),
                       "outer loss: this tensor of shape (2) is not one of the loop's", ArgumentError);
}

TEST_CASE("outer loss: a sum over theta at chosen steps") {
  const InnerLoop<double> loop = full_loop();
  const auto outer = [](Var<double> theta, Index t) { return static_cast<double>(t + 1) * sum(square(theta)); };
  for (const std::vector<Index>& steps : {std::vector<Index>{4}, {0, 4}, {1, 2, 3}, {0, 1, 2, 3, 4}, {2}}) {
    for (const Schedule& schedule : {Schedule::store_all(), Schedule::every(3), Schedule::binomial(1)}) {
      UnrollOptions options{.schedule = schedule, .outer_steps = steps};
      CHECK(check_hypergradient(loop, inner, outer, options).within(1e-6));
    }
  }
  // The sum of what shorter loops give.
  Hypergradient<double> sum = hypergradient(loop, inner, outer, {.outer_steps = {2, 4}});
  double loss = 0;
  Tensor<double> theta0(loop.theta0.shape());
  for (const Index t : {2, 4}) {
    InnerLoop<double> shorter = loop;
    shorter.max_steps = t;
    const auto h = hypergradient(shorter, inner, outer);
    loss += h.outer_loss;
    for (Index i = 0; i < theta0.size(); ++i) theta0[i] += h.theta0[i];
  }
  CHECK(std::abs(sum.outer_loss - loss) <= 1e-14 * loss);
  CHECK(relative_error(sum.theta0, theta0) <= 1e-14);
}

TEST_CASE("outer loss: steps outside of the window, or not in order, are refused") {
  const InnerLoop<double> loop = full_loop();
  const auto outer = [](Var<double> theta) { return sum(theta); };
  const auto refused = [&](std::vector<Index> steps, Index window, const char* text) {
    CHECK_THROWS_WITH_AS(hypergradient(loop, inner, outer, {.window = window, .outer_steps = steps}), text,
                         ArgumentError);
  };
  refused({5}, 0, "hypergradient: outer steps must ascend within 0 to 4, got 5");
  refused({-1}, 0, "hypergradient: outer steps must ascend within 0 to 4, got -1");
  refused({3, 2}, 0, "hypergradient: outer steps must ascend within 0 to 4, got 2");
  refused({1}, 2, "hypergradient: outer steps must ascend within 2 to 4, got 1");
}

TEST_CASE("outer loss: one that writes its gradients itself") {
  const InnerLoop<double> loop = full_loop();
  const auto by_hand = [](const OuterPoint<double>& at) {
    double loss = 0;
    for (Index i = 0; i < at.theta.size(); ++i) {
      loss += at.theta[i] * at.theta[i] / 2;
      at.theta_gradient[i] = at.theta[i];
    }
    const Tensor<double>& x = at.given.x[0];
    for (Index i = 0; i < x.size(); ++i) {
      loss += x[i] * x[i];
      at.given_gradient.x[0][i] += 2 * x[i];
    }
    return loss;
  };
  const auto recorded = [](Var<double> theta, GivenVars<double>& given) {
    return 0.5 * sum(square(theta)) + sum(square(given(given.loop.x[0])));
  };
  const auto h = hypergradient(loop, inner, by_hand), expected = hypergradient(loop, inner, recorded);
  CHECK(std::abs(h.outer_loss - expected.outer_loss) <= 1e-14 * expected.outer_loss);
  CHECK(relative_error(h.x[0], expected.x[0]) <= 1e-14);
  CHECK(relative_error(h.theta0, expected.theta0) <= 1e-14);
}

TEST_CASE("losses: one that is no scalar says which it is") {
  const Tensor<double> two({2}, 1);
  const InnerLoop<double> loop{two, {two}, {two}, Tensor<double>({1, 1}, 0.1)};
  const auto scalar = [](Var<double> theta, Var<double> x, Var<double> y) { return mean_squared_error(theta * x, y); };
  const auto vector = [](Var<double> theta, Var<double> x, Var<double> y) { return theta * x - y; };
  const auto outer = [](Var<double> theta) { return sum(theta); };
  CHECK_THROWS_WITH_AS(hypergradient(loop, vector, outer),
                       "hypergradient: the inner loss must be a scalar, its shape is (2)", ShapeError);
  CHECK_THROWS_WITH_AS(hypergradient(loop, scalar, [](Var<double> theta) { return theta; }),
                       "hypergradient: the outer loss must be a scalar, its shape is (2)", ShapeError);
  Tensor<double> gradient;
  BatchGradient<double> batch_gradient{vector};
  CHECK_THROWS_WITH_AS(batch_gradient(loop.theta0, loop.x[0], loop.y[0], gradient),
                       "BatchGradient: the loss must be a scalar, its shape is (2)", ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
