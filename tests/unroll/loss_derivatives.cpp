#include "hypertape/unroll/loss_derivatives.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "support/compare.hpp"
#include "support/small_problem.hpp"

namespace hypertape::testing {
namespace {

TEST_CASE("tape_derivatives: without a record there is nothing to differentiate") {
  const InnerLoop<double> loop = small_loop<double>(1, 1);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::LossDerivatives<double, SmallLoss> derivatives(SmallLoss(), second);
    Tensor<double> gradient(loop.theta0.shape()), out(loop.theta0.shape());
    const auto differentiate = [&] { derivatives.gradient_vjp(loop.theta0.data(), {out.data()}); };
    const std::array data{loop.x[0], loop.y[0]};
    derivatives.record({loop.theta0, data}, 1, kernels::OutputMode::write, gradient.data());
    differentiate();
    CHECK_THROWS_WITH_AS(differentiate(), "LossDerivatives: nothing is recorded that could be differentiated",
                         ArgumentError);
  }
}

TEST_CASE("tape_derivatives: Hessian products are the sum over the records, and keep them") {
  const InnerLoop<double> loop = small_loop<double>(3, 1);
  const Tensor<double> direction = random_tensor<double>(loop.theta0.shape(), 3);
  for (const auto second : {SecondDerivative::forward_over_reverse, SecondDerivative::reverse_over_reverse}) {
    hypertape::detail::LossDerivatives<double, SmallLoss> derivatives(SmallLoss(), second);
    Tensor<double> unused(loop.theta0.shape()), out(loop.theta0.shape()), again = out, sum = out;
    CHECK_THROWS_WITH_AS(derivatives.hessian_product(direction.data(), out.data()),
                         "LossDerivatives: nothing is recorded that could be differentiated", ArgumentError);
    std::vector<std::array<Tensor<double>, 2>> data;
    for (std::size_t s = 0; s < 3; ++s) data.push_back({loop.x[s], loop.y[s]});
    for (std::size_t s = 0; s < 3; ++s) {
      derivatives.record({loop.theta0, data[s]}, 0.5, kernels::OutputMode::write, unused.data());
    }
    derivatives.hessian_product(direction.data(), out.data());
    const std::size_t bytes = derivatives.reserved_bytes();
    for (int repeat = 0; repeat < 100; ++repeat) derivatives.hessian_product(direction.data(), again.data());
    CHECK(derivatives.reserved_bytes() == bytes);
    CHECK(equal(out, again));
    for (std::size_t s = 0; s < 3; ++s) {
      derivatives.gradient_vjp(direction.data(), {unused.data()});
      for (Index i = 0; i < sum.size(); ++i) sum[i] += unused[i];
    }
    CHECK(relative_error(out, sum) <= 1e-15);
  }
}

}  // namespace
}  // namespace hypertape::testing
