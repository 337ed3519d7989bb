#pragma once

#include <vector>

#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/norm_clip.hpp"
#include "hypertape/optim/weight_decay.hpp"
#include "hypertape/unroll/outer_loss.hpp"
#include "support/small_problem.hpp"

/// The small problem with an inner loss that depends on hyperparameters and on the step's number, and an outer loss
/// that depends on the inputs of training.
namespace hypertape::testing {

inline const auto step_loss = [](Var<double> theta, Var<double> x, Var<double> y, Var<double> phi, Index t) {
  return SmallLoss()(theta, x, y) + phi.slice(t % 2, Shape{}) * sum(square(theta));
};
inline const auto given_loss = [](Var<double> theta, GivenVars<double>& given) {
  return sum(square(theta)) * sum(given(given.loop.hyperparameters)) + sum(square(given(given.loop.x[0])));
};

inline InnerLoop<double> loop_with(const optim::Rule<double>& rule) {
  InnerLoop<double> loop = small_loop<double>(3, 2);
  loop.rule = rule;
  loop.hyperparameters = Tensor<double>(Shape{2}, {0.1, 0.3});
  return loop;
}

inline std::vector<optim::Rule<double>> some_rules() {
  return {optim::GradientDescent{}, optim::HeavyBall{0}, optim::HeavyBall{}, optim::Adam{},
          optim::ClippedByNorm{optim::WeightDecay{optim::HeavyBall{0.5}, 0.1}, 0.2}};
}

}  // namespace hypertape::testing
