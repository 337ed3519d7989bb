#include "hypertape/unroll/tape_derivatives.hpp"

#include <doctest/doctest.h>

#include <array>

#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("tape_derivatives: without a record there is nothing to differentiate") {
  const InnerLoop<double> loop = small_loop<double>(1, 1);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::TapeDerivatives<double, SmallLoss> derivatives(SmallLoss(), second);
    Tensor<double> gradient(loop.theta0.shape()), out(loop.theta0.shape());
    const auto differentiate = [&] { derivatives.gradient_vjp(loop.theta0.data(), {out.data()}); };
    const std::array data{loop.x[0], loop.y[0]};
    derivatives.record({loop.theta0, data}, 1, kernels::OutputMode::write, gradient.data());
    differentiate();
    CHECK_THROWS_WITH_AS(differentiate(), "LossDerivatives: nothing is recorded that could be differentiated",
                         ArgumentError);
  }
}

}  // namespace
}  // namespace hypertape::testing
