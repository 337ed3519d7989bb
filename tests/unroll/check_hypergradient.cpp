#include "hypertape/unroll/check_hypergradient.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

Var<double> outer_loss(Var<double> theta) { return sum(square(theta)); }

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

TEST_CASE("check_hypergradient: right derivatives of every part are within differences' error") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  loop.momentum = 0.5;
  loop.hyperparameters = Tensor<double>(Shape{2}, {0.1, 0.3});
  const auto inner = [](Var<double> theta, Var<double> x, Var<double> y, Var<double> phi) {
    return SmallLoss()(theta, x, y) + dot(slice(phi, 0, {1}), slice(phi, 1, {1})) * sum(square(theta));
  };
  const HypergradientCheck check = check_hypergradient(loop, inner, outer_loss);
  CHECK(check.within(1e-6));
  for (const double part :
       {check.theta0, check.x, check.y, check.learning_rates, check.momentum, check.hyperparameters}) {
    CHECK(part > 0);  // it was compared
  }
  HypergradientCheck bad = check;
  bad.momentum = std::numeric_limits<double>::quiet_NaN();
  CHECK(!bad.within(1e-6));
}

TEST_CASE("check_hypergradient: a momentum near the end of its range is not stepped out of it") {
  InnerLoop<double> loop = small_loop<double>(2, 2);
  for (const double momentum : {1e-6, 1 - 1e-6}) {
    loop.momentum = momentum;
    CHECK(check_hypergradient(loop, SmallLoss(), outer_loss).within(1e-6));
  }
}

TEST_CASE("check_hypergradient: wrong derivatives are seen, in the inner loss and in the outer") {
  const InnerLoop<double> loop = small_loop<double>(1, 2);
  const auto misled = [](Var<double> x, double wrong) { return x.tape().apply(Misled(wrong), x.shape(), {x}); };
  for (const double wrong : {1.0, 1.01}) {
    const auto inner = [&](Var<double> theta, Var<double> x, Var<double> y) {
      return SmallLoss()(misled(theta, wrong), x, y);
    };
    const auto outer = [&](Var<double> theta) { return sum(square(misled(theta, wrong))); };
    CHECK(check_hypergradient(loop, inner, outer_loss).within(1e-6) == (wrong == 1));
    CHECK(check_hypergradient(loop, SmallLoss(), outer).within(1e-6) == (wrong == 1));
  }
}

}  // namespace
}  // namespace hypertape::testing
