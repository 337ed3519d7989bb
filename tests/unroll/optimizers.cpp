#include <doctest/doctest.h>

#include "hypertape/unroll/unroll.hpp"
#include "support/optimizer_runs.hpp"

// Twenty steps of each rule, and the hypergradients through them, against values that PyTorch computed in double
// precision, with the whole unroll as one graph (tests/golden/optimizers.py).

namespace hypertape::testing {
namespace {

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
      for (std::size_t s = 0; s < h.state_T.slots.size(); ++s) {
        check("slot_" + std::to_string(s), {h.state_T.slots[s]}, 1e-13);
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

}  // namespace
}  // namespace hypertape::testing
