#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "hypertape/autodiff/slice.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "hypertape/unroll/unroll_ensemble.hpp"
#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

/// The small loss, plus a penalty on the weights of each layer: exp(phi_0) and phi_1 times their squares.
struct PenalizedLoss {
  template <class T>
  Var<T> operator()(Var<T> theta, Var<T> x, Var<T> y, Var<T> phi) const {
    const Var<T> a = theta.slice(0, Shape{small_first_layer});
    const Var<T> b = theta.slice(small_first_layer, Shape{theta.size() - small_first_layer});
    return SmallLoss()(theta, x, y) + exp(phi.slice(0, Shape{})) * dot(a, a) + phi.slice(1, Shape{}) * dot(b, b);
  }
};

InnerLoop<double> penalized_loop(double momentum) {
  InnerLoop<double> loop = small_loop<double>(2, 3);
  if (momentum > 0) loop.rule = optim::HeavyBall{momentum};
  loop.hyperparameters = Tensor<double>(Shape{2}, std::vector{-3.0, 0.02});
  return loop;
}

using Hyper = Unroll<double>;

TEST_CASE("hyperparameters: central differences through the whole unroll") {
  for (const double momentum : {0.0, 0.9}) {
    InnerLoop<double> loop = penalized_loop(momentum);
    for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
      UnrollOptions options;
      options.second_derivative = second;
      Hyper unroll(PenalizedLoss(), options);
      const Tensor<double> h = unroll(loop, weighted_square).hyperparameters;
      REQUIRE(h.shape() == Shape{2});
      const double step = std::cbrt(std::numeric_limits<double>::epsilon());
      for (Index i = 0; i < 2; ++i) {
        Tensor<double> unused;
        const double value = loop.hyperparameters[i];
        loop.hyperparameters[i] = value + step;
        const double above = weighted_square(unroll.train(loop), unused);
        loop.hyperparameters[i] = value - step;
        const double below = weighted_square(unroll.train(loop), unused);
        loop.hyperparameters[i] = value;
        CHECK(std::abs(h[i] - (above - below) / (2 * step)) <= 1e-6 * std::abs(h[i]));
      }
    }
  }
}

TEST_CASE("hyperparameters: one step by hand") {
  // theta_1 = theta_0 - eta (g + 2 phi_1 b) on the second layer, so dL/dphi_1 = - 2 eta <dL/dtheta_1, b>.
  InnerLoop<double> loop = small_loop<double>(1, 1);
  loop.hyperparameters = Tensor<double>(Shape{2}, 0.1);
  Hyper unroll{PenalizedLoss()};
  const auto& h = unroll(loop, weighted_square);
  double expected = 0;
  for (Index i = small_first_layer; i < loop.theta0.size(); ++i) {
    expected -= 2 * loop.learning_rates[0] * static_cast<double>(i % 3) * h.theta_T[i] * loop.theta0[i];
  }
  CHECK(std::abs(h.hyperparameters[1] - expected) <= 1e-13 * std::abs(expected));
}

TEST_CASE("hyperparameters: the same bits for every policy and number of threads; a window sees its own steps") {
  const InnerLoop<double> loop = penalized_loop(0.5);
  UnrollOptions options;
  options.samples_per_block = 2;
  const Hypergradient<double> expected = Hyper(PenalizedLoss(), options)(loop, weighted_square);
  for (const int threads : {1, 2, 3}) {
    for (const auto policy : {Schedule::store_all(), Schedule::recompute(), Schedule::every(), Schedule::binomial(2)}) {
      options.schedule = policy;
      Hyper unroll(PenalizedLoss(), options, WorkerTeam(threads));
      CHECK(equal(unroll(loop, weighted_square).hyperparameters, expected.hyperparameters));
    }
  }
  // A block counts the penalty by its share of the samples.
  const Hypergradient<double> at_once = Hyper(PenalizedLoss())(loop, weighted_square);
  CHECK(relative_error(expected.hyperparameters, at_once.hyperparameters) <= 1e-13);

  // The last two steps of a loop without momentum, by themselves.
  InnerLoop<double> whole = penalized_loop(0), last = penalized_loop(0);
  whole.max_steps = 4;
  last.theta0 = Hyper(PenalizedLoss()).train(whole);
  whole.max_steps = 0;
  last.learning_rates = Tensor<double>(Shape{1, 2}, whole.learning_rates.values().subspan(4));
  options = {};
  options.window = 2;
  CHECK(equal(Hyper(PenalizedLoss(), options)(whole, weighted_square).hyperparameters,
              Hyper(PenalizedLoss())(last, weighted_square).hyperparameters));
}

TEST_CASE("hyperparameters: an ensemble takes the mean") {
  const InnerLoop<double> loop = penalized_loop(0);
  const std::vector<Tensor<double>> theta0{loop.theta0, random_tensor<double>(loop.theta0.shape(), 3)};
  Tensor<double> mean(Shape{2});
  for (const Tensor<double>& start : theta0) {
    InnerLoop<double> own = loop;
    own.theta0 = start;
    const Tensor<double> h = Hyper(PenalizedLoss())(own, weighted_square).hyperparameters;
    for (Index i = 0; i < 2; ++i) mean[i] += h[i] / 2;
  }
  UnrollEnsemble<double> ensemble(PenalizedLoss(), {}, WorkerTeam(2));
  const auto& h = ensemble(loop, theta0, [](Index, int) { return weighted_square; });
  CHECK(relative_error(h.hyperparameters, mean) <= 1e-15);
}

TEST_CASE("hyperparameters: a loss that can do without them is given what the loop has") {
  const auto either = [](Var<double> theta, Var<double> x, Var<double> y, auto... phi) {
    if constexpr (sizeof...(phi) == 0) {
      return SmallLoss()(theta, x, y);
    } else {
      return PenalizedLoss()(theta, x, y, phi...);
    }
  };
  InnerLoop<double> loop = small_loop<double>(2, 1);
  Unroll<double> unroll(either);
  const Tensor<double> without = unroll(loop, weighted_square).theta0;
  CHECK(equal(without, Unroll<double>(SmallLoss())(loop, weighted_square).theta0));
  loop.hyperparameters = Tensor<double>({2}, {0.1, 0.2});
  const Tensor<double> with = unroll(loop, weighted_square).hyperparameters;
  CHECK(equal(with, Hyper(PenalizedLoss())(loop, weighted_square).hyperparameters));
}

TEST_CASE("hyperparameters: loss and loop must agree on whether there are some") {
  InnerLoop<double> loop = small_loop<double>(1, 1);
  CHECK(Unroll<double>(SmallLoss())(loop, weighted_square).hyperparameters.shape() == Shape{});
  CHECK_THROWS_WITH_AS(Hyper(PenalizedLoss()).train(loop),
                       "hypergradient: the inner loss takes hyperparameters, but the loop has none", ArgumentError);
  loop.hyperparameters = Tensor<double>(Shape{2});
  CHECK_THROWS_WITH_AS((Unroll<double>(SmallLoss()).predicted_bytes(loop)),
                       "hypergradient: the loop has hyperparameters, but the inner loss takes none", ArgumentError);
  loop.hyperparameters = Tensor<double>(Shape{2, 1});
  CHECK_THROWS_WITH_AS(Hyper(PenalizedLoss()).train(loop), "InnerLoop: hyperparameters must be (H), got (2, 1)",
                       ShapeError);
}

}  // namespace
}  // namespace hypertape::testing
