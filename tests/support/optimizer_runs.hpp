#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/adamw.hpp"
#include "hypertape/optim/gradient_descent.hpp"
#include "hypertape/optim/heavy_ball.hpp"
#include "hypertape/optim/nesterov.hpp"
#include "hypertape/optim/norm_clip.hpp"
#include "hypertape/optim/rms_prop.hpp"
#include "hypertape/optim/rule.hpp"
#include "hypertape/optim/weight_decay.hpp"
#include "support/golden.hpp"

/// The runs defined in tests/golden/optimizers.py, and their inputs.
namespace hypertape::testing {

/// An update rule, and the middle of its learning rates.
struct OptimizerRun {
  std::string name;
  double rate;
  optim::Rule<double> rule;
};

inline std::vector<OptimizerRun> optimizer_runs() {
  using namespace optim;  // NOLINT: within a function
  const Adam adam{.beta2 = 0.99};
  const WeightDecay decayed_heavy_ball{HeavyBall{0.9}, 0.05};
  return {{"sgd", 0.3, GradientDescent{}},
          {"sgd_decay", 0.3, WeightDecay{GradientDescent{}, 0.05}},
          {"momentum", 0.1, HeavyBall{0.9}},
          {"momentum_0", 0.3, HeavyBall{0}},
          {"momentum_decay", 0.1, decayed_heavy_ball},
          {"nesterov", 0.1, Nesterov{0.9}},
          {"adam", 0.05, adam},
          {"adam_beta1_0", 0.05, Adam{.beta1 = 0, .beta2 = 0.99}},
          {"adam_zero_gradient", 0.05, Adam{.beta2 = 0.99, .epsilon = 1e-2}},
          {"adam_decay", 0.05, WeightDecay{adam, 0.05}},
          {"adamw", 0.05, AdamW{.beta2 = 0.99, .weight_decay = 0.1}},
          {"rmsprop", 0.02, RmsProp{.alpha = 0.9}},
          {"rmsprop_momentum", 0.01, RmsProp{.alpha = 0.9, .momentum = 0.8}},
          {"rmsprop_zero_gradient", 0.02, RmsProp{.alpha = 0.9, .epsilon = 1e-2, .momentum = 0.5}},
          {"rmsprop_centered", 0.01, CenteredRmsProp{.alpha = 0.9, .momentum = 0.8}},
          {"clip", 0.3, ClippedByNorm{GradientDescent{}, 0.5}},
          {"clip_momentum_decay", 0.1, ClippedByNorm{decayed_heavy_ball, 0.5}}};
}

/// The inputs of these runs.
struct OptimizerInputs {
  static constexpr Index steps = 2, epochs = 10;
  Tensor<double> theta0{Shape{13}};
  std::vector<Tensor<double>> x, y;
  Tensor<double> learning_rates{Shape{epochs, steps}}, phi{{1}, {-2}};

  explicit OptimizerInputs(const OptimizerRun& run) {
    for (Index i = 0; i < theta0.size(); ++i) {
      theta0[i] = 1.6 * golden_uniform(1, static_cast<std::uint64_t>(i)) - 0.8;
    }
    for (std::uint64_t s = 0; s < steps; ++s) {
      x.push_back(golden_images<double>(10 + s, Shape::batch(2, 2)));
      y.push_back(golden_images<double>(40 + s, Shape::batch(2, 1)));
      if (run.name.find("zero_gradient") == std::string::npos) continue;
      for (Index n = 0; n < 2; ++n) x.back()(n, 1) = 0;
    }
    for (Index t = 0; t < learning_rates.size(); ++t) {
      learning_rates[t] = run.rate * (0.5 + golden_uniform(30, static_cast<std::uint64_t>(t)));
    }
  }
};

/// The outputs (N, 1) of the network.
inline Var<double> optimizer_network(Var<double> theta, Var<double> x) {
  const Var<double> h = tanh(linear(x, theta.slice(0, {3, 2}), theta.slice(6, {3})));
  return linear(h, theta.slice(9, {1, 3}), theta.slice(12, {1}));
}

inline Var<double> optimizer_inner_loss(Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) {
  return mean_squared_error(optimizer_network(theta, x), y) + exp(phi) * sum(square(theta.slice(9, {3})));
}

inline Var<double> optimizer_outer_loss(Var<double> theta) {
  const auto given = [&](std::uint64_t salt, Index features) {
    return theta.tape().leaf(golden_images<double>(salt, Shape::batch(4, features)));
  };
  return mean_squared_error(optimizer_network(theta, given(20, 2)), given(21, 1));
}

inline Golden optimizer_golden() { return read_golden("optimizers"); }

/// The relative error of these tensors, concatenated in row-major order, against a golden block.
inline double golden_error(const Golden& golden, const std::string& block, const std::vector<Tensor<double>>& got) {
  const std::vector<double>& expected = golden.at(block);
  double difference = 0, size = 0;
  std::size_t i = 0;
  for (const Tensor<double>& tensor : got) {
    for (const double value : to_row_major(tensor)) {
      REQUIRE(i < expected.size());
      difference += std::pow(value - expected[i], 2);
      size += std::pow(expected[i++], 2);
    }
  }
  REQUIRE(i == expected.size());
  return std::sqrt(size == 0 ? difference : difference / size);
}

}  // namespace hypertape::testing
