#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "hypertape/unroll/check_hypergradient.hpp"
#include "hypertape/unroll/forward_unroll.hpp"
#include "hypertape/unroll/unroll.hpp"
#include "support/compare.hpp"
#include "support/learned_optimizer.hpp"
#include "support/optimizer_runs.hpp"
#include "support/random_tensor.hpp"

// Twenty steps of each rule, and the hypergradients through them, against values that PyTorch computed in double
// precision, with the whole unroll as one graph (tests/golden/optimizers.py).

namespace hypertape::testing {
namespace {

Var<double> optimizer_plain_loss(Var<double> theta, Var<double> x, Var<double> y) {
  return mean_squared_error(optimizer_network(theta, x), y);
}

InnerLoop<double> loop_of(const OptimizerRun& run) {
  const OptimizerInputs inputs(run);
  InnerLoop<double> loop;
  loop.theta0 = inputs.theta0;
  loop.x = inputs.x;
  loop.y = inputs.y;
  loop.learning_rates = inputs.learning_rates;
  loop.rule = run.rule;
  loop.hyperparameters = inputs.phi;
  return loop;
}

TEST_CASE("optimizers: values and hypergradients of torch.optim") {
  const Golden golden = optimizer_golden();
  for (const OptimizerRun& run : optimizer_runs()) {
    const InnerLoop<double> loop = loop_of(run);
    for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
      UnrollOptions options;
      options.differentiate.y = true;
      options.second_derivative = second;
      const Hypergradient<double> h = hypergradient(loop, &optimizer_inner_loss, &optimizer_outer_loss, options);
      const auto check = [&](const std::string& block, const std::vector<Tensor<double>>& got, double tolerance) {
        const std::string name = run.name + "/" + block;
        CAPTURE(name);
        const double error = golden_error(golden, name, got);
        CHECK(error <= tolerance);
      };
      check("loss", {Tensor<double>({1}, {h.outer_loss})}, 1e-13);
      check("theta", {h.theta_T}, 1e-13);
      for (std::size_t s = 0; s < h.state_T.slot.size(); ++s) {
        check("slot_" + std::to_string(s), {h.state_T.slot[s]}, 1e-13);
      }
      CHECK(h.state_T.steps == 20);
      check("d_theta_0", {h.theta0}, 1e-11);
      check("d_x", h.x, 1e-11);
      check("d_y", h.y, 1e-11);
      check("d_rates", {h.learning_rates}, 1e-11);
      check("d_phi", {h.hyperparameters}, 1e-11);
      if (!run.rule.values().empty()) check("d_coefficients", {h.rule.coefficients}, 1e-11);
    }
  }
}

TEST_CASE("optimizers: tangents through the steps of torch.optim") {
  const Golden golden = optimizer_golden();
  ForwardUnroll<double> forward(&optimizer_inner_loss, {.learning_rates = true});
  for (const OptimizerRun& run : optimizer_runs()) {
    CAPTURE(run.name);
    const Hypergradient<double>& h = forward(loop_of(run), &optimizer_outer_loss);
    CHECK(golden_error(golden, run.name + "/d_rates", {h.learning_rates}) <= 1e-11);
    CHECK(golden_error(golden, run.name + "/d_phi", {h.hyperparameters}) <= 1e-11);
    if (run.rule.values().empty()) continue;
    CHECK(golden_error(golden, run.name + "/d_coefficients", {h.rule.coefficients}) <= 1e-11);
  }
}

/// Six steps from a state in the middle of training, with two groups of weights.
InnerLoop<double> short_loop(const OptimizerRun& run) {
  InnerLoop<double> loop = loop_of(run);
  loop.groups = {9, 4};
  loop.learning_rates = Tensor<double>(Shape{3, 2, 2});
  for (Index i = 0; i < 12; ++i) loop.learning_rates[i] = run.rate * (0.5 + 0.1 * static_cast<double>(i));
  loop.state0.steps = 4;
  for (std::size_t s = 0; s < loop.rule->slot_count(); ++s) {
    loop.state0.slot.push_back(loop.theta0);
    for (double& v : loop.state0.slot.back().values()) v = loop.rule->slot(s).least == 0 ? 1 + v : v / 4;
  }
  return loop;
}

TEST_CASE("optimizers: every rule through the whole loop against central differences") {
  for (const OptimizerRun& run : optimizer_runs()) {
    CAPTURE(run.name);
    const auto check = check_hypergradient(short_loop(run), &optimizer_inner_loss, &optimizer_outer_loss);
    for (const auto& part : check.parts) {
      CAPTURE(part.name);
      CHECK(part.error <= 1e-6);
    }
    CHECK(check.parts.size() >= 5);
  }
}

TEST_CASE("optimizers: hypergradients through a rule of one's own are those of the same rule in the library") {
  const std::vector<OptimizerRun> runs = optimizer_runs();
  const auto found = std::ranges::find(runs, std::string("momentum_decay"), &OptimizerRun::name);
  REQUIRE(found != runs.end());
  const auto check = [](InnerLoop<double> loop, const auto& inner_loss) {
    const auto expected = hypergradient(loop, inner_loss, &optimizer_outer_loss);
    loop.rule = optim::CustomRule{1, [](Var<double> theta, auto slots, Var<double> gradient, Var<double> rate, auto) {
                                    const Var<double> velocity = 0.9 * slots[0] + gradient + 0.05 * theta;
                                    return optim::Stepped<double>{theta - rate * velocity, {velocity}};
                                  }};
    const auto got = hypergradient(loop, inner_loss, &optimizer_outer_loss);
    for_each_input(
        [](const InputName& name, const Tensor<double>& is, const Tensor<double>& should) {
          CAPTURE(name.what);
          CHECK(relative_error(is, should) <= 1e-12);
        },
        got, expected);
  };
  InnerLoop<double> loop = short_loop(*found);
  check(loop, &optimizer_inner_loss);
  loop.hyperparameters = Tensor<double>();
  check(loop, &optimizer_plain_loss);
}

TEST_CASE("optimizers: a learned optimizer's weights, beside a hyperparameter of the loss") {
  InnerLoop<double> loop = short_loop(optimizer_runs().front());
  loop.groups.clear();
  loop.learning_rates = Tensor<double>(Shape{3, 2}, 0.1);
  loop.rule = learned_optimizer<double>();
  loop.state0.slot = {loop.theta0};
  loop.hyperparameters = random_tensor<double>(Shape{learned_optimizer_size}, 5);
  const auto inner = [](Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) {
    return optimizer_inner_loss(theta, x, y, phi.slice(0, Shape{}));
  };
  for (const bool loss_takes_phi : {true, false}) {
    const auto check = loss_takes_phi ? check_hypergradient(loop, inner, &optimizer_outer_loss)
                                      : check_hypergradient(loop, &optimizer_plain_loss, &optimizer_outer_loss);
    CHECK(check["hyperparameters"] <= 1e-7);
    CHECK(check["initial weights"] <= 1e-7);
    CHECK(check["initial slot"] <= 1e-7);
    CHECK(check["learning rates"] <= 1e-7);
    CHECK(check["x"] <= 1e-7);
  }
}

}  // namespace
}  // namespace hypertape::testing
